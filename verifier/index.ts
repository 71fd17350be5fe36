/** The verifier: answers what Linux would answer to BPF_PROG_LOAD. Nothing here needs Node. */
export type { LoadRequest, MapInfo, TargetProgram } from './load-request.ts';
export type { Verdict, VerifierStats } from './verdict.ts';
export { Verifier, type VerifierOptions } from './verifier.ts';
