/** io_uring_setup(2), and the ring as a file. */
import { PAGE_SIZE } from '../../bpf/address.ts';
import { Errno } from '../../bpf/errno.ts';
import { Capability } from '../cred.ts';
import {
  type File,
  type FileOperations,
  type MapRequest,
  type MapSource,
  Open,
  type Readiness,
} from '../file.ts';
import type { Machine } from '../machine.ts';
import { OutOfMemory } from '../ram.ts';
import type { Task } from '../task.ts';
import { PollEvent } from '../wait-queue.ts';
import { BufferRing } from './buffer-ring.ts';
import { Engine } from './engine.ts';
import { pinBuffer } from './pin.ts';
import { IoUring } from './ring.ts';
import { type RingOffsets, ringSizes, type UserAreas } from './ring-memory.ts';
import { idleTicks, SqData } from './sq-data.ts';
import { pendingEntries } from './submission.ts';
import { attachTask, makeContext, taskContext } from './task-context.ts';
import { RingLimit, RingMap, Setup } from './uapi.ts';

/** IORING_OFF_PBUF_SHIFT */
const PBUF_SHIFT = 16;
/** Bytes of offsets below the mask of areas. */
const PBUF_RANGE = 0x800_0000;

/** What the caller fills in of `struct io_uring_params`. */
export interface SetupParams {
  /** IORING_SETUP_* */
  flags?: number;
  /** With IORING_SETUP_CQSIZE. */
  cqEntries?: number;
  sqThreadCpu?: number;
  /** Milliseconds, 0 for one second. */
  sqThreadIdle?: number;
  /** With IORING_SETUP_ATTACH_WQ. */
  wqFd?: number;
  /** One of the reserved words is not zero. */
  reserved?: boolean;
  /** The call is the 32-bit one (int 0x80): so are the iovecs that the ring takes. */
  compat?: boolean;
  /** Addresses for IORING_SETUP_NO_MMAP. */
  sqUserAddress?: bigint;
  cqUserAddress?: bigint;
}

/** What the kernel fills in. */
export interface SetupResult {
  fd: number;
  sqEntries: number;
  cqEntries: number;
  /** IORING_FEAT_* */
  features: number;
  offsets: RingOffsets;
}

/**
 * @param params undefined when the caller's pointer is bad.
 * @returns a negative errno: -EFAULT, -EINVAL, -ENXIO (ring to attach to), -ENOMEM, -EMFILE.
 */
export function ioUringSetup(
  machine: Machine,
  task: Task,
  entries: number,
  params: SetupParams | undefined,
): SetupResult | number {
  if (!params) return -Errno.EFAULT;
  const sizes = checkParams(machine, entries, params);
  if (typeof sizes === 'number') return sizes;
  const flags = params.flags ?? 0;
  const conflict = checkFlags(flags);
  if (conflict !== 0) return conflict;
  const user = (flags & Setup.NoMmap) === 0 ? undefined : pinRings(machine, task, params, sizes);
  if (typeof user === 'number') return user;
  try {
    return create(machine, task, params, sizes, user);
  } catch (error) {
    if (error instanceof OutOfMemory) return -Errno.ENOMEM;
    throw error;
  }
}

interface Sizes {
  sq: number;
  cq: number;
}

function checkParams(machine: Machine, entries: number, params: SetupParams): Sizes | number {
  const flags = params.flags ?? 0;
  if (params.reserved || (flags & ~machine.profile.dialect.setupFlags) !== 0) return -Errno.EINVAL;
  const clamp = (flags & Setup.Clamp) !== 0;
  if (entries === 0 || (entries > RingLimit.Entries && !clamp)) return -Errno.EINVAL;
  if ((flags & Setup.RegisteredFdOnly) !== 0 && (flags & Setup.NoMmap) === 0) return -Errno.EINVAL;
  const sq = powerOfTwo(Math.min(entries, RingLimit.Entries));
  if ((flags & Setup.CqSize) === 0) return { sq, cq: 2 * sq };
  const wanted = params.cqEntries ?? 0;
  if (wanted === 0 || (wanted > RingLimit.CqEntries && !clamp)) return -Errno.EINVAL;
  const cq = powerOfTwo(Math.min(wanted, RingLimit.CqEntries));
  return cq < sq ? -Errno.EINVAL : { sq, cq };
}

