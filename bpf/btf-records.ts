/** The records of a BTF blob word by word, without decoding them. */
import { type Btf, BtfKind, type TypeId } from './btf.ts';
import { kindName } from './btf-kind-name.ts';

const HEAD = 12;

export class BtfRecords {
  private readonly btf: Btf;
  private readonly view: DataView;
  private readonly strings: Uint8Array;

  constructor(btf: Btf) {
    this.btf = btf;
    const { bytes } = btf;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const start = this.word(4) + this.word(16);
    this.strings = bytes.subarray(start, start + this.word(20));
  }

  /** Word at a byte offset of the blob. */
  word(at: number): number {
    return this.view.getUint32(at, this.btf.littleEndian);
  }

  nameOffset(id: TypeId): number {
    return this.word(this.btf.recordOffset(id));
  }

  info(id: TypeId): number {
    return this.word(this.btf.recordOffset(id) + 4);
  }

  kind(id: TypeId): BtfKind {
    return id === 0 ? BtfKind.Void : (this.info(id) >>> 24) & 0x1f;
  }

  kindName(id: TypeId): string {
    return kindName(this.kind(id));
  }

  vlen(id: TypeId): number {
    return this.info(id) & 0xffff;
  }

  kindFlag(id: TypeId): boolean {
    return this.info(id) >>> 31 === 1;
  }

  size(id: TypeId): number {
    return this.word(this.btf.recordOffset(id) + 8);
  }

  /** The type that a record's common part refers to. */
  ref(id: TypeId): TypeId {
    return this.size(id);
  }

  /** Word `index` behind the common part. */
  tail(id: TypeId, index: number): number {
    return this.word(this.btf.recordOffset(id) + HEAD + 4 * index);
  }

  /** Member of a struct: its offset, and its width if it is a bitfield, in bits. */
  member(id: TypeId, index: number): { type: TypeId; offset: number; width: number } {
    const offset = this.tail(id, 3 * index + 2);
    const type = this.tail(id, 3 * index + 1);
    return this.kindFlag(id)
      ? { type, offset: offset & 0xff_ffff, width: offset >>> 24 }
      : { type, offset, width: 0 };
  }

  /** Bytes of a string, undefined behind the strings' end. */
  nameAt(offset: number): Uint8Array | undefined {
    if (offset >= this.strings.length) return undefined;
    return this.strings.subarray(offset, this.strings.indexOf(0, offset));
  }
}
