/** What the checkpoint view is about: a scene, and its way through a checkpoint and a restore. */
import { batch, computed, effect, signal } from '@preact/signals';
import { Client, Stopped } from '../rpc/client.ts';
import { ComingText } from '../scene/coming-text.ts';
import { problemOf, type SceneProblem } from '../scene/problem.ts';
import { fail, kernel } from '../state.ts';
import type { ImageFile, ItemRow, Stage, Trip, TripProgress } from './protocol.ts';

const FIRST_SCENE = 'checkpoint';

/** The bundled scene that the text is; undefined once it was changed. */
export const sceneName = signal<string | undefined>(undefined);
export const sceneText = signal('');
/** What is wrong with the text. */
export const problem = signal<SceneProblem | undefined>(undefined);
/** Items of the inventory that may be lost. */
export const drop = signal<readonly number[]>([]);
export const trip = signal<Trip | undefined>(undefined);
/** What the worker is at; undefined when it rests. */
export const underWay = signal<Stage | undefined>(undefined);

export const STEPS = ['dump', 'images', 'restore'] as const;
export type Step = (typeof STEPS)[number];
/** The step that is shown in full. */
export const step = signal<Step>('dump');

export const FILTERS = ['scene', 'different', 'all'] as const;
export type Filter = (typeof FILTERS)[number];
export const filter = signal<Filter>('scene');

export const IS_SHOWN: { readonly [Name in Filter]: (row: ItemRow) => boolean } = {
  all: () => true,
  scene: ({ status }) => status !== 'unused' && status !== 'outside',
  different: ({ status }) => status === 'different' || status === 'refused' || status === 'dropped',
};

export const imageName = signal<string | undefined>(undefined);
export const pretty = signal(true);
/** The image that is shown, as text. */
export const imageLines = signal<readonly string[]>([]);

export const image = computed<ImageFile | undefined>(() =>
  trip.value?.images?.find(({ name }) => name === imageName.value),
);

const client = new Client('checkpoint', (progress) => {
  underWay.value = (progress as TripProgress).stage;
});
/** Answers while a round trip is under way. */
const checker = new Client('checkpoint');

function choice() {
  return { text: sceneText.value, file: `${sceneName.value ?? 'scene'}.yaml`, kernel: kernel.value };
}

/** What is wrong with a text that may not yet be the one of the view. */
export async function checkScene(text: string): Promise<SceneProblem | undefined> {
  try {
    await checker.call('check', { ...choice(), text });
    return undefined;
  } catch (error) {
    return problemOf(error);
  }
}

let begun = false;

/** What is shown of one kernel is not kept for another. @returns what ends it */
export function followKernel(): () => void {
  return effect(() => {
    const now = kernel.value;
    if (tripKernel === undefined || tripKernel === now) return;
    tripKernel = undefined;
    stop();
    batch(() => {
      problem.value = undefined;
      trip.value = undefined;
      step.value = 'dump';
    });
  });
}

/** When the view is opened with nothing in it. */
export function beginCheckpoint(): void {
  if (!begun) chooseScene(FIRST_SCENE).catch(fail);
}

const coming = new ComingText();

/** @throws what fetching a bundled scene fails with. */
export function chooseScene(name: string): Promise<void> {
  begun = true;
  return coming.bring(`scenes/${encodeURIComponent(name)}.yaml`, (text) => setText(text, name));
}

export function editScene(text: string): void {
  if (text !== sceneText.value) setText(text, undefined);
}

function setText(text: string, name: string | undefined): void {
  coming.abandon();
  stop();
  batch(() => {
    sceneText.value = text;
    sceneName.value = name;
    problem.value = undefined;
    trip.value = undefined;
    drop.value = [];
    step.value = 'dump';
  });
}

let trips = 0;
/** The kernel of the round trip that is shown or under way. */
let tripKernel: string | undefined;

export async function checkpointAndRestore(): Promise<void> {
  await coming.settled();
  stop();
  const mine = ++trips;
  tripKernel = kernel.value;
  batch(() => {
    underWay.value = 'build';
    trip.value = undefined;
    problem.value = undefined;
  });
  try {
    show(await client.call('roundTrip', { ...choice(), drop: drop.value }));
  } catch (error) {
    if (error instanceof Stopped) return;
    problem.value = problemOf(error);
  } finally {
    // Who was stopped may have been followed by another.
    if (mine === trips) underWay.value = undefined;
  }
}

function show(made: Trip): void {
  batch(() => {
    trip.value = made;
    step.value = made.refusals.length > 0 ? 'dump' : 'restore';
    filter.value = 'scene';
    const names = made.images?.map(({ name }) => name) ?? [];
    if (!names.includes(imageName.value ?? ''))
      imageName.value = names.find((name) => name === 'io_uring.img') ?? names[0];
  });
  readImage().catch(fail);
}

export function stop(): void {
  if (underWay.value === undefined) return;
  client.stop();
  underWay.value = undefined;
}

export function showImage(name: string, asPretty = pretty.value): void {
  batch(() => {
    imageName.value = name;
    pretty.value = asPretty;
  });
  readImage().catch(fail);
}

async function readImage(): Promise<void> {
  const [made, name, asPretty] = [trip.value, imageName.value, pretty.value];
  const images = made?.images;
  if (!images || name === undefined) return;
  // Which of the others an image needs, it knows itself.
  const all = new Map(images.map((each) => [each.name, each.bytes]));
  const lines = await checker.call('show', all, name, asPretty);
  const isLatest = trip.value === made && imageName.value === name && pretty.value === asPretty;
  if (isLatest) imageLines.value = lines;
}

export function allowLoss(item: number, isAllowed: boolean): void {
  const others = drop.value.filter((each) => each !== item);
  drop.value = isAllowed ? [...others, item] : others;
}

/** What a link has to carry so that the view can be shown again. */
export interface SavedCheckpoint {
  /** A bundled scene; or the text of one of the user's. */
  readonly scene?: string;
  readonly text?: string;
  readonly drop: readonly number[];
  /** Whether the round trip was made. */
  readonly run: boolean;
  readonly step: Step;
}

export function saveCheckpoint(): SavedCheckpoint | undefined {
  if (sceneText.value === '') return undefined;
  const scene = sceneName.value;
  return {
    ...(scene === undefined ? { text: sceneText.value } : { scene }),
    drop: drop.value,
    run: trip.value !== undefined,
    step: step.value,
  };
}

/** @param saved from a link, so it may be anything. The kernel has been restored before. */
export async function restoreCheckpoint(saved: unknown): Promise<void> {
  const { scene, text, drop: lost, run, step: at } = (saved ?? {}) as { readonly [key: string]: unknown };
  if (typeof text === 'string' && text !== '') {
    begun = true;
    setText(text, undefined);
  } else if (typeof scene === 'string') {
    await chooseScene(scene);
  } else return;
  drop.value = Array.isArray(lost) ? lost.filter((item) => Number.isSafeInteger(item)).map(Number) : [];
  if (run !== true) return;
  await checkpointAndRestore();
  const wanted = STEPS.find((name) => name === at);
  if (wanted && trip.value) step.value = wanted;
}
