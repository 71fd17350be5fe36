/**
 * The C-like text that bpf_snprintf_btf and bpf_seq_printf_btf make of a value: what Linux prints, with its
 * peculiarities (marked "as Linux"). See include/uapi/linux/bpf.h, BTF_F_*.
 */
import {
  BTF_INT_CHAR,
  BTF_INT_SIGNED,
  type Btf,
  BtfKind,
  type BtfMember,
  type BtfType,
  isComposite,
  isModifier,
  type TypeId,
} from '../../bpf/btf.ts';
import { hashPointer } from './pointer.ts';

/** BTF_F_* flags of the helpers. */
export const enum BtfPrintFlag {
  /** No newlines and indentation. */
  Compact = 1,
  /** No member and type names. */
  NoName = 2,
  /** Pointers as they are, not hashed. */
  PointerRaw = 4,
  /** Zero members too. */
  Zero = 8,
  All = 15,
}

/** Levels of pointers, arrays and typedefs that a type's name may have. */
const MAX_NAME_LEVELS = 10;
/** Bytes of ".member = (type)", NUL included. */
const NAME_SIZE = 80;
const MAX_INDENT = 32;
/** Values one call prints or passes over; no kernel type has as many. */
const MAX_VALUES = 4_000_000;

/** Reads memory as copy_from_kernel_nofault does: the bytes, or a negative errno. */
export type ReadMemory = (address: bigint, length: number) => Uint8Array | number;

export interface BtfText {
  text: string;
  /** 0, or the negative errno of the last read that failed. */
  status: number;
}

/** Prints the value of a type at an address. */
export function printBtf(btf: Btf, id: TypeId, address: bigint, flags: number, read: ReadMemory): BtfText {
  const printer = new BtfPrinter(btf, flags, read);
  printer.show(id, address, 0);
  return { text: printer.text, status: printer.status };
}

/** A type with several levels of nesting has more values than its size lets expect. */
export class TooManyValues extends Error {
  override readonly name = 'TooManyValues';
}

class BtfPrinter {
  text = '';
  status = 0;
  private readonly btf: Btf;
  private readonly flags: number;
  private readonly read: ReadMemory;
  private depth = 0;
  private values = 0;
  private member: BtfMember | null = null;
  /**
   * In an element of an array: no names. As Linux, the elements' own members have none either, up to the end
   * of the first array among them.
   */
  private inArray = false;
  /** The innermost array is one of characters, and its text has ended. */
  private characters = false;
  private terminated = false;
  /** A pass that only finds out whether there is anything but zeros. */
  private probing = false;
  private found = false;
  /** Type that is being printed; none after a nested value. */
  private current: BtfType | null = null;

  constructor(btf: Btf, flags: number, read: ReadMemory) {
    this.btf = btf;
    this.flags = flags;
    this.read = read;
  }

  show(id: TypeId, address: bigint, bits: number): void {
    if (++this.values > MAX_VALUES) throw new TooManyValues();
    const type = this.btf.resolve(id);
    if (type.kind === BtfKind.Int) this.showInt(type, id, address, bits);
    else if (type.kind === BtfKind.Enum || type.kind === BtfKind.Enum64) this.showEnum(type, id, address);
    else if (type.kind === BtfKind.Ptr) this.showPointer(type, id, address);
    else if (type.kind === BtfKind.Array || isComposite(type.kind)) this.showAggregate(type, id, address);
    else this.emit(`<unsupported kind:${type.kind}>`);
  }

  private showInt(type: BtfType, id: TypeId, address: bigint, bits: number): void {
    const value = this.begin(type, address, type.size);
    if (!value) return;
    const width = type.bits;
    if (bits !== 0 || type.intOffset !== 0 || ![8, 16, 32, 64, 128].includes(width)) {
      this.showBits(id, value, bits + type.intOffset, width);
    } else if (width === 128) {
      this.showWide(id, littleEndian(value));
    } else if (width === 8 && this.characters && this.showCharacter(id, value[0] as number)) {
      // printed as a character, or the end of the text
    } else {
      const raw = littleEndian(value.subarray(0, width / 8));
      const number = (type.encoding & BTF_INT_SIGNED) !== 0 ? BigInt.asIntN(width, raw) : raw;
      this.showValue(id, `${number}`, number === 0n);
    }
    this.current = null;
  }

