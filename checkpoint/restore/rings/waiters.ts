/** Tasks that wait for completions enter the kernel once more, and wait on. */
import { ioUringEnter, type PendingEnter } from '../../../kernel-model/io-uring/enter.ts';
import { Enter } from '../../../kernel-model/io-uring/uapi.ts';
import { MapFlag } from '../../../kernel-model/memory-syscalls.ts';
import { Prot } from '../../../kernel-model/vma.ts';
import type { WaiterState } from '../../state.ts';
import { hex } from '../calls.ts';
import { record } from './extras.ts';
import { type RingRestore, ringNode } from './ring.ts';
import { inThread } from './setup.ts';

const NSEC_PER_SEC = 1_000_000_000n;
const NSEC_PER_USEC = 1000n;
const ARGUMENT_SIZE = 24;

/** A call of a restored task that has not returned. */
export interface BlockedCall {
  readonly tid: number;
  readonly call: PendingEnter;
}

/** The last of a ring's nodes: who waits can do nothing else. */
export function addWaiters(ring: RingRestore): void {
  const { world, index, state } = ring;
  if (state.waiters.length === 0) return;
  const rings = world.state.rings.map((_, i) => ringNode(i, 'done'));
  world.graph.add(waitersNode(index), rings, () => {
    for (const waiter of state.waiters) wait(ring, waiter);
  });
}

export function waitersNode(index: number): string {
  return ringNode(index, 'waiters');
}

function wait(ring: RingRestore, { tid, completions, time, minimum }: WaiterState): void {
  const { world } = ring;
  const { calls } = world;
  const task = world.task(tid);
  const fd = descriptorOf(ring, tid);
  const limited = time !== undefined || minimum !== undefined;
  const flags = Enter.GetEvents | (limited ? Enter.ExtArg : 0);
  const enter = (pointer: bigint) => {
    const size = limited ? ARGUMENT_SIZE : 0;
    const result = ioUringEnter(calls.machine, task, fd, 0, completions, flags, { pointer, size });
    if (typeof result === 'number')
      ring.refuse(
        83,
        `task ${tid} was to wait for ${completions} completions, and io_uring_enter returns ${result}`,
      );
    calls.note(task, 'io_uring_enter', [fd, 0, completions, 'IORING_ENTER_GETEVENTS'], '?');
    world.blocked.push({ tid, call: result });
  };
  if (!limited) {
    enter(0n);
    return;
  }
  // The kernel reads the time once, before it waits.
  const { sys } = calls.machine;
  const how = MapFlag.Private | MapFlag.Anonymous;
  const address = sys.mmap(task, 0, 4096, Prot.Read | Prot.Write, how);
  calls.done(task, 'mmap', [0, 4096, 'PROT_READ|PROT_WRITE', 'MAP_PRIVATE|MAP_ANONYMOUS'], address);
  const span = time ?? 0n;
  const bytes = new Uint8Array(ARGUMENT_SIZE + 16);
  const microseconds = Number((minimum ?? 0n) / NSEC_PER_USEC);
  const pointer = time === undefined ? 0n : BigInt(address + ARGUMENT_SIZE);
  bytes.set(record([0, 0, 0, microseconds], [pointer]));
  bytes.set(record([], [span / NSEC_PER_SEC, span % NSEC_PER_SEC]), ARGUMENT_SIZE);
  world.writeMemory(task.pid, address, bytes);
  enter(BigInt(address));
  // Another thread does that: this one waits.
  inThread(ring, task, (thread) => {
    calls.done(thread, 'munmap', [hex(address), 4096], sys.munmap(thread, address, 4096));
  });
}

/** The task's own number for the ring: it stays in the call with it. */
function descriptorOf(ring: RingRestore, tid: number): number {
  const { state } = ring.world;
  const task = state.tasks.find((each) => each.tid === tid);
  const table = state.fdTables[task?.fdTable ?? -1];
  const found = table?.fds.find(({ file }) => file === ring.state.file);
  return found?.fd ?? ring.refuse(83, `task ${tid} waits, and has no descriptor for the ring`);
}
