import { errnoName } from '../bpf/errno-name.ts';
import type { Verdict } from '../verifier/index.ts';

/** A program was asked for that the verifier rejects: its message is the last line of the reason. */
export class ProgramRejected extends Error {
  override readonly name = 'ProgramRejected';
  readonly program: string;
  readonly verdict: Verdict;

  constructor(program: string, verdict: Verdict) {
    super(`the verifier rejects ${program}: ${verdict.message} (${errnoName(verdict.errno)})`);
    this.program = program;
    this.verdict = verdict;
  }
}
