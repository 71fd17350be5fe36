/** Needs of an object times kernels: what each kernel has of them. */

import { IsaFeatures, type Level } from './isa-features.ts';
import type { Answer, Has, Kernel } from './kernel.ts';
import type { Need, Use, When } from './need.ts';
import { type ObjectNeeds, oldestRelease } from './object-needs.ts';
import type { Release } from './release.ts';

/** What one kernel has of one need: its answer for the use that it serves worst. */
export interface Cell {
  readonly kernel: string;
  readonly has: Has;
  readonly note?: string;
  /** Absent only where nothing uses it. */
  readonly use?: Use;
  /** All uses that the kernel has nothing for. */
  readonly lacking: readonly Use[];
}

export interface ReportRow {
  readonly need: Need;
  /** One for each kernel, in their order. */
  readonly cells: readonly Cell[];
}

export interface ObjectReport {
  readonly file: string;
  readonly programs: readonly string[];
  readonly rows: readonly ReportRow[];
  /** First mainline release with everything that is certainly needed and that the tables of releases know. */
  readonly oldest: Release | undefined;
  readonly level: IsaLevel;
}

/** The lowest -mcpu level that has all instructions of the levels, and where it takes that one. */
export interface IsaLevel {
  readonly level: Level;
  /** Name of the instruction. */
  readonly instruction?: string;
  readonly use?: Use;
}

export function reportOn(object: ObjectNeeds, kernels: readonly Kernel[]): ObjectReport {
  const asked = kernels.map((kernel) => ({ kernel: kernel.name, questions: kernel.ask(object) }));
  const rows = object.needs.map((need) => ({
    need,
    cells: asked.map(({ kernel, questions }) =>
      cellOf(
        kernel,
        need.uses.map((use) => ({ use, answer: questions.answer(need, use) })),
      ),
    ),
  }));
  return {
    file: object.file,
    programs: object.programs,
    rows,
    oldest: oldestRelease(object.needs),
    level: levelOf(object.needs),
  };
}

/** Whether the object, or a program that is loaded with it, cannot be loaded for want of it. */
export function isMissing({ has, use }: Cell): boolean {
  return has === 'no' && use?.when === 'certain';
}

export function hasAll({ rows }: ObjectReport, kernel: string): boolean {
  return rows.every(({ cells }) => cells.every((cell) => cell.kernel !== kernel || !isMissing(cell)));
}

interface Answered {
  readonly use: Use;
  readonly answer: Answer;
}

const WORST: readonly Has[] = ['no', 'unknown', 'exists', 'yes'];
const GRAVEST: readonly When[] = ['certain', 'attaching', 'guarded', 'optional'];

function cellOf(kernel: string, answered: readonly Answered[]): Cell {
  const rank = ({ use, answer }: Answered) =>
    WORST.indexOf(answer.has) * GRAVEST.length + GRAVEST.indexOf(use.when);
  const worst = answered.reduce<Answered | undefined>(
    (before, each) => (before && rank(before) <= rank(each) ? before : each),
    undefined,
  );
  const lacking = answered.filter(({ answer }) => answer.has === 'no').map(({ use }) => use);
  if (!worst) return { kernel, has: 'unknown', lacking };
  const { has, note } = worst.answer;
  return { kernel, has, use: worst.use, lacking, ...(note === undefined ? {} : { note }) };
}

function levelOf(needs: readonly Need[]): IsaLevel {
  const features = new Map(Object.values(IsaFeatures).map((feature) => [feature.name, feature]));
  let highest: IsaLevel = { level: 1 };
  for (const { subject, name, uses } of needs) {
    const level = subject.kind === 'instruction' ? features.get(name)?.level : undefined;
    const [use] = uses;
    if (level !== undefined && level > highest.level && use) highest = { level, instruction: name, use };
  }
  return highest;
}
