/** A report for people: first what a kernel lacks, and where that is needed, then the table. */
import { oneLine } from '../gate/report/text.ts';
import type { Has } from './kernel.ts';
import { isCertain, type Need, type NeedKind, type Use } from './need.ts';
import { type Cell, hasAll, isMissing, type ObjectReport, type ReportRow } from './report.ts';

export interface ReportTextOptions {
  readonly kernels: readonly string[];
  /** Types, fields and enum values that every kernel has are counted, unless all are to be listed. */
  readonly listsAll: boolean;
}

const INDENT = '  ';
const GAP = '  ';
const WIDEST = 60;
/** Uses of one need that are told. */
const MAX_USES = 3;

const TITLES: { readonly [K in NeedKind]: string } = {
  'program-type': 'program types',
  'attach-type': 'attach types',
  'program-flag': 'program flags',
  'attach-target': 'attach targets',
  'struct-ops': 'struct_ops',
  'map-type': 'map types',
  'map-flag': 'map flags',
  helper: 'helpers',
  kfunc: 'kfuncs',
  ksym: 'kernel symbols',
  kconfig: 'configuration',
  type: 'types',
  field: 'fields',
  'enum-value': 'enum values',
  instruction: 'instructions',
};

const COUNTED: ReadonlySet<NeedKind> = new Set(['type', 'field', 'enum-value']);

const WORDS: { readonly [K in Has]: string } = {
  yes: 'yes',
  exists: 'exists',
  no: 'NO',
  unknown: 'not known',
};

