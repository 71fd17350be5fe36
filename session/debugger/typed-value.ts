/**
 * Memory as a tree of C values. A tree opens only as far as it is asked to: each value has a path, and those values
 * have children whose path is among the open ones. A pointer's children are those of what it points at.
 */
import {
  BTF_INT_BOOL,
  BTF_INT_SIGNED,
  type Btf,
  BtfKind,
  type BtfType,
  isComposite,
  type TypeId,
} from '../../bpf/btf.ts';
import { typeName } from './type-name.ts';

/** The bytes at an address; null where nothing is. */
export type ReadBytes = (address: bigint, length: number) => Uint8Array | null;

export interface TypedValue {
  readonly name: string;
  readonly type: string;
  /** On one line. */
  readonly value: string;
  /** In hexadecimal. */
  readonly address: string;
  readonly path: string;
  /** There is something in it to open. */
  readonly opens: boolean;
  /** Absent as long as it is closed. */
  readonly children?: readonly TypedValue[];
}

export interface ValueOptions {
  readonly read: ReadBytes;
  /** What stands at an address, in a few words; "" when it is nothing known. */
  readonly describe: (address: bigint) => string;
  readonly open: ReadonlySet<string>;
}

/** Elements of an array that are shown. */
const MOST_ELEMENTS = 128;
/** Values in one tree. */
const MOST_VALUES = 4000;
const MOST_TEXT = 64;
/** From here on numbers are rather addresses or bits. */
const ADDRESSES = 1n << 48n;
/** Anonymous members within each other. */
const MOST_NESTED = 16;
/** Kinds that can be shown and pointed at. */
const FUNCTION = new Set([BtfKind.FuncProto, BtfKind.Func]);

interface Place {
  readonly name: string;
  readonly path: string;
  readonly type: TypeId;
  readonly address: bigint;
  readonly bits?: { readonly offset: number; readonly size: number };
}

export class ValueReader {
  private readonly btf: Btf;
  private readonly options: ValueOptions;
  private values = 0;

  constructor(btf: Btf, options: ValueOptions) {
    this.btf = btf;
    this.options = options;
  }

  /** @param count of an array of such values; undefined for one. */
  read(name: string, path: string, type: TypeId, address: bigint, count?: number): TypedValue {
    if (count === undefined) return this.value({ name, path, type, address });
    const elements = { type, count };
    return {
      name,
      type: `${typeName(this.btf, type)}[${count}]`,
      value: this.arrayText(elements, address),
      address: hex(address),
      path,
      opens: true,
      ...(this.isOpen(path) ? { children: this.elements(elements, path, address) } : {}),
    };
  }

  private value(place: Place): TypedValue {
    this.values++;
    const type = this.btf.resolve(place.type);
    const children = this.childrenOf(place, type);
    return {
      name: place.name,
      type: `${typeName(this.btf, place.type)}${place.bits ? ` : ${place.bits.size}` : ''}`,
      value: this.text(place, type),
      address: hex(place.address),
      path: place.path,
      opens: children !== undefined,
      ...(children && this.isOpen(place.path) && this.values < MOST_VALUES ? { children: children() } : {}),
    };
  }

  private isOpen(path: string): boolean {
    return this.options.open.has(path);
  }

  /** How to get what is in it; undefined when there is nothing. */
  private childrenOf({ path, address }: Place, type: BtfType): (() => TypedValue[]) | undefined {
    if (isComposite(type.kind))
      return type.members.length > 0 ? () => this.members(type, path, address) : undefined;
    if (type.kind === BtfKind.Datasec) return () => this.variables(type, path, address);
    if (type.kind === BtfKind.Array)
      return type.count > 0 ? () => this.elements(type, path, address) : undefined;
    return type.kind === BtfKind.Ptr ? this.pointee(type, path, address) : undefined;
  }

  private pointee(pointer: BtfType, path: string, address: bigint): (() => TypedValue[]) | undefined {
    const target = this.btf.resolve(pointer.type);
    const to = this.word(address);
    if (!to || target.kind === BtfKind.Void || target.kind === BtfKind.Fwd || FUNCTION.has(target.kind))
      return undefined;
    if (this.options.read(to, 1) === null) return undefined;
    if (isComposite(target.kind) && target.members.length > 0) return () => this.members(target, path, to);
    return () => [this.value({ name: '*', path: `${path}.*`, type: pointer.type, address: to })];
  }

  /** Those of an anonymous struct or union are its own, as in C. */
  private members(type: BtfType, path: string, address: bigint, depth = 0): TypedValue[] {
    return type.members.flatMap((member, index) => {
      const place = {
        name: member.name,
        path: `${path}.${member.name || index}`,
        type: member.type,
        address: address + BigInt(member.bitOffset >>> 3),
      };
      const inner = this.btf.resolve(member.type);
      if (member.name === '' && isComposite(inner.kind) && depth < MOST_NESTED)
        return this.members(inner, place.path, place.address, depth + 1);
      const bits = member.bitfieldSize;
      return [
        this.value(bits === 0 ? place : { ...place, bits: { offset: member.bitOffset & 7, size: bits } }),
      ];
    });
  }

  private variables(section: BtfType, path: string, address: bigint): TypedValue[] {
    return section.vars.map(({ type, offset }) => {
      const name = this.btf.name(type);
      return this.value({
        name,
        path: `${path}.${name}`,
        type: this.btf.type(type).type,
        address: address + BigInt(offset),
      });
    });
  }

