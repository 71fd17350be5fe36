/**
 * BTF-defined maps: the anonymous struct type of a variable in ".maps" says everything about the map
 * (kernel docs, bpf/btf.rst, "BTF_KIND_DATASEC", and the __uint/__type/__array/__ulong macros of bpf_helpers.h).
 */
import { type Btf, BtfKind, type BtfMember, type BtfType, isEnum } from '../bpf/btf.ts';
import { kindName } from '../bpf/btf-kind-name.ts';
import { InputError } from '../bpf/input-error.ts';
import { MapType } from './prog-type.ts';
import type { MapDef } from './program.ts';

export const MAPS_SECTION = '.maps';
const PAGE = 4096;
/** LIBBPF_PIN_BY_NAME */
const MAX_PINNING = 1;
const SLOT_VALUE_SIZE = 4;
/** More than there are attributes. */
const MAX_FIELDS = 32;

export function emptyMap(name: string, section: string): MapDef {
  return {
    name,
    type: MapType.Unspec,
    keySize: 0,
    valueSize: 0,
    maxEntries: 0,
    flags: 0,
    mapExtra: 0n,
    keyTypeId: 0,
    valueTypeId: 0,
    pinning: 0,
    numaNode: 0,
    section,
  };
}

/** @throws {InputError} when the struct does not describe a map. */
export function parseMapDef(btf: Btf, name: string, struct: BtfType): MapDef {
  const map = new Parser(btf, name, false).parse(struct);
  if (map.inner) fitToKernel(map.inner);
  fitToKernel(map);
  return map;
}

export function isMapInMap(type: number): boolean {
  return type === MapType.ArrayOfMaps || type === MapType.HashOfMaps;
}

class Parser {
  private readonly btf: Btf;
  private readonly map: MapDef;
  private readonly isInner: boolean;

  constructor(btf: Btf, name: string, isInner: boolean) {
    this.btf = btf;
    this.isInner = isInner;
    this.map = emptyMap(name, MAPS_SECTION);
  }

  parse(struct: BtfType): MapDef {
    if (struct.members.length > MAX_FIELDS) throw this.error(`${struct.members.length} fields.`);
    for (const [index, member] of struct.members.entries()) {
      this.member(member, index === struct.members.length - 1);
    }
    if (this.map.type === MapType.Unspec) throw this.error("map type isn't specified.");
    return this.map;
  }

  private member(member: BtfMember, isLast: boolean): void {
    const { map } = this;
    switch (member.name) {
      case 'type':
        map.type = this.number(member);
        break;
      case 'max_entries':
        map.maxEntries = this.number(member);
        break;
      case 'map_flags':
        map.flags = this.number(member);
        break;
      case 'numa_node':
        map.numaNode = this.number(member);
        break;
      case 'map_extra':
        map.mapExtra = this.longNumber(member);
        break;
      case 'key_size':
        map.keySize = this.agree('key', map.keySize, this.number(member));
        break;
      case 'value_size':
        map.valueSize = this.agree('value', map.valueSize, this.number(member));
        break;
      case 'key':
        map.keyTypeId = this.pointee(member);
        map.keySize = this.agree('key', map.keySize, this.btf.sizeOf(map.keyTypeId));
        break;
      case 'value':
        map.valueTypeId = this.pointee(member);
        map.valueSize = this.agree('value', map.valueSize, this.btf.sizeOf(map.valueTypeId));
        break;
      case 'values':
        this.values(member, isLast);
        break;
      case 'pinning':
        map.pinning = this.pinning(member);
        break;
      default:
        throw this.error(`unknown field '${member.name}'.`);
    }
  }

  /** `__uint(name, value)`: a pointer to an array of `value` elements. */
  private number(member: BtfMember): number {
    const pointer = this.btf.resolve(member.type);
    const fail = (expected: string, { kind }: BtfType) =>
      this.error(`attr '${member.name}': expected ${expected}, got ${kindName(kind)}.`);
    if (pointer.kind !== BtfKind.Ptr) throw fail('PTR', pointer);
    const array = this.btf.type(pointer.type);
    if (array.kind !== BtfKind.Array) throw fail('ARRAY', array);
    return array.count;
  }

