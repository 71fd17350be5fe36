/**
 * What a task has of io_uring (`struct io_uring_task`): the rings it uses, the ones it has registered for itself,
 * and the limits of its worker threads.
 */
import { Errno } from '../../bpf/errno.ts';
import type { File } from '../file.ts';
import type { KernelHeap } from '../heap.ts';
import { listAddTail, listDel, listInit } from '../list.ts';
import type { Machine } from '../machine.ts';
import type { Record } from '../record.ts';
import type { Task } from '../task.ts';
import { XArray } from '../xarray.ts';
import type { IoUring } from './ring.ts';
import { RingLimit } from './uapi.ts';
import { WorkerPool } from './worker-pool.ts';

export class TaskContext {
  readonly record: Record;
  readonly workers: WorkerPool;
  /** Rings that the task has submitted to or made. */
  readonly rings = new Set<IoUring>();
  private readonly registered: (File | undefined)[] = new Array(RingLimit.RingFds).fill(undefined);

  /** Links to the rings, by the address of the ring. */
  readonly index: XArray;

  constructor(machine: Machine, record: Record, workers: WorkerPool) {
    this.record = record;
    this.index = new XArray(machine.heap, record.sub('xa'), machine.profile.layout('xa_node'));
    this.workers = workers;
  }

  /** The ring file registered at an index. */
  registeredRing(index: number): File | undefined {
    return this.registered[index];
  }

  /** First free index, -EBUSY when all are taken. */
  freeIndex(): number {
    const index = this.registered.indexOf(undefined);
    return index < 0 ? -Errno.EBUSY : index;
  }

  /** Registers or clears; a registered file keeps a reference. */
  setRegistered(index: number, file: File | undefined): void {
    const old = this.registered[index];
    this.registered[index] = file;
    this.record.point(`registered_rings[${index}]`, file?.record);
    old?.put();
  }

  /** References for requests, which are taken in advance: `cached_refs` are the unused ones, `inflight` all. */
  takeRefs(count: number): void {
    const cached = this.record.get('cached_refs') - count;
    const more = cached < 0 ? REFS_IN_ADVANCE - cached : 0;
    this.record.set('cached_refs', cached + more);
    this.record.set('inflight.count', this.record.get('inflight.count') + more);
  }

  returnRefs(count: number): void {
    this.record.set('cached_refs', this.record.get('cached_refs') + count);
  }

  /** A request of the task is over. */
  putRef(): void {
    this.returnRefs(1);
  }

  /** The task exits. */
  release(heap: KernelHeap): void {
    for (let index = 0; index < RingLimit.RingFds; index++) {
      if (this.registered[index]) this.setRegistered(index, undefined);
    }
    this.workers.release();
    this.index.clear();
    heap.free(this.record);
  }
}

/** How many references a task takes at a time. */
const REFS_IN_ADVANCE = 1024;

const contexts = new WeakMap<Task, TaskContext>();

/** Contexts of the tasks that use a ring. */
export function contextsOf(ring: IoUring): TaskContext[] {
  const tasks = ring.contextNodes.map((node) => ring.machine.tasks.at(node.big('task')));
  return tasks.flatMap((task) => (task && contexts.get(task)) ?? []);
}

/** The task's context, undefined before its first use of io_uring. */
export function taskContext(task: Task): TaskContext | undefined {
  return contexts.get(task);
}

/** Notes that a task submits to a ring; the first time makes the link between them. */
export function attachSubmitter(machine: Machine, task: Task, ring: IoUring): void {
  const known = ring.contextNodes.some((node) => node.big('task') === task.address);
  if (!known || !contexts.has(task)) attachTask(machine, task, ring);
  const context = contexts.get(task);
  if (context?.record.has('last')) context.record.point('last', ring.ctx);
}

/** Notes that a task uses a ring. */
export function attachTask(machine: Machine, task: Task, ring: IoUring): void {
  const context = contexts.get(task) ?? create(machine, task, ring);
  if (context.record.has('last')) context.record.point('last', ring.ctx);
  context.rings.add(ring);
  if (ring.ctx.get('iowq_limits_set') !== 0) context.workers.setLimits(ring.workerLimits);
  const node = machine.heap.allocate('io_tctx_node');
  node.point('task', task.record).point('ctx', ring.ctx);
  context.index.set(ring.ctx.address, node.address);
  listAddTail(machine.ram, node.addressOf('ctx_node'), ring.ctx.addressOf('tctx_list'));
  ring.contextNodes.push(node);
}

/** The ring is gone: nobody has links to it any more. */
export function detachRing(ring: IoUring): void {
  for (const context of contextsOf(ring)) {
    context.rings.delete(ring);
    context.index.delete(ring.ctx.address);
  }
  for (const node of [...ring.contextNodes]) freeNode(ring, node);
}

/** Frees the links of a task that is gone. */
function unlink(ring: IoUring, task: Task): void {
  for (const node of ring.contextNodes.filter((own) => own.big('task') === task.address))
    freeNode(ring, node);
}

function freeNode(ring: IoUring, node: Record): void {
  listDel(ring.machine.ram, node.addressOf('ctx_node'));
  ring.contextNodes.splice(ring.contextNodes.indexOf(node), 1);
  ring.machine.heap.free(node);
}

/** The context of a thread that only submits for others: it has no rings of its own. */
export function makeContext(machine: Machine, task: Task, ring: IoUring): void {
  if (!contexts.has(task)) create(machine, task, ring);
}

/** Limit of bounded workers by default: four for each processor, but no more than entries. */
function create(machine: Machine, task: Task, ring: IoUring): TaskContext {
  const record = machine.heap.allocate('io_uring_task');
  if (record.has('wait.head')) listInit(machine.ram, record.addressOf('wait.head'));
  const bounded = Math.min(ring.memory.sqEntries, 4 * machine.cpus);
  const context = new TaskContext(machine, record, new WorkerPool(machine, record, task, bounded));
  contexts.set(task, context);
  task.record.point('io_uring', record);
  task.beforeExit = () => {
    for (const used of context.rings) {
      used.engine.cancelAll(task);
      unlink(used, task);
    }
    task.record.point('io_uring', undefined);
    contexts.delete(task);
    context.release(machine.heap);
  };
  return context;
}
