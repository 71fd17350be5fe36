/** File descriptors of a process: `struct files_struct` and its growing `struct fdtable`. */
import { Errno } from '../bpf/errno.ts';
import type { File } from './file.ts';
import type { KernelHeap } from './heap.ts';
import type { Record } from './record.ts';
import { setLowPointer, setU64 } from './words.ts';

/** Descriptors of the table that is embedded in files_struct. */
const EMBEDDED = 64;
/** Smallest separate table. */
const MIN_SEPARATE = 128;
const BITS_PER_WORD = 64;

export class FdTable {
  readonly record: Record;
  private readonly heap: KernelHeap;
  private readonly files: (File | undefined)[] = [];
  private readonly cloexec = new Set<number>();
  /** The fdtable in use: the embedded one, or a separate one. */
  private table: Record;
  /** Linear offsets of the arrays of the fdtable in use. */
  private arrays: { fd: number; openFds: number; closeOnExec: number; full: number };
  private capacity = EMBEDDED;
  private nextFree = 0;
  private open = 0;

  constructor(heap: KernelHeap) {
    this.heap = heap;
    this.record = heap.allocate('files_struct');
    this.table = this.record.sub('fdtab');
    const at = (path: string) => this.record.offset + this.record.layout.offset(path);
    this.arrays = {
      fd: at('fd_array'),
      openFds: at('open_fds_init'),
      closeOnExec: at('close_on_exec_init'),
      full: at('full_fds_bits_init'),
    };
    this.record.set('count', 1);
    this.publish();
  }

  /** Tasks that share the table. */
  get users(): number {
    return this.record.get('count');
  }

  /** Open descriptors. */
  get size(): number {
    return this.open;
  }

  /** Descriptors the table can hold before it grows. */
  get maxFds(): number {
    return this.capacity;
  }

  get(fd: number): File | undefined {
    return this.files[fd];
  }

  closesOnExec(fd: number): boolean {
    return this.cloexec.has(fd);
  }

  setCloseOnExec(fd: number, on: boolean): void {
    if (on) this.cloexec.add(fd);
    else this.cloexec.delete(fd);
    this.setBit(this.arrays.closeOnExec, fd, on);
  }

  /** Lowest free descriptor from a start on; -EMFILE when it would reach the limit (RLIMIT_NOFILE). */
  findFree(from: number, limit: number): number {
    let fd = Math.max(from, this.nextFree);
    while (this.files[fd]) fd++;
    return fd >= limit ? -Errno.EMFILE : fd;
  }

  /** Puts a file into a free descriptor. The caller's reference to the file becomes the descriptor's. */
  install(fd: number, file: File, closeOnExec = false): void {
    if (this.files[fd]) throw new Error(`descriptor ${fd} is in use`);
    while (fd >= this.capacity) this.grow(fd);
    this.files[fd] = file;
    this.open++;
    setLowPointer(this.heap.ram.view, this.arrays.fd + 8 * fd, file.record.offset);
    this.setBit(this.arrays.openFds, fd, true);
    this.setFull(fd);
    this.setCloseOnExec(fd, closeOnExec);
    if (fd === this.nextFree) this.setNext(fd + 1);
  }

  /** Takes the file out; its reference is the caller's now. */
  remove(fd: number): File | undefined {
    const file = this.files[fd];
    if (!file) return undefined;
    this.files[fd] = undefined;
    this.open--;
    setU64(this.heap.ram.view, this.arrays.fd + 8 * fd, 0);
    this.setBit(this.arrays.openFds, fd, false);
    this.setFull(fd);
    this.setCloseOnExec(fd, false);
    if (fd < this.nextFree) this.setNext(fd);
    return file;
  }

  /** Open descriptors, ascending. */
  *entries(): Generator<[fd: number, file: File]> {
    for (let fd = 0; fd < this.files.length; fd++) {
      const file = this.files[fd];
      if (file) yield [fd, file];
    }
  }

  /** A copy with the same open files, as fork makes it. */
  clone(): FdTable {
    const copy = new FdTable(this.heap);
    for (const [fd, file] of this.entries()) copy.install(fd, file.get(), this.cloexec.has(fd));
    return copy;
  }

  share(): this {
    this.record.add('count', 1);
    return this;
  }

  /** A sharer goes; the last closes everything. */
  put(): void {
    if (this.record.add('count', -1) > 0) return;
    for (const [fd] of [...this.entries()]) this.remove(fd)?.put();
    this.freeTable();
    this.heap.free(this.record);
  }

  /** Doubles the table until it holds a descriptor. */
  private grow(fd: number): void {
    const old = { ...this.arrays, capacity: this.capacity };
    let capacity = MIN_SEPARATE;
    while (capacity <= fd) capacity *= 2;
    const words = capacity / BITS_PER_WORD;
    const table = this.heap.allocate('fdtable');
    const arrays = {
      fd: this.heap.allocateBytes(8 * capacity),
      openFds: this.heap.allocateBytes(8 * words),
      closeOnExec: this.heap.allocateBytes(8 * words),
      full: this.heap.allocateBytes(8 * Math.ceil(words / BITS_PER_WORD)),
    };
    const memory = new Uint8Array(this.heap.ram.buffer);
    memory.copyWithin(arrays.fd, old.fd, old.fd + 8 * old.capacity);
    memory.copyWithin(arrays.openFds, old.openFds, old.openFds + old.capacity / 8);
    memory.copyWithin(arrays.closeOnExec, old.closeOnExec, old.closeOnExec + old.capacity / 8);
    memory.copyWithin(arrays.full, old.full, old.full + 8 * Math.ceil(old.capacity / BITS_PER_WORD ** 2));
    this.freeTable();
    this.table = table;
    this.arrays = arrays;
    this.capacity = capacity;
    this.publish();
  }

  private publish(): void {
    const { fd, openFds, closeOnExec, full } = this.arrays;
    this.table
      .set('max_fds', this.capacity)
      .set('fd', this.heap.addressOf(fd))
      .set('open_fds', this.heap.addressOf(openFds))
      .set('close_on_exec', this.heap.addressOf(closeOnExec))
      .set('full_fds_bits', this.heap.addressOf(full));
    this.record.point('fdt', this.table);
  }

  /** Frees the separate table, if that is the one in use. */
  private freeTable(): void {
    if (this.capacity === EMBEDDED) return;
    const words = this.capacity / BITS_PER_WORD;
    this.heap.freeBytes(this.arrays.fd, 8 * this.capacity);
    this.heap.freeBytes(this.arrays.openFds, 8 * words);
    this.heap.freeBytes(this.arrays.closeOnExec, 8 * words);
    this.heap.freeBytes(this.arrays.full, 8 * Math.ceil(words / BITS_PER_WORD));
    this.heap.free(this.table);
  }

  private setNext(fd: number): void {
    this.nextFree = fd;
    this.record.set('next_fd', fd);
  }

  /** One bit of full_fds_bits says that a word of open_fds has no zero bit. */
  private setFull(fd: number): void {
    const word = Math.floor(fd / BITS_PER_WORD);
    const view = this.heap.ram.view;
    const at = this.arrays.openFds + 8 * word;
    const full = (view.getUint32(at, true) & view.getUint32(at + 4, true)) >>> 0 === 0xffff_ffff;
    this.setBit(this.arrays.full, word, full);
  }

  private setBit(bitmap: number, bit: number, on: boolean): void {
    const view = this.heap.ram.view;
    const at = bitmap + (bit >>> 3);
    const mask = 1 << (bit & 7);
    view.setUint8(at, on ? view.getUint8(at) | mask : view.getUint8(at) & ~mask);
  }
}
