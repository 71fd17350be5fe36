/** Statistics as veristat writes and reads them: one program a line, for one kernel. */
import { basename } from 'node:path';
import type { Baseline, Subject } from './baseline.ts';
import type { Before, Check } from './check.ts';
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
 * What was verified. Files are named without their folders, as veristat names them, except where two have the same name;
 * programs with kernel, mode and variant where these are not the same of all. The duration is not measured: the same
 * programs give the same rows.
 */
export function veristatRows(checks: readonly Check[]): VeristatRow[] {
  const verified = checks.filter(({ kind, result }) => kind === 'verify' && result !== null);
  const paths = new Map<string, Set<string>>();
  for (const { file } of verified) {
    const same = paths.get(basename(file)) ?? new Set();
    paths.set(basename(file), same.add(file));
  }
  const labelOf = labels(verified);
  const rows = verified.map((check): VeristatRow => {
    const { file, result } = check;
    const stats = result?.stats;
    return {
      file: paths.get(basename(file))!.size > 1 ? file : basename(file),
      program: labelOf(check),
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

/** The programs of a baseline. */
export function baselineRows({ entries }: Baseline): VeristatRow[] {
  const labelOf = labels(entries.map(({ subject }) => subject));
  return entries
    .map(({ subject, before }) => rowOf(subject.file, labelOf(subject), before))
    .sort(compareRows);
}

/** What a baseline has of the programs that were checked, and what they are now. */
export function comparedRows(checks: readonly Check[]): { before: VeristatRow[]; now: VeristatRow[] } {
  const verified = checks.filter(({ kind }) => kind === 'verify');
  const labelOf = labels(verified);
  const rows = (of: (check: Check) => Before | undefined) =>
    verified.flatMap((check) => {
      const numbers = of(check);
      return numbers ? [rowOf(check.file, labelOf(check), numbers)] : [];
    });
  return {
    before: rows(({ before }) => before ?? undefined),
    now: rows(({ result }) =>
      result ? { ...NO_NUMBERS, ...result.stats, verdict: result.verdict } : undefined,
    ),
  };
}

/** Of a program that the verifier has not seen. */
const NO_NUMBERS = { insns: 0, states: 0, peakStates: 0, stack: 0 };

function rowOf(file: string, program: string, { verdict, insns, states, peakStates }: Before): VeristatRow {
  const numbers = { total_insns: insns, total_states: states, peak_states: peakStates };
  return { file, program, verdict: verdict === 'accepted' ? 'success' : 'failure', numbers };
}

/** Names that tell programs apart. */
function labels(subjects: readonly Subject[]): (subject: Subject) => string {
  const kernels = new Set(subjects.map(({ kernel }) => kernel));
  return ({ name, kernel, mode, variant }) => {
    const parts = [name, kernels.size > 1 ? kernel : '', mode === 'priv' ? '' : mode, variant];
    return parts.filter((part) => part !== '').join(' ');
  };
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
