/** Loads and stores through BTF pointers: which member of which struct they meet. */

import { BtfKind } from '../../bpf/btf-kind.ts';
import { Errno } from '../../bpf/errno.ts';
import { MapField, Request } from '../abi.ts';
import { BtfFacts, RecordField, WriteRule } from '../btf-abi.ts';
import { Feature } from '../feature-abi.ts';
import { Flag, Reg } from '../types.ts';
import {
  areSameTypes,
  arrayCount,
  arrayElement,
  isKernelBtf,
  isStructAt,
  isText,
  kindAt,
  kindOf,
  memberBit,
  memberBits,
  memberName,
  memberType,
  nameAt,
  refAt,
  resolvedCount,
  resolvedElement,
  resolvedId,
  resolveSize,
  shownName,
  sizeAt,
  skipModifiers,
  typeAt,
  typeNameBytes,
  vlenAt,
} from './btf.ts';
import { btfFact } from './btf-facts.ts';
import * as env from './env.ts';
import { say, text } from './log.ts';
import { mapWord } from './map-value.ts';
import * as M from './messages.ts';
import { putTnum } from './print.ts';
import { fieldCount, fieldName, fieldOf, fieldWord, structRecord } from './record.ts';
import { RegState, setKnown, setUnknown } from './reg.ts';
import { inheritedFlags } from './trust.ts';

/** What an access met. */
const enum Met {
  /** Not this member, go on with the next. */
  Nothing = 0,
  Scalar = 1,
  Pointer = 2,
  /** The start of a struct inside. */
  Struct = 3,
  /** Something inside a struct inside: the walk goes on there. */
  Inside = 4,
  /** A hole. */
  Hole = 5,
}

const MAX_NESTING: i32 = 64;

/* One walk: where it is, and what it found. */
let btf: u32 = 0;
let off: u32 = 0;
let size: u32 = 0;
/** struct or union that is walked. */
let struct: usize = 0;
/** Struct that was met, or that the pointer met points to. */
let metId: u32 = 0;
let metName: usize = 0;
let flags: u32 = 0;

function structName(): i64 {
  return shownName(nameAt(btf, struct));
}

function refuse(errno: i32): i32 {
  return -errno;
}

/** Flag of a pointer whose target type carries a tag. */
function tagFlag(target: u32): u32 {
  if (kindOf(btf, target) !== BtfKind.TypeTag) return 0;
  const tag = typeNameBytes(btf, target);
  if (isText(tag, 'user')) return Flag.User;
  if (isText(tag, 'percpu')) return Flag.Percpu;
  return isText(tag, 'rcu') ? Flag.Rcu : 0;
}

function meetPointer(pointer: usize, name: usize, start: u32, bytes: u32): i32 {
  if (bytes !== size || off !== start) {
    say(M.POINTER_MEMBER, shownName(name), start, structName(), off, size);
    return refuse(Errno.EACCES);
  }
  const target = skipModifiers(btf, refAt(pointer));
  if (!isStructAt(typeAt(btf, target))) return Met.Nothing;
  metId = target;
  metName = name;
  flags |= tagFlag(refAt(pointer));
  return Met.Pointer;
}

function meetScalar(name: usize, end: u32): i32 {
  if (off + size > end && (flags & Flag.Untrusted) === 0) {
    say(M.BEYOND_MEMBER, shownName(name), end, structName(), off, size);
    return refuse(Errno.EACCES);
  }
  return Met.Scalar;
}

function meetBitfield(index: u32, start: u32): i32 {
  const end = (memberBit(struct, index) + memberBits(struct, index) + 7) >> 3;
  return off <= start && end <= off + size ? Met.Scalar : Met.Nothing;
}

/** What the access has to do with a member. */
function meetMember(index: u32): i32 {
  let start = memberBit(struct, index) >> 3;
  if (off + size <= start) return Met.Hole;
  if (memberBits(struct, index) !== 0) return meetBitfield(index, start);
  if (off < start) return Met.Hole;
  const name = memberName(btf, struct, index);
  const total = resolveSize(btf, memberType(struct, index));
  if (total < 0) {
    say(M.MEMBER_SIZE, shownName(name));
    return refuse(Errno.EFAULT);
  }
  const end = start + <u32>total;
  if (off >= end) return Met.Nothing;
  let bytes = <u32>total;
  let id = resolvedId;
  if (kindOf(btf, id) === BtfKind.Array) {
    // A member that is an array is walked as if its elements were members, but its end stays its own.
    bytes /= resolvedCount;
    id = resolvedElement;
    start += ((off - start) / bytes) * bytes;
  }
  const type = typeAt(btf, id);
  if (isStructAt(type)) {
    struct = type;
    metId = id;
    off -= start;
    return off === 0 ? Met.Struct : Met.Inside;
  }
  if (kindAt(type) === BtfKind.Ptr) {
    const met = meetPointer(type, name, start, bytes);
    if (met !== Met.Nothing) return met;
  }
  return meetScalar(name, end);
}

