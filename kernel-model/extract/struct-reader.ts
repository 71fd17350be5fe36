/** Reads kernel structs out of an image, by the member layout that the image's own BTF gives. */
import type { Btf } from '../../bpf/btf.ts';
import { BtfKind } from '../../bpf/btf.ts';
import { InputError } from '../../bpf/input-error.ts';
import { Layout } from '../layout.ts';
import type { KernelImage } from './kernel-image.ts';

export class StructReader {
  readonly image: KernelImage;
  readonly layout: Layout;

  /** @throws {InputError} when the kernel has no such struct. */
  constructor(image: KernelImage, btf: Btf, name: string) {
    const id = btf.find(name, BtfKind.Struct);
    if (id === 0) throw new InputError(`the kernel's BTF has no struct ${name}`, { file: image.file });
    this.image = image;
    this.layout = new Layout(btf, id, name);
  }

  get size(): number {
    return this.layout.size;
  }

  /** Whether the whole struct at this address is in the file. */
  holds(address: bigint): boolean {
    return this.image.offsetOf(address, this.size) !== undefined;
  }

  /** A pointer or 64-bit member. */
  pointer(address: bigint, path: string): bigint {
    return this.image.u64(address + BigInt(this.layout.offset(path)));
  }

  /** A 32-bit integer or enum. */
  u32(address: bigint, path: string): number {
    return this.image.u32(address + BigInt(this.layout.offset(path)));
  }

  bool(address: bigint, path: string): boolean {
    return this.image.u8(address + BigInt(this.layout.offset(path))) !== 0;
  }

  /** The string a `char *` member points to. */
  text(address: bigint, path: string): string | undefined {
    return this.image.text(this.pointer(address, path));
  }

  /** Address of an embedded member. */
  at(address: bigint, path: string): bigint {
    return address + BigInt(this.layout.offset(path));
  }
}
