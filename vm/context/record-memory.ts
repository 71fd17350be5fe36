/** A record of u32 and u64 fields in the modelled machine's memory. */
import { kernelAddress } from '../../bpf/address.ts';
import type { Ram } from '../../kernel-model/ram.ts';

export class RecordMemory {
  private readonly ram: Ram;
  private readonly offset: number;
  readonly size: number;

  /** All zeros. @throws {OutOfMemory} when the machine has no room for it. */
  constructor(ram: Ram, size: number) {
    this.ram = ram;
    this.size = size;
    this.offset = ram.alloc(size, 16);
    this.bytes().fill(0);
  }

  get address(): bigint {
    return kernelAddress(this.offset);
  }

  u32(field: number): number {
    return this.ram.view.getUint32(this.offset + field, true);
  }

  u64(field: number): bigint {
    return this.ram.view.getBigUint64(this.offset + field, true);
  }

  setU32(field: number, value: number): void {
    this.ram.view.setUint32(this.offset + field, value, true);
  }

  setU64(field: number, value: bigint): void {
    this.ram.view.setBigUint64(this.offset + field, value, true);
  }

  /** The bytes themselves, good until memory grows. */
  bytes(at = 0, length = this.size - at): Uint8Array {
    return new Uint8Array(this.ram.buffer, this.offset + at, length);
  }

  free(): void {
    this.ram.free(this.offset, this.size);
  }
}
