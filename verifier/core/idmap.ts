/** Pairs of ids (old state, current state) that were found to stand for each other in one comparison. */
import { spend } from './effort.ts';

const CAPACITY: u32 = 600;
const pairs: usize = memory.data(600 * 8, 4);
let used: u32 = 0;
/** Ids made up for current registers that have none, above all real ones. */
let temporary: u32 = 0;

/** Pairs looked at in this comparison. */
let looked: u32 = 0;

/** Begins a comparison; `lastId` is the highest id given out so far. */
export function idMapReset(lastId: u32): void {
  // they are looked at in no time
  spend(looked >> 5);
  looked = 0;
  used = 0;
  temporary = lastId;
}

/** Both are unset, or they consistently stand for each other. */
export function sameId(old: u32, current: u32): bool {
  if (old === 0 || current === 0) return old === current;
  looked += used;
  for (let i: u32 = 0; i < used; i++) {
    const at = pairs + i * 8;
    if (load<u32>(at) === old) return load<u32>(at, 4) === current;
    if (load<u32>(at, 4) === current) return false;
  }
  if (used === CAPACITY) return false;
  store<u32>(pairs + used * 8, old);
  store<u32>(pairs + used * 8, current, 4);
  used++;
  return true;
}

/** The current id is the one that was first seen with the old one. */
export function mapsId(old: u32, current: u32): bool {
  looked += used;
  for (let i: u32 = 0; i < used; i++) {
    const at = pairs + i * 8;
    if (load<u32>(at) === old) return load<u32>(at, 4) === current;
  }
  if (used === CAPACITY) return false;
  store<u32>(pairs + used * 8, old);
  store<u32>(pairs + used * 8, current, 4);
  used++;
  return true;
}

/** For scalars: an unlinked old register is safe against anything, an unlinked current one is unique. */
export function sameScalarId(old: u32, current: u32, addConst: u32): bool {
  if (old === 0) return true;
  const id = current !== 0 ? current : ++temporary;
  if (!sameId(old, id)) return false;
  return (old & addConst) === 0 || sameId(old & ~addConst, id & ~addConst);
}
