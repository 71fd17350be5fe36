/** The verifier: answers what Linux would answer to BPF_PROG_LOAD. Nothing here needs Node. */
export { CATEGORIES, type Category } from './diagnosis/categories.ts';
export { type Diagnosis, type DiagnosisStep, diagnose } from './diagnosis/diagnose.ts';
export { type EventLog, type RegisterState, readEvents, type VerifierEvent } from './event-reader.ts';
export type { LoadRequest, MapInfo, TargetProgram } from './load-request.ts';
export type { Verdict, VerifierStats } from './verdict.ts';
export { Verifier, type VerifierOptions } from './verifier.ts';
