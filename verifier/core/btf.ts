/**
 * BTF inside the core: an index over a blob that the host has checked and copied in. A split BTF (module)
 * continues the ids and string offsets of its base. Ids that no type has read as void.
 */
import { BtfKind } from '../../bpf/btf-kind.ts';
import { allocate, allocateKept } from './arena.ts';

/** Whose types they are. */
export const enum Origin {
  Vmlinux = 0,
  Module = 1,
  Program = 2,
}

/** Longest chain of modifiers that is followed. */
const MAX_DEPTH: i32 = 32;
const POINTER_BYTES: u32 = 8;
/** Bytes of a type record before what its kind adds. */
const HEAD: u32 = 12;
const MEMBER_BYTES: u32 = 12;

@unmanaged
class BtfIndex {
  base: u32;
  origin: u32;
  /** First id of the blob's own types, and one more than the last. */
  firstId: u32;
  endId: u32;
  /** Address of each own type's record. */
  records: u32;
  /** First own string, as offset of the combined section, one past the last, and where it stands. */
  firstString: u32;
  endString: u32;
  strings: u32;
  /** Section of the variables that each CPU has its own of, 0 for none. */
  percpuSection: u32;
}

const INDEX_BYTES: u32 = 36;
const PERCPU_SECTION: string = '.data..percpu';
const VOID: usize = memory.data(16, 8);
const EMPTY: usize = memory.data<u8>([0]);

function view(btf: u32): BtfIndex {
  return changetype<BtfIndex>(<usize>btf);
}

function trailerBytes(kind: u32, vlen: u32): u32 {
  switch (kind) {
    case BtfKind.Int:
    case BtfKind.Var:
    case BtfKind.DeclTag:
      return 4;
    case BtfKind.Array:
      return 12;
    case BtfKind.Struct:
    case BtfKind.Union:
    case BtfKind.Datasec:
    case BtfKind.Enum64:
      return vlen * 12;
    case BtfKind.Enum:
    case BtfKind.FuncProto:
      return vlen * 8;
    default:
      return 0;
  }
}

/** Writes the address of each type's record to `table` (0: only counts). The number of types. */
function scanTypes(start: usize, end: usize, table: usize): u32 {
  let count: u32 = 0;
  let at = start;
  while (at + HEAD <= end) {
    if (table !== 0) store<u32>(table + count * 4, <u32>at);
    count++;
    at += HEAD + trailerBytes(kindAt(at), vlenAt(at));
  }
  return count;
}

/**
 * Indexes a blob of the host's that passed its checks. Kernel BTF is kept for all requests; that of modules
 * and programs goes with the request. 0 when there is no memory for it.
 * @param base Btf that a split BTF continues, 0 for none.
 */
export function openBtf(data: usize, length: u32, base: u32, origin: u32): u32 {
  const kept = origin === Origin.Vmlinux;
  const types = data + load<u32>(data, 4) + load<u32>(data, 8);
  const typesEnd = types + load<u32>(data, 12);
  const count = scanTypes(types, min(typesEnd, data + length), 0);
  const bytes = INDEX_BYTES + count * 4;
  const at = kept ? allocateKept(bytes) : allocate(bytes);
  if (at === 0) return 0;
  const index = changetype<BtfIndex>(at);
  index.base = base;
  index.origin = origin;
  index.firstId = base !== 0 ? view(base).endId : 1;
  index.endId = index.firstId + count;
  index.records = <u32>at + INDEX_BYTES;
  index.firstString = base !== 0 ? view(base).endString : 0;
  index.endString = index.firstString + load<u32>(data, 20);
  index.strings = <u32>data + load<u32>(data, 4) + load<u32>(data, 16);
  scanTypes(types, typesEnd, at + INDEX_BYTES);
  index.percpuSection = findPercpuSection(<u32>at);
  return <u32>at;
}

function findPercpuSection(btf: u32): u32 {
  for (let id = view(btf).firstId; id < view(btf).endId; id++) {
    if (kindOf(btf, id) === BtfKind.Datasec && isText(typeNameBytes(btf, id), PERCPU_SECTION)) return id;
  }
  return 0;
}

/** Whether each CPU has its own copy of a variable. */
export function isPercpuVar(btf: u32, id: u32): bool {
  const section = view(btf).percpuSection;
  const type = typeAt(btf, section);
  for (let i: u32 = 0; section !== 0 && i < vlenAt(type); i++) {
    if (sectionVar(type, i) === id) return true;
  }
  return false;
}

/** Whether the types are the kernel's or a module's, not a program's. */
export function isKernelBtf(btf: u32): bool {
  return btf !== 0 && view(btf).origin !== Origin.Program;
}

export function isModuleBtf(btf: u32): bool {
  return btf !== 0 && view(btf).origin === Origin.Module;
}

/** One more than the highest id. */
export function typeCount(btf: u32): u32 {
  return btf === 0 ? 1 : view(btf).endId;
}

