/** What the process's exit status says. */
export const enum ExitCode {
  Ok = 0,
  /** A program was rejected or failed, a budget or an expectation was not met. */
  Failed = 1,
  /** The input or the command line is bad. */
  BadInput = 2,
  /** Drydock itself is wrong. */
  Bug = 3,
}
