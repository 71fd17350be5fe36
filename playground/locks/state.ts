/** What the locks view is about: a scene, one order of its steps, and what all orders lead to. */
import { batch, computed, signal } from '@preact/signals';
import { Client, Stopped } from '../rpc/client.ts';
import { ComingText } from '../scene/coming-text.ts';
import { problemOf, type SceneProblem } from '../scene/problem.ts';
import { fail } from '../state.ts';
import type {
  ExploreOptions,
  ExploreProgress,
  FindingReport,
  SceneReport,
  Walk,
  WalkAction,
} from './protocol.ts';

const FIRST_SCENE = 'abba-mutex_lock';
const TYPING_PAUSE = 300;

/** The bundled scene that the text is; undefined once it was changed. */
export const sceneName = signal<string | undefined>(undefined);
export const sceneText = signal('');
/** What is wrong with the text. */
export const problem = signal<SceneProblem | undefined>(undefined);
export const walk = signal<Walk | undefined>(undefined);
/** States seen so far by an exploration that is under way. */
export const exploring = signal<number | undefined>(undefined);
export const report = signal<SceneReport | undefined>(undefined);
/** The finding whose order was loaded last. */
export const loaded = signal<FindingReport | undefined>(undefined);

/** The loaded finding, as long as its order is what is shown to its end. */
export const shownFinding = computed(() => {
  const [finding, now] = [loaded.value, walk.value];
  const same =
    finding && now && now.cursor === finding.schedule.length && sameSchedule(now.schedule, finding);
  return same ? finding : undefined;
});

function sameSchedule(schedule: readonly number[], finding: FindingReport): boolean {
  return schedule.length === finding.schedule.length && schedule.every((id, i) => id === finding.schedule[i]);
}

const walker = new Client('locks');
const explorer = new Client('locks', (progress) => {
  exploring.value = (progress as ExploreProgress).states;
});

function fileName(): string {
  return `${sceneName.value ?? 'scene'}.yaml`;
}

/** What is wrong with a text that may not yet be the one of the view. */
export async function checkScene(text: string): Promise<SceneProblem | undefined> {
  try {
    await walker.call('check', text, fileName());
    return undefined;
  } catch (error) {
    return problemOf(error);
  }
}

interface Position {
  readonly schedule: readonly number[];
  readonly cursor: number;
}

/** Calls one after another, each from where the one before it has led. */
let turn: Promise<void> = Promise.resolve();

function take(action: WalkAction, from?: Position): Promise<void> {
  turn = turn.then(() => ask(action, from)).catch(fail);
  return turn;
}

async function ask(action: WalkAction, from: Position | undefined): Promise<void> {
  const text = sceneText.value;
  const { schedule, cursor } = from ?? walk.value ?? { schedule: [], cursor: 0 };
  try {
    const found = await walker.call('walk', { text, file: fileName(), schedule, cursor, action });
    if (text !== sceneText.value) return;
    batch(() => {
      walk.value = found;
      problem.value = undefined;
    });
  } catch (error) {
    if (error instanceof Stopped || text !== sceneText.value) return;
    problem.value = problemOf(error);
  }
}

export function act(action: WalkAction): void {
  void take(action);
}

/** Goes to a place in the order that is there. */
export function goTo(cursor: number): void {
  const now = walk.value;
  if (now) void take({ kind: 'look' }, { schedule: now.schedule, cursor });
}

export function undo(): void {
  const now = walk.value;
  if (!now) return;
  const ends = now.rows.map(({ end }) => end).filter((end) => end < now.cursor);
  goTo(ends.at(-1) ?? 0);
}

export function redo(): void {
  const now = walk.value;
  const next = now?.rows.find(({ at }) => at > now.cursor);
  if (next) goTo(next.end);
}

export function reset(): void {
  void take({ kind: 'look' }, { schedule: [], cursor: 0 });
}

export function loadFinding(finding: FindingReport): void {
  const { schedule } = finding;
  loaded.value = finding;
  void take({ kind: 'look' }, { schedule, cursor: schedule.length });
}

const coming = new ComingText();

/** @throws what fetching a bundled scene fails with. */
export function chooseScene(name: string, from: Position = { schedule: [], cursor: 0 }): Promise<void> {
  begun = true;
  return coming.bring(`scenes/locks/${encodeURIComponent(name)}.yaml`, (text) => {
    setText(text, name);
    return take({ kind: 'look' }, from);
  });
}

let begun = false;

/** When the view is opened with nothing in it. */
export function beginLocks(): void {
  if (!begun) chooseScene(FIRST_SCENE).catch(fail);
}

let typing: ReturnType<typeof setTimeout> | undefined;

/** The order stays as far as it can still be followed. */
export function editScene(text: string): void {
  if (text === sceneText.value) return;
  setText(text, undefined);
  clearTimeout(typing);
  typing = setTimeout(() => void take({ kind: 'look' }), TYPING_PAUSE);
}

function setText(text: string, name: string | undefined): void {
  coming.abandon();
  stopExploring();
  batch(() => {
    sceneText.value = text;
    sceneName.value = name;
    report.value = undefined;
    loaded.value = undefined;
    problem.value = undefined;
  });
}

let explorations = 0;

export async function exploreAll(options: ExploreOptions): Promise<void> {
  await coming.settled();
  stopExploring();
  const mine = ++explorations;
  batch(() => {
    exploring.value = 0;
    report.value = undefined;
  });
  try {
    report.value = await explorer.call('explore', sceneText.value, fileName(), options);
  } catch (error) {
    if (error instanceof Stopped) return;
    problem.value = problemOf(error);
  } finally {
    // Who was stopped may have been followed by another.
    if (mine === explorations) exploring.value = undefined;
  }
}

export function stopExploring(): void {
  if (exploring.value === undefined) return;
  explorer.stop();
  exploring.value = undefined;
}

/** What a link has to carry so that the view can be shown again. */
export interface SavedLocks {
  /** A bundled scene; or the text of one of the user's. */
  readonly scene?: string;
  readonly text?: string;
  readonly schedule: readonly number[];
  readonly cursor: number;
}

export function saveLocks(): SavedLocks | undefined {
  if (sceneText.value === '') return undefined;
  const { schedule, cursor } = walk.value ?? { schedule: [], cursor: 0 };
  const scene = sceneName.value;
  return { ...(scene === undefined ? { text: sceneText.value } : { scene }), schedule, cursor };
}

/** @param saved from a link, so it may be anything. */
export async function restoreLocks(saved: unknown): Promise<void> {
  const { scene, text, schedule, cursor } = (saved ?? {}) as { readonly [key: string]: unknown };
  const from = {
    schedule: Array.isArray(schedule) ? schedule.filter((id) => Number.isSafeInteger(id)).map(Number) : [],
    cursor: Number.isSafeInteger(cursor) ? Math.max(0, Number(cursor)) : 0,
  };
  if (typeof text === 'string' && text !== '') {
    begun = true;
    setText(text, undefined);
    await take({ kind: 'look' }, from);
  } else if (typeof scene === 'string') {
    await chooseScene(scene, from);
  }
}
