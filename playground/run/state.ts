/** What the Run view shows. */
import { batch, computed, signal } from '@preact/signals';
import type { IterProgramName, Moment } from '../../session/debugger/debugger.ts';
import type { Inspection, Watch } from '../../session/debugger/inspect.ts';
import type { SceneOverview } from '../../session/debugger/scene-overview.ts';
import { Timeline } from '../../session/debugger/timeline.ts';
import type { SceneProblem } from '../scene/problem.ts';
import type { Recorded } from './protocol.ts';

/** Scene that the user writes or has changed: no file of the site. */
export const OWN_SCENE = ':own';
export const EMPTY_SCENE = ':empty';

/** Of a link. */
const MOST_WATCHES = 32;

/** File in scenes/, or one of the two above. */
export const sceneFile = signal('');
export const sceneText = signal('');
export const sceneFault = signal<SceneProblem | undefined>(undefined);
export const overview = signal<SceneOverview | undefined>(undefined);

export const programs = signal<readonly IterProgramName[]>([]);
export const program = signal('');
export const targets = signal<readonly string[]>([]);
export const target = signal(0);
/** Why there is nothing to run. */
export const obstacle = signal<string | undefined>(undefined);

/** A scene with a fault is looked at again. */
export const canRun = computed(() => targets.value.length > 0 || sceneFault.value !== undefined);

export const busy = signal(false);
export const recorded = signal<Recorded | undefined>(undefined);
/** What was recorded is not what a run would give now. */
export const stale = signal(false);
export const step = signal(0);
/** Slots of the program. */
export const breakpoints = signal<ReadonlySet<number>>(new Set());
/** Line of the listing that the keyboard is at. */
export const line = signal(-1);

export const watches = signal<readonly Watch[]>([]);
/** Paths of values that are open. */
export const openPaths = signal<ReadonlySet<string>>(new Set());
export const inspection = signal<Inspection | undefined>(undefined);

export const timeline = computed(() => recorded.value && new Timeline(recorded.value.recording));
export const slot = computed(() => recorded.value?.recording.slots[step.value] ?? -1);
/** The lines of the listing that instructions stand in, by their slots. */
export const lineOfSlot = computed(() => {
  const lines = new Map<number, number>();
  recorded.value?.listing.forEach(({ kind, slot: at }, index) => {
    if (kind === 'insn') lines.set(at, index);
  });
  return lines;
});

/** How the step is found again when the program is run anew. */
export function momentOf(at: number): Moment {
  const runs = recorded.value?.recording.runs;
  const run = runs?.[at] ?? 0;
  let first = at;
  while (first > 0 && runs?.[first - 1] === run) first--;
  return { run, insns: at - first };
}

/** Instructions that a line of the listing stands for: all stretches that are made from a source line. */
function slotsOf(index: number): number[] {
  const listing = recorded.value?.listing ?? [];
  const at = listing[index];
  if (at?.kind !== 'source') return at?.kind === 'insn' ? [at.slot] : [];
  return listing.filter((each) => each.kind === 'source' && each.place === at.place).map((each) => each.slot);
}

export function isBreakpoint(index: number): boolean {
  const slots = slotsOf(index);
  return slots.length > 0 && slots.every((each) => breakpoints.value.has(each));
}

/** Sets one at a line of the listing, or clears it. */
export function toggleBreakpoint(index: number): void {
  const isSet = isBreakpoint(index);
  const all = new Set(breakpoints.value);
  for (const each of slotsOf(index)) {
    if (isSet) all.delete(each);
    else all.add(each);
  }
  breakpoints.value = all;
}

export function togglePath(path: string): void {
  const all = new Set(openPaths.value);
  if (!all.delete(path)) all.add(path);
  openPaths.value = all;
}

export function addWatch(watch: Watch): void {
  const same = watches.value.some(({ address, type }) => address === watch.address && type === watch.type);
  if (!same) watches.value = [...watches.value, watch];
  openPaths.value = new Set([...openPaths.value, `${watch.address}:${watch.type}`]);
}

export function removeWatch(watch: Watch): void {
  watches.value = watches.value.filter((each) => each !== watch);
}

/** What a link needs to show the same. The object and the kernel are the page's own matter. */
export interface SavedRun {
  readonly file: string;
  /** Absent for a scene of the site. */
  readonly scene?: string;
  readonly program: string;
  readonly target: number;
  readonly step: number;
  readonly breakpoints: readonly number[];
  readonly watches: readonly Watch[];
}

export function saveRun(): SavedRun {
  return {
    file: sceneFile.value,
    ...(sceneFile.value === OWN_SCENE ? { scene: sceneText.value } : {}),
    program: program.value,
    target: target.value,
    step: step.value,
    breakpoints: [...breakpoints.value],
    watches: watches.value,
  };
}

/** What a link asks for, until the program that it speaks of has been run. */
export const wanted = signal<SavedRun | undefined>(undefined);

/** Takes what `saveRun` gave; of anything else it takes what fits. */
export function restoreRun(saved: unknown): void {
  if (typeof saved !== 'object' || saved === null) return;
  const from = saved as { readonly [Name in keyof SavedRun]?: unknown };
  const text = (value: unknown) => (typeof value === 'string' ? value : '');
  const number = (value: unknown) => (Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : 0);
  const isOwn = typeof from.scene === 'string';
  batch(() => {
    sceneFile.value = isOwn ? OWN_SCENE : text(from.file);
    sceneText.value = text(from.scene);
    recorded.value = undefined;
    wanted.value = {
      file: sceneFile.value,
      program: text(from.program),
      target: number(from.target),
      step: number(from.step),
      breakpoints: Array.isArray(from.breakpoints) ? from.breakpoints.map(number) : [],
      watches: Array.isArray(from.watches) ? from.watches.filter(isWatch).slice(0, MOST_WATCHES) : [],
    };
  });
}

function isWatch(value: unknown): value is Watch {
  const { address, type } = (value ?? {}) as { address?: unknown; type?: unknown };
  return typeof address === 'string' && typeof type === 'string';
}