/** Ways to run completions that exclude or need each other. */
function checkFlags(flags: number): number {
  const has = (flag: number) => (flags & flag) !== 0;
  if (has(Setup.SqPoll)) {
    if (has(Setup.CoopTaskrun | Setup.TaskrunFlag | Setup.DeferTaskrun)) return -Errno.EINVAL;
  } else if (has(Setup.TaskrunFlag) && !has(Setup.CoopTaskrun | Setup.DeferTaskrun)) {
    return -Errno.EINVAL;
  }
  return has(Setup.DeferTaskrun) && !has(Setup.SingleIssuer) ? -Errno.EINVAL : 0;
}

function create(
  machine: Machine,
  task: Task,
  params: SetupParams,
  sizes: Sizes,
  userAreas: UserAreas | undefined,
): SetupResult | number {
  const ring = new IoUring(machine, {
    flags: params.flags ?? 0,
    sqEntries: sizes.sq,
    cqEntries: sizes.cq,
    creator: task,
    compat: params.compat === true,
    chargesUser: !task.cred.capable(Capability.IpcLock),
    ...(userAreas ? { userAreas } : {}),
  });
  ring.engine = new Engine(ring);
  const error = offload(machine, task, ring, params);
  if (error !== 0) {
    ring.close();
    return error;
  }
  const fd = install(machine, task, ring);
  if (fd < 0) return fd;
  if ((ring.flags & Setup.SingleIssuer) !== 0 && !ring.disabled) ring.setSubmitter(task);
  const { features } = machine.profile.dialect;
  return { fd, sqEntries: sizes.sq, cqEntries: sizes.cq, features, offsets: ring.memory.offsets };
}

/** The submission thread, own or shared. */
function offload(machine: Machine, task: Task, ring: IoUring, params: SetupParams): number {
  const { flags } = ring;
  const wants = (flag: number) => (flags & flag) !== 0;
  if (!wants(Setup.SqPoll)) {
    // Nothing is shared, but the descriptor must be that of a ring all the same.
    const wrong = wants(Setup.AttachWq) ? checkAttach(task, params) : 0;
    return wrong !== 0 || !wants(Setup.SqAff) ? wrong : -Errno.EINVAL;
  }
  const owner = wants(Setup.AttachWq) ? sharedThread(task, params) : undefined;
  if (typeof owner === 'number') return owner;
  if (owner && !owner.alive) return -Errno.ENXIO;
  const cpu = params.sqThreadCpu ?? 0;
  if (!owner && wants(Setup.SqAff) && cpu >= machine.cpus) return -Errno.EINVAL;
  ring.setSqCreds(task.cred);
  ring.ctx.set('sq_thread_idle', idleTicks(params.sqThreadIdle ?? 0, machine.profile.dialect.hz));
  const data = owner ? owner.share() : new SqData(machine, task);
  ring.joinThread(data);
  if (owner) return 0;
  data.start(task, wants(Setup.SqAff) ? cpu : undefined);
  if (data.worker) makeContext(machine, data.worker, ring);
  return 0;
}

function checkAttach(task: Task, params: SetupParams): number {
  const file = task.files?.get(params.wqFd ?? 0);
  if (!file) return -Errno.ENXIO;
  return file.object instanceof IoUring ? 0 : -Errno.EINVAL;
}

/** The thread of the ring to attach to; none, and no error, when that ring is another process's. */
function sharedThread(task: Task, params: SetupParams): SqData | undefined | number {
  const wrong = checkAttach(task, params);
  if (wrong !== 0) return wrong;
  const ring = task.files?.get(params.wqFd ?? 0)?.object as IoUring;
  if (!ring.sqData) return -Errno.EINVAL;
  return ring.sqData.tgid === task.tgid ? ring.sqData : undefined;
}

function install(machine: Machine, task: Task, ring: IoUring): number {
  const file = machine.vfs.openPseudo({
    kind: 'anon_inode',
    name: '[io_uring]',
    ops: ringOperations,
    flags: Open.RdWr,
    cred: task.cred,
    inode: machine.vfs.pseudoInode('anon_inode', 0o600),
  });
  file.object = ring;
  file.setPrivate(ring.ctx);
  ring.file = file;
  if ((ring.flags & Setup.RegisteredFdOnly) !== 0) return registerOnly(machine, task, ring, file);
  const fd = machine.sys.install(task, file, true);
  if (fd >= 0) attachTask(machine, task, ring);
  return fd;
}

