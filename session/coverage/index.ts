/** Coverage of the programs that a session runs. */
export { ExecutionCounter } from './execution-counts.ts';
export { lcovText } from './lcov.ts';
export { SourceCoverage } from './source-coverage.ts';
