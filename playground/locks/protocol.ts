/** What the locks view asks its worker. */
import type { Choice, HeldLock, LockWait, SceneReport, StepFinding } from '../../kernel-model/locks/index.ts';

export type {
  Choice,
  FindingReport,
  HeldLock,
  LockWait,
  SceneReport,
  StepFinding,
} from '../../kernel-model/locks/index.ts';

export interface LockService {
  /** @throws with the place of what is wrong. */
  check(text: string, file: string): Promise<void>;
  /** One way through a scene: the steps so far, what is done next, and what can be done then. */
  walk(request: WalkRequest): Promise<Walk>;
  /** All ways; says now and then how many states it has seen. */
  explore(text: string, file: string, options: ExploreOptions): Promise<SceneReport>;
}

export interface ExploreOptions {
  readonly maxStates: number;
  /** Also orders that make no difference. */
  readonly full: boolean;
}

/** What `explore` says while it is under way. */
export interface ExploreProgress {
  readonly states: number;
}

export interface WalkRequest {
  readonly text: string;
  readonly file: string;
  /** Actors in the order of their steps. */
  readonly schedule: readonly number[];
  /** How many of these steps have been made; the rest was taken back and can be made again. */
  readonly cursor: number;
  readonly action: WalkAction;
}

/** What is done at the cursor; anything but a look forgets what was taken back. */
export type WalkAction =
  | { readonly kind: 'look' }
  | { readonly kind: 'step'; readonly actor: number }
  /** Alone, until it waits or is done. */
  | { readonly kind: 'finish'; readonly actor: number }
  /** To the end. */
  | { readonly kind: 'random'; readonly seed: number };

export interface Walk {
  readonly actors: readonly WalkActor[];
  /** As long as it can be followed. */
  readonly schedule: readonly number[];
  readonly cursor: number;
  readonly rows: readonly WalkRow[];
  /** By actor, at the cursor. */
  readonly choices: readonly Choice[];
  /** At the start, before the first row. */
  readonly waits: readonly LockWait[];
  /** No more steps are made: the way has become too long to be shown. */
  readonly full: boolean;
}

export interface WalkActor {
  readonly name: string;
  readonly daemon: boolean;
}

/** A step that is shown, and with it those after it that cannot be seen. */
export interface WalkRow {
  readonly actor: number;
  readonly text: string;
  /** It only decides where its actor goes on: traces leave it out. */
  readonly silent: boolean;
  /** Places in the schedule: after the step, and before the next one that is shown. */
  readonly at: number;
  readonly end: number;
  /** Locks that the step takes and gives back. */
  readonly takes: readonly string[];
  readonly drops: readonly string[];
  readonly held: readonly HeldLock[];
  readonly waits: readonly LockWait[];
  readonly findings: readonly StepFinding[];
}
