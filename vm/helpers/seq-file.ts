/** struct seq_file in model memory, for helpers that make their text on the host. */
import { type Btf, BtfKind } from '../../bpf/btf.ts';
import type { Ram } from '../../kernel-model/ram.ts';

export class SeqFiles {
  private readonly ram: Ram;
  /** Byte offsets of buf, size and count in struct seq_file. */
  readonly buf: number;
  readonly size: number;
  readonly count: number;

  /** Without a struct seq_file in the BTF, the layout that all kernels since 3.x have on 64 bits. */
  constructor(ram: Ram, btf: Btf) {
    this.ram = ram;
    const id = btf.find('seq_file', BtfKind.Struct);
    const members = id === 0 ? [] : btf.type(id).members;
    const offset = (name: string, standard: number): number => {
      const member = members.find((candidate) => candidate.name === name);
      return member ? member.bitOffset / 8 : standard;
    };
    this.buf = offset('buf', 0);
    this.size = offset('size', 8);
    this.count = offset('count', 24);
  }

  /**
   * Appends bytes if they leave at least one free; otherwise the file is marked as overflowed (count = size).
   * @returns false when the address is not one of a seq_file
   */
  append(seq: bigint, bytes: Uint8Array): boolean {
    const buf = this.member(seq, this.buf);
    const size = this.member(seq, this.size);
    const count = this.member(seq, this.count);
    if (buf === null || size === null || count === null || count > size) return false;
    const end = count + BigInt(bytes.length);
    if (end >= size) return this.setCount(seq, size);
    return this.ram.write(buf + count, bytes) && this.setCount(seq, end);
  }

  private member(seq: bigint, offset: number): bigint | null {
    const bytes = this.ram.read(seq + BigInt(offset), 8);
    return bytes === null ? null : new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }

  private setCount(seq: bigint, count: bigint): boolean {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setBigUint64(0, count, true);
    return this.ram.write(seq + BigInt(this.count), bytes);
  }
}
