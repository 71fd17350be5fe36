/** `struct io_wq`: a task's pool of worker threads, as far as its limits and its placement go. */
import type { Machine } from '../machine.ts';
import type { Record } from '../record.ts';
import type { Task } from '../task.ts';

/** RLIMIT_NPROC of the modelled machine. */
const DEFAULT_PROCESSES = 31_000;
const MASK_BITS = 64;

export class WorkerPool {
  /** Most workers for bounded and for unbounded work. */
  readonly limits: [number, number];
  private readonly machine: Machine;
  private readonly records: Record[] = [];
  /** Where limits and mask stand; nowhere for kernels whose types lack it. */
  private readonly home: Record | undefined;
  private readonly mask: Record | undefined;

  /** @param bounded default limit for work that cannot take for ever. */
  constructor(machine: Machine, context: Record, task: Task, bounded: number) {
    this.machine = machine;
    this.limits = [bounded, DEFAULT_PROCESSES];
    const { profile } = machine;
    if (!profile.hasLayout('io_wq')) return;
    const perNode = !profile.layout('io_wq').has('acct[0]');
    const pool = this.allocate('io_wq', perNode ? 8 : 0);
    pool.point('task', task.record);
    context.point('io_wq', pool);
    this.home = perNode ? this.allocate('io_wqe') : pool;
    if (perNode) {
      this.home.point('wq', pool);
      machine.ram.view.setBigUint64(pool.offset + pool.layout.offset('wqes'), this.home.address, true);
    }
    this.mask = this.allocate('cpumask');
    this.home.point('cpu_mask', this.mask);
    for (const index of [0, 1] as const) this.home.set(`acct[${index}].index`, index);
    this.publish();
    this.setCpus(this.allCpus);
  }

  /** 0 leaves a limit as it is. @returns the former limits. */
  setLimits(wanted: readonly [number, number]): [number, number] {
    const former: [number, number] = [...this.limits];
    for (const index of [0, 1] as const) if (wanted[index] !== 0) this.limits[index] = wanted[index];
    this.publish();
    return former;
  }

  /** Processors that workers run on, a bit each; false when some do not exist. */
  place(cpus: bigint): boolean {
    if ((cpus & ~this.allCpus) !== 0n) return false;
    this.setCpus(cpus);
    return true;
  }

  /** Workers may run anywhere again. */
  unplace(): void {
    this.setCpus(this.allCpus);
  }

  release(): void {
    for (const record of this.records) this.machine.heap.free(record);
  }

  private get allCpus(): bigint {
    return (1n << BigInt(this.machine.cpus)) - 1n;
  }

  private allocate(struct: string, extra = 0): Record {
    const record = this.machine.heap.allocate(struct, extra);
    this.records.push(record);
    return record;
  }

  private publish(): void {
    for (const index of [0, 1] as const) {
      this.home?.set(`acct[${index}].max_workers`, this.limits[index]);
    }
  }

  private setCpus(cpus: bigint): void {
    this.mask?.set('bits[0]', BigInt.asUintN(MASK_BITS, cpus));
  }
}
