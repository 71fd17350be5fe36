/** A generated program: its functions as text, and what an object file has to say about them. */

/** Type of a parameter: a number, the program's context, or memory of 16 bytes. */
export type Param = 'scalar' | 'ctx' | 'mem';

export interface GeneratedFunction {
  kind: 'main' | 'static' | 'global';
  params: readonly Param[];
  text: string;
}

export interface GeneratedProgram {
  seed: number;
  /** ELF section, which gives the program type. */
  section: string;
  /** Name of the struct that the context is of in C. */
  ctxType: string;
  /** Also to be loaded by a task without capabilities. */
  unprivileged: boolean;
  /** BPF_F_* by name. */
  flags: readonly ProgramFlag[];
  /** The main function first; text calls the others as `call pc+INDEX`. */
  functions: readonly GeneratedFunction[];
  /** Seed of a change to be made to one instruction. */
  mutation: number | undefined;
}

export const PROGRAM_FLAGS = {
  BPF_F_STRICT_ALIGNMENT: 1,
  BPF_F_TEST_RND_HI32: 4,
  BPF_F_TEST_STATE_FREQ: 8,
  BPF_F_TEST_REG_INVARIANTS: 128,
} as const;

export type ProgramFlag = keyof typeof PROGRAM_FLAGS;

/** Name of the program of a seed within its object. */
export function programName(program: GeneratedProgram): string {
  return `p${program.seed.toString(16)}`;
}

export function flagBits(program: GeneratedProgram): number {
  return program.flags.reduce((bits, flag) => bits | PROGRAM_FLAGS[flag], 0);
}
