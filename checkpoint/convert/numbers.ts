/** Numbers in images: ids of things, and integers of 64 bits that are plain numbers in a state. */
import { InputError } from '../../bpf/input-error.ts';
import type { Place } from './image-reader.ts';

export const PAGE_SIZE = 4096;

/** An id of CRIU's is never 0: things are numbered from 1, in the order of their table. */
export function idOf(index: number): number {
  return index + 1;
}

/** The place in a table of what an id names. @throws {InputError} when there is no such thing */
export function indexOf(id: number | bigint, count: number, place: Place, what: string): number {
  if (id < 1 || id > count) throw place.wrong(`there is no ${what} ${id}`);
  return Number(id) - 1;
}

export function smallNumber(value: bigint, place: Place): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw place.wrong(`${value} is too large`);
  return Number(value);
}

/** Of a state, whose numbers are not known to be integers. */
export function wide(value: number, what: string): bigint {
  if (!Number.isSafeInteger(value)) throw new InputError(`${what}: ${value} is no integer`);
  return BigInt(value);
}

/** Numbers of the bits that are set. */
export function bitsOf(set: bigint): number[] {
  const bits: number[] = [];
  for (let bit = 0, rest = set; rest > 0n; bit++, rest >>= 1n) if ((rest & 1n) !== 0n) bits.push(bit);
  return bits;
}

const SET_SIZE = 64;

/** @throws {InputError} for a bit that no set has */
export function setOf(bits: readonly number[], place: Place): bigint {
  let set = 0n;
  for (const bit of bits) {
    if (bit >= SET_SIZE) throw place.wrong(`there is no bit ${bit}`);
    set |= 1n << BigInt(bit);
  }
  return set;
}
