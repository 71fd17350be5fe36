// Closes a CI run: "N passed, N failed" from vitest's JSON report, counting failed steps outside of vitest.
import { readFileSync } from 'node:fs';

const [file, failedSteps = '0'] = process.argv.slice(2);
let passed = 0;
let failed = 0;
try {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  passed = report.numPassedTests;
  failed = report.numFailedTests + report.numFailedTestSuites;
} catch (error) {
  console.error(`no test report: ${error.message}`);
}
if (failed === 0) failed = Number(failedSteps);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
