// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/**
 * Objects that programs allocate (bpf_obj_new, bpf_percpu_obj_new), and what owns them: the program, a kptr, a list
 * or a tree. The last owner's end is the object's.
 *
 * Which objects there are stands in private memory; before each, in model memory, only the number of its entry.
 * So a program that drops what is no object, or a link that leads to none, finds nothing.
 *
 * Linux frees the memory of an object after an RCU grace period, which no run of a program outlasts: here dropped
 * objects keep their memory until the next run begins.
 */
import { ObjectField } from '../../bpf/object-abi.ts';
import { privateAlloc, ramAlloc, ramFree } from './heap.ts';
import { initListLinks, nextListed } from './list.ts';
import { cpuCount, currentCpu } from './map.ts';
import { FieldRecord, fieldOf, ObjectType, objectType } from './object-type.ts';
import { toAddress, translate } from './ram.ts';
import { initTreeLinks, leftmost, nextNode } from './rbtree.ts';

const enum Life {
  Unused = 0,
  Live = 1,
  /** Dropped; what it owns is still to be. */
  Dying = 2,
  /** Nothing but memory until the next run. */
  Retired = 3,
}

@unmanaged
class Entry {
  /** Linear offset of the object. */
  offset: u32;
  /** Bytes from there on. */
  size: u32;
  /** Its type's number; 0 for an object without special fields. */
  type: u32;
  life: u32;
  /** Number of the next entry in the same list: unused, dying, retired. */
  next: u32;
}

const ENTRY: u32 = <u32>offsetof<Entry>();
const FIRST: u32 = 64;
const CHUNKS: u32 = 20;
/** Before each object: the number of its entry. */
const PREFIX: u32 = 16;
/** The largest size that Linux's allocator for programs has, less its own link. */
const MAX_OBJECT: u32 = 4096 - 8;
/** Dropped objects that keep their memory at most: beyond that it is used again in the same run. */
const MAX_RETIRED: u32 = 0x1_0000;
/** Of an object for each CPU: the address of the first CPU's copy and the step to the next. */
const PERCPU_HEAD: u32 = 16;

const chunks: usize = memory.data(CHUNKS * 4, 4);
let taken: u32 = 0;
let unused: u32 = 0;
let dying: u32 = 0;
let retired: u32 = 0;
let retiredCount: u32 = 0;
let liveCount: u32 = 0;
let dropping: bool = false;

/** Objects that something owns. */
export function liveObjects(): u32 {
  return liveCount;
}

/** Gives the memory of dropped objects back. */
export function freeRetired(): void {
  while (retired !== 0) {
    const number = retired;
    const entry = entryAt(number)!;
    retired = entry.next;
    ramFree(entry.offset - PREFIX, PREFIX + entry.size);
    entry.life = Life.Unused;
    entry.next = unused;
    unused = number;
  }
  retiredCount = 0;
}

/** A new object of a type; 0 when there is no memory for it. */
export function newObject(number: u32): u64 {
  const type = objectType(number);
  if (type === null || type.size > MAX_OBJECT) return 0;
  const offset = allocate(type.size, number);
  if (offset === 0) return 0;
  initFields(type, offset);
  return toAddress(offset);
}

/** A new object with a copy of its own for each CPU, and no special fields; 0 when there is no memory for it. */
export function newPercpuObject(number: u32): u64 {
  const type = objectType(number);
  if (type === null || type.size > MAX_OBJECT) return 0;
  const stride = (type.size + 7) & ~7;
  const offset = allocate(PERCPU_HEAD + stride * cpuCount, 0);
  if (offset === 0) return 0;
  store<u64>(offset, toAddress(offset + PERCPU_HEAD));
  store<u64>(offset, stride, 8);
  return toAddress(offset);
}

/** Address of one CPU's copy; 0 when there is no such CPU or the object has no copies. */
export function percpuCopy(object: u64, cpu: u64): u64 {
  const head = translate(object, PERCPU_HEAD, false);
  return head === 0 || cpu >= cpuCount ? 0 : load<u64>(head) + cpu * load<u64>(head, 8);
}

export function currentCopy(object: u64): u64 {
  return percpuCopy(object, currentCpu);
}

/** One more reference to an object. @returns false when it is none that counts them, or is being freed already */
export function acquireObject(object: u64): bool {
  const entry = entryAt(numberOf(object));
  if (entry === null) return false;
  const type = objectType(entry.type);
  if (type === null || type.refcount < 0) return false;
  const at = entry.offset + type.refcount;
  const count = load<u32>(at);
  if (count !== 0) store<u32>(at, count + 1);
  return count !== 0;
}

/** One reference less; with the last one goes the object, and all it owns. @returns false when it is none */
export function dropObject(object: u64): bool {
  const number = numberOf(object);
  const entry = entryAt(number);
  if (entry === null || entry.life !== Life.Live) return false;
  const type = objectType(entry.type);
  if (type !== null && !isLastReference(type, entry.offset)) return true;
  entry.life = Life.Dying;
  entry.next = dying;
  dying = number;
  liveCount--;
  if (!dropping) dropDying();
  return true;
}

