/** Explores a scene and says what was found, with a shortest trace for each finding. */
import { buildSystem } from './build.ts';
import { type Exploration, explore, type Found } from './explore.ts';
import type { Actor, FindingKind } from './program.ts';
import type { LockScene } from './scene.ts';
import { type State, stateKey } from './state.ts';
import { type WaitReport, waitReports } from './stuck.ts';
import type { System } from './system.ts';

export interface RunOptions {
  /** States to visit at most. */
  maxStates?: number;
  /** Explore all orders, also those that make no difference. */
  full?: boolean;
  progress?: (states: number) => void;
}

export const DEFAULT_MAX_STATES = 500_000;
/** Steps of a loop that is looked for. */
const LONGEST_ROUND = 10_000;

export interface TraceStep {
  readonly actor: string;
  readonly text: string;
}

export interface FindingReport {
  readonly kind: FindingKind;
  readonly message: string;
  readonly actors: readonly string[];
  readonly trace: readonly TraceStep[];
  /** Who moves, step by step, as places in the list of actors; the trace leaves out steps that only go on elsewhere. */
  readonly schedule: readonly number[];
  /** No shorter way leads there. */
  readonly shortest: boolean;
  /** One round of what then repeats itself for ever. */
  readonly round: readonly TraceStep[];
  /** Who waits for what in the end. */
  readonly waits: readonly WaitReport[];
}

export interface SceneReport {
  readonly expected: readonly FindingKind[];
  /** Messages that the scene is about. */
  readonly wanted: readonly string[];
  readonly findings: readonly FindingReport[];
  /** What was expected, and nothing else, was found, and everything was explored. */
  readonly agrees: boolean;
  readonly complete: boolean;
  readonly reduced: boolean;
  readonly states: number;
  readonly transitions: number;
  readonly unexpanded: number;
  readonly interleavings: bigint | undefined;
  readonly results: ReadonlyMap<string, readonly string[]>;
  /** Actors in the order of the scene, threads of the kernel last. */
  readonly actors: readonly string[];
}

export function runLockScene(scene: LockScene, options: RunOptions = {}): SceneReport {
  const system = buildSystem(scene);
  const maxStates = options.maxStates ?? DEFAULT_MAX_STATES;
  // That somebody waits for a while shows only in the orders that reduction leaves out.
  const reduce = !options.full && system.neverWaits.length === 0;
  const progress = options.progress ? { progress: options.progress } : {};
  const exploration = explore(system, { maxStates, reduce, ...progress });
  const findings = withShortestTraces(system, exploration, reduce, maxStates);
  const expected = [scene.expect].flat().filter((kind) => kind !== 'none');
  const kinds = new Set(findings.map(({ kind }) => kind));
  const wanted = scene.finds ?? [];
  const messages = new Set(findings.map(({ message }) => message));
  const met =
    expected.length === kinds.size &&
    expected.every((kind) => kinds.has(kind)) &&
    wanted.every((message) => messages.has(message));
  return {
    expected,
    wanted,
    findings,
    agrees: met && (exploration.complete || expected.length > 0),
    complete: exploration.complete,
    reduced: reduce,
    states: exploration.states,
    transitions: exploration.transitions,
    unexpanded: exploration.unexpanded,
    interleavings: exploration.interleavings,
    results: new Map([...exploration.results].map(([actor, all]) => [actor, [...all].sort()])),
    actors: system.actors.map(({ name }) => name),
  };
}

/** A reduced exploration keeps one order of each kind, perhaps not the one that gets there first. */
function withShortestTraces(
  system: System,
  exploration: Exploration,
  reduced: boolean,
  maxStates: number,
): FindingReport[] {
  const { findings } = exploration;
  if (findings.size === 0) return [];
  const direct = reduced
    ? explore(system, {
        maxStates,
        reduce: false,
        enough: (found) => [...findings.keys()].every((signature) => found.has(signature)),
      }).findings
    : findings;
  return [...findings]
    .map(([signature, found]) => describe(system, direct.get(signature) ?? found, direct.has(signature)))
    .sort((a, b) => a.trace.length - b.trace.length);
}

/** Follows a schedule again, this time writing down what happens. */
function describe(system: System, { finding, schedule }: Found, shortest: boolean): FindingReport {
  let state = system.space.initial();
  const trace: TraceStep[] = [];
  for (const id of schedule) state = follow(system, state, id, trace);
  const { kind, message, actors } = finding;
  const round = kind === 'endless-output' ? oneRound(system, state, actors) : [];
  // Who waits at its very first step has no part in it unless the finding says so.
  const involved = new Set([...actors, ...trace.map(({ actor }) => actor)]);
  const waits = waitReports(system, state).filter(({ actor }) => involved.has(actor));
  return { kind, message, actors, trace, schedule, shortest, round, waits };
}

function follow(system: System, state: State, id: number, trace: TraceStep[]): State {
  const actor = system.actors[id] as Actor;
  const move = system.attempt(state, actor);
  if (move.kind !== 'move') throw new Error('a trace cannot be repeated');
  if (move.text !== '') trace.push({ actor: actor.name, text: move.text });
  return move.state;
}

/** What an actor does alone until it is back where it was; nothing when others have a part in it. */
function oneRound(system: System, start: State, actors: readonly string[]): TraceStep[] {
  const actor = system.actors.find(({ name }) => name === actors[0]);
  const round: TraceStep[] = [];
  let state = start;
  for (let steps = 0; actor && steps < LONGEST_ROUND; steps++) {
    if (system.attempt(state, actor).kind !== 'move') return [];
    state = follow(system, state, actor.id, round);
    if (stateKey(state) === stateKey(start)) return round;
  }
  return [];
}