/** An access behind the struct may be one to the array without a length at its end. */
function meetFlexibleArray(): i32 {
  const count = vlenAt(struct);
  if (count === 0) return Met.Nothing;
  const start = memberBit(struct, count - 1) >> 3;
  const array = typeAt(btf, skipModifiers(btf, memberType(struct, count - 1)));
  if (kindAt(array) !== BtfKind.Array || arrayCount(array) !== 0 || off < start) return Met.Nothing;
  const element = typeAt(btf, skipModifiers(btf, arrayElement(array)));
  if (kindAt(element) === BtfKind.Int) return Met.Scalar;
  if (!isStructAt(element) || sizeAt(element) === 0) return Met.Nothing;
  off = (off - start) % sizeAt(element);
  struct = element;
  return Met.Inside;
}

/** One struct: Scalar, Pointer, Struct, Inside, or a negative errno. */
function meetStruct(flexible: bool): i32 {
  if (!isStructAt(struct)) {
    say(M.NOT_A_STRUCT, structName());
    return refuse(Errno.EINVAL);
  }
  const trust = env.has(Feature.TrustedPointers);
  if (trust && kindAt(struct) === BtfKind.Union && vlenAt(struct) !== 1) flags |= Flag.Untrusted;
  if (off + size > sizeAt(struct)) {
    const met = flexible ? meetFlexibleArray() : Met.Nothing;
    if (met !== Met.Nothing) return met;
    say(M.BEYOND_STRUCT, structName(), off, size);
    return refuse(Errno.EACCES);
  }
  for (let i: u32 = 0; i < vlenAt(struct); i++) {
    const met = meetMember(i);
    if (met === Met.Hole) break;
    if (met !== Met.Nothing) return met;
  }
  say(M.NO_MEMBER, structName(), off);
  return refuse(Errno.EINVAL);
}

/** From a struct down to a scalar, a pointer or (`stopAtStruct`) the start of a struct inside. */
function walk(id: u32, stopAtStruct: bool, flexible: bool): i32 {
  struct = typeAt(btf, skipModifiers(btf, id));
  for (let depth = 0; depth < MAX_NESTING; depth++) {
    const met = meetStruct(flexible);
    if (met < 0 || met === Met.Scalar || met === Met.Pointer) return met;
    if (met === Met.Struct && stopAtStruct) return met;
  }
  return refuse(Errno.EINVAL);
}

/**
 * Whether a pointer `offset` bytes into a struct points to the wanted one: the same, or nested there. Tries are
 * logged as accesses are.
 */
export function structIdsMatch(
  inBtf: u32,
  id: u32,
  offset: i32,
  wantedBtf: u32,
  wanted: u32,
  strict: bool,
  flexible: bool,
): bool {
  if (offset === 0 && areSameTypes(inBtf, id, wantedBtf, wanted)) return true;
  if (strict) return false;
  btf = inBtf;
  off = <u32>offset;
  size = 1;
  flags = 0;
  let at = id;
  for (let depth = 0; depth < MAX_NESTING; depth++) {
    if (walk(at, true, flexible) !== Met.Struct) return false;
    at = metId;
    if (areSameTypes(btf, at, wantedBtf, wanted)) return true;
    off = 0;
  }
  return false;
}

/** Plain accesses to an allocated object must not touch its special fields. */
function checkObjectFields(id: u32, offset: u32, bytes: u32): i32 {
  const record = structRecord(btf, id);
  for (let i: u32 = 0; i < fieldCount(record); i++) {
    const field = fieldOf(record, i);
    const start = fieldWord(field, RecordField.Offset);
    if (offset >= start + fieldWord(field, RecordField.Bytes) || start >= offset + bytes) continue;
    say(M.DIRECT_FIELD, text(fieldName(fieldWord(field, RecordField.Type))));
    return -Errno.EACCES;
  }
  return 0;
}

/** An access to a struct: Met.Scalar, Met.Pointer or a negative errno. */
function accessStruct(inBtf: u32, id: u32, offset: u32, bytes: u32, owned: bool): i32 {
  btf = inBtf;
  off = offset;
  size = bytes;
  flags = 0;
  if (owned) {
    const error = checkObjectFields(id, offset, bytes);
    if (error !== 0) return error;
  }
  const met = walk(id, false, !owned);
  return owned && met === Met.Pointer ? Met.Scalar : met;
}

/* Loaded values. */

/** The register becomes a pointer to a struct. */
export function setBtfPointer(reg: RegState, pointerFlags: u32, inBtf: u32, id: u32): void {
  setKnown(reg, 0);
  reg.type = Reg.BtfId | pointerFlags;
  reg.word0 = inBtf;
  reg.word2 = id;
  if ((pointerFlags & Flag.MaybeNull) !== 0) reg.id = env.newId();
}

function loadMet(value: i32, met: i32, inBtf: u32, pointerFlags: u32): void {
  if (value < 0) return;
  const dst = env.currentReg(value);
  if (met === Met.Pointer) setBtfPointer(dst, pointerFlags, inBtf, metId);
  else setUnknown(dst, !env.bpfCapable);
}

