/**
 * The number that a CO-RE relocation stands for: computed once from the program's own types, where it must
 * equal what the compiler put into the instruction, and once from the kernel's, which replaces it.
 */
import {
  BTF_INT_SIGNED,
  type Btf,
  BtfKind,
  type BtfMember,
  type BtfType,
  isEnum,
  type TypeId,
} from '../bpf/btf.ts';
import { CoreKind } from './btf-ext.ts';
import { BadSpec, type CoreSpec, isFieldBased, isTypeBased } from './core-spec.ts';

export interface CoreValue {
  /** Unsigned 64 bits. */
  value: bigint;
  /** Bytes a load of the field takes, 0 when that must not be adjusted. */
  size: number;
  /** Type of the field, with `size`. */
  typeId: TypeId;
  /** Whether the compiler's number can be relied on; it may lay out bitfields in its own way. */
  validate: boolean;
}

/** Value for a specification, or for "not found" (undefined); the result undefined means: poison. */
export function coreValue(kind: CoreKind, spec: CoreSpec | undefined): CoreValue | undefined {
  if (isFieldBased(kind)) {
    if (kind === CoreKind.FieldExists) return plain(spec ? 1n : 0n);
    return spec && fieldValue(kind, spec);
  }
  if (isTypeBased(kind)) return plain(spec ? typeValue(kind, spec) : 0n, kind !== CoreKind.TypeIdTarget);
  if (kind === CoreKind.EnumvalExists) return plain(spec ? 1n : 0n);
  return spec && plain(enumeratorValue(spec));
}

function plain(value: bigint, validate = true): CoreValue {
  return { value, size: 0, typeId: 0, validate };
}

function typeValue(kind: CoreKind, spec: CoreSpec): bigint {
  if (kind === CoreKind.TypeIdTarget) return BigInt(spec.rootId);
  if (kind === CoreKind.TypeSize) return BigInt(spec.btf.sizeOf(spec.rootId));
  return 1n;
}

function enumeratorValue(spec: CoreSpec): bigint {
  const accessor = spec.accessors[0];
  const type = spec.btf.type(accessor?.typeId ?? 0);
  const value = type.values[accessor?.index ?? 0]?.value ?? 0n;
  // 32-bit enumerators count as signed whatever the enum says: instructions hold a signed 32-bit immediate.
  return BigInt.asUintN(64, type.kind === BtfKind.Enum ? BigInt.asIntN(32, value) : value);
}

function fieldValue(kind: CoreKind, spec: CoreSpec): CoreValue {
  const accessor = spec.accessors.at(-1);
  if (!accessor?.name) return elementValue(kind, spec, accessor?.typeId ?? 0);
  const member = spec.btf.type(accessor.typeId).members[accessor.index] as BtfMember;
  const type = spec.btf.resolve(member.type);
  const bitfield = member.bitfieldSize > 0;
  const storage = bitfield
    ? bitfieldStorage(spec.bitOffset, member.bitfieldSize, type.size)
    : { offset: Math.floor(spec.bitOffset / 8), size: spec.btf.sizeOf(type.id) };
  const bits = bitfield ? member.bitfieldSize : storage.size * 8;
  switch (kind) {
    case CoreKind.FieldByteOffset:
      return {
        value: BigInt(storage.offset),
        size: bitfield ? 0 : storage.size,
        typeId: bitfield ? 0 : type.id,
        validate: !bitfield,
      };
    case CoreKind.FieldByteSize:
      return plain(BigInt(storage.size), !bitfield);
    case CoreKind.FieldSigned:
      return plain(isSigned(type) ? 1n : 0n);
    case CoreKind.FieldLshift:
      return plain(leftShift(spec.btf, spec.bitOffset, bits, storage), !bitfield);
    default:
      return plain(BigInt.asUintN(64, BigInt(64 - bits)));
  }
}

function elementValue(kind: CoreKind, spec: CoreSpec, typeId: TypeId): CoreValue {
  const size = spec.btf.sizeOf(typeId);
  if (kind === CoreKind.FieldByteSize) return plain(BigInt(size));
  if (kind !== CoreKind.FieldByteOffset) {
    throw new BadSpec(`relocation kind ${kind} cannot be applied to an array element`);
  }
  return { value: BigInt(Math.floor(spec.bitOffset / 8)), size, typeId, validate: true };
}

interface Storage {
  /** Bytes from the start of the root type. */
  offset: number;
  size: number;
}

/** The smallest aligned integer, from the declared type's size on, that holds the whole bitfield. */
function bitfieldStorage(bitOffset: number, bits: number, declaredSize: number): Storage {
  for (let size = declaredSize; size >= 1 && size <= 8; size *= 2) {
    const offset = Math.floor(bitOffset / 8 / size) * size;
    if (bitOffset + bits - offset * 8 <= size * 8) return { offset, size };
  }
  throw new BadSpec('the bitfield cannot be read with a 64-bit load');
}

function isSigned(type: BtfType): boolean {
  if (isEnum(type.kind)) return type.kindFlag;
  return type.kind === BtfKind.Int && (type.encoding & BTF_INT_SIGNED) !== 0;
}

/** By how much a 64-bit load of the storage must be shifted left for the field to reach the top bit. */
function leftShift(btf: Btf, bitOffset: number, bits: number, storage: Storage): bigint {
  const within = bitOffset - storage.offset * 8;
  const shift = btf.littleEndian ? 64 - (within + bits) : (8 - storage.size) * 8 + within;
  return BigInt.asUintN(64, BigInt(shift));
}
