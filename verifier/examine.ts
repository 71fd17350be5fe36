/** Verifies one program of a loaded object, for a report. */
import type { BpfObject, Program } from '../loader/index.ts';
import { explainMissing } from '../loader/missing.ts';
import { ProgType } from '../loader/prog-type.ts';
import type { AttachTarget } from './attach-target.ts';
import { type Diagnosis, diagnose } from './diagnosis/diagnose.ts';
import type { LoadRequest } from './load-request.ts';
import { programRequest } from './program-request.ts';
import type { Verdict } from './verdict.ts';
import type { Verifier } from './verifier.ts';

/** All capabilities. */
const ROOT = 15;
/** Statistics: the level at which the reason is written but not the path. */
const STATS = 4;

export interface Subject {
  /** The object's file. */
  path: string;
  object: BpfObject;
  program: Program;
}

export interface Report extends Subject {
  /** Undefined when the loader refused the program, for this reason. */
  verdict: Verdict | undefined;
  refusal?: string;
  /** Of a rejected program. */
  diagnosis?: Diagnosis;
}

interface Options {
  /** Level of the log that is wanted (`LogLevel` bits); 0 or none for none. */
  log?: number;
  unpriv?: boolean;
  /** Whether an accepted program's verdict is to say what running it needs to know. */
  facts?: boolean;
}

/** What programs are verified with. */
export interface Bench {
  verifier: Verifier;
  /** The program that they attach to. */
  target?: AttachTarget;
}

export function requestOf({ target }: Bench, { object, program }: Subject, options: Options): LoadRequest {
  const request = programRequest(object, program, {
    caps: options.unpriv ? 0 : ROOT,
    logLevel: options.log || STATS,
    ...(target ? { target: target.loaded } : {}),
  });
  return options.facts ? { ...request, facts: true } : request;
}

/** Without a diagnosis. The verdict is undefined when the loader refused the program. */
export function verifyProgram(bench: Bench, subject: Subject, options: Options = {}): Report {
  const { program } = subject;
  if (program.error === undefined && program.prepared)
    return { ...subject, verdict: verdictOf(bench, subject, options) };
  const reason = program.error ?? 'it was not prepared';
  const unattached = program.type === ProgType.Ext && !bench.target;
  const hint = unattached ? '; name the program with --target OBJ:PROGRAM' : '';
  return { ...subject, verdict: undefined, refusal: `${reason}${hint}` };
}

/** Its log says what the loader found missing, as libbpf's does. */
function verdictOf(bench: Bench, subject: Subject, options: Options): Verdict {
  const verdict = bench.verifier.verify(requestOf(bench, subject, options));
  const { missing } = subject.program;
  if (verdict.accepted || missing.length === 0) return verdict;
  return { ...verdict, log: explainMissing(verdict.log, missing) };
}

/** With the diagnosis of a rejected program. */
export function examine(bench: Bench, subject: Subject, options: Options = {}): Report {
  const report = verifyProgram(bench, subject, options);
  if (!report.verdict || report.verdict.accepted) return report;
  return { ...report, diagnosis: diagnosisOf(bench.verifier, requestOf(bench, subject, options)) };
}

/** As `examine`, for a request that comes from no object. */
export function examineRequest(
  verifier: Verifier,
  request: LoadRequest,
): Pick<Report, 'verdict' | 'diagnosis'> {
  const verdict = verifier.verify(request);
  return verdict.accepted ? { verdict } : { verdict, diagnosis: diagnosisOf(verifier, request) };
}

/** Follows it again with events, which cost too much to have them for every program that is accepted. */
function diagnosisOf(verifier: Verifier, request: LoadRequest): Diagnosis {
  const traced = verifier.verify({ ...request, logLevel: STATS, events: 'path' });
  return diagnose(request, traced, verifier.names(request));
}
