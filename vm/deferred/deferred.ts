/**
 * Timers (bpf_timer) and work queues (bpf_wq) of a vm. They fire on the modelled clock, and never while a program
 * runs: `settle` has what is due called, each callback as a run of its own, in the interpreter whatever the
 * program's tier.
 *
 * The struct in the map's value holds a mark that only counts when the work of that mark stands there: what
 * overwrites or deletes the value cancels the work, as in Linux, and a program that scribbles over the struct
 * cancels its own work and nothing else.
 */
import { kernelAddress } from '../../bpf/address.ts';
import { Errno } from '../../bpf/errno.ts';
import type { Vm } from '../vm.ts';
import { Schedule } from './schedule.ts';
import type { Work, WorkFunction, WorkKind } from './work.ts';

/** Bytes of struct bpf_timer and struct bpf_wq. */
const STRUCT_SIZE = 16;
/** Work that may exist before what is gone is looked for. */
const FIRST_SWEEP = 1024;
/** KTIME_MAX */
const LAST_TIME = (1n << 63n) - 1n;

/** Time as timers see it: nanoseconds since boot. */
export interface Clock {
  ktime(): bigint;
  advance(nanoseconds: bigint): void;
}

const STANDSTILL: Clock = { ktime: () => 0n, advance: () => {} };

/** The arguments of a callback: (map, key, value). */
export type WorkArguments = readonly [map: bigint, key: bigint, value: bigint];

export class Deferred {
  /** Whoever installs helpers sets it. */
  clock: Clock = STANDSTILL;
  private readonly vm: Vm;
  private readonly schedule = new Schedule();
  private readonly known = new Map<bigint, Work>();
  private lastMark = 0n;
  private sweepAt = FIRST_SWEEP;
  /** The work whose callback runs. */
  private running: Work | undefined;

  constructor(vm: Vm) {
    this.vm = vm;
  }

  /** Timers and work queues that are known, of which some may be gone. */
  get size(): number {
    return this.known.size;
  }

  /** Work that is started and was not done yet. */
  get pending(): number {
    this.schedule.sweep((work) => this.isGone(work));
    return this.schedule.size;
  }

  /**
   * Makes a struct in a map's value a timer or a work queue.
   * @returns 0, -EBUSY (it is one already), -EFAULT (no value of the map has it)
   */
  init(kind: WorkKind, address: bigint, map: bigint, epoch = 0n): number {
    const place = this.placeOf(address);
    if (place === 0 || this.vm.core.exports.valueAround(map, place, STRUCT_SIZE) === 0) return -Errno.EFAULT;
    if (this.workAt(place)) return -Errno.EBUSY;
    const mark = ++this.lastMark;
    this.vm.ram.view.setBigUint64(place, mark, true);
    this.known.set(mark, { kind, mark, map, place, epoch, fn: undefined, due: undefined });
    if (this.known.size > this.sweepAt) this.sweep();
    return 0;
  }

  /** Gives it another function to call: 0, -EINVAL (not initialised). */
  setCallback(kind: WorkKind, address: bigint, fn: WorkFunction): number {
    const work = this.find(kind, address);
    if (!work) return -Errno.EINVAL;
    work.fn = fn;
    return 0;
  }

  /**
   * Has it called once `delay` nanoseconds have passed: 0, -EINVAL (not initialised, no callback).
   * @param absolute `delay` is a time of the timer's own clock instead.
   */
  start(kind: WorkKind, address: bigint, delay: bigint, absolute = false): number {
    const work = this.find(kind, address);
    if (!work?.fn) return -Errno.EINVAL;
    const due = BigInt.asIntN(64, delay) + (absolute ? -work.epoch : this.clock.ktime());
    this.schedule.add(work, due > LAST_TIME ? LAST_TIME : due);
    return 0;
  }

  /** Stops a timer and forgets its callback: 1 when it was started, 0, -EINVAL, -EDEADLK (in its own callback). */
  cancel(address: bigint): number {
    const work = this.find('timer', address);
    if (!work) return -Errno.EINVAL;
    if (work === this.running) return -Errno.EDEADLK;
    work.fn = undefined;
    return this.schedule.remove(work) ? 1 : 0;
  }

  /**
   * The next work that is due by a time, with the clock at the time at which it is due; undefined when there is none.
   * @param call calls its function, while the work counts as running.
   */
  doNext<T>(end: bigint, call: (fn: WorkFunction, args: WorkArguments) => T): T | undefined {
    for (;;) {
      const next = this.schedule.take(end);
      if (!next) return undefined;
      const { work, due } = next;
      const { fn } = work;
      if (!fn || this.isGone(work)) continue;
      const wait = due - this.clock.ktime();
      if (wait > 0n) this.clock.advance(wait);
      this.running = work;
      try {
        return call(fn, this.argumentsOf(work));
      } finally {
        this.running = undefined;
      }
    }
  }

  private argumentsOf({ map, place }: Work): WorkArguments {
    const { exports } = this.vm.core;
    const value = exports.valueAround(map, place, STRUCT_SIZE) >>> 0;
    return [map, kernelAddress(exports.keyOfValue(map, value) >>> 0), kernelAddress(value)];
  }

  private find(kind: WorkKind, address: bigint): Work | undefined {
    const work = this.workAt(this.placeOf(address));
    return work?.kind === kind ? work : undefined;
  }

  private workAt(place: number): Work | undefined {
    if (place === 0) return undefined;
    const work = this.known.get(this.vm.ram.view.getBigUint64(place, true));
    return work && work.place === place && !this.isGone(work) ? work : undefined;
  }

  /** Linear offset of a struct; 0 when it is not all in the model. */
  private placeOf(address: bigint): number {
    return this.vm.core.exports.translate(address, STRUCT_SIZE, 1) >>> 0;
  }

  /** Its value was deleted or overwritten, its map destroyed, or the program of its callback unloaded. */
  private isGone({ map, place, mark, fn }: Work): boolean {
    const { core, ram } = this.vm;
    if (core.exports.valueAround(map, place, STRUCT_SIZE) === 0) return true;
    return ram.view.getBigUint64(place, true) !== mark || (fn !== undefined && !this.vm.isLoaded(fn.program));
  }

  private sweep(): void {
    this.schedule.sweep((work) => this.isGone(work));
    for (const [mark, work] of this.known) if (this.isGone(work)) this.known.delete(mark);
    this.sweepAt = Math.max(FIRST_SWEEP, 2 * this.known.size);
  }
}