/* Accesses. */

function checkPointer(register: u32, reg: RegState, at: i32, write: bool): i32 {
  const name = <i64>typeNameBytes(reg.word0, reg.word2);
  const guarded = env.has(Feature.StructPermissions);
  if (guarded && !env.allowPtrLeaks) {
    say(M.STRUCT_CAPABILITY, name);
    return -Errno.EPERM;
  }
  if (guarded && env.requestWord(Request.Gpl) === 0 && isKernelBtf(reg.word0)) {
    say(M.STRUCT_LICENCE, name);
    return -Errno.EINVAL;
  }
  if (at < 0) {
    say(M.STRUCT_NEGATIVE, register, name, at);
    return -Errno.EACCES;
  }
  if (reg.mask !== 0 || reg.value !== 0) {
    say(M.STRUCT_VARIABLE, register, name, at);
    putTnum(reg.value, reg.mask);
    say('\n');
    return -Errno.EACCES;
  }
  if ((reg.type & (Flag.User | Flag.Percpu)) !== 0) {
    say((reg.type & Flag.User) !== 0 ? M.STRUCT_USER : M.STRUCT_PERCPU, register, name, at);
    return -Errno.EACCES;
  }
  if (write && (reg.type & Flag.Untrusted) !== 0) {
    say(M.READ_ONLY);
    return -Errno.EACCES;
  }
  return 0;
}

/** A store under the rules of the program type. */
function checkWriteRules(reg: RegState, at: u32, bytes: u32): i32 {
  if (!isKernelBtf(reg.word0)) {
    say(M.BUG_STORE_BTF);
    return -Errno.EFAULT;
  }
  const rules = <usize>btfFact(BtfFacts.Writes);
  const name = <i64>typeNameBytes(reg.word0, reg.word2);
  let known = false;
  for (let i: u32 = 0; i < btfFact(BtfFacts.WriteCount); i++) {
    const rule = rules + i * WriteRule.Size;
    const id = load<u32>(rule, WriteRule.TypeId);
    if (id !== 0 && id !== reg.word2) continue;
    known = true;
    if (at < load<u32>(rule, WriteRule.Start) || at > load<u32>(rule, WriteRule.Last)) continue;
    const end = load<u32>(rule, WriteRule.End);
    if (at + bytes <= end) return 0;
    say(M.STORE_BEYOND, at, bytes, name, end);
    return -Errno.EACCES;
  }
  if (known) say(M.STORE_FORBIDDEN, name, at);
  else say(M.READ_ONLY);
  return -Errno.EACCES;
}

/** An access through the BTF pointer in `register`; `value` is the register loaded, or -1. */
export function checkBtfAccess(register: u32, at: i32, bytes: u32, write: bool, value: i32): i32 {
  const reg = env.currentReg(register);
  const error = checkPointer(register, reg, at, write);
  if (error !== 0) return error;
  const owned = (reg.type & Flag.Alloc) !== 0;
  if (write && !owned && btfFact(BtfFacts.HasWriteRules) !== 0) return checkWriteRules(reg, <u32>at, bytes);
  if (write && !owned) {
    say(M.READ_ONLY);
    return -Errno.EACCES;
  }
  if (owned && (reg.type & (Flag.NonOwnRef | Flag.Rcu)) === 0 && reg.refId === 0) {
    say(M.BUG_OBJECT_REFERENCE);
    return -Errno.EFAULT;
  }
  const inBtf = reg.word0;
  const met = accessStruct(inBtf, reg.word2, <u32>at, bytes, owned);
  if (met < 0) return met;
  const pointerFlags = met === Met.Pointer ? inheritedFlags(reg, metName, metId, flags) : 0;
  if (!write) loadMet(value, met, inBtf, pointerFlags);
  return 0;
}

/** A load of a field of struct bpf_map through a map pointer. */
export function checkMapPointerAccess(register: u32, at: i32, bytes: u32, write: bool, value: i32): i32 {
  const type = mapWord(env.currentReg(register).word0, MapField.Type);
  const structs = <usize>btfFact(BtfFacts.MapStructs);
  const id = structs === 0 || type > 255 ? 0 : load<u32>(structs + type * 4);
  if (id === 0) {
    say(M.MAP_ACCESS_TYPE, type);
    return -Errno.ENOTSUPP;
  }
  const name = <i64>typeNameBytes(env.vmlinuxBtf, id);
  if (!env.allowPtrLeaks) {
    say(M.STRUCT_CAPABILITY, name);
    return -Errno.EPERM;
  }
  if (at < 0) {
    say(M.MAP_ACCESS_NEGATIVE, register, name, at);
    return -Errno.EACCES;
  }
  if (write) {
    say(M.MAP_ACCESS_WRITE, name);
    return -Errno.EACCES;
  }
  const met = accessStruct(env.vmlinuxBtf, id, <u32>at, bytes, false);
  if (met < 0) return met;
  loadMet(value, met, env.vmlinuxBtf, flags);
  return 0;
}
