/**
 * The symbol table that a kernel carries for itself (CONFIG_KALLSYMS). Stripped images have no other. Its
 * tables have no headers, so they are found by their shape:
 *
 *   token table   256 NUL-terminated strings; those of the digits are the digits themselves
 *   token index   256 u16: where each string begins
 *   markers       u32 for each 256th symbol: where its name begins (before the token table)
 *   names         for each symbol its length (one byte, or two with bit 7 set) and that many token numbers;
 *                 the first character is the symbol's kind as nm(1) prints it
 *   number        u32 before the names
 *   offsets, base i32 for each symbol and a u64 they count from: before the number (kernels up to 6.3) or
 *                 behind the token index (later ones)
 *
 * Every table is checked against the others before anything is believed.
 */
import { InputError } from '../../bpf/input-error.ts';
import type { KernelImage } from './kernel-image.ts';

export interface KernelSymbol {
  readonly name: string;
  /** nm(1) letter: T t code, D d B b data, R r read-only data, ... */
  readonly kind: string;
  readonly address: bigint;
}

const TOKENS = 256;
const MAX_TOKEN_TABLE = 16 << 10;
const MAX_SYMBOLS = 4 << 20;
const BLOCK = 256;
/** Longest name the kernel build lets through, in characters (KSYM_NAME_LEN). */
const MAX_NAME = 512;
const ALIGN = 8;
/** Steps of the search before an image is given up as made to keep us busy; a real one takes thousands. */
const MAX_WORK = 50_000_000;

const DIGITS = Uint8Array.from('0123456789', (digit) => digit.charCodeAt(0));

interface Names {
  count: number;
  /** Offset of the u32 that holds `count`. */
  countAt: number;
  /** Offset of each name's record. */
  starts: Uint32Array;
}

interface Tokens {
  table: number;
  /** Offset behind the token index. */
  end: number;
  text: string[];
}

export class SymbolTable {
  /** In the order of their addresses. */
  readonly symbols: readonly KernelSymbol[];
  private readonly byName = new Map<string, KernelSymbol[]>();
  private readonly addresses: BigUint64Array;

  constructor(symbols: readonly KernelSymbol[]) {
    this.symbols = [...symbols].sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
    this.addresses = BigUint64Array.from(this.symbols, ({ address }) => address);
    for (const symbol of this.symbols) {
      const same = this.byName.get(symbol.name);
      if (same) same.push(symbol);
      else this.byName.set(symbol.name, [symbol]);
    }
  }

  /** Address of the first symbol with this name. */
  address(name: string): bigint | undefined {
    return this.byName.get(name)?.[0]?.address;
  }

  /** Static functions and objects of several files may share a name. */
  all(name: string): readonly KernelSymbol[] {
    return this.byName.get(name) ?? [];
  }

  /** Names of the symbols at exactly this address. */
  at(address: bigint): string[] {
    const names: string[] = [];
    for (let i = this.lowerBound(address); this.addresses[i] === address; i++) {
      names.push((this.symbols[i] as KernelSymbol).name);
    }
    return names;
  }

  /** Bytes from this address to the next symbol behind it. */
  room(address: bigint): number {
    const next = this.addresses[this.lowerBound(address + 1n)];
    return next === undefined ? 0 : Number(next - address);
  }

  private lowerBound(address: bigint): number {
    let low = 0;
    let high = this.addresses.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.addresses[middle] as bigint) < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/**
 * Finds and decodes the symbol table.
 * @throws {InputError} when the image has none, or none of a known shape.
 */
export function readSymbols(image: KernelImage): SymbolTable {
  for (const section of image.sections) {
    if (section.executable) continue;
    const reader = new Reader(image, section.offset, section.offset + section.size);
    const symbols = reader.find();
    if (symbols) return new SymbolTable(symbols);
  }
  throw new InputError(
    'no symbol table found: the kernel was built without CONFIG_KALLSYMS, or its form is unknown',
    {
      file: image.file,
    },
  );
}

/** Looks for the tables within one section of the file. */
class Reader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly image: KernelImage;
  private readonly from: number;
  private readonly to: number;
  private work = 0;

  constructor(image: KernelImage, from: number, to: number) {
    this.image = image;
    this.bytes = image.bytes;
    this.view = new DataView(image.bytes.buffer, image.bytes.byteOffset, image.bytes.byteLength);
    this.from = from;
    this.to = to;
  }

