import type { Btf } from '../bpf/btf.ts';

/**
 * What helpers ask of the modelled kernel and the interpreter cannot answer from memory alone. Addresses are
 * kernel addresses; failures are negative errno values.
 */
export interface KernelServices {
  /** BTF that type ids in programs refer to (vmlinux, or an overlay split from it). */
  readonly btf: Btf;
  /** Address of the task_struct the program runs on behalf of. */
  currentTask(): bigint;
  /** Address of the task_struct of a thread, as the initial pid namespace numbers them; 0n when there is none. */
  taskOf(pid: number): bigint;
  /** `struct path *` -> path text without NUL, or a negative errno. */
  dPath(path: bigint): string | number;
  /** User memory of a task (the current one for 0n); null on a fault. */
  readUser(task: bigint, address: bigint, length: number): Uint8Array | null;
  /** Writes user memory; false on a fault. */
  writeUser(task: bigint, address: bigint, bytes: Uint8Array): boolean;
  /** vm_area_struct that covers a user address, 0n if none, or a negative errno (EBUSY: mmap_lock is held). */
  findVma(task: bigint, address: bigint): bigint | number;
  /** Address of a kernel symbol, as /proc/kallsyms has it. */
  symbolAddress(name: string): bigint | undefined;
  /** Symbol at or below a kernel address, and the distance to it. */
  symbolAt(address: bigint): { name: string; offset: bigint; size: bigint } | undefined;
  /** Modelled nanoseconds since boot; advances only as the model says. */
  ktime(): bigint;
}

/** A BPF map as the kernel model sees it (`bpf_map` records, the bpf_map and bpf_map_elem iterators). */
export interface BpfMapView {
  readonly id: number;
  /** Kernel address of its `struct bpf_map`, which helpers take; the vm has written the record. */
  readonly address: bigint;
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Elements now stored. */
  readonly count: number;
  /**
   * Entries in iteration order (array: index order; hash: bucket order).
   * @param from where to begin, as the map is when the first entry is asked for.
   */
  entries(from?: MapPlace): Iterable<MapEntry>;
}

/** An entry as kernel addresses; per-CPU: `value` is the start of all CPUs' values, each rounded up to 8 bytes. */
export interface MapEntry {
  readonly key: bigint;
  readonly value: bigint;
  /** The hash bucket it is in; in an array its index. */
  readonly bucket: number;
}

/** So many entries into a bucket, or the first entry behind it when it has no more. */
export interface MapPlace {
  readonly bucket: number;
  readonly skip: number;
}

/** All maps of the modelled machine. */
export interface BpfMaps {
  /** Ascending by id. */
  readonly all: readonly BpfMapView[];
}

/** Runs a loaded program over a context record; the program's return value, as the low 32 bits of r0. */
export type RunProgram = (context: bigint) => number;
