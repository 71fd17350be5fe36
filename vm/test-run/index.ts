/** BPF_PROG_TEST_RUN over a vm. */
export type { TestInput, TestOutput } from './test-context.ts';
export { type TestResult, takesPacket, testRun } from './test-run.ts';
