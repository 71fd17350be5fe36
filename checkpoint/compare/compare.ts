/** Two checkpoints against each other: one taken before, one of what a restore has made of it. */
import type { CheckpointState, RingState } from '../state.ts';
import { type Difference, differencesOf, NOTHING } from './differences.ts';
import { ITEM_VIEWS } from './items.ts';

export interface ItemResult {
  /** Number in the inventory. */
  readonly item: number;
  /** Whether some ring has this state other than as a new ring has it. */
  readonly present: boolean;
  readonly equal: boolean;
  readonly caveat: string | undefined;
  readonly differences: readonly Difference[];
}

export interface Comparison {
  readonly items: readonly ItemResult[];
  /** Outside of the rings: tasks, credentials, descriptors, memory, files. */
  readonly world: readonly Difference[];
  readonly equal: boolean;
}

/** Between different kernels, what only one of them keeps is no difference. */
export function compareStates(before: CheckpointState, after: CheckpointState): Comparison {
  const migrated = before.kernel !== after.kernel;
  const counts = ({ before: old, after: now }: Difference) =>
    !migrated || (old !== NOTHING && now !== NOTHING);
  const items = Object.keys(ITEM_VIEWS).map((id) => compareItem(Number(id), before, after, counts));
  const world = differencesOf(worldOf(before), worldOf(after)).filter(counts);
  return { items, world, equal: world.length === 0 && items.every(({ equal }) => equal) };
}

function compareItem(
  item: number,
  before: CheckpointState,
  after: CheckpointState,
  counts: (difference: Difference) => boolean,
): ItemResult {
  const { see, caveat } = ITEM_VIEWS[item] as (typeof ITEM_VIEWS)[number];
  const all = (state: CheckpointState) => state.rings.map((ring) => see({ state, ring }));
  const [old, now] = [all(before), all(after)];
  const differences = differencesOf(old, now)
    .filter(counts)
    .map((each) => ({ ...each, path: `ring ${each.path}` }));
  return { item, present: old.some(isSomething), equal: differences.length === 0, caveat, differences };
}

/** Neither nothing, nor zero, nor empty. */
function isSomething(value: unknown): boolean {
  if (value === undefined || value === null || value === 0 || value === 0n || value === false) return false;
  if (value instanceof Uint8Array) return value.some((byte) => byte !== 0);
  if (Array.isArray(value)) return value.some(isSomething);
  return typeof value !== 'object' || Object.values(value).some(isSomething);
}

/** Everything but the rings themselves; which file is a ring stays. */
function worldOf({ rings, kernel: _kernel, hz: _hz, ...world }: CheckpointState): object {
  return { ...world, rings: rings.map(({ file, mm }: RingState) => ({ file, mm })) };
}
