/** JUnit XML as Jenkins and Maven Surefire have it: a test suite for each file, a test case for each check. */
import { create } from 'xmlbuilder2';
import type { XMLBuilder } from 'xmlbuilder2/lib/interfaces.js';
import type { Check, Finding, GateReport, Status } from '../check.ts';
import { byFile, checkLabel, isFailing, summarize } from './summary.ts';
import { allowanceText, oneLine, placeText, plainText } from './text.ts';

/** One element a check, since readers take no more than the first. */
const ELEMENTS: { readonly [S in Exclude<Status, 'passed'>]: string } = {
  failed: 'failure',
  crashed: 'error',
  allowed: 'skipped',
};

/** Has neither times nor hosts: the same report gives the same bytes. */
export function junit(report: GateReport): string {
  const { checks, failed, crashed } = summarize(report);
  const root = create({ version: '1.0', encoding: 'UTF-8' }).ele('testsuites', {
    name: 'drydock gate',
    tests: String(checks),
    failures: String(failed),
    errors: String(crashed),
  });
  for (const [file, checks] of byFile(report.checks)) suite(root, file, checks);
  return `${root.end({ prettyPrint: true })}\n`;
}

function suite(root: XMLBuilder, file: string, checks: readonly Check[]): void {
  const count = (status: Status) => String(checks.filter((check) => check.status === status).length);
  const element = root.ele('testsuite', {
    name: attribute(file),
    tests: String(checks.length),
    failures: count('failed'),
    errors: count('crashed'),
    skipped: count('allowed'),
  });
  for (const check of checks) testCase(element, check);
}

function testCase(suite: XMLBuilder, check: Check): void {
  const element = suite.ele('testcase', {
    name: attribute(checkLabel(check)) || attribute(check.kind),
    classname: attribute(check.file),
  });
  if (check.status === 'passed') return;
  const shown = check.findings.filter((finding) => check.status === 'allowed' || isFailing(finding));
  const first = shown.find(({ rule }) => check.status !== 'crashed' || rule === 'crash') ?? shown[0];
  if (!first) return;
  const more = shown.length > 1 ? ` (and ${shown.length - 1} more)` : '';
  const message = check.status === 'allowed' ? reasonOf(first) : first.message;
  element
    .ele(ELEMENTS[check.status], { message: attribute(message) + more, type: first.rule })
    .txt(plainText(check.findings.map(findingText).join('\n\n')));
}

function reasonOf({ allowed }: Finding): string {
  return allowed ? allowanceText(allowed) : '';
}

function findingText(finding: Finding): string {
  const { rule, message, details, source, allowed } = finding;
  return [
    `${rule}: ${message}`,
    ...(allowed ? [`allowed: ${reasonOf(finding)}`] : []),
    ...(source ? [placeText(source), `  ${source.text.trim()}`] : []),
    ...details,
  ].join('\n');
}

/** Line breaks of attributes are lost to readers, so that there are none. */
function attribute(text: string): string {
  return plainText(oneLine(text));
}
