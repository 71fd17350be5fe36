/**
 * Data and BTF of a big-endian object, for a little-endian machine: the variables of a section are turned around value
 * by value, as their types say. Bytes that no type describes (string literals) stay as they are; a union is
 * turned as its first largest member.
 */
import { type Btf, BtfKind, isComposite, type TypeId } from '../bpf/btf.ts';
import type { ElfFile, ElfSection } from './elf.ts';

/** Structs within structs deeper than this are left alone. */
const MAX_DEPTH = 32;
/** Members looked at for each byte of data; real structs have one at most. */
const STEPS_PER_BYTE = 64;

/** A copy of a section's bytes in little-endian order. */
export function dataInLittleEndian(elf: ElfFile, btf: Btf | undefined, section: ElfSection): Uint8Array {
  const data = section.data.slice();
  if (elf.littleEndian || !btf) return data;
  const datasec = btf.find(section.name, BtfKind.Datasec);
  if (datasec === 0) return data;
  const swap = new Swap(btf, data);
  let end = 0;
  for (const { type, offset } of btf.type(datasec).vars) {
    if (offset < end) continue; // overlapping variables would be turned twice
    swap.value(btf.type(type).type, offset, 0);
    end = swap.end;
  }
  return data;
}

const BTF_HEADER_WORDS = [4, 8, 12, 16, 20];

/**
 * BTF in little-endian order: the header's magic is one u16, all else of it that is wider than a byte and all of the
 * types are u32 (kernel docs, bpf/btf.rst, "Type Encoding"). Names and ids stay where they are.
 */
export function btfInLittleEndian(btf: Btf): Uint8Array {
  const bytes = new Uint8Array(btf.bytes);
  if (btf.littleEndian) return bytes;
  const view = new DataView(bytes.buffer);
  const swap = (at: number) => view.setUint32(at, view.getUint32(at, false), true);
  view.setUint16(0, view.getUint16(0, false), true);
  for (const at of BTF_HEADER_WORDS) swap(at);
  const start = view.getUint32(4, true) + view.getUint32(8, true);
  const end = start + view.getUint32(12, true);
  for (let at = start; at + 4 <= end; at += 4) swap(at);
  return bytes;
}

class Swap {
  /** One past the last byte that was turned. */
  end = 0;
  private readonly btf: Btf;
  private readonly data: Uint8Array;
  private steps: number;

  constructor(btf: Btf, data: Uint8Array) {
    this.btf = btf;
    this.data = data;
    this.steps = STEPS_PER_BYTE * (data.length + 1024);
  }

  value(typeId: TypeId, offset: number, depth: number): void {
    if (depth > MAX_DEPTH || offset >= this.data.length) return;
    const type = this.btf.resolve(typeId);
    if (type.kind === BtfKind.Array) {
      this.array(type.type, type.count, offset, depth);
    } else if (type.kind === BtfKind.Union) {
      this.union(type.id, offset, depth);
    } else if (isComposite(type.kind)) {
      for (const member of type.members) {
        this.step();
        const unit = member.bitfieldSize > 0 ? this.btf.sizeOf(member.type) : 1;
        const at = offset + Math.floor(member.bitOffset / 8 / unit) * unit;
        // Bitfields share their storage with the members before them: it is turned once.
        if (at >= this.end) this.value(member.type, at, depth + 1);
      }
    } else {
      this.scalar(offset, type.kind === BtfKind.Ptr ? 8 : type.size);
    }
  }

  private scalar(offset: number, size: number): void {
    if (offset + size > this.data.length) return;
    this.data.subarray(offset, offset + size).reverse();
    this.end = offset + size;
  }

  private step(): void {
    if (--this.steps < 0) throw this.btf.error('the types of the data have too many members for its size');
  }

  private array(element: TypeId, count: number, offset: number, depth: number): void {
    const size = this.btf.sizeOf(element);
    if (size === 0) return;
    for (let i = 0; i < count && offset + i * size < this.data.length; i++) {
      this.step();
      this.value(element, offset + i * size, depth + 1);
    }
  }

  private union(id: TypeId, offset: number, depth: number): void {
    const { members } = this.btf.type(id);
    const largest = Math.max(0, ...members.map((member) => this.btf.sizeOf(member.type)));
    const member = members.find(({ type }) => this.btf.sizeOf(type) === largest);
    if (member) this.value(member.type, offset, depth + 1);
  }
}
