/** Runs the programs of a session, and holds every run against the verifier. */

import type { BpfObject } from '../../loader/index.ts';
import { programRequest } from '../../verifier/program-request.ts';
import type { Verifier } from '../../verifier/verifier.ts';
import type { VmProgram } from '../../vm/index.ts';
import type { Runner, Session } from '../session.ts';
import { type ClaimMiss, checkClaims } from './claim-check.ts';
import { recordPath } from './recorded-path.ts';

/** All capabilities, and no log. */
const AS_ROOT = { caps: 15, logLevel: 0 };
/** Steps of a run that are compared unless another limit is given. */
export const MOST_STEPS = 20_000;

export interface RunMiss extends ClaimMiss {
  readonly program: string;
  /** Which run of the session it is. */
  readonly run: number;
}

export class ClaimRunner {
  runs = 0;
  steps = 0;
  claims = 0;
  readonly misses: RunMiss[] = [];
  private readonly session: Session;
  private readonly object: BpfObject;
  private readonly verifier: Verifier;
  private readonly limit: number;

  /**
   * From here on all runs of the session are compared.
   * @param object what runs, as loaded for the verifier's kernel, with the session's addresses of symbols.
   * @param limit steps of each run that are compared.
   */
  constructor(session: Session, object: BpfObject, verifier: Verifier, limit = MOST_STEPS) {
    this.session = session;
    this.object = object;
    this.verifier = verifier;
    this.limit = limit;
    session.runner = this.runner;
  }

  private readonly runner: Runner = (program, context, options) => {
    const { result, path } = recordPath(this.session.vm, program.loaded, context, options, this.limit);
    const { steps, claims, misses } = checkClaims(this.verifier, this.request(program), path);
    const run = this.runs++;
    this.steps += steps;
    this.claims += claims;
    this.misses.push(...misses.map((miss) => ({ ...miss, program: program.name, run })));
    return result;
  };

  private request({ name }: VmProgram) {
    const program = this.object.programs.find((each) => each.name === name);
    if (!program) throw new Error(`program ${name} was not loaded for the verifier`);
    return programRequest(this.object, program, AS_ROOT);
  }
}
