/** Keeps what is shown in step with what is chosen: asks the worker, and takes only its latest answer. */
import { batch, effect, untracked } from '@preact/signals';
import type { RunChoice } from '../../session/debugger/debugger.ts';
import { Client, Stopped } from '../rpc/client.ts';
import { ComingText } from '../scene/coming-text.ts';
import { problemOf, type SceneProblem } from '../scene/problem.ts';
import { fail, kernel, site, subject, vmlinux } from '../state.ts';
import type { Setting } from './protocol.ts';
import * as state from './state.ts';
import { EMPTY_SCENE, OWN_SCENE } from './state.ts';

/** Bytes of the reader's buffer: cat's. */
const READ_SIZE = 4096;
/** Quiet time after which what was typed is looked at. */
const PAUSE = 350;
const EMPTY_TEXT = '# An empty world: only the first process.\ntasks: []\n';

/** Milliseconds after which a run is given up for another: it may never end. */
const LONG_RUN = 1500;

const client = new Client('run');
/** Answers to anything but the latest question, of either kind, are not taken. */
let asked = 0;
let runs = 0;
/** What was typed has not been looked at yet. */
let pause: ReturnType<typeof setTimeout> | undefined;
/** When the run that is under way began. */
let begun: number | undefined;
/** What the recording that is shown was made of, whatever is chosen or written meanwhile. */
let ran: { readonly setting: Setting; readonly choice: RunChoice } | undefined;

function setting(): Setting | undefined {
  if (!subject.value) return undefined;
  return {
    subject: subject.value,
    kernel: kernel.value,
    scene: state.sceneText.value,
    ...(vmlinux.value ? { btf: vmlinux.value.bytes } : {}),
  };
}

/** What is wrong with a text that may not yet be the one of the view. */
export async function checkScene(text: string): Promise<SceneProblem | undefined> {
  try {
    await client.call('overview', kernel.peek(), text);
    return undefined;
  } catch (error) {
    // A run was stopped, and this with it: it is asked again when more is typed.
    if (error instanceof Stopped) return undefined;
    return problemOf(error);
  }
}

const coming = new ComingText();

export async function chooseScene(file: string): Promise<void> {
  const take = (text: string) => {
    batch(() => {
      state.sceneFile.value = file;
      state.sceneText.value = text;
    });
    return refresh(true);
  };
  if (file === EMPTY_SCENE) {
    coming.abandon();
    return take(EMPTY_TEXT);
  }
  try {
    await coming.bring(`scenes/${file}`, take);
  } catch (error) {
    fail(error);
    await take(EMPTY_TEXT);
  }
}

/** The scene is the user's own from now on. */
export function editScene(text: string): void {
  if (text === state.sceneText.value) return;
  coming.abandon();
  batch(() => {
    state.sceneFile.value = OWN_SCENE;
    state.sceneText.value = text;
    state.stale.value = true;
  });
  clearTimeout(pause);
  pause = setTimeout(() => void refresh(false), PAUSE);
}

export async function chooseProgram(name: string): Promise<void> {
  batch(() => {
    state.program.value = name;
    state.target.value = 0;
    state.breakpoints.value = new Set();
  });
  await refresh(true);
}

export async function chooseTarget(index: number): Promise<void> {
  state.target.value = index;
  await run();
}

/** Finds out what can be run. @param andRun runs it, too. */
async function refresh(andRun: boolean): Promise<void> {
  clearTimeout(pause);
  pause = undefined;
  const ask = ++asked;
  const now = setting();
  if (!now) return;
  giveUpLongRun();
  if (andRun) state.busy.value = true;
  const isReady = await look(now, ask);
  if (ask !== asked) return;
  if (isReady && andRun) return run();
  state.busy.value = false;
  // What was to be shown instead of it cannot be run until the scene is mended.
  if (andRun && state.sceneFault.value) forget();
}

/** @returns whether there is something to run, as far as nothing else was asked meanwhile. */
async function look(now: Setting, ask: number): Promise<boolean> {
  try {
    const found = await client.call('overview', now.kernel, now.scene);
    if (ask !== asked) return false;
    state.overview.value = found;
    state.sceneFault.value = undefined;
  } catch (error) {
    if (ask !== asked) return false;
    refuseScene(error);
    return false;
  }
  try {
    const programs = await client.call('programs', now);
    const name = chosenOf(programs.map((each) => each.name));
    const targets = await client.call('targets', now, name);
    if (ask !== asked) return false;
    batch(() => {
      if (name !== state.program.value) state.breakpoints.value = new Set();
      state.programs.value = programs;
      state.program.value = name;
      state.targets.value = targets;
      takeWanted();
      if (state.target.value >= targets.length) state.target.value = 0;
      state.obstacle.value =
        targets.length === 0
          ? `The scene has nothing that ${name} can be attached to: choose another scene, or add it to this one.`
          : undefined;
    });
  } catch (error) {
    if (ask === asked) refuse(error);
    return false;
  }
  if (state.targets.value.length > 0) return true;
  state.recorded.value = undefined;
  return false;
}

function chosenOf(names: readonly string[]): string {
  const liked = [state.wanted.value?.program, state.program.value];
  return liked.find((name) => name !== undefined && names.includes(name)) ?? names[0] ?? '';
}

