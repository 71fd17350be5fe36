/** A report as JSON records, one for each need. The names are stable. */
import type { Has } from './kernel.ts';
import { isCertain, type Need, type Use } from './need.ts';
import { type Cell, isMissing, type ObjectReport } from './report.ts';

export interface NeedRecord {
  readonly object: string;
  /** `NeedKind`, or "isa-level". */
  readonly kind: string;
  readonly name: string;
  /** Number in the uapi, where it has one. */
  readonly number?: number;
  readonly certain: boolean;
  /** The program asks whether the kernel has it. */
  readonly question: boolean;
  readonly since: string | null;
  readonly uses: readonly UseRecord[];
  readonly kernels: { readonly [name: string]: AnswerRecord };
}

export interface AnswerRecord {
  readonly has: Has;
  /** Something does not load for want of it. */
  readonly missing: boolean;
  readonly note?: string;
}

export interface UseRecord {
  readonly program: string | null;
  readonly map: string | null;
  readonly insn: number | null;
  readonly source: { readonly file: string; readonly line: number; readonly text: string } | null;
  readonly when: string;
}

export function needRecords({ file, rows, level }: ObjectReport): NeedRecord[] {
  const needs = rows.map(({ need, cells }) => ({
    object: file,
    kind: need.subject.kind,
    name: need.name,
    ...numberOf(need),
    certain: isCertain(need),
    question: need.isQuestion,
    since: need.since ?? null,
    uses: need.uses.map(useRecord),
    kernels: Object.fromEntries(cells.map((cell) => [cell.kernel, answerRecord(cell)])),
  }));
  const isa: NeedRecord = {
    object: file,
    kind: 'isa-level',
    name: `v${level.level}`,
    number: level.level,
    certain: true,
    question: false,
    since: null,
    uses: level.use ? [useRecord(level.use)] : [],
    kernels: {},
  };
  return [...needs, isa];
}

function numberOf({ subject }: Need): { number?: number } {
  if ('number' in subject) return { number: subject.number };
  return subject.kind === 'map-flag' ? { number: 2 ** subject.bit } : {};
}

function useRecord({ program, map, insn, source, when }: Use): UseRecord {
  return {
    program: program?.name ?? null,
    map: map ?? null,
    insn: insn ?? null,
    source: source ?? null,
    when,
  };
}

function answerRecord(cell: Cell): AnswerRecord {
  const { has, note } = cell;
  return { has, missing: isMissing(cell), ...(note === undefined ? {} : { note }) };
}