export function reportText(report: ObjectReport, options: ReportTextOptions): string {
  const lines = [
    `${oneLine(report.file)}: ${headline(report)}`,
    ...lackLines(report, options),
    ...tableLines(report, options).map((line) => INDENT + line),
  ];
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`;
}

/** The line below several objects. */
export function summaryText(reports: readonly ObjectReport[], kernels: readonly string[]): string {
  const counts = kernels.map(
    (kernel) => `${kernel} ${reports.filter((report) => !hasAll(report, kernel)).length}`,
  );
  return `Of ${reports.length} objects, those that lack what they certainly need: ${counts.join(', ')}\n`;
}

function headline({ programs, level, oldest, rows }: ObjectReport): string {
  const count = `${programs.length} program${programs.length === 1 ? '' : 's'}`;
  const instruction = level.instruction === undefined ? '' : ` (${level.instruction}${placeText(level.use)})`;
  const isa = `instructions of -mcpu=v${level.level}${instruction}`;
  if (oldest === undefined) return `${count}, ${isa}`;
  const reason = rows.find(({ need }) => need.since === oldest && isCertain(need))?.need;
  return `${count}, ${isa}, Linux ${oldest} or later${reason ? ` for ${needText(reason)}` : ''}`;
}

function lackLines({ rows }: ObjectReport, { kernels }: ReportTextOptions): string[] {
  return kernels.flatMap((kernel) => {
    const lacking = rows.flatMap((row) => {
      const cell = row.cells.find((each) => each.kernel === kernel);
      return cell?.has === 'no' ? [{ row, cell }] : [];
    });
    const certain = lacking.filter(({ cell }) => isMissing(cell));
    const others = lacking.filter(({ row, cell }) => !isMissing(cell) && !isAnswered(row, lacking));
    return [
      ...lackGroup(`${kernel} lacks:`, certain),
      ...lackGroup(`${kernel} lacks what may do without:`, others),
      ...lackGroup(`${kernel} itself lacks, and may have in a module:`, moduleLacks(rows, kernel)),
    ];
  });
}

/** What is certainly needed and not found, though not surely missing. */
function moduleLacks(rows: readonly ReportRow[], kernel: string): Lack[] {
  return rows.flatMap((row) => {
    const cell = row.cells.find((each) => each.kernel === kernel);
    if (cell?.has !== 'unknown' || cell.note === undefined || cell.use?.when !== 'certain') return [];
    return [{ row, cell: { ...cell, note: '', lacking: [cell.use] } }];
  });
}

interface Lack {
  readonly row: ReportRow;
  readonly cell: Cell;
}

/** Whether a question stands beside what it is asked about, which is listed. */
function isAnswered({ need }: ReportRow, all: readonly Lack[]): boolean {
  return (
    need.isQuestion &&
    all.some(
      ({ row }) =>
        !row.need.isQuestion && row.need.name === need.name && row.need.subject.kind === need.subject.kind,
    )
  );
}

function lackGroup(title: string, lacks: readonly Lack[]): string[] {
  if (lacks.length === 0) return [];
  return [INDENT + title, ...lacks.map((lack) => INDENT + INDENT + lackText(lack))];
}

function lackText({ row: { need }, cell }: Lack): string {
  const certain = cell.lacking.filter(({ when }) => when === 'certain');
  const uses = certain.length > 0 ? certain : cell.lacking;
  const shown = uses.slice(0, MAX_USES).map(useText);
  const more = uses.length > MAX_USES ? [`${uses.length - MAX_USES} more`] : [];
  const why = [cell.note ?? '', certain.length > 0 ? '' : whenText(need, uses[0])].filter(
    (text) => text !== '',
  );
  const users = [...shown, ...more].filter((text) => text !== '').join('; ');
  return oneLine(
    `${needText(need)}${why.length > 0 ? ` (${why.join('; ')})` : ''}${users === '' ? '' : `: ${users}`}`,
  );
}

function whenText({ isQuestion }: Need, use: Use | undefined): string {
  if (isQuestion) return 'it is asked for';
  switch (use?.when) {
    case 'guarded':
      return 'behind a question';
    case 'attaching':
      return 'to attach';
    default:
      return 'optional';
  }
}

function needText({ subject, name }: Need): string {
  const title = TITLES[subject.kind];
  const one = subject.kind === 'kconfig' || subject.kind === 'struct-ops' ? title : title.replace(/s$/, '');
  return COUNTED.has(subject.kind) ? name : `${one} ${name}`;
}

function useText(use: Use): string {
  if (use.map !== undefined) return `map ${use.map}`;
  return `${use.program?.name ?? ''}${placeText(use)}`;
}

function placeText(use: Use | undefined): string {
  if (!use?.source) return use?.insn === undefined ? '' : `, insn ${use.insn}`;
  const { file, line } = use.source;
  return `, ${file.split('/').at(-1) ?? file}:${line}`;
}

function tableLines({ rows }: ObjectReport, { kernels, listsAll }: ReportTextOptions): string[] {
  if (rows.length === 0) return [];
  const lines: string[][] = [['', 'since', ...kernels]];
  for (const [kind, title] of Object.entries(TITLES)) {
    const ofKind = rows.filter(({ need }) => need.subject.kind === kind);
    const isCounted = !listsAll && COUNTED.has(kind as NeedKind);
    const listed = isCounted
      ? ofKind.filter(({ cells }) => !cells.every(({ has }) => has === 'yes'))
      : ofKind;
    const counted = ofKind.length - listed.length;
    if (ofKind.length === 0) continue;
    lines.push([title]);
    for (const row of listed) lines.push(rowCells(row));
    if (counted > 0) {
      const name = listed.length === 0 ? `all ${counted}` : `the other ${counted}`;
      lines.push([INDENT + name, '', ...kernels.map(() => WORDS.yes)]);
    }
  }
  return aligned(lines);
}

function rowCells({ need, cells }: ReportRow): string[] {
  const name = oneLine(need.name) + (need.isQuestion ? '?' : '');
  const fold = name.length > WIDEST ? `${name.slice(0, WIDEST - 1)}…` : name;
  return [INDENT + fold, need.since ?? '', ...cells.map(cellText)];
}

function cellText(cell: Cell): string {
  return cell.has === 'no' && !isMissing(cell) ? 'no' : WORDS[cell.has];
}

function aligned(lines: readonly string[][]): string[] {
  const columns = Math.max(...lines.map((line) => line.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(GAP));
}