/** Record of a type; that of void when there is no such type. */
export function typeAt(btf: u32, id: u32): usize {
  let index = btf;
  while (index !== 0 && id < view(index).firstId) index = view(index).base;
  if (index === 0 || id >= view(index).endId) return VOID;
  return <usize>load<u32>(<usize>view(index).records + (id - view(index).firstId) * 4);
}

export function hasType(btf: u32, id: u32): bool {
  return id === 0 || typeAt(btf, id) !== VOID;
}

/* Fields of a record. */

export function kindAt(type: usize): u32 {
  return (load<u32>(type, 4) >>> 24) & 0x1f;
}

export function vlenAt(type: usize): u32 {
  return load<u32>(type, 4) & 0xffff;
}

function kindFlagAt(type: usize): bool {
  return load<u32>(type, 4) >>> 31 !== 0;
}

/** Bytes of a sized type. */
export function sizeAt(type: usize): u32 {
  return load<u32>(type, 8);
}

/** What a pointer, modifier, function, variable or tag refers to. */
export function refAt(type: usize): u32 {
  return load<u32>(type, 8);
}

export function kindOf(btf: u32, id: u32): u32 {
  return kindAt(typeAt(btf, id));
}

export function refOf(btf: u32, id: u32): u32 {
  return refAt(typeAt(btf, id));
}

/** NUL-terminated string at an offset of the combined string section; empty when there is none. */
export function stringAt(btf: u32, offset: u32): usize {
  let index = btf;
  while (index !== 0 && offset < view(index).firstString) index = view(index).base;
  if (index === 0 || offset >= view(index).endString) return EMPTY;
  return <usize>view(index).strings + (offset - view(index).firstString);
}

/** Whether an offset lies in the combined string section. */
export function hasString(btf: u32, offset: u32): bool {
  return btf !== 0 && offset < view(btf).endString;
}

/** Name of a type, NUL-terminated. */
export function typeNameBytes(btf: u32, id: u32): usize {
  return nameAt(btf, typeAt(btf, id));
}

export function nameAt(btf: u32, type: usize): usize {
  return stringAt(btf, load<u32>(type));
}

const ANONYMOUS: usize = memory.data<u8>([0x28, 0x61, 0x6e, 0x6f, 0x6e, 0x29, 0]);

/** A name as messages about structs and their members have it. */
export function shownName(name: usize): i64 {
  return <i64>(load<u8>(name) === 0 ? ANONYMOUS : name);
}

export function sameString(a: usize, b: usize): bool {
  let i: usize = 0;
  while (load<u8>(a + i) === load<u8>(b + i)) {
    if (load<u8>(a + i) === 0) return true;
    i++;
  }
  return false;
}

/** Whether a NUL-terminated string is (or begins with) a text. */
export function isText(at: usize, text: string, prefixOnly: bool = false): bool {
  const length = text.length;
  for (let i = 0; i < length; i++) {
    if (<i32>load<u8>(at + i) !== text.charCodeAt(i)) return false;
  }
  return prefixOnly || load<u8>(at + length) === 0;
}

export function stringLength(at: usize): u32 {
  let length: u32 = 0;
  while (load<u8>(at + length) !== 0) length++;
  return length;
}

/** Whether a name ends in `suffix` and is longer than it. */
export function hasSuffix(at: usize, suffix: string): bool {
  const length = stringLength(at);
  const tail = <u32>suffix.length;
  return length > tail && isText(at + length - tail, suffix);
}

/* Kinds of types. */

export function isModifierKind(kind: u32): bool {
  switch (kind) {
    case BtfKind.Typedef:
    case BtfKind.Volatile:
    case BtfKind.Const:
    case BtfKind.Restrict:
    case BtfKind.TypeTag:
      return true;
    default:
      return false;
  }
}

/** struct or union */
export function isStructAt(type: usize): bool {
  const kind = kindAt(type);
  return kind === BtfKind.Struct || kind === BtfKind.Union;
}

export function isEnumAt(type: usize): bool {
  const kind = kindAt(type);
  return kind === BtfKind.Enum || kind === BtfKind.Enum64;
}

/** int or enum of at most eight bytes that starts on its first bit. */
export function isSmallIntAt(type: usize): bool {
  return kindAt(type) === BtfKind.Int && sizeAt(type) <= 8 && (sizeAt(type) & (sizeAt(type) - 1)) === 0;
}

/** Id behind const, volatile, restrict, type tags and typedefs. */
export function skipModifiers(btf: u32, id: u32): u32 {
  let at = id;
  for (let depth = 0; depth < MAX_DEPTH && isModifierKind(kindOf(btf, at)); depth++) at = refOf(btf, at);
  return at;
}

