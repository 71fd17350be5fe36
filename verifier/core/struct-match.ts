/** Whether a pointer into one struct is a pointer to another: the same, or nested in it at the offset. */
import {
  areSameTypes,
  isStructAt,
  memberBit,
  memberType,
  sizeAt,
  skipModifiers,
  typeAt,
  vlenAt,
} from './btf.ts';

/** Structs nested in each other that are looked into. */
const MAX_NESTING: i32 = 32;

/** Struct that begins exactly at `off` of the struct, looking into nested ones; 0 for none. */
function nestedAt(btf: u32, id: u32, off: u32): u32 {
  let at = id;
  let left = off;
  for (let depth = 0; depth < MAX_NESTING; depth++) {
    const type = typeAt(btf, at);
    if (left >= sizeAt(type)) return 0;
    let inner: u32 = 0;
    for (let i: u32 = 0; i < vlenAt(type) && inner === 0; i++) {
      const start = memberBit(type, i) >> 3;
      const candidate = skipModifiers(btf, memberType(type, i));
      const member = typeAt(btf, candidate);
      if (start > left || member === 0 || !isStructAt(member) || left - start >= sizeAt(member)) continue;
      inner = candidate;
      left -= start;
    }
    if (inner === 0 || left === 0) return inner;
    at = inner;
  }
  return 0;
}

/** @param strict only the type itself will do. */
export function structIdsMatch(btf: u32, id: u32, off: i32, wantedBtf: u32, wanted: u32, strict: bool): bool {
  if (off === 0 && areSameTypes(btf, id, wantedBtf, wanted)) return true;
  if (strict || off < 0) return false;
  let at = id;
  let left = <u32>off;
  for (let depth = 0; depth < MAX_NESTING; depth++) {
    at = nestedAt(btf, at, left);
    if (at === 0) return false;
    if (areSameTypes(btf, at, wantedBtf, wanted)) return true;
    left = 0;
  }
  return false;
}
