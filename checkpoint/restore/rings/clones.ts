/** Buffers that several rings share: cloning takes a whole table, into a ring that has none yet. */
import type { BufferState, CheckpointState, RingState } from '../../state.ts';

type Rings = CheckpointState['rings'];

/** The earlier ring whose table a ring's is a copy of, with later changes; undefined when it shares nothing. */
export function cloneSource(rings: Rings, index: number): number | undefined {
  const buffers = rings[index]?.buffers ?? [];
  const shared = [...buffers.keys()].filter((slot) => buffers[slot]?.cloneOf);
  if (shared.length === 0) return undefined;
  const found = rings.findIndex(
    (other, i) =>
      i < index &&
      other.buffers?.length === buffers.length &&
      shared.every((slot) => identity(other, i, slot) === identity(rings[index], index, slot)),
  );
  return found < 0 ? undefined : found;
}

/** Why a ring's shared buffers cannot be shared again; undefined when they can. */
export function cloneProblem(rings: Rings, index: number): string | undefined {
  const buffers = rings[index]?.buffers ?? [];
  if (buffers.every((buffer) => !buffer?.cloneOf)) return undefined;
  if (buffers.some((buffer) => buffer?.cloneOf && buffer.tag !== 0n))
    return 'buffers that it shares have tags';
  return cloneSource(rings, index) === undefined
    ? 'it shares buffers, and no other ring has all of them in the same slots'
    : undefined;
}

/** Names the buffer in a slot by where it is first seen. */
function identity(ring: RingState | undefined, index: number, slot: number): string | undefined {
  const buffer: BufferState | undefined = ring?.buffers?.[slot];
  if (!buffer) return undefined;
  return buffer.cloneOf ? `${buffer.cloneOf.ring} ${buffer.cloneOf.index}` : `${index} ${slot}`;
}
