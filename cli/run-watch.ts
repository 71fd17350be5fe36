/** What `drydock run` looks at beside what a program gives: --coverage, --check-claims and --insns. */
import { InputError } from '../bpf/input-error.ts';
import { hasVerifierData } from '../kernel-model/verifier-data-node.ts';
import { loadObject } from '../loader/index.ts';
import { checkClaims } from '../session/claims/claim-check.ts';
import { ClaimRunner, MOST_STEPS, type RunMiss } from '../session/claims/claim-runner.ts';
import { RecordingProgram } from '../session/claims/recorded-path.ts';
import type { LoadedObject, Session } from '../session/session.ts';
import { StepLog } from '../session/step-log.ts';
import type { TestBench, TestProgram } from '../session/test-bench.ts';
import { type ObjectFormats, withFormats } from '../verifier/load-options.ts';
import { verifierLoadOptions } from '../verifier/load-options-node.ts';
import { createVerifier } from '../verifier/node.ts';
import { programRequest } from '../verifier/program-request.ts';
import { ExitCode } from './exit-code.ts';
import { RunCoverage, type VerifiedObject } from './run-coverage.ts';

export interface WatchOptions extends ObjectFormats {
  coverage?: string;
  checkClaims?: boolean;
  insns?: boolean;
}

/** All capabilities, and no log. */
const AS_ROOT = { caps: 15, logLevel: 0 };

/** What was found out by the end; says it on stderr. The code is what the run is to end with at least. */
export type Finish = () => ExitCode;

const NOTHING: Finish = () => ExitCode.Ok;

/** Names of the options that were given: each needs a program to run step by step. @throws {InputError} for several */
export function watched({ coverage, checkClaims, insns }: WatchOptions): string | undefined {
  const given = [
    ...(coverage === undefined ? [] : ['--coverage']),
    ...(checkClaims ? ['--check-claims'] : []),
    ...(insns ? ['--insns'] : []),
  ];
  if (given.length > 1)
    throw new InputError(`${given.join(' and ')} each follow every instruction: ask for one of them`);
  return given[0];
}

/** From here on the runs of a session's iterators are looked at. @throws {InputError} */
export async function watchSession(
  session: Session,
  { vmObject, file }: LoadedObject,
  bytes: Uint8Array,
  options: WatchOptions,
): Promise<Finish> {
  const { coverage, insns } = options;
  if (watched(options) === undefined) return NOTHING;
  if (insns) {
    new StepLog(session, vmObject, printStep);
    return NOTHING;
  }
  const verified = await openVerified(session, [...vmObject.programs.keys()], bytes, file, options);
  if (coverage !== undefined) return reportCoverage(new RunCoverage(session, vmObject, verified), coverage);
  if (!verified)
    throw new InputError(`--check-claims: no verifier for kernel ${session.machine.profile.name}`);
  const runner = new ClaimRunner(session, verified.object, verified.verifier);
  return () => reportClaims(runner);
}

/** The object as loaded for the verifier of the session's kernel; undefined for a kernel without one. */
async function openVerified(
  session: Session,
  programs: readonly string[],
  bytes: Uint8Array,
  file: string,
  formats: ObjectFormats,
): Promise<VerifiedObject | undefined> {
  const { name } = session.machine.profile;
  if (!hasVerifierData(name)) return undefined;
  // The code has addresses of symbols: both must be of the same kernel.
  const ksym = (symbol: string) => session.machine.symbolAddress(symbol);
  const object = loadObject(bytes, {
    ...withFormats(verifierLoadOptions(name), formats),
    file,
    programs,
    ksym,
  });
  return { verifier: await createVerifier(name), object };
}

/** The program to be test-run in place of the given one, and what is found out by the end. @throws {InputError} */
export function watchTest(
  bench: TestBench,
  tested: TestProgram,
  options: WatchOptions,
): { tested: TestProgram; finish: Finish } {
  if (watched(options) === undefined) return { tested, finish: NOTHING };
  const { coverage, insns } = options;
  const { object, program } = tested;
  if (insns) {
    const log = new StepLog(bench.session, object, printStep);
    return { tested: { ...tested, program: log.logging(program) }, finish: NOTHING };
  }
  if (coverage !== undefined) {
    const counted = new RunCoverage(bench.session, object, {
      verifier: bench.verifier,
      object: object.source,
    });
    const finish = reportCoverage(counted, coverage);
    return { tested: { ...tested, program: counted.counting(program) }, finish };
  }
  const recorded = new RecordingProgram(bench.session.vm, program, MOST_STEPS);
  const request = programRequest(object.source, program.source, AS_ROOT);
  const finish = () => {
    const outcome = { runs: 0, steps: 0, claims: 0, misses: [] as RunMiss[] };
    for (const path of recorded.paths) {
      const report = checkClaims(bench.verifier, request, path);
      const run = outcome.runs++;
      outcome.steps += report.steps;
      outcome.claims += report.claims;
      outcome.misses.push(...report.misses.map((miss) => ({ ...miss, program: program.name, run })));
    }
    return reportClaims(outcome);
  };
  return { tested: { ...tested, program: recorded }, finish };
}

function printStep(text: string): void {
  process.stderr.write(text);
}

function reportCoverage(coverage: RunCoverage, path: string): Finish {
  return () => {
    process.stderr.write(`${coverage.write(path)}\n`);
    return ExitCode.Ok;
  };
}

interface ClaimOutcome {
  readonly runs: number;
  readonly steps: number;
  readonly claims: number;
  readonly misses: readonly RunMiss[];
}

/** A miss is a bug: the verifier allows less than the program has done. */
function reportClaims({ runs, steps, claims, misses }: ClaimOutcome): ExitCode {
  for (const { program, run, step, insn, what } of misses)
    process.stderr.write(`claim missed: ${program}, run ${run}, step ${step}, insn ${insn}: ${what}\n`);
  const held = misses.length === 0 ? 'all held' : `${misses.length} missed`;
  process.stderr.write(`claims: ${claims} at ${steps} instructions of ${runs} runs, ${held}\n`);
  return misses.length === 0 ? ExitCode.Ok : ExitCode.Bug;
}