  /** `__ulong(name, value)`: an enum whose only enumerator has the value; or a `__uint`. */
  private longNumber(member: BtfMember): bigint {
    const type = this.btf.resolve(member.type);
    if (type.kind === BtfKind.Ptr) return BigInt(this.number(member));
    const value = type.values[0]?.value;
    if (!isEnum(type.kind)) {
      throw this.error(`attr '${member.name}': expected ENUM or ENUM64, got ${kindName(type.kind)}.`);
    }
    if (value === undefined || type.values.length > 1) {
      throw this.error(`attr '${member.name}': invalid __ulong`);
    }
    return BigInt.asUintN(64, type.kind === BtfKind.Enum ? BigInt.asIntN(32, value) : value);
  }

  private pointee(member: BtfMember): number {
    const type = this.btf.type(member.type);
    if (type.kind !== BtfKind.Ptr)
      throw this.error(`${member.name} spec is not PTR: ${kindName(type.kind)}.`);
    return type.type;
  }

  private agree(what: string, before: number, size: number): number {
    if (before !== 0 && before !== size) throw this.error(`conflicting ${what} size ${before} != ${size}.`);
    return size;
  }

  /** `__array(values, type)`: inner maps, or programs of a prog array. */
  private values(member: BtfMember, isLast: boolean): void {
    const { btf, map } = this;
    const isProgArray = map.type === MapType.ProgArray;
    const what = isProgArray ? 'prog-array value' : 'map-in-map inner';
    if (this.isInner) throw this.error('multi-level inner maps not supported.');
    if (!isLast) throw this.error("'values' member should be last.");
    if (!isMapInMap(map.type) && !isProgArray) throw this.error('should be map-in-map or prog-array.');
    map.valueSize = this.agree('value', map.valueSize, SLOT_VALUE_SIZE);
    const array = btf.type(member.type);
    if (array.kind !== BtfKind.Array || array.count !== 0) {
      throw this.error(`${what} spec is not a zero-sized array.`);
    }
    const pointer = btf.resolve(array.type);
    if (pointer.kind !== BtfKind.Ptr) {
      throw this.error(`${what} def is of unexpected kind ${kindName(pointer.kind)}.`);
    }
    const definition = btf.resolve(pointer.type);
    const expected = isProgArray ? BtfKind.FuncProto : BtfKind.Struct;
    if (definition.kind !== expected) {
      throw this.error(`${what} def is of unexpected kind ${kindName(definition.kind)}.`);
    }
    if (!isProgArray) map.inner = new Parser(btf, `${map.name}.inner`, true).parse(definition);
  }

  private pinning(member: BtfMember): number {
    if (this.isInner) throw this.error("inner def can't be pinned.");
    const value = this.number(member);
    if (value > MAX_PINNING) throw this.error(`invalid pinning value ${value}.`);
    return value;
  }

  private error(reason: string): InputError {
    const place = this.btf.error('');
    return new InputError(`map '${this.map.name}': ${reason}`, { file: place.file, section: MAPS_SECTION });
  }
}

/** What libbpf changes before it creates the map. */
function fitToKernel(map: MapDef): void {
  if (map.type === MapType.Ringbuf || map.type === MapType.UserRingbuf) {
    map.maxEntries = ringbufSize(map.maxEntries);
  }
  if (hasNoBtf(map.type)) {
    map.keyTypeId = 0;
    map.valueTypeId = 0;
  }
}

/** Ring buffers take a power of two of pages; other sizes are raised to the next one. */
function ringbufSize(size: number): number {
  if (size === 0) return 0;
  const pages = size / PAGE;
  if (Number.isInteger(pages) && (pages & (pages - 1)) === 0) return size;
  for (let next = PAGE; next <= 0x8000_0000; next *= 2) if (next > size) return next;
  return size;
}

/** Kinds of maps whose keys and values the kernel takes no type of. */
function hasNoBtf(type: number): boolean {
  switch (type) {
    case MapType.PerfEventArray:
    case MapType.CgroupArray:
    case MapType.StackTrace:
    case MapType.ArrayOfMaps:
    case MapType.HashOfMaps:
    case MapType.Devmap:
    case MapType.DevmapHash:
    case MapType.Cpumap:
    case MapType.Xskmap:
    case MapType.Sockmap:
    case MapType.Sockhash:
    case MapType.Queue:
    case MapType.Stack:
    case MapType.Arena:
      return true;
    default:
      return false;
  }
}