  find(): KernelSymbol[] | undefined {
    const pattern = new Uint8Array(2 * DIGITS.length);
    DIGITS.forEach((digit, index) => {
      pattern[2 * index] = digit;
    });
    const content = Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.to);
    for (let at = content.indexOf(pattern, this.from); at >= 0; at = content.indexOf(pattern, at + 1)) {
      const tokens = this.tokensAround(at);
      const names = tokens && this.findNames(tokens.table);
      const symbols = names && this.resolve(tokens, names);
      if (symbols) return symbols;
    }
    return undefined;
  }

  /** Reads the token table whose string "0" begins at `zero`, and checks it against the index behind it. */
  private tokensAround(zero: number): Tokens | undefined {
    this.spend(MAX_TOKEN_TABLE / 16);
    let table = zero;
    for (let token = DIGITS[0] as number; token > 0; token--) {
      table--;
      do table--;
      while (table >= this.from && this.bytes[table] !== 0 && zero - table < MAX_TOKEN_TABLE);
      if (table < this.from || this.bytes[table] !== 0) return undefined;
      table++;
    }
    const text: string[] = [];
    const starts: number[] = [];
    let at = table;
    for (let token = 0; token < TOKENS; token++) {
      const end = this.bytes.indexOf(0, at);
      if (end < 0 || end >= this.to || end - table > MAX_TOKEN_TABLE) return undefined;
      starts.push(at - table);
      text.push(Buffer.from(this.bytes.subarray(at, end)).toString('latin1'));
      at = end + 1;
    }
    const index = align(at);
    if (index + 2 * TOKENS > this.to) return undefined;
    const matches = starts.every((start, token) => this.view.getUint16(index + 2 * token, true) === start);
    return matches ? { table, end: index + 2 * TOKENS, text } : undefined;
  }

  /** Finds markers and names before the token table (kernels 6.2 and 6.3 have another table between). */
  private findNames(tokenTable: number): Names | undefined {
    for (let end = tokenTable; end - 4 >= this.from; end -= 4) {
      const markers = this.markersEndingAt(end);
      const names = markers && this.namesBefore(markers);
      if (names) return names;
      // what stands between the two takes at most three bytes a symbol
      if (tokenTable - end > 3 * MAX_SYMBOLS) return undefined;
    }
    return undefined;
  }

  /** An ascending run of u32 that begins with 0 and ends, up to padding, at `end`. */
  private markersEndingAt(end: number): { start: number; count: number } | undefined {
    let at = end - 4;
    let next = this.view.getUint32(at, true);
    let count = 1;
    if (next === 0) return at % ALIGN === 0 ? { start: at, count } : undefined;
    while (at - 4 >= this.from && count < MAX_SYMBOLS / BLOCK) {
      const value = this.view.getUint32(at - 4, true);
      if (value >= next || next - value < BLOCK * 2 || next - value > BLOCK * (MAX_NAME + 2))
        return undefined;
      this.spend(1);
      at -= 4;
      count++;
      next = value;
      if (value === 0) return at % ALIGN === 0 ? { start: at, count } : undefined;
    }
    return undefined;
  }

  private namesBefore({ start, count }: { start: number; count: number }): Names | undefined {
    const last = this.view.getUint32(start + 4 * (count - 1), true);
    const lowest = Math.max(this.from, start - last - BLOCK * (MAX_NAME + 2));
    for (let at = (start - last - ALIGN) & ~(ALIGN - 1); at >= lowest; at -= ALIGN) {
      this.spend(1);
      const symbols = this.view.getUint32(at, true);
      if (Math.ceil(symbols / BLOCK) !== count) continue;
      const starts = this.walkNames(at + ALIGN, symbols, start);
      if (starts) return { count: symbols, countAt: at, starts };
    }
    return undefined;
  }

  private walkNames(from: number, count: number, markers: number): Uint32Array | undefined {
    const starts = new Uint32Array(count);
    let at = from;
    for (let i = 0; i < count; i++) {
      this.spend(1);
      if (i % BLOCK === 0 && this.view.getUint32(markers + (i / BLOCK) * 4, true) !== at - from)
        return undefined;
      starts[i] = at;
      const { length, bytes } = this.nameLength(at);
      if (length === 0 || length > MAX_NAME) return undefined;
      at += bytes + length;
      if (at > markers) return undefined;
    }
    return align(at) === markers ? starts : undefined;
  }

  private spend(steps: number): void {
    this.work += steps;
    if (this.work > MAX_WORK) throw this.image.error('the search for the symbol table takes too long');
  }

  private nameLength(at: number): { length: number; bytes: number } {
    const low = this.bytes[at] as number;
    return low < 0x80
      ? { length: low, bytes: 1 }
      : { length: (low & 0x7f) | ((this.bytes[at + 1] as number) << 7), bytes: 2 };
  }

  private resolve(tokens: Tokens, names: Names): KernelSymbol[] | undefined {
    const behind = align(tokens.end);
    const afterOffsets = align(behind + 4 * names.count);
    const before = names.countAt - ALIGN;
    const beforeOffsets = before - align(4 * names.count);
    for (const [offsets, base] of [
      [behind, afterOffsets],
      [beforeOffsets, before],
    ] as const) {
      if (offsets < this.from || base + 8 > this.to) continue;
      const addresses = this.addresses(offsets, this.view.getBigUint64(base, true), names.count);
      if (addresses) return this.decode(tokens, names, addresses);
    }
    return undefined;
  }

  /**
   * Two readings of an offset are in use: from the base upwards, or (where per-CPU symbols keep their small
   * absolute addresses) negative ones from base - 1 downwards. The tables are sorted by address, which tells
   * them apart; the base is an address of the image.
   */
  private addresses(offsets: number, base: bigint, count: number): BigUint64Array | undefined {
    if (this.image.offsetOf(base, 1) === undefined) return undefined;
    const readings = [
      (offset: number) => base + BigInt(offset >>> 0),
      (offset: number) => (offset >= 0 ? BigInt(offset) : base - 1n - BigInt(offset)),
    ];
    const values = readings.map((reading) =>
      BigUint64Array.from({ length: count }, (_, i) => reading(this.view.getInt32(offsets + 4 * i, true))),
    );
    return values.find(isAscending);
  }

  private decode(tokens: Tokens, names: Names, addresses: BigUint64Array): KernelSymbol[] | undefined {
    const symbols: KernelSymbol[] = [];
    for (let i = 0; i < names.count; i++) {
      const start = names.starts[i] as number;
      const { length, bytes } = this.nameLength(start);
      let text = '';
      for (let at = start + bytes; at < start + bytes + length; at++)
        text += tokens.text[this.bytes[at] as number];
      if (text.length < 2 || text.length > MAX_NAME + 1) return undefined;
      symbols.push({ kind: text[0] as string, name: text.slice(1), address: addresses[i] as bigint });
    }
    return symbols;
  }
}

function align(offset: number): number {
  return (offset + ALIGN - 1) & ~(ALIGN - 1);
}

function isAscending(values: BigUint64Array): boolean {
  return values.every((value, index) => index === 0 || (values[index - 1] as bigint) <= value);
}
