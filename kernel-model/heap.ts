/**
 * Kernel objects in low memory: allocation, and detection of use after free.
 *
 * Freed memory is poisoned and kept aside (as KASAN's quarantine does) until more than QUARANTINE bytes wait,
 * so that a stale pointer is told from a valid one for long after the free.
 */
import { kernelAddress } from '../bpf/address.ts';
import type { KernelProfile } from './profile.ts';
import type { Ram } from './ram.ts';
import { lowOffset, Record, UseAfterFree } from './record.ts';

/** Bytes of freed memory kept from being used again. */
const QUARANTINE = 4 << 20;
/** What freed memory holds, so that a program that still reads it gets recognisable values. */
const POISON = 0x6b;

interface Freed {
  offset: number;
  size: number;
}

export class KernelHeap {
  readonly ram: Ram;
  private readonly profile: KernelProfile;
  private readonly records = new Map<number, Record>();
  private readonly quarantine: Freed[] = [];
  private readonly quarantined = new Set<number>();
  private head = 0;
  private quarantineBytes = 0;
  private bytes = 0;

  constructor(ram: Ram, profile: KernelProfile) {
    this.ram = ram;
    this.profile = profile;
  }

  /** Bytes of live objects and buffers. */
  get used(): number {
    return this.bytes;
  }

  /** Number of live objects. */
  get objects(): number {
    return this.records.size;
  }

  /**
   * A zeroed object.
   * @param extra bytes behind the struct, for a flexible array.
   */
  allocate(struct: string, extra = 0): Record {
    const layout = this.profile.layout(struct);
    const record = new Record(this.ram, layout, this.allocateBytes(layout.size + extra, 64));
    record.extra = extra;
    this.records.set(record.offset, record);
    return record;
  }

  /** All live objects. */
  get live(): Iterable<Record> {
    return this.records.values();
  }

  /** Whether the kernel's types tell where a member of a struct stands. */
  knows(struct: string, member: string): boolean {
    return this.profile.findLayout(struct)?.has(member) ?? false;
  }

  /** The live object at an address. @throws {UseAfterFree} when it was freed. */
  at(address: bigint): Record | undefined {
    const offset = lowOffset(address);
    if (this.quarantined.has(offset)) throw new UseAfterFree('object', address);
    return this.records.get(offset);
  }

  /** Whether an address is that of a freed object. */
  isFreed(address: bigint): boolean {
    return this.quarantined.has(lowOffset(address));
  }

  /** @throws {UseAfterFree} for a double free. */
  free(record: Record): void {
    if (!record.live) throw new UseAfterFree(`${record.layout.name}, freed twice`, record.address);
    record.retire();
    this.records.delete(record.offset);
    this.freeBytes(record.offset, record.layout.size + record.extra);
  }

  /** Kernel address of low memory. */
  addressOf(offset: number): bigint {
    return kernelAddress(offset);
  }

  /** Zeroed memory that is no struct: tables, buffers, names. */
  allocateBytes(size: number, align = 8): number {
    this.bytes += size;
    return this.ram.alloc(size, align);
  }

  freeBytes(offset: number, size: number): void {
    this.bytes -= size;
    new Uint8Array(this.ram.buffer, offset, size).fill(POISON);
    this.quarantine.push({ offset, size });
    this.quarantined.add(offset);
    this.quarantineBytes += size;
    while (this.quarantineBytes > QUARANTINE) this.release();
  }

  /** Gives the oldest freed range back to the allocator. */
  private release(): void {
    const oldest = this.quarantine[this.head++] as Freed;
    this.quarantined.delete(oldest.offset);
    this.quarantineBytes -= oldest.size;
    this.ram.free(oldest.offset, oldest.size);
    if (this.head > 1024 && this.head * 2 > this.quarantine.length) {
      this.quarantine.splice(0, this.head);
      this.head = 0;
    }
  }
}