/** "STRUCT", "INT"...: the kind as messages spell it. */
export function kindName(kind: u32): string {
  switch (kind) {
    case BtfKind.Void:
      return 'UNKNOWN';
    case BtfKind.Int:
      return 'INT';
    case BtfKind.Ptr:
      return 'PTR';
    case BtfKind.Array:
      return 'ARRAY';
    case BtfKind.Struct:
      return 'STRUCT';
    case BtfKind.Union:
      return 'UNION';
    case BtfKind.Enum:
      return 'ENUM';
    case BtfKind.Fwd:
      return 'FWD';
    case BtfKind.Typedef:
      return 'TYPEDEF';
    case BtfKind.Volatile:
      return 'VOLATILE';
    case BtfKind.Const:
      return 'CONST';
    case BtfKind.Restrict:
      return 'RESTRICT';
    case BtfKind.Func:
      return 'FUNC';
    case BtfKind.FuncProto:
      return 'FUNC_PROTO';
    case BtfKind.Var:
      return 'VAR';
    case BtfKind.Datasec:
      return 'DATASEC';
    case BtfKind.Float:
      return 'FLOAT';
    case BtfKind.DeclTag:
      return 'DECL_TAG';
    case BtfKind.TypeTag:
      return 'TYPE_TAG';
    default:
      return 'ENUM64';
  }
}

/* Members of structs, parameters of prototypes, parts of arrays and sections. */

function member(type: usize, index: u32): usize {
  return type + HEAD + index * MEMBER_BYTES;
}

export function memberName(btf: u32, type: usize, index: u32): usize {
  return stringAt(btf, load<u32>(member(type, index)));
}

export function memberType(type: usize, index: u32): u32 {
  return load<u32>(member(type, index), 4);
}

/** Bits from the start of the struct. */
export function memberBit(type: usize, index: u32): u32 {
  const offset = load<u32>(member(type, index), 8);
  return kindFlagAt(type) ? offset & 0xff_ffff : offset;
}

/** Width of a bitfield, 0 for other members. */
export function memberBits(type: usize, index: u32): u32 {
  return kindFlagAt(type) ? load<u32>(member(type, index), 8) >>> 24 : 0;
}

export function paramName(btf: u32, proto: usize, index: u32): usize {
  return stringAt(btf, load<u32>(proto + HEAD + index * 8));
}

export function paramType(proto: usize, index: u32): u32 {
  return load<u32>(proto + HEAD + index * 8, 4);
}

export function arrayElement(type: usize): u32 {
  return load<u32>(type, 12);
}

export function arrayCount(type: usize): u32 {
  return load<u32>(type, 20);
}

/** Type of the section's variable `index`. */
export function sectionVar(type: usize, index: u32): u32 {
  return load<u32>(member(type, index));
}

/** Part that a declaration tag is on, -1 for the type itself. */
export function tagComponent(type: usize): i32 {
  return load<i32>(type, 12);
}

/* Sizes. */

/** What `resolveSize` found besides the bytes: the type, the elements of all dimensions and their type. */
export let resolvedId: u32 = 0;
export let resolvedElement: u32 = 0;
export let resolvedCount: u32 = 0;

/** Bytes of a value of the type, -1 when it has no size. */
export function resolveSize(btf: u32, id: u32): i64 {
  let count: u64 = 1;
  let at = skipModifiers(btf, id);
  resolvedId = at;
  for (let depth = 0; depth < MAX_DEPTH && kindOf(btf, at) === BtfKind.Array; depth++) {
    const type = typeAt(btf, at);
    count *= arrayCount(type);
    if (count > <u64>u32.MAX_VALUE) return -1;
    at = skipModifiers(btf, arrayElement(type));
  }
  resolvedElement = at;
  resolvedCount = <u32>count;
  const type = typeAt(btf, at);
  let bytes: u64 = 0;
  switch (kindAt(type)) {
    case BtfKind.Int:
    case BtfKind.Struct:
    case BtfKind.Union:
    case BtfKind.Enum:
    case BtfKind.Enum64:
    case BtfKind.Float:
      bytes = sizeAt(type);
      break;
    case BtfKind.Ptr:
      bytes = POINTER_BYTES;
      break;
    default:
      return -1;
  }
  const total = count * bytes;
  return total > <u64>u32.MAX_VALUE ? -1 : <i64>total;
}

/* Search. */

/** First type of a kind with this name, 0 when there is none. */
export function findByName(btf: u32, name: usize, kind: u32): u32 {
  const end = typeCount(btf);
  for (let id: u32 = 1; id < end; id++) {
    const type = typeAt(btf, id);
    if (kindAt(type) === kind && sameString(nameAt(btf, type), name)) return id;
  }
  return 0;
}

/** Next declaration tag after `after` on a part of a type whose text begins with `prefix`; 0 for none. */
export function nextDeclTag(btf: u32, target: u32, component: i32, prefix: string, after: u32): u32 {
  const end = typeCount(btf);
  for (let id = max(after, target) + 1; id < end; id++) {
    const type = typeAt(btf, id);
    if (kindAt(type) !== BtfKind.DeclTag || refAt(type) !== target) continue;
    if (tagComponent(type) === component && isText(nameAt(btf, type), prefix, true)) return id;
  }
  return 0;
}

/** Whether two ids name the same type: equal, and of one BTF or of the base they share. */
export function areSameTypes(btf: u32, id: u32, otherBtf: u32, otherId: u32): bool {
  if (id !== otherId) return false;
  return btf === otherBtf || typeAt(btf, id) === typeAt(otherBtf, otherId);
}
