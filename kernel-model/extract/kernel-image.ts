/**
 * An unpacked kernel (vmlinux): an ELF64 executable whose sections are read by kernel virtual address. Symbol
 * and relocation tables are not needed: a distribution's image has none.
 */
import { InputError } from '../../bpf/input-error.ts';

export interface ImageSection {
  readonly name: string;
  /** Virtual address; the per-CPU section begins at 0. */
  readonly address: bigint;
  readonly size: number;
  /** Offset in the file. */
  readonly offset: number;
  readonly executable: boolean;
}

const HEADER_BYTES = 64;
const SECTION_BYTES = 64;
const MAX_SECTIONS = 4096;
const EM_X86_64 = 62;
const SHT_NOBITS = 8;
const SHF_ALLOC = 2;
const SHF_EXECINSTR = 4;
/** Kernel addresses lie in the upper half; below are the per-CPU section and constants. */
const KERNEL_HALF = 1n << 63n;

const decoder = new TextDecoder();

export class KernelImage {
  readonly file: string | undefined;
  /** Sections with content in the file. */
  readonly sections: readonly ImageSection[];
  readonly bytes: Uint8Array;
  private readonly view: DataView;
  /** Those at kernel addresses, ascending. */
  private readonly mapped: readonly ImageSection[];

  private constructor(bytes: Uint8Array, file: string | undefined) {
    this.bytes = bytes;
    this.file = file;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.sections = this.readSections(this.checkHeader());
    this.mapped = this.sections
      .filter(({ address }) => address >= KERNEL_HALF)
      .sort((a, b) => (a.address < b.address ? -1 : 1));
  }

  /** @throws {InputError} when the file is not a well-formed ELF64 kernel for x86-64. */
  static parse(bytes: Uint8Array, file?: string): KernelImage {
    return new KernelImage(bytes, file);
  }

  /** First section with this name that has content. */
  section(name: string): ImageSection | undefined {
    return this.sections.find((section) => section.name === name);
  }

  contentOf(section: ImageSection): Uint8Array {
    return this.bytes.subarray(section.offset, section.offset + section.size);
  }

  /** File offset of `length` bytes at a kernel address; undefined when the file does not hold them all. */
  offsetOf(address: bigint, length: number): number | undefined {
    let low = 0;
    let high = this.mapped.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.mapped[middle] as ImageSection).address <= address) low = middle + 1;
      else high = middle;
    }
    const section = this.mapped[low - 1];
    if (!section) return undefined;
    const inside = address - section.address;
    return inside + BigInt(length) <= BigInt(section.size) ? section.offset + Number(inside) : undefined;
  }

  /** Whether an address lies in code. */
  isCode(address: bigint): boolean {
    return this.mapped.some(
      (section) =>
        section.executable && address >= section.address && address < section.address + BigInt(section.size),
    );
  }

  /** @throws {InputError} when the address is not in the file. */
  read(address: bigint, length: number): Uint8Array {
    const offset = this.place(address, length);
    return this.bytes.subarray(offset, offset + length);
  }

  u8(address: bigint): number {
    return this.view.getUint8(this.place(address, 1));
  }

  u32(address: bigint): number {
    return this.view.getUint32(this.place(address, 4), true);
  }

  u64(address: bigint): bigint {
    return this.view.getBigUint64(this.place(address, 8), true);
  }

  /** A NUL-terminated string; undefined when it is not text of at most `limit` bytes. */
  text(address: bigint, limit = 128): string | undefined {
    const offset = this.offsetOf(address, 1);
    if (offset === undefined) return undefined;
    const end = this.bytes.subarray(offset, offset + limit + 1).indexOf(0);
    if (end < 0) return undefined;
    const text = decoder.decode(this.bytes.subarray(offset, offset + end));
    return /^[\x20-\x7e]*$/.test(text) ? text : undefined;
  }

  error(reason: string, offset?: number): InputError {
    return new InputError(reason, { file: this.file, offset });
  }

  private place(address: bigint, length: number): number {
    const offset = this.offsetOf(address, length);
    if (offset === undefined) throw this.error(`no data at kernel address 0x${address.toString(16)}`);
    return offset;
  }

  private checkHeader(): { table: number; count: number; names: number } {
    const { bytes, view } = this;
    if (bytes.length < HEADER_BYTES) throw this.error('the ELF header is cut off', 0);
    if (view.getUint32(0, false) !== 0x7f45_4c46 || bytes[4] !== 2 || bytes[5] !== 1) {
      throw this.error('not a little-endian ELF64 file', 0);
    }
    if (view.getUint16(18, true) !== EM_X86_64) throw this.error('not a kernel for x86-64', 18);
    const table = this.u64At(40);
    const count = view.getUint16(60, true);
    if (count === 0 || count > MAX_SECTIONS || view.getUint16(58, true) !== SECTION_BYTES) {
      throw this.error(`bad section table: ${count} entries`, 60);
    }
    if (table + count * SECTION_BYTES > bytes.length) throw this.error('the section table is cut off', 40);
    const names = view.getUint16(62, true);
    if (names >= count) throw this.error(`section names in section ${names}, which there is not`, 62);
    return { table, count, names };
  }

  private readSections({
    table,
    count,
    names,
  }: {
    table: number;
    count: number;
    names: number;
  }): ImageSection[] {
    const { view } = this;
    const namesAt = table + names * SECTION_BYTES;
    const strings = this.span(namesAt, 'the section names');
    const sections: ImageSection[] = [];
    for (let at = table; at < table + count * SECTION_BYTES; at += SECTION_BYTES) {
      const type = view.getUint32(at + 4, true);
      const flags = view.getUint32(at + 8, true);
      if (type === SHT_NOBITS || (flags & SHF_ALLOC) === 0) continue;
      const name = this.sectionName(strings, view.getUint32(at, true), at);
      sections.push({
        name,
        address: view.getBigUint64(at + 16, true),
        ...this.span(at, `section ${name}`),
        executable: (flags & SHF_EXECINSTR) !== 0,
      });
    }
    return sections;
  }

  private span(header: number, what: string): { offset: number; size: number } {
    const offset = this.u64At(header + 24);
    const size = this.u64At(header + 32);
    if (offset + size > this.bytes.length)
      throw this.error(`${what} reaches past the end of the file`, header);
    return { offset, size };
  }

  private sectionName(strings: { offset: number; size: number }, index: number, header: number): string {
    const table = this.bytes.subarray(strings.offset, strings.offset + strings.size);
    const end = index < table.length ? table.indexOf(0, index) : -1;
    if (end < 0 || end - index > 256) throw this.error('bad section name', header);
    return decoder.decode(table.subarray(index, end));
  }

  /** Offsets of 2^53 and more are beyond any file and may be rounded. */
  private u64At(at: number): number {
    return Number(this.view.getBigUint64(at, true));
  }
}
