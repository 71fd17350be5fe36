/** Reports as files: the verdicts, a line of JSON each, and the capsule that they are about. */
import { effect, signal } from '@preact/signals';
import { InputError } from '../../bpf/input-error.ts';
import { notice, subject } from '../state.ts';
import type { VerifyAnswer } from '../verify/protocol.ts';
import { answer, answered } from '../verify/state.ts';
import { parseCapsule, restoreCapsule, saveCapsule } from './capsule.ts';

interface Verdict {
  readonly program: string;
  readonly verdict: string;
}

/** As `drydock verify --json` has them. */
export function reportFile({ programs }: VerifyAnswer): string {
  const records: object[] = programs.map(({ record }) => record);
  return [...records, { capsule: saveCapsule() }].map((record) => `${JSON.stringify(record)}\n`).join('');
}

/** Whether a file of JSON is a report, and no capsule. */
export function isReport(text: string): boolean {
  return /^\s*\{"(object|capsule)"/.test(text);
}

/** Verdicts of a report that was opened: they are held against those of this page. */
const opened = signal<{ readonly file: string; readonly verdicts: readonly Verdict[] } | undefined>(
  undefined,
);

/** @throws {InputError} */
export function openReport(text: string, file: string): void {
  const records = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, index) => parseRecord(line, index + 1, file));
  const capsule = records.find((record) => 'capsule' in record)?.capsule;
  const verdicts = records.flatMap(verdictOf);
  if (capsule !== undefined) restoreCapsule(parseCapsule(JSON.stringify(capsule), file), file);
  opened.value = { file, verdicts };
}

function parseRecord(line: string, number: number, file: string): { readonly [field: string]: unknown } {
  try {
    const record: unknown = JSON.parse(line);
    if (typeof record === 'object' && record !== null) return record as { [field: string]: unknown };
  } catch {
    // Told below.
  }
  throw new InputError(`line ${number} is no record of a report`, { file });
}

function verdictOf({ program, verdict }: { readonly [field: string]: unknown }): Verdict[] {
  return typeof program === 'string' && typeof verdict === 'string' ? [{ program, verdict }] : [];
}

/** Tells how a report compares, once its object is verified here. */
export function watchReport(): void {
  effect(() => {
    const report = opened.value;
    const got = answer.value;
    // What is shown may still be about something else.
    if (!report || !got || answered.value !== subject.value) return;
    opened.value = undefined;
    notice.value = { text: `${report.file}: ${compared(report.verdicts, got)}`, isError: false };
  });
}

function compared(verdicts: readonly Verdict[], { programs }: VerifyAnswer): string {
  const own = new Map(programs.map(({ name, verdict }) => [name, verdict as string]));
  const different = verdicts.filter(({ program, verdict }) => own.get(program) !== verdict);
  if (different.length === 0) return `all ${verdicts.length} verdicts are the same here`;
  const first = different[0] as Verdict;
  const here = own.get(first.program) ?? 'not there';
  return `${different.length} of ${verdicts.length} verdicts are different here: ${first.program} is ${here}, not ${first.verdict}`;
}
