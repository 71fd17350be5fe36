// Closes a CI run: "N passed, N failed". Counted are the tests of vitest's JSON report and the failed steps beside them.
//
//   node scripts/test-summary.mjs REPORT FAILED_STEPS TEST_EXIT_CODE
import { readFileSync } from 'node:fs';

const [file, failedSteps = '0', testExit = '0'] = process.argv.slice(2);
let passed = 0;
let failed = 0;
try {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  passed = report.numPassedTests;
  // A file that cannot even be loaded has no tests to fail.
  const broken = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  );
  failed = report.numFailedTests + broken.length;
} catch (error) {
  console.error(`no test report: ${error.message}`);
}
// The test command may also fail before or after the tests.
if (failed === 0 && testExit !== '0') failed = 1;
failed += Number(failedSteps);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
