/** What is there to act on: the generator looks into the world that it grows. */

import { EventPoll } from '../../../kernel-model/epoll.ts';
import { EventfdContext } from '../../../kernel-model/eventfd.ts';
import type { File } from '../../../kernel-model/file.ts';
import { FileType } from '../../../kernel-model/inode.ts';
import { IoUring } from '../../../kernel-model/io-uring/ring.ts';
import { Pipe } from '../../../kernel-model/pipe.ts';
import type { Task } from '../../../kernel-model/task.ts';
import { TaskFlag } from '../../../kernel-model/task.ts';
import { UnixSocket } from '../../../kernel-model/unix-socket.ts';
import { type Vma, VmFlag } from '../../../kernel-model/vma.ts';
import type { Session } from '../../../session/session.ts';
import type { Random } from './random.ts';

export type FileKind = 'ring' | 'epoll' | 'eventfd' | 'pipe' | 'socket' | 'regular' | 'device';

/** Everything that the makers of steps know. */
export interface View {
  readonly random: Random;
  readonly session: Session;
  readonly task: Task;
}

export interface OpenRing {
  readonly fd: number;
  readonly ring: IoUring;
}

export const PAGE = 4096;

/** Threads that run programs. */
export function living({ machine, reader }: Session): Task[] {
  return machine.tasks.all.filter(
    (task) =>
      task.pid !== 1 &&
      task !== reader &&
      !task.exited &&
      (task.record.get('flags') & TaskFlag.IoWorker) === 0,
  );
}

export function kindOf({ object, inode }: File): FileKind {
  if (object instanceof IoUring) return 'ring';
  if (object instanceof EventPoll) return 'epoll';
  if (object instanceof EventfdContext) return 'eventfd';
  if (object instanceof Pipe) return 'pipe';
  if (object instanceof UnixSocket) return 'socket';
  return (inode.mode & FileType.Mask) === FileType.Regular ? 'regular' : 'device';
}

/** Descriptors of the task for files of some kinds; all when none is given. */
export function fdsOf(task: Task, ...kinds: readonly FileKind[]): number[] {
  return [...(task.files?.entries() ?? [])]
    .filter(([, file]) => kinds.length === 0 || kinds.includes(kindOf(file)))
    .map(([fd]) => fd);
}

export function ringsOf(task: Task): OpenRing[] {
  return [...(task.files?.entries() ?? [])].flatMap(([fd, { object }]) =>
    object instanceof IoUring ? [{ fd, ring: object }] : [],
  );
}

/** Memory that rings of IORING_SETUP_NO_MMAP may stand in. Nothing else is stored there: who breaks a queue waits for ever. */
export const RING_AREA = 0x7f00_2000_0000;
const RING_AREA_END = RING_AREA + (1 << 24);

/** Mappings that are memory, and not a ring's or the kernel's. */
export function memoryOf(task: Task): Vma[] {
  return [...(task.mm?.mappings ?? [])].filter((vma) => vma.source === undefined && !isForRings(vma));
}

export function ringMemoryOf(task: Task): Vma[] {
  return [...(task.mm?.mappings ?? [])].filter(isForRings);
}

function isForRings({ start }: Vma): boolean {
  return start >= RING_AREA && start < RING_AREA_END;
}

export function isHuge(vma: Vma): boolean {
  return vma.has(VmFlag.HugeTlb);
}

/** A part of some memory of the task, of whole pages. */
export function somePages({ random, task }: View): { address: number; length: number } | undefined {
  const vma = random.some(memoryOf(task));
  if (!vma) return undefined;
  const pages = (vma.end - vma.start) / vma.pageSize;
  const first = random.below(pages);
  const count = random.between(1, Math.min(pages - first, 4));
  return { address: vma.start + first * vma.pageSize, length: count * vma.pageSize };
}

/** A place in some memory of the task. */
export function somePlace(
  { random, task }: View,
  most = 64,
): { address: number; length: number } | undefined {
  const vma = random.some(memoryOf(task));
  if (!vma) return undefined;
  const length = random.between(1, most);
  const room = vma.end - vma.start - length;
  return { address: vma.start + (random.percent(50) ? 0 : random.below(Math.max(1, room))), length };
}
