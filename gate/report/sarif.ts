/** SARIF 2.1.0, as code scanning services take it. */
import type { Check, Finding, GateReport, SourcePlace } from '../check.ts';
import { RULE_NAMES, RULES } from './rules.ts';
import { allFindings, type Found, isFailing } from './summary.ts';
import { allowanceText, fingerprint, fromRoot, isAbsolute, slashes } from './text.ts';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';

/** Base of relative URIs; readers take the root of the repository for it. */
const ROOT = '%SRCROOT%';

export function sarif(report: GateReport): string {
  const log = {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'drydock', version: report.version, rules: RULE_NAMES.map(ruleRecord) } },
        columnKind: 'utf16CodeUnits',
        results: allFindings(report).map((found) => resultRecord(report, found)),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

function ruleRecord(rule: Finding['rule']) {
  const { summary, help } = RULES[rule];
  return {
    id: rule,
    shortDescription: { text: `${summary}.` },
    help: { text: help },
    defaultConfiguration: { level: 'error' },
  };
}

function resultRecord(report: GateReport, found: Found) {
  const { check, finding } = found;
  const { rule, message, details, allowed } = finding;
  const fails = isFailing(finding);
  return {
    ruleId: rule,
    ruleIndex: RULE_NAMES.indexOf(rule),
    level: fails ? 'error' : 'note',
    message: { text: [message, ...(details.length > 0 ? ['', ...details] : [])].join('\n') || rule },
    locations: [locationRecord(report, check, finding.source)],
    partialFingerprints: { 'drydockFinding/v1': fingerprint(found) },
    ...(allowed && !fails
      ? { suppressions: [{ kind: 'external', status: 'accepted', justification: allowanceText(allowed) }] }
      : {}),
    properties: { kind: check.kind, kernel: check.kernel, mode: check.mode, variant: check.variant },
  };
}

/** In the source where it is known; of an object all of it, as lines mean nothing there. */
function locationRecord(report: GateReport, check: Check, source: SourcePlace | null) {
  const path = fromRoot(report, source && source.file !== '' ? source.file : check.file);
  return {
    physicalLocation: {
      artifactLocation: artifactLocation(path),
      ...(source && source.file !== '' ? { region: regionRecord(source) } : {}),
    },
    ...(check.name === ''
      ? {}
      : {
          logicalLocations: [
            { name: check.name, fullyQualifiedName: `${check.file}::${check.name}`, kind: 'function' },
          ],
        }),
  };
}

function regionRecord({ line, text }: SourcePlace) {
  return { startLine: Math.max(1, line), ...(text === '' ? {} : { snippet: { text } }) };
}

function artifactLocation(path: string) {
  if (!isAbsolute(path)) return { uri: encodePath(path), uriBaseId: ROOT };
  const absolute = encodePath(slashes(path).replace(/^\/+/, ''));
  return { uri: `file:///${absolute.replace(/^([A-Za-z])%3A/, '$1:')}` };
}

/** Segment by segment. A half of a surrogate pair has no encoding, and becomes the replacement character. */
function encodePath(path: string): string {
  return path
    .split('/')
    .map((part) => encodeURIComponent(part.replace(/\p{Cs}/gu, '\ufffd')))
    .join('/');
}
