/**
 * The baseline: what each program came to when somebody last looked at it and agreed. A text file that is kept with
 * the sources, so that a change of it is read like a change of them.
 */
import type { InputError } from '../bpf/input-error.ts';
import type { Before, Check, Mode } from './check.ts';
import { csvText, lineError, parseCsv } from './csv.ts';

const COLUMNS = [
  'file',
  'program',
  'kernel',
  'mode',
  'variant',
  'verdict',
  'insns',
  'states',
  'peak_states',
  'stack',
] as const;
const VERDICTS: readonly Before['verdict'][] = ['accepted', 'rejected', 'not-loaded'];
const MODES: readonly Mode[] = ['priv', 'unpriv'];
/** The kernel counts in 32 bits. */
const MAX_COUNT = 0xffff_ffff;

/** What is enough to tell which program was verified, where and how. */
export type Subject = Pick<Check, 'file' | 'name' | 'kernel' | 'mode' | 'variant'>;

export interface BaselineEntry {
  readonly subject: Subject;
  readonly before: Before;
}

export class Baseline {
  /** In the order of the file. */
  readonly entries: readonly BaselineEntry[];
  private readonly byKey: ReadonlyMap<string, Before>;

  constructor(entries: readonly BaselineEntry[]) {
    this.entries = entries;
    this.byKey = new Map(entries.map(({ subject, before }) => [keyOf(subject), before]));
  }

  find(subject: Subject): Before | undefined {
    return this.byKey.get(keyOf(subject));
  }

  /** Entries of programs that none of the checks is about. */
  missing(checks: readonly (Subject & Pick<Check, 'kind'>)[]): BaselineEntry[] {
    const checked = new Set(checks.filter(({ kind }) => kind === 'verify').map(keyOf));
    return this.entries.filter(({ subject }) => !checked.has(keyOf(subject)));
  }
}

/** Whether text says that it is a baseline. */
export function isBaseline(text: string): boolean {
  return text.startsWith(`${COLUMNS.slice(0, 3).join()},`);
}

/** In any order, as merges leave it. @throws {InputError} naming the line that no baseline has. */
export function parseBaseline(text: string, file: string): Baseline {
  const [header, ...records] = parseCsv(text, file);
  if (header?.fields.length !== COLUMNS.length || header.fields.join() !== COLUMNS.join()) {
    throw lineError(file, header?.line ?? 1, `a baseline begins with the line ${COLUMNS.join()}`);
  }
  const lines = new Map<string, number>();
  const entries = records.map(({ line, fields }) => {
    const entry = parseEntry(fields, (reason) => lineError(file, line, reason));
    const key = keyOf(entry.subject);
    const first = lines.get(key);
    if (first !== undefined) throw lineError(file, line, `the program stands in line ${first} already`);
    lines.set(key, line);
    return entry;
  });
  return new Baseline(entries);
}

type Fail = (reason: string) => InputError;

function parseEntry(fields: readonly string[], fail: Fail): BaselineEntry {
  if (fields.length !== COLUMNS.length) {
    throw fail(`${fields.length} fields, where there are ${COLUMNS.length} columns`);
  }
  const field = (column: (typeof COLUMNS)[number]) => fields[COLUMNS.indexOf(column)]!;
  const count = (column: (typeof COLUMNS)[number]) => parseCount(field(column), column, fail);
  for (const column of ['file', 'program', 'kernel'] as const) {
    if (field(column) === '') throw fail(`${column} is empty`);
  }
  return {
    subject: {
      file: field('file'),
      name: field('program'),
      kernel: field('kernel'),
      mode: oneOf(MODES, field('mode'), 'mode', fail),
      variant: field('variant'),
    },
    before: {
      verdict: oneOf(VERDICTS, field('verdict'), 'verdict', fail),
      insns: count('insns'),
      states: count('states'),
      peakStates: count('peak_states'),
      stack: count('stack'),
    },
  };
}

function oneOf<T extends string>(values: readonly T[], text: string, column: string, fail: Fail): T {
  const found = values.find((value) => value === text);
  if (found === undefined) throw fail(`${column} is '${text}', none of ${values.join(', ')}`);
  return found;
}

function parseCount(text: string, column: string, fail: Fail): number {
  if (!/^(0|[1-9]\d*)$/.test(text)) throw fail(`${column} is '${text}', not a whole number`);
  if (Number(text) > MAX_COUNT) throw fail(`${column} is ${text}, more than ${MAX_COUNT}`);
  return Number(text);
}

/** The baseline of what was verified: programs that the verifier never saw have zeros. */
export function baselineText(checks: readonly Check[]): string {
  const lines = checks.flatMap((check) => {
    const { kind, result } = check;
    if (kind !== 'verify' || !result) return [];
    const { insns = 0, states = 0, peakStates = 0, stack = 0 } = result.stats ?? {};
    return [[...keyFields(check), result.verdict, insns, states, peakStates, stack]];
  });
  lines.sort(compareLines);
  return csvText([COLUMNS, ...lines]);
}

/** By code units, so that the order is the same in every locale. */
function compareLines(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  for (let i = 0; i < 5; i++) {
    if (a[i]! !== b[i]!) return a[i]! < b[i]! ? -1 : 1;
  }
  return 0;
}

function keyFields({ file, name, kernel, mode, variant }: Subject): string[] {
  return [file, name, kernel, mode, variant];
}

function keyOf(subject: Subject): string {
  return JSON.stringify(keyFields(subject));
}
