/** The report for a terminal. */
import type { Check, Finding, GateReport, Status } from '../check.ts';
import { byFile, checkLabel, isFailing, isFailure, plural, STATUSES, summarize } from './summary.ts';
import { allowanceText, oneLine, placeText, safeLines } from './text.ts';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';
type Paint = (style: Style, text: string) => string;

/** SGR parameters that switch a style on and off. */
const CODES: { readonly [S in Style]: readonly [number, number] } = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
};

const STATUS_STYLES: { readonly [S in Status]: Style } = {
  crashed: 'red',
  failed: 'red',
  allowed: 'yellow',
  passed: 'green',
};

/** @param colour whether the terminal shows escape sequences as colours. */
export function pretty(report: GateReport, { colour = false }: { colour?: boolean } = {}): string {
  const paint: Paint = (style, text) =>
    colour ? `\x1b[${CODES[style][0]}m${text}\x1b[${CODES[style][1]}m` : text;
  const blocks = [
    summaryLines(report, paint),
    ...[...byFile(report.checks.filter(isFailure))].map(([file, checks]) => fileLines(file, checks, paint)),
    allowedLines(report, paint),
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function summaryLines(report: GateReport, paint: Paint): string[] {
  const summary = summarize(report);
  const { version, config, today, shard } = report;
  const counts = STATUSES.filter((status) => summary[status] > 0).map((status) =>
    paint(STATUS_STYLES[status], `${summary[status]} ${status}`),
  );
  const of = shard ? `, shard ${shard.index} of ${shard.count}` : '';
  const kernels = summary.kernels.map(oneLine).join(', ');
  const head = `${paint('bold', 'Drydock gate')} ${oneLine(version)}`;
  return [
    `${head}  ${paint('dim', `${oneLine(config)}, ${today}${of}`)}`,
    `${[plural(summary.checks, 'check'), ...counts].join(', ')}; ${summary.cached} from the cache`,
    ...(kernels === '' ? [] : [`kernels: ${kernels}`]),
  ];
}

function fileLines(file: string, checks: readonly Check[], paint: Paint): string[] {
  return [
    paint('bold', oneLine(file) || '(no file)'),
    ...checks.flatMap((check) => [
      `  ${paint('red', check.status)} ${oneLine(checkLabel(check))}`.trimEnd(),
      ...check.findings.filter(isFailing).flatMap((finding) => findingLines(finding, paint)),
    ]),
  ];
}

function findingLines({ rule, message, details, source }: Finding, paint: Paint): string[] {
  const lines = [`    ${paint('red', rule)}: ${oneLine(message)}`];
  if (source) {
    lines.push(`      ${paint('bold', placeText(source))}`);
    if (source.text.trim() !== '') lines.push(`        ${oneLine(source.text)}`);
  }
  lines.push(...safeLines(details).map((line) => (line === '' ? '' : `      ${line}`)));
  return lines;
}

/** A line each: of these nothing has to be done now. */
function allowedLines({ checks }: GateReport, paint: Paint): string[] {
  const lines = checks.flatMap((check) =>
    check.findings.flatMap((finding) => {
      if (!finding.allowed || isFailing(finding)) return [];
      const what = [oneLine(check.file), oneLine(checkLabel(check))]
        .filter((part) => part !== '')
        .join(' · ');
      const why = paint('dim', `(${allowanceText(finding.allowed)})`);
      return [`  ${paint('yellow', finding.rule)} ${what}: ${oneLine(finding.message)} ${why}`];
    }),
  );
  return lines.length === 0 ? [] : [paint('bold', 'Allowed for now'), ...lines];
}
