/** The system call fails before the verifier sees the program. Never leaves the verifier: it becomes a verdict. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  /** Positive. */
  readonly errno: number;

  constructor(errno: number, reason: string) {
    super(reason);
    this.errno = errno;
  }
}