/** Sets the special fields at a linear offset to what they are in something new. */
export function initFields(type: ObjectType, at: u32): void {
  for (let i: u32 = 0; i < type.fieldCount; i++) {
    const field = fieldOf(type, i);
    const place = at + field.offset;
    memory.fill(place, 0, field.size);
    if (field.kind === ObjectField.Refcount) store<u32>(place, 1);
    else if (isLinked(field.kind)) initListLinks(place, toAddress(place));
    else if (field.kind === ObjectField.TreeNode) initTreeLinks(place, toAddress(place));
  }
}

/** Frees what the special fields at a linear offset own, and leaves them empty. */
export function releaseFields(number: u32, at: u32): void {
  const type = objectType(number);
  if (type === null) return;
  for (let i: u32 = 0; i < type.fieldCount; i++) releaseField(fieldOf(type, i), at);
}

// Not as deep as objects own each other: a drop in a drop waits for its turn.
function dropDying(): void {
  dropping = true;
  while (dying !== 0) {
    const number = dying;
    const entry = entryAt(number)!;
    dying = entry.next;
    releaseFields(entry.type, entry.offset);
    entry.life = Life.Retired;
    entry.next = retired;
    retired = number;
    retiredCount++;
  }
  dropping = false;
}

function releaseField(field: FieldRecord, base: u32): void {
  const at = base + field.offset;
  switch (field.kind) {
    case ObjectField.KptrRef: {
      const owned = load<u64>(at);
      store<u64>(at, 0);
      // What the kernel itself owns counts no references in the model.
      dropObject(owned);
      return;
    }
    case ObjectField.ListHead:
      dropList(at, field.node);
      initListLinks(at, toAddress(at));
      return;
    case ObjectField.TreeRoot:
      dropTree(at, field.node);
      memory.fill(at, 0, field.size);
      return;
    case ObjectField.Timer:
    case ObjectField.KptrUnref:
      memory.fill(at, 0, field.size);
      return;
  }
}

// Their nodes keep the owner that they had, as in Linux: an object that lives on goes to no other list.
function dropList(head: u32, nodeOffset: u32): void {
  let node = nextListed(head);
  for (let left = liveCount; left > 0 && node !== 0 && node !== toAddress(head); left--) {
    const at = translate(node, 8, false);
    if (at === 0) return;
    const next = nextListed(at);
    if (!dropObject(node - nodeOffset)) return;
    node = next;
  }
}

function dropTree(root: u32, nodeOffset: u32): void {
  let node = leftmost(toAddress(root));
  for (let left = liveCount; left > 0 && node !== 0; left--) {
    const next = nextNode(node);
    if (!dropObject(node - nodeOffset)) return;
    node = next;
  }
}

function isLinked(kind: u32): bool {
  return kind === ObjectField.ListHead || kind === ObjectField.ListNode;
}

/** Takes a reference off. A count that is zero already stays: Linux warns and lets the object be. */
function isLastReference(type: ObjectType, offset: u32): bool {
  if (type.refcount < 0) return true;
  const at = offset + type.refcount;
  const count = load<u32>(at);
  if (count !== 0) store<u32>(at, count - 1);
  return count === 1;
}

/** Linear offset of zeroed memory with an entry of its own; 0 when there is none. */
function allocate(size: u32, type: u32): u32 {
  if (retiredCount > MAX_RETIRED) freeRetired();
  const number = takeEntry();
  const block = number === 0 ? 0 : ramAlloc(PREFIX + size, 16);
  if (number === 0) return 0;
  const entry = entryAt(number)!;
  if (block === 0) {
    entry.next = unused;
    unused = number;
    return 0;
  }
  store<u32>(block, number);
  entry.offset = block + PREFIX;
  entry.size = size;
  entry.type = type;
  entry.life = Life.Live;
  liveCount++;
  return entry.offset;
}

/** Number of the entry of the object at an address; 0 when there is none. */
function numberOf(object: u64): u32 {
  const prefix = translate(object - PREFIX, PREFIX, false);
  if (prefix === 0) return 0;
  const number = load<u32>(prefix);
  const entry = entryAt(number);
  // The number stands in memory that programs can write: it only counts when the entry agrees.
  const agrees = entry !== null && entry.life !== Life.Unused && entry.offset === prefix + PREFIX;
  return agrees ? number : 0;
}

function takeEntry(): u32 {
  const number = unused;
  const entry = entryAt(number);
  if (entry !== null) {
    unused = entry.next;
    return number;
  }
  const chunk = chunkOf(taken);
  if (chunk >= CHUNKS) return 0;
  const place = chunks + chunk * 4;
  if (load<u32>(place) === 0) store<u32>(place, privateAlloc(ENTRY * (FIRST << chunk), 8));
  if (load<u32>(place) === 0) return 0;
  return ++taken;
}

function entryAt(number: u32): Entry | null {
  if (number === 0 || number > taken) return null;
  const index = number - 1;
  const chunk = chunkOf(index);
  const first = FIRST * (((<u32>1) << chunk) - 1);
  return changetype<Entry>(load<u32>(chunks + chunk * 4) + (index - first) * ENTRY);
}

function chunkOf(index: u32): u32 {
  return 31 - clz(index / FIRST + 1);
}