  /** False when the byte is to be printed as a number. */
  private showCharacter(id: TypeId, byte: number): boolean {
    if (this.terminated) return true;
    if (byte === 0) this.terminated = true;
    else if (byte < 0x20 || byte > 0x7e) return false;
    else this.showValue(id, `'${String.fromCharCode(byte)}'`, false);
    return true;
  }

  /** Bitfields read in hexadecimal. */
  private showBits(id: TypeId, bytes: Uint8Array, offset: number, width: number): void {
    const mask = (1n << BigInt(width)) - 1n;
    this.showWide(id, (littleEndian(bytes) >> BigInt(offset)) & mask);
  }

  private showWide(id: TypeId, value: bigint): void {
    this.showValue(id, `0x${value.toString(16)}`, value === 0n);
  }

  private showEnum(type: BtfType, id: TypeId, address: bigint): void {
    const wide = type.kind === BtfKind.Enum64;
    // As Linux: four bytes, however small the enum is.
    const bytes = this.begin(type, address, wide ? 8 : 4);
    if (!bytes) return;
    const width = wide ? 64 : 32;
    const raw = littleEndian(bytes);
    const known = type.values.find((value) => BigInt.asUintN(width, value.value) === raw);
    const number = type.kindFlag ? BigInt.asIntN(width, raw) : raw;
    // As Linux: a name counts as non-zero, even that of 0.
    if (known) this.showValue(id, known.name, false);
    else this.showValue(id, `${number}`, raw === 0n);
    this.current = null;
  }

  private showPointer(type: BtfType, id: TypeId, address: bigint): void {
    const bytes = this.begin(type, address, 8);
    if (!bytes) return;
    const value = littleEndian(bytes);
    const shown = (this.flags & BtfPrintFlag.PointerRaw) !== 0 ? value : hashPointer(value);
    this.showValue(id, `0x${shown.toString(16).padStart(16, '0')}`, value === 0n);
    this.current = null;
  }

  /** Struct, union or array: nested ones only when something in them is not zero, or zeros are asked for. */
  private showAggregate(type: BtfType, id: TypeId, address: bigint): void {
    if (this.depth === 0 || (this.flags & BtfPrintFlag.Zero) !== 0 || this.probing) {
      this.showInner(type, id, address);
      return;
    }
    const { member, terminated } = this;
    this.probing = true;
    this.found = false;
    this.showInner(type, id, address);
    this.probing = false;
    this.member = member;
    this.terminated = terminated;
    if (this.found) this.showInner(type, id, address);
  }

  private showInner(type: BtfType, id: TypeId, address: bigint): void {
    if (this.btf.sizeOf(type.id) > 0 && !this.begin(type, address, 1)) return;
    this.current = type;
    const array = type.kind === BtfKind.Array;
    if (array) {
      this.characters = this.isCharacterArray(type);
      this.terminated = false;
    }
    this.emit(`${this.indent}${this.nameOf(id)}${this.newline}`);
    this.depth++;
    if (array) this.showElements(type, address);
    else for (const member of type.members) this.showMember(member, address);
    if (array) {
      this.characters = false;
      this.terminated = false;
    }
    this.depth--;
    this.emit(`${this.indent}${array ? ']' : '}'}${this.delimiter}${this.newline}`);
    this.current = null;
  }

  private showMember(member: BtfMember, address: bigint): void {
    this.member = member;
    const at = address + BigInt(member.bitOffset >>> 3);
    const bits = member.bitOffset & 7;
    if (member.bitfieldSize === 0) {
      this.show(member.type, at, bits);
    } else {
      const type = this.btf.type(member.type);
      const bytes = this.begin(type, at, Math.ceil((bits + member.bitfieldSize) / 8));
      if (bytes) this.showBits(member.type, bytes, bits, member.bitfieldSize);
      this.current = null;
    }
    this.member = null;
  }

