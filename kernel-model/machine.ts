/**
 * The modelled machine: one kernel (a profile) with its memory, tasks, files and symbols. Everything that programs
 * read stands in `ram` as records of that kernel; the objects here are the model's own handles to them.
 */
import { PAGE_SHIFT, PAGE_SIZE } from '../bpf/address.ts';
import type { Btf } from '../bpf/btf.ts';
import { Errno } from '../bpf/errno.ts';
import { bootFiles, bootSymbols } from './boot.ts';
import { KernelHeap } from './heap.ts';
import { PageAllocator } from './page.ts';
import type { KernelProfile } from './profile.ts';
import type { Ram } from './ram.ts';
import type { BpfMaps, KernelServices } from './services.ts';
import { SymbolTable } from './symbols.ts';
import { Syscalls } from './syscalls.ts';
import type { Task } from './task.ts';
import { TaskTable } from './task-table.ts';
import { TaskWork } from './task-work.ts';
import { type Timer, Timers } from './timers.ts';
import type { UnixSocket } from './unix-socket.ts';
import { Vfs } from './vfs.ts';
import { Vmalloc } from './vmalloc.ts';

/** A kernel thread that looks for work as long as it does not sleep. */
export interface Spinner {
  /** @param now nanoseconds since boot. */
  spin(now: bigint): void;
}

export class Machine implements KernelServices {
  readonly ram: Ram;
  readonly profile: KernelProfile;
  readonly heap: KernelHeap;
  readonly symbols: SymbolTable;
  readonly pages: PageAllocator;
  readonly vmalloc: Vmalloc;
  readonly vfs: Vfs;
  readonly tasks: TaskTable;
  /** System calls, errno style. */
  readonly sys: Syscalls;
  /** Processors, all online. */
  readonly cpus = 4;
  /** BPF maps; whoever loads programs sets them. */
  maps: BpfMaps = { all: [] };
  /** Modelled nanoseconds since boot; `advance` has time pass. */
  now = 0n;
  readonly timers = new Timers();
  readonly taskWork = new TaskWork();
  /** Unix sockets that have a file, in the order they were made. */
  readonly unixSockets = new Set<UnixSocket>();
  /** Threads that spin while time passes (SQPOLL). */
  readonly spinners = new Set<Spinner>();
  /** The task that programs run on behalf of: whoever reads the iterator. */
  current: Task | undefined;
  private readonly counters = new Map<string, number>();

  constructor(ram: Ram, profile: KernelProfile) {
    this.ram = ram;
    this.profile = profile;
    this.heap = new KernelHeap(ram, profile);
    this.symbols = new SymbolTable(ram);
    this.pages = new PageAllocator(ram, profile);
    this.vmalloc = new Vmalloc(ram);
    this.vfs = new Vfs(this.heap, this.pages, this.symbols);
    bootFiles(this.vfs);
    const zeroPage = ram.alloc(PAGE_SIZE, PAGE_SIZE);
    this.tasks = new TaskTable({
      heap: this.heap,
      profile,
      symbols: this.symbols,
      initTask: bootSymbols(this.symbols, profile),
      root: this.vfs.root,
      mm: {
        heap: this.heap,
        pages: this.pages,
        dialect: profile.dialect,
        zeroFrame: zeroPage >>> PAGE_SHIFT,
      },
      now: () => this.now,
    });
    this.sys = new Syscalls(this);
  }

  get btf(): Btf {
    return this.profile.btf;
  }

  /** Next number of a sequence: 1, 2, 3, ... for each name. */
  nextId(sequence: string): number {
    const id = (this.counters.get(sequence) ?? 0) + 1;
    this.counters.set(sequence, id);
    return id;
  }

  /** Time passes: what is due happens in its order, and spinning threads look around before and after. */
  advance(nanoseconds: bigint): void {
    const end = this.now + nanoseconds;
    this.spin();
    for (;;) {
      const timer = this.timers.takeDue(end);
      if (!timer) break;
      if (timer.expires > this.now) this.now = timer.expires;
      timer.fire();
      this.spin();
    }
    this.now = end;
    this.spin();
  }

  /** Arms a timer; one that is due already fires when no system call is under way. @param expires since boot. */
  startTimer(expires: bigint, fire: () => void): Timer {
    const timer = this.timers.arm(expires, fire);
    if (expires <= this.now) this.taskWork.add(() => this.advance(0n));
    return timer;
  }

  private spin(): void {
    for (const spinner of [...this.spinners]) spinner.spin(this.now);
  }

  currentTask(): bigint {
    return this.current?.address ?? 0n;
  }

  taskOf(pid: number): bigint {
    return this.tasks.get(pid)?.address ?? 0n;
  }

  dPath(path: bigint): string | number {
    const words = this.ram.read(path, 16);
    if (!words) return -Errno.EFAULT;
    const view = new DataView(words.buffer, words.byteOffset, 16);
    return this.vfs.pathText(view.getBigUint64(0, true), view.getBigUint64(8, true));
  }

  readUser(task: bigint, address: bigint, length: number): Uint8Array | null {
    const mm = this.userTask(task)?.mm;
    return mm && inUserSpace(address) ? mm.memory.readPresent(Number(address), length) : null;
  }

  writeUser(task: bigint, address: bigint, bytes: Uint8Array): boolean {
    const mm = this.userTask(task)?.mm;
    return mm !== undefined && inUserSpace(address) && mm.memory.writePresent(Number(address), bytes);
  }

  findVma(task: bigint, address: bigint): bigint | number {
    const mm = this.userTask(task)?.mm;
    if (!mm) return -Errno.ENOENT;
    if (mm.writeLocked) return -Errno.EBUSY;
    const vma = inUserSpace(address) ? mm.covering(Number(address)) : undefined;
    return vma?.record.address ?? 0n;
  }

  symbolAddress(name: string): bigint | undefined {
    return this.symbols.find(name)?.address;
  }

  symbolAt(address: bigint): { name: string; offset: bigint; size: bigint } | undefined {
    const symbol = this.symbols.covering(address);
    return symbol && { name: symbol.name, offset: address - symbol.address, size: BigInt(symbol.size) };
  }

  ktime(): bigint {
    return this.now;
  }

  private userTask(address: bigint): Task | undefined {
    return address === 0n ? this.current : this.tasks.at(address);
  }
}

/** User addresses fit a number exactly; the rest cannot be mapped anyway. */
function inUserSpace(address: bigint): boolean {
  return address >= 0n && address < 0x8000_0000_0000n;
}