/** What a link asks for besides the step, once its program is there. */
function takeWanted(): void {
  const wanted = state.wanted.value;
  if (wanted?.program !== state.program.value) return;
  state.target.value = wanted.target;
  state.breakpoints.value = new Set(wanted.breakpoints);
  state.watches.value = wanted.watches;
}

function refuseScene(error: unknown): void {
  if (error instanceof Stopped) return;
  try {
    state.sceneFault.value = problemOf(error);
  } catch (bug) {
    fail(bug);
  }
}

function refuse(error: unknown): void {
  if (error instanceof Stopped) return;
  batch(() => {
    state.obstacle.value = error instanceof Error ? error.message : String(error);
    state.breakpoints.value = new Set();
    forget();
  });
}

function forget(): void {
  batch(() => {
    state.programs.value = [];
    state.targets.value = [];
    state.recorded.value = undefined;
    state.inspection.value = undefined;
  });
}

function choice(): RunChoice {
  return { program: state.program.value, target: state.target.value, readSize: READ_SIZE };
}

export async function run(): Promise<void> {
  // What was typed last counts, and what is wrong with it is said where it is wrong.
  if (pause !== undefined || state.sceneFault.value) return refresh(true);
  const now = setting();
  if (!now || state.program.value === '') return;
  giveUpLongRun();
  const ask = asked;
  const mine = ++runs;
  const about = { setting: now, choice: choice() };
  const isLatest = () => ask === asked && mine === runs;
  begun = performance.now();
  state.busy.value = true;
  try {
    const found = await client.call('record', about.setting, about.choice);
    if (!isLatest()) return;
    ran = about;
    batch(() => {
      const last = Math.max(0, found.recording.steps - 1);
      state.recorded.value = found;
      state.inspection.value = undefined;
      state.stale.value = false;
      state.obstacle.value = undefined;
      const { wanted } = state;
      const isWanted = wanted.value?.program === state.program.value;
      state.step.value = Math.min(isWanted ? (wanted.value?.step ?? 0) : 0, last);
      if (isWanted) wanted.value = undefined;
      watchContext();
    });
    showStep();
  } catch (error) {
    if (isLatest()) refuse(error);
  } finally {
    if (mine === runs) {
      begun = undefined;
      state.busy.value = false;
    }
  }
}

/** Else what is asked next would wait for its end. */
function giveUpLongRun(): void {
  if (begun !== undefined && performance.now() - begun > LONG_RUN) stop();
}

/** The program's argument is what is looked at first. */
function watchContext(): void {
  const iterator = state.programs.value.find(({ name }) => name === state.program.value);
  if (!iterator) return;
  const type = `struct bpf_iter__${iterator.target}`;
  // that of another program is of no use
  state.watches.value = state.watches.value.filter((watch) => watch.address !== 'ctx' || watch.type === type);
  state.addWatch({ address: 'ctx', type });
}

export function stop(): void {
  client.stop();
  state.busy.value = false;
}

export function goTo(to: number | undefined): void {
  const last = state.timeline.value?.last;
  if (to === undefined || last === undefined) return;
  state.step.value = Math.max(0, Math.min(last, to));
  showStep();
}

/** The line of the step is the one that the keyboard is at. */
function showStep(): void {
  state.line.value = state.lineOfSlot.value.get(state.slot.value) ?? -1;
}

let inspecting = false;
let inspectAgain = false;

/** One call at a time, always for the step shown last. */
async function inspect(): Promise<void> {
  if (inspecting) {
    inspectAgain = true;
    return;
  }
  const about = ran;
  // A read may have nothing but waited.
  if (!about || !state.recorded.value?.recording.steps) return;
  inspecting = true;
  const query = { watches: state.watches.value, open: [...state.openPaths.value] };
  const moment = state.momentOf(state.step.value);
  try {
    const found = await client.call('inspect', about.setting, about.choice, moment, query);
    if (ran === about) state.inspection.value = found;
  } catch (error) {
    if (ran === about && !inspectAgain) refuse(error);
  } finally {
    inspecting = false;
  }
  if (!inspectAgain) return;
  inspectAgain = false;
  await inspect();
}

/** The user's own may be empty; one of the site has to come first. */
function isSceneThere(): boolean {
  return state.sceneText.peek() !== '' || state.sceneFile.peek() === OWN_SCENE;
}

/** What was chosen when it was last looked at. */
let seen: readonly unknown[] = [];

/** Follows the choices as long as the view is shown. @returns what ends it. */
export function follow(): () => void {
  const ends = [
    effect(() => {
      const [first] = site.value.scenes;
      const file = state.sceneFile.value || first?.file;
      if (state.sceneText.value === '' && file && file !== OWN_SCENE) void untracked(() => chooseScene(file));
    }),
    effect(() => {
      const now = [subject.value, kernel.value, vmlinux.value, state.wanted.value ?? seen[3]];
      // the view may only have been shown again
      const isNew = now.some((each, index) => each !== seen[index]) || !state.recorded.peek();
      seen = now;
      if (isNew && isSceneThere()) void untracked(() => refresh(true));
    }),
    effect(() => {
      void [state.recorded.value, state.step.value, state.watches.value, state.openPaths.value];
      if (state.recorded.value) void untracked(inspect);
    }),
  ];
  return () => {
    for (const end of ends) end();
  };
}
