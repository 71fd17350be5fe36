/** Statistics as veristat writes and reads them: one program a line, for one kernel. */
import { basename } from 'node:path';
import type { Baseline } from './baseline.ts';
import type { Check } from './check.ts';
import { csvText, lineError, parseCsv } from './csv.ts';

/** Numbers of a program by veristat's names (kernel 6.12), in its order. */
export const NUMBERS = [
  'duration',
  'total_insns',
  'total_states',
  'peak_states',
  'max_states_per_insn',
  'max_mark_read_len',
] as const;
export type NumberName = (typeof NUMBERS)[number];

const COLUMNS = ['file_name', 'prog_name', 'verdict', ...NUMBERS] as const;
type Column = (typeof COLUMNS)[number];

/** Other names that veristat takes for its columns. */
const ALIASES: Readonly<Record<string, Column>> = {
  filename: 'file_name',
  file: 'file_name',
  progname: 'prog_name',
  prog: 'prog_name',
  dur: 'duration',
  duration_us: 'duration',
  insns: 'total_insns',
  states: 'total_states',
  mark_read: 'max_mark_read_len',
  mark_read_max_len: 'max_mark_read_len',
};

export interface VeristatRow {
  readonly file: string;
  readonly program: string;
  /** Null where it is not known, as a number that is not there. */
  readonly verdict: 'success' | 'failure' | null;
  readonly numbers: Readonly<Partial<Record<NumberName, number>>>;
}

/**
 * What was verified, of one kernel, mode and variant. Files are named without their folders, as veristat names them,
 * except where two have the same name. The duration is not measured: the same programs give the same rows.
 */
export function veristatRows(checks: readonly Check[]): VeristatRow[] {
  const verified = checks.filter(({ kind, result }) => kind === 'verify' && result !== null);
  const paths = new Map<string, Set<string>>();
  for (const { file } of verified) {
    const same = paths.get(basename(file)) ?? new Set();
    paths.set(basename(file), same.add(file));
  }
  const rows = verified.map(({ file, name, result }): VeristatRow => {
    const stats = result?.stats;
    return {
      file: paths.get(basename(file))!.size > 1 ? file : basename(file),
      program: name,
      verdict: result?.verdict === 'accepted' ? 'success' : 'failure',
      numbers: {
        duration: 0,
        total_insns: stats?.insns ?? 0,
        total_states: stats?.states ?? 0,
        peak_states: stats?.peakStates ?? 0,
        max_states_per_insn: stats?.maxStatesPerInsn ?? 0,
        max_mark_read_len: stats?.markRead ?? 0,
      },
    };
  });
  return rows.sort(compareRows);
}

/** The programs of a baseline, told apart by what is not the same of all. */
export function baselineRows({ entries }: Baseline): VeristatRow[] {
  const kernels = new Set(entries.map(({ subject }) => subject.kernel));
  const rows = entries.map(({ subject: { file, name, kernel, mode, variant }, before }): VeristatRow => {
    const parts = [name, kernels.size > 1 ? kernel : '', mode === 'priv' ? '' : mode, variant];
    return {
      file,
      program: parts.filter((part) => part !== '').join(' '),
      verdict: before.verdict === 'accepted' ? 'success' : 'failure',
      numbers: { total_insns: before.insns, total_states: before.states, peak_states: before.peakStates },
    };
  });
  return rows.sort(compareRows);
}

/** veristat's own reader knows no "N/A" among numbers: what is not known is 0. */
export function veristatCsv(rows: readonly VeristatRow[]): string {
  const lines = rows.map(({ file, program, verdict, numbers }) => [
    file,
    program,
    verdict ?? 'N/A',
    ...NUMBERS.map((name) => numbers[name] ?? 0),
  ]);
  return csvText([COLUMNS, ...lines]);
}

/**
 * Any of veristat's columns in any order; others are passed over.
 * @throws {InputError} naming the line, for one that cannot be read or that is about the same program as another.
 */
export function parseVeristat(text: string, file: string): VeristatRow[] {
  const [header, ...records] = parseCsv(text, file);
  if (!header) throw lineError(file, 1, 'there is no line that names the columns');
  const columns = header.fields.map((name) => columnOf(name.trim()));
  for (const [index, column] of columns.entries()) {
    if (column !== undefined && columns.indexOf(column) < index)
      throw lineError(file, header.line, `column ${column} stands there twice`);
  }
  for (const needed of ['file_name', 'prog_name'] as const) {
    if (!columns.includes(needed)) throw lineError(file, header.line, `column ${needed} is missing`);
  }
  const lines = new Map<string, number>();
  return records.map(({ line, fields }) => {
    const fail = (reason: string) => lineError(file, line, reason);
    if (fields.length !== columns.length) {
      throw fail(`${fields.length} fields, where there are ${columns.length} columns`);
    }
    const row = parseRow(columns, fields, fail);
    const first = lines.get(keyOf(row));
    if (first !== undefined) throw fail(`the program stands in line ${first} already`);
    lines.set(keyOf(row), line);
    return row;
  });
}

function columnOf(name: string): Column | undefined {
  return (
    COLUMNS.find((column) => column === name) ?? (Object.hasOwn(ALIASES, name) ? ALIASES[name] : undefined)
  );
}

function parseRow(
  columns: readonly (Column | undefined)[],
  fields: readonly string[],
  fail: (reason: string) => Error,
): VeristatRow {
  const field = (column: Column) => {
    const index = columns.indexOf(column);
    return index < 0 || fields[index] === 'N/A' ? undefined : fields[index];
  };
  const file = field('file_name');
  const program = field('prog_name');
  if (!file || !program) throw fail('the name of the file or of the program is missing');
  const verdict = field('verdict') ?? null;
  if (verdict !== null && verdict !== 'success' && verdict !== 'failure') {
    throw fail(`verdict is '${verdict}', neither success nor failure`);
  }
  const numbers: Partial<Record<NumberName, number>> = {};
  for (const name of NUMBERS) {
    const text = field(name);
    if (text === undefined) continue;
    if (!/^\s*-?\d+\s*$/.test(text)) throw fail(`${name} is '${text}', not an integer`);
    if (!Number.isSafeInteger(Number(text))) throw fail(`${name} is ${text}, which is out of range`);
    numbers[name] = Number(text) + 0; // no negative zero
  }
  return { file, program, verdict, numbers };
}

function compareRows(a: VeristatRow, b: VeristatRow): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  if (a.program !== b.program) return a.program < b.program ? -1 : 1;
  return 0;
}

function keyOf({ file, program }: Pick<VeristatRow, 'file' | 'program'>): string {
  return JSON.stringify([file, program]);
}
