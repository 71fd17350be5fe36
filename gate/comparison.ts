/** Two runs side by side, as `veristat -C` has them. */
import { csvText } from './csv.ts';
import { NUMBERS, type NumberName, type VeristatRow } from './veristat.ts';

/** Columns of the table; all of them stand in the CSV. */
const TITLES: Readonly<Partial<Record<Compared, string>>> = {
  verdict: 'Verdict',
  total_insns: 'Insns',
  total_states: 'States',
  peak_states: 'Peak states',
};
const NOTHING = 'N/A';
const GAP = '  ';

type Compared = 'verdict' | NumberName;
const COMPARED: readonly Compared[] = ['verdict', ...NUMBERS];

/** Texts of one column in both runs, and of what lies between. */
export interface Difference {
  readonly a: string;
  readonly b: string;
  readonly diff: string;
}

export interface ComparisonRow {
  readonly file: string;
  readonly program: string;
  /** Null where it is not in that run. */
  readonly before: VeristatRow | null;
  readonly after: VeristatRow | null;
  readonly differences: Readonly<Record<Compared, Difference>>;
  /** It is in one run only, or something that both know differs, other than the time it took. */
  readonly changed: boolean;
}

/** Sorted by file and program. */
export function comparison(before: readonly VeristatRow[], after: readonly VeristatRow[]): ComparisonRow[] {
  const pairs = new Map<string, { before: VeristatRow | null; after: VeristatRow | null }>();
  const keyOf = ({ file, program }: VeristatRow) => JSON.stringify([file, program]);
  for (const row of before) pairs.set(keyOf(row), { before: row, after: null });
  for (const row of after)
    pairs.set(keyOf(row), { before: pairs.get(keyOf(row))?.before ?? null, after: row });
  const rows = [...pairs.values()].map((pair) => compare(pair.before, pair.after));
  return rows.sort((a, b) => order(a.file, b.file) || order(a.program, b.program));
}

function order(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function compare(before: VeristatRow | null, after: VeristatRow | null): ComparisonRow {
  const { file, program } = (before ?? after)!;
  const differences = Object.fromEntries(
    COMPARED.map((name) => [
      name,
      name === 'verdict' ? ofVerdicts(before, after) : ofNumbers(name, before, after),
    ]),
  ) as Record<Compared, Difference>;
  const changed = COMPARED.some((name) => name !== 'duration' && isChange(differences[name]));
  return { file, program, before, after, differences, changed: changed || !before || !after };
}

/** A column that one of the files does not have at all is no change of every program. */
function isChange({ a, b }: Difference): boolean {
  return a !== NOTHING && b !== NOTHING && a !== b;
}

function ofVerdicts(before: VeristatRow | null, after: VeristatRow | null): Difference {
  const a = before?.verdict ?? NOTHING;
  const b = after?.verdict ?? NOTHING;
  const isKnown = a !== NOTHING && b !== NOTHING;
  return { a, b, diff: isKnown ? (a === b ? 'MATCH' : 'MISMATCH') : NOTHING };
}

function ofNumbers(name: NumberName, before: VeristatRow | null, after: VeristatRow | null): Difference {
  const a = before?.numbers[name];
  const b = after?.numbers[name];
  const diff = a === undefined || b === undefined ? NOTHING : difference(a, b);
  return { a: String(a ?? NOTHING), b: String(b ?? NOTHING), diff };
}

/** "+12 (+3.45%)": where there was nothing before, whatever there is now is all of it. */
export function difference(a: number, b: number): string {
  const percent = a === 0 ? 100 * Math.sign(b) : ((b - a) * 100) / a;
  return `${signed(String(b - a))} (${signed(percent.toFixed(2))}%)`;
}

function signed(number: string): string {
  return number.startsWith('-') ? number : `+${number}`;
}

/** An aligned table, texts to the left and numbers to the right. Empty when there are no rows. */
export function comparisonText(rows: readonly ComparisonRow[], { onlyChanged = false } = {}): string {
  const shown = onlyChanged ? rows.filter(({ changed }) => changed) : rows;
  if (shown.length === 0) return '';
  const columns = [
    column('File', true, shown, ({ file }) => file),
    column('Program', true, shown, ({ program }) => program),
    ...COMPARED.flatMap((name) => {
      const title = TITLES[name];
      if (title === undefined) return [];
      const isText = name === 'verdict';
      return [
        column(`${title} (A)`, isText, shown, ({ differences }) => differences[name].a),
        column(`${title} (B)`, isText, shown, ({ differences }) => differences[name].b),
        column(`${title} (DIFF)`, isText, shown, ({ differences }) => differences[name].diff),
      ];
    }),
  ];
  const lines = columns[0]!.map((_, line) => columns.map((cells) => cells[line]!).join(GAP));
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** Cells of a column, of one width: title, rule, values. */
function column(
  title: string,
  isText: boolean,
  rows: readonly ComparisonRow[],
  value: (row: ComparisonRow) => string,
): string[] {
  const values = rows.map((row) => oneLine(value(row)));
  const width = values.reduce((most, text) => Math.max(most, widthOf(text)), title.length);
  const cells = values.map((text) => {
    const space = ' '.repeat(width - widthOf(text));
    return isText ? text + space : space + text;
  });
  // What tells the columns of one number apart stands at the right.
  const suffix = / \(\w+\)$/.exec(title)?.[0] ?? '';
  const name = title.slice(0, title.length - suffix.length);
  return [name.padEnd(width - suffix.length) + suffix, '-'.repeat(width), ...cells];
}

function widthOf(text: string): number {
  return [...text].length;
}

/** Names come from outside: nothing in them may break the table or move the terminal's cursor. */
function oneLine(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}

/** All columns, by veristat's names with `_base`, `_comp` and `_diff`. */
export function comparisonCsv(rows: readonly ComparisonRow[]): string {
  const header = COMPARED.flatMap((name) => [`${name}_base`, `${name}_comp`, `${name}_diff`]);
  const lines = rows.map(({ file, program, differences }) => [
    file,
    program,
    ...COMPARED.flatMap((name) => [differences[name].a, differences[name].b, differences[name].diff]),
  ]);
  return csvText([['file_name', 'prog_name', ...header], ...lines]);
}