  private elements(array: Pick<BtfType, 'type' | 'count'>, path: string, address: bigint): TypedValue[] {
    const step = BigInt(this.btf.sizeOf(array.type));
    const shown = Math.min(array.count, MOST_ELEMENTS);
    const elements = Array.from({ length: shown }, (_, index) =>
      this.value({
        name: `[${index}]`,
        path: `${path}.${index}`,
        type: array.type,
        address: address + step * BigInt(index),
      }),
    );
    if (shown === array.count) return elements;
    const rest = {
      type: '',
      value: `${array.count - shown} more`,
      address: '',
      path: `${path}.rest`,
      opens: false,
    };
    return [...elements, { name: '…', ...rest }];
  }

  private text({ address, bits }: Place, type: BtfType): string {
    switch (type.kind) {
      case BtfKind.Int:
      case BtfKind.Enum:
      case BtfKind.Enum64:
        return this.numberText(type, address, bits);
      case BtfKind.Ptr:
        return this.pointerText(type, address);
      case BtfKind.Array:
        return this.arrayText(type, address);
      case BtfKind.Struct:
      case BtfKind.Union:
        return this.structText(type, address);
      case BtfKind.Datasec:
        return `${type.vars.length} variable${type.vars.length === 1 ? '' : 's'}`;
      default:
        return '';
    }
  }

  private numberText(type: BtfType, address: bigint, bits: Place['bits']): string {
    const size = bits ? Math.ceil((bits.offset + bits.size) / 8) : type.size;
    const bytes = this.options.read(address, size);
    if (!bytes) return 'not mapped';
    const width = bits?.size ?? 8 * type.size;
    const raw = BigInt.asUintN(width, littleEndian(bytes) >> BigInt(bits?.offset ?? 0));
    if (type.kind !== BtfKind.Int) {
      const found = type.values.find(({ value }) => BigInt.asUintN(width, value) === raw);
      return found ? `${found.name} (${found.value})` : `${raw}`;
    }
    if ((type.encoding & BTF_INT_BOOL) !== 0) return raw === 0n ? 'false' : raw === 1n ? 'true' : `${raw}`;
    const value = (type.encoding & BTF_INT_SIGNED) !== 0 ? BigInt.asIntN(width, raw) : raw;
    if (isCharacter(type) && raw >= 0x20n && raw < 0x7fn)
      return `${value} '${String.fromCharCode(Number(raw))}'`;
    if (value >= ADDRESSES) return hex(value);
    return value > 9n ? `${value} (0x${raw.toString(16)})` : `${value}`;
  }

  private pointerText(pointer: BtfType, address: bigint): string {
    const to = this.word(address);
    if (to === undefined) return 'not mapped';
    if (to === 0n) return 'NULL';
    const target = this.btf.resolve(pointer.type);
    const text = isCharacter(target) ? this.stringAt(to) : undefined;
    const what = text === undefined ? this.options.describe(to) : JSON.stringify(text);
    return `${hex(to)}${what && ` ${what}`}`;
  }

  private arrayText(array: Pick<BtfType, 'type' | 'count'>, address: bigint): string {
    const element = this.btf.resolve(array.type);
    if (!isCharacter(element)) return array.count === 0 ? '[]' : `[${array.count}]`;
    const bytes = this.options.read(address, Math.min(array.count, MOST_TEXT));
    return bytes ? textOf(bytes) : 'not mapped';
  }

  /** A struct that only wraps a number (atomic_t, kuid_t) reads as that. */
  private structText(type: BtfType, address: bigint): string {
    const [only, ...others] = type.members;
    if (!only || others.length > 0 || type.kind === BtfKind.Union) return '{…}';
    const inner = this.btf.resolve(only.type);
    const place = { name: '', path: '', type: only.type, address: address + BigInt(only.bitOffset >>> 3) };
    return isComposite(inner.kind) && inner.members.length !== 1 ? '{…}' : `{ ${this.text(place, inner)} }`;
  }

  private stringAt(address: bigint): string | undefined {
    const bytes = this.options.read(address, MOST_TEXT) ?? this.options.read(address, 1);
    if (!bytes) return undefined;
    const end = bytes.indexOf(0);
    const text = bytes.subarray(0, end < 0 ? bytes.length : end);
    return text.every((byte) => byte >= 0x20 && byte < 0x7f) ? String.fromCharCode(...text) : undefined;
  }

  private word(address: bigint): bigint | undefined {
    const bytes = this.options.read(address, 8);
    return bytes ? littleEndian(bytes) : undefined;
  }
}

function isCharacter(type: BtfType): boolean {
  return (
    type.kind === BtfKind.Int &&
    type.size === 1 &&
    (type.encoding & BTF_INT_BOOL) === 0 &&
    type.name.includes('char')
  );
}

/** As a string up to its NUL when it is one, else as bytes. */
function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const text = bytes.subarray(0, end < 0 ? bytes.length : end);
  if (text.every((byte) => (byte >= 0x20 && byte < 0x7f) || byte === 9 || byte === 10))
    return JSON.stringify(String.fromCharCode(...text));
  return [...bytes.subarray(0, 24)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
  return value;
}

export function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