  private showElements(array: BtfType, address: bigint): void {
    const element = this.btf.resolve(array.type);
    // As Linux: only types with a size of their own advance, so all pointers print as the first one.
    const hasSize = element.kind !== BtfKind.Ptr && element.kind !== BtfKind.Array;
    const step = hasSize ? BigInt(element.size) : 0n;
    for (let i = 0; i < array.count && !this.terminated; i++) {
      this.inArray = true;
      this.member = null;
      this.show(element.id, address + step * BigInt(i), 0);
      this.inArray = false;
    }
  }

  private isCharacterArray(array: BtfType): boolean {
    const element = this.btf.resolve(array.type);
    if (element.kind !== BtfKind.Int) return false;
    return element.size === 1 || element.encoding === BTF_INT_CHAR;
  }

  /** Notes what is printed next, and reads it; undefined when it cannot be read. */
  private begin(type: BtfType, address: bigint, size: number): Uint8Array | undefined {
    this.current = type;
    const bytes = this.read(address, size);
    if (typeof bytes !== 'number') return bytes;
    this.status = bytes;
    return undefined;
  }

  private showValue(id: TypeId, text: string, zero: boolean): void {
    if (zero && (this.flags & BtfPrintFlag.Zero) === 0 && this.depth > 0) return;
    this.found = true;
    this.emit(`${this.indent}${this.nameOf(id)}${text}${this.delimiter}${this.newline}`);
  }

  private emit(text: string): void {
    if (!this.probing) this.text += text;
  }

  private get compact(): boolean {
    return (this.flags & BtfPrintFlag.Compact) !== 0;
  }

  private get indent(): string {
    return this.compact ? '' : ' '.repeat(Math.min(this.depth, MAX_INDENT));
  }

  private get newline(): string {
    return this.compact ? '' : '\n';
  }

  private get delimiter(): string {
    if (this.depth === 0) return '';
    return this.compact && this.current?.kind === BtfKind.Union ? '|' : ',';
  }

  /** ".member = (type)" and the bracket that opens an aggregate. */
  private nameOf(id: TypeId): string {
    if (this.inArray) return '';
    const name = describeType(this.btf, this.member ? this.member.type : id);
    if (!name) return '';
    if ((this.flags & BtfPrintFlag.NoName) !== 0) return name.bracket;
    const member = this.member?.name ? `.${this.member.name} = ` : '';
    return `${member}(${name.text})${name.bracket}`.slice(0, NAME_SIZE - 1);
  }
}

/** A type's name as in a cast, and what opens a value of it: "{", "[" or nothing. */
function describeType(btf: Btf, id: TypeId): { text: string; bracket: string } | undefined {
  let type = btf.type(id);
  let name = '';
  let pointers = '';
  let arrays = '';
  let typedef = false;
  for (let level = 0; ; level++) {
    if (level === MAX_NAME_LEVELS) return undefined;
    if (type.kind === BtfKind.Typedef) {
      name ||= type.name;
      typedef = true;
    } else if (type.kind === BtfKind.Array) arrays += '[]';
    else if (type.kind === BtfKind.Ptr) pointers += '*';
    else break;
    if (type.type === 0) break;
    type = skipQualifiers(btf, type.type);
  }
  name ||= type.kind === BtfKind.Typedef || type.kind === BtfKind.Ptr ? '' : type.name;
  const prefix = typedef ? '' : prefixOf(type.kind);
  const space = prefix && name ? ' ' : '';
  const text = `${prefix}${space}${name}${pointers && ' '}${pointers}${arrays}`;
  const bracket = pointers ? '' : arrays ? '[' : isComposite(type.kind) ? '{' : '';
  return { text, bracket };
}

function prefixOf(kind: BtfKind): string {
  if (kind === BtfKind.Struct) return 'struct';
  if (kind === BtfKind.Union) return 'union';
  return kind === BtfKind.Enum || kind === BtfKind.Enum64 ? 'enum' : '';
}

/** As Linux: qualifiers below a pointer, array or typedef are skipped, the outermost ones are not. */
function skipQualifiers(btf: Btf, id: TypeId): BtfType {
  let type = btf.type(id);
  for (let depth = 0; isModifier(type.kind) && depth < 32; depth++) type = btf.type(type.type);
  return type;
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] as number);
  return value;
}