/** The ring has an index among the task's registered rings, and no descriptor. */
function registerOnly(machine: Machine, task: Task, ring: IoUring, file: File): number {
  attachTask(machine, task, ring);
  const context = taskContext(task);
  const index = context?.freeIndex() ?? -Errno.EBUSY;
  if (index < 0) file.put();
  else context?.setRegistered(index, file);
  return index;
}

const ringOperations: FileOperations = {
  symbol: 'io_uring_fops',
  pollable: true,
  poll({ object }: File): Readiness {
    if (!(object instanceof IoUring)) return { mask: 0, queues: [] };
    const { completions, engine, memory, pollQueue } = object;
    const completed = completions.available > 0 || completions.overflowCount > 0;
    const room = pendingEntries(engine) < memory.sqEntries;
    const readable = completed ? PollEvent.In | PollEvent.RdNorm : 0;
    return { mask: readable | (room ? PollEvent.Out | PollEvent.WrNorm : 0), queues: [pollQueue] };
  },
  release(file: File) {
    if (file.object instanceof IoUring) file.object.close();
  },
  mmap(file: File, request: MapRequest): MapSource | number {
    return file.object instanceof IoUring ? mapRing(file.object, request) : -Errno.ENODEV;
  },
};

/** Newer kernels choose the address themselves and do not limit the length. */
function mapRing(ring: IoUring, request: MapRequest): MapSource | number {
  if ((ring.flags & Setup.NoMmap) !== 0) return -Errno.ENOMEM;
  const free = ring.machine.profile.dialect.ringMapFixed;
  if (!free && request.address !== 0) return -Errno.EINVAL;
  const buffers = mappedBuffers(ring, request.offset);
  if (buffers) return buffers.show();
  const area = mappedArea(request.offset);
  if (!area) return free ? -Errno.EINVAL : -Errno.ENOMEM;
  const frames = ring.memory.frames(area);
  // Before 6.10 the areas are compound pages, whose size is a power of two.
  if (free && request.length > powerOfTwo(frames.length) * PAGE_SIZE) return -Errno.EINVAL;
  return { frame: (page) => frames[page] ?? -1 };
}

/** Ring of provided buffers in kernel memory: the group's id stands in the offset. */
function mappedBuffers(ring: IoUring, offset: number): BufferRing | undefined {
  if (offset < RingMap.PbufRing || offset >= RingMap.PbufRing + PBUF_RANGE) return undefined;
  const group = ring.provided.group((offset - RingMap.PbufRing) >>> PBUF_SHIFT);
  return group instanceof BufferRing && group.mapped ? group : undefined;
}

function mappedArea(offset: number): 'rings' | 'sqes' | undefined {
  if (offset === RingMap.SqRing || offset === RingMap.CqRing) return 'rings';
  return offset === RingMap.Sqes ? 'sqes' : undefined;
}

/** Pins the pages that the caller gives for the rings: first the one of the completions, then the other. */
function pinRings(machine: Machine, task: Task, params: SetupParams, sizes: Sizes): UserAreas | number {
  const shape = { flags: params.flags ?? 0, sqEntries: sizes.sq, cqEntries: sizes.cq };
  const { ringBytes, sqeBytes } = ringSizes(machine.profile, shape);
  const rings = pinArea(machine, task, params.cqUserAddress ?? 0n, ringBytes);
  if (typeof rings === 'number') return rings;
  const sqes = pinArea(machine, task, params.sqUserAddress ?? 0n, sqeBytes);
  if (typeof sqes !== 'number') return { rings, sqes };
  for (const frame of rings) machine.pages.unpin(frame);
  return sqes;
}

/** @returns the frames, which may be anywhere, -EINVAL, -EFAULT or -ENOMEM. */
function pinArea(machine: Machine, task: Task, address: bigint, bytes: number): Int32Array | number {
  if (address % BigInt(PAGE_SIZE) !== 0n) return -Errno.EINVAL;
  if (address === 0n) return -Errno.EFAULT;
  return pinBuffer(machine, task, address, bytes);
}

function powerOfTwo(value: number): number {
  return 2 ** Math.ceil(Math.log2(value));
}
