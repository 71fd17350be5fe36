import { errnoName } from '../bpf/errno-name.ts';
import { InputError } from '../bpf/input-error.ts';
import type { VmMap } from '../vm/index.ts';

export interface RunMapEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * A map of a program as user space sees it. Keys and values are bytes, little-endian, and of exactly the map's
 * sizes (a RangeError else); per-CPU values are all CPUs', each rounded up to 8 bytes.
 */
export class RunMap {
  private readonly map: VmMap;

  /** @internal */
  constructor(map: VmMap) {
    this.map = map;
  }

  get keySize(): number {
    return this.map.keySize;
  }

  get valueSize(): number {
    return this.map.valueSize;
  }

  /** A copy of the value; undefined when the key has none. */
  lookup(key: Uint8Array): Uint8Array | undefined {
    return this.map.get(key);
  }

  /** @throws {InputError} when the kernel refuses it: the map is full or frozen, there is no such index. */
  update(key: Uint8Array, value: Uint8Array): void {
    this.check(this.map.update(key, value), 'update');
  }

  /** @throws {InputError} when there is no such key. */
  delete(key: Uint8Array): void {
    this.check(this.map.delete(key), 'delete from');
  }

  /** Copies of all keys and values, in the map's own order. */
  entries(): RunMapEntry[] {
    return [...this.map.contents()];
  }

  /** Ring buffer: takes what programs have submitted. */
  consume(): Uint8Array[] {
    return this.map.consume();
  }

  private check(error: number, what: string): void {
    if (error < 0)
      throw new InputError(`the kernel refuses to ${what} map ${this.map.name}: ${errnoName(-error)}`);
  }
}
