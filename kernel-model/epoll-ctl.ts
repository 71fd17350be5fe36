/** epoll_create1(2) and epoll_ctl(2). */
import { Errno } from '../bpf/errno.ts';
import { type EpollEvent, EventPoll, epollOf, itemsWatching, userWatches } from './epoll.ts';
import { type File, type FileOperations, Open } from './file.ts';
import type { Blocked } from './lock.ts';
import type { Machine } from './machine.ts';
import { Rlimit, type Task } from './task.ts';

/** EPOLL_CTL_* */
export const enum EpollOp {
  Add = 1,
  Del = 2,
  Mod = 3,
}

/** EPOLL* event bits that the model itself cares about. */
export const enum EpollBit {
  In = 0x1,
  Out = 0x4,
  Err = 0x8,
  Hup = 0x10,
  Exclusive = 0x1000_0000,
  Wakeup = 0x2000_0000,
  OneShot = 0x4000_0000,
  EdgeTriggered = 0x8000_0000,
}

/** Bits that may go with EPOLLEXCLUSIVE. */
const EXCLUSIVE_OK =
  EpollBit.In |
  EpollBit.Out |
  EpollBit.Err |
  EpollBit.Hup |
  EpollBit.Wakeup |
  EpollBit.EdgeTriggered |
  EpollBit.Exclusive;

/** Epoll instances may be nested this deep. */
const MAX_NESTS = 4;
/** Watches one user may have: sysctl fs.epoll.max_user_watches of a machine with 2 GiB of memory. */
export const MAX_USER_WATCHES = 429_496;
/** Wake-up paths of each length that one watched file may have. */
const PATH_LIMITS = [1000, 500, 100, 50, 10];

const epollOperations: FileOperations = {
  symbol: 'eventpoll_fops',
  pollable: true,
  release(file) {
    epollOf(file)?.release();
  },
};

/** @returns the new descriptor, -EINVAL for unknown flags, -EMFILE. */
export function epollCreate1(machine: Machine, task: Task, flags = 0): number {
  if ((flags & ~Open.CloExec) !== 0) return -Errno.EINVAL;
  if (!task.files) return -Errno.EBADF;
  const fd = task.files.findFree(0, task.limit(Rlimit.NoFile));
  if (fd < 0) return fd;
  const ep = new EventPoll(machine, task.cred.user);
  const file = machine.vfs.openPseudo({
    kind: 'anon_inode',
    name: '[eventpoll]',
    ops: epollOperations,
    flags: Open.RdWr | flags,
    cred: task.cred,
  });
  file.object = ep;
  file.setPrivate(ep.record);
  ep.file = file;
  ep.record.point('file', file.record);
  task.files.install(fd, file, flags !== 0);
  return fd;
}

/**
 * @param event undefined when the caller's pointer is bad or NULL; only EPOLL_CTL_DEL does without one.
 * @returns 0 or a negative errno; `Blocked` when another task holds the instance's lock.
 */
export function epollCtl(
  task: Task,
  epfd: number,
  op: number,
  fd: number,
  event: EpollEvent | undefined,
): number | Blocked {
  if (op !== EpollOp.Del && !event) return -Errno.EFAULT;
  const epFile = task.files?.get(epfd);
  const target = task.files?.get(fd);
  if (!epFile || !target) return -Errno.EBADF;
  if (!target.ops.pollable) return -Errno.EPERM;
  const ep = epollOf(epFile);
  if (!ep || epFile === target) return -Errno.EINVAL;
  if (event && !exclusiveAllowed(op, target, event)) return -Errno.EINVAL;
  const blocked = ep.lock.lock(task);
  if (blocked) return blocked;
  const result = change(ep, op, target, fd, event);
  ep.lock.unlock();
  return result;
}

function exclusiveAllowed(op: number, target: File, event: EpollEvent): boolean {
  if ((event.events & EpollBit.Exclusive) === 0) return true;
  if (op === EpollOp.Mod) return false;
  if (op !== EpollOp.Add) return true;
  return !epollOf(target) && (event.events & ~EXCLUSIVE_OK) === 0;
}

