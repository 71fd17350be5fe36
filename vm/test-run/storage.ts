/**
 * Storage of cgroup storage maps during a test run. Linux gives a test run values of its own, zeros at first, that are
 * gone with it and that the map does not show. Of a per-CPU value a program sees the one of its CPU.
 */
import { kernelAddress } from '../../bpf/address.ts';
import type { Ram } from '../../kernel-model/ram.ts';

export class RunStorage {
  private readonly ram: Ram;
  /** By the map's address. */
  private readonly values = new Map<bigint, { offset: number; size: number }>();

  constructor(ram: Ram) {
    this.ram = ram;
  }

  /** Address of the value of a map at a kernel address. @param size of a value. @throws {OutOfMemory} */
  valueOf(map: bigint, size: number): bigint {
    const known = this.values.get(map);
    if (known?.size === size) return kernelAddress(known.offset);
    const offset = this.ram.alloc(size, 8);
    this.values.set(map, { offset, size });
    return kernelAddress(offset);
  }

  /** The test run is over. */
  clear(): void {
    for (const { offset, size } of this.values.values()) this.ram.free(offset, size);
    this.values.clear();
  }
}