function change(ep: EventPoll, op: number, target: File, fd: number, event: EpollEvent | undefined): number {
  const inner = epollOf(target);
  if (op === EpollOp.Add && inner && makesLoop(ep, inner)) return -Errno.ELOOP;
  const item = ep.find(target, fd);
  if (op === EpollOp.Add && event) return item ? -Errno.EEXIST : add(ep, target, fd, event);
  if (op !== EpollOp.Del && op !== EpollOp.Mod) return -Errno.EINVAL;
  if (!item) return -Errno.ENOENT;
  if (op === EpollOp.Del) {
    ep.remove(item);
    return 0;
  }
  // An exclusive item cannot be changed, only removed.
  if ((item.record.get('event.events') & EpollBit.Exclusive) !== 0) return -Errno.EINVAL;
  ep.modify(item, withErrors(event as EpollEvent));
  return 0;
}

function add(ep: EventPoll, target: File, fd: number, event: EpollEvent): number {
  if (userWatches(ep.user) >= MAX_USER_WATCHES) return -Errno.ENOSPC;
  const item = ep.insert(target, fd, withErrors(event));
  const inner = epollOf(target);
  const nested = inner !== undefined || (ep.file !== undefined && itemsWatching(ep.file).length > 0);
  if (nested && tooManyPaths(inner ? watchedBelow(inner) : [target])) {
    ep.remove(item);
    return -Errno.EINVAL;
  }
  return 0;
}

/** Errors and hang-ups are always reported. */
function withErrors({ events, data }: EpollEvent): EpollEvent {
  return { events: (events | EpollBit.Err | EpollBit.Hup) >>> 0, data };
}

/** Whether watching `inner` from `outer` closes a loop or nests too deeply. */
function makesLoop(outer: EventPoll, inner: EventPoll): boolean {
  const below = depthBelow(inner, outer, new Map());
  // Before the `dying` rework only the chain below counted, and one level more of it.
  if (outer.machine.profile.dialect.epollRemoval === 'epmutex') return below > MAX_NESTS + 1;
  return below > MAX_NESTS || below + 1 + depthAbove(outer, new Map()) > MAX_NESTS;
}

/** Levels of epoll instances below one; infinite when `outer` is among them. */
function depthBelow(ep: EventPoll, outer: EventPoll, known: Map<EventPoll, number>): number {
  let depth = known.get(ep) ?? -1;
  if (depth >= 0) return depth;
  depth = 0;
  for (const item of ep.inOrder()) {
    const inner = epollOf(item.file);
    if (inner === outer) depth = Number.POSITIVE_INFINITY;
    else if (inner) depth = Math.max(depth, 1 + depthBelow(inner, outer, known));
  }
  known.set(ep, depth);
  return depth;
}

/** Levels of epoll instances that watch one. */
function depthAbove(ep: EventPoll, known: Map<EventPoll, number>): number {
  let depth = known.get(ep) ?? -1;
  if (depth >= 0) return depth;
  depth = 0;
  for (const item of ep.file ? itemsWatching(ep.file) : []) {
    depth = Math.max(depth, 1 + depthAbove(item.ep, known));
  }
  known.set(ep, depth);
  return depth;
}

/** Files other than epoll instances that can be reached from one. */
function watchedBelow(ep: EventPoll, found = new Set<File>(), seen = new Set<EventPoll>()): Set<File> {
  seen.add(ep);
  for (const item of ep.inOrder()) {
    const inner = epollOf(item.file);
    if (!inner) found.add(item.file);
    else if (!seen.has(inner)) watchedBelow(inner, found, seen);
  }
  return found;
}

/** Whether an event of one of the files would wake too many instances, or too deep a chain of them. */
function tooManyPaths(files: Iterable<File>): boolean {
  for (const file of files) {
    const counts = PATH_LIMITS.map(() => 0);
    if (!countPaths(file, 0, counts)) return true;
  }
  return false;
}

function countPaths(file: File, depth: number, counts: number[]): boolean {
  if (depth > MAX_NESTS) return false;
  for (const { ep } of itemsWatching(file)) {
    const outer = ep.file && itemsWatching(ep.file).length > 0;
    if (outer) {
      if (!countPaths(ep.file as File, depth + 1, counts)) return false;
    } else if (depth > 0) {
      // Any number of instances may watch the file itself.
      const count = (counts[depth] ?? 0) + 1;
      counts[depth] = count;
      if (count > (PATH_LIMITS[depth] ?? 0)) return false;
    }
  }
  return true;
}
