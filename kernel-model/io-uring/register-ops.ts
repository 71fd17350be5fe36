/** The operations of io_uring_register(2), each with the checks of its own arguments. */
import { Errno } from '../../bpf/errno.ts';
import type { Blocked } from '../lock.ts';
import type { Machine } from '../machine.ts';
import type { Task } from '../task.ts';
import { type CallerMemory, isNull, readStruct, UserArray, type UserPointer } from '../user-pointer.ts';
import type { BufferTable } from './buffer-table.ts';
import { cloneBuffers } from './clone-buffers.ts';
import { registerEventfd, unregisterEventfd } from './eventfd.ts';
import type { FileTable } from './file-table.ts';
import { iowqAffinity, iowqMaxWorkers } from './iowq.ts';
import { registerBuffers, unregisterBuffers, updateBuffers } from './register-buffers.ts';
import { registerFiles, setFileAllocRange, unregisterFiles, updateFiles } from './register-files.ts';
import { bufferRingStatus, registerBufferRing, unregisterBufferRing } from './register-pbuf.ts';
import { probe, registerClock, registerNapi, unregisterNapi } from './register-query.ts';
import { setRestrictions } from './restrictions.ts';
import type { IoUring } from './ring.ts';
import { registerRingFds, unregisterRingFds } from './ring-fds.ts';
import { quiesceTable } from './rsrc-quiesce.ts';
import { syncCancel } from './sync-cancel.ts';
import { RegisterOp, Restriction, RSRC_REGISTER_SPARSE, Setup, UserSize } from './uapi.ts';

export interface RegisterCall {
  machine: Machine;
  ring: IoUring;
  task: Task;
  op: number;
  argument: UserPointer;
  /** nr_args */
  count: number;
  memory: CallerMemory;
}

type Operation = (call: RegisterCall) => number | Blocked;

const OPERATIONS: { readonly [op: number]: Operation } = {
  [RegisterOp.Buffers]: (call) => buffers(call),
  [RegisterOp.UnregisterBuffers]: (call) =>
    withoutArgument(call) || unregister(call, call.ring.buffers, unregisterBuffers),
  [RegisterOp.Files]: (call) => files(call),
  [RegisterOp.UnregisterFiles]: (call) =>
    withoutArgument(call) || unregister(call, call.ring.files, unregisterFiles),
  [RegisterOp.Eventfd]: (call) => eventfd(call, false),
  [RegisterOp.EventfdAsync]: (call) => eventfd(call, true),
  [RegisterOp.UnregisterEventfd]: (call) => withoutArgument(call) || unregisterEventfd(call.ring),
  [RegisterOp.FilesUpdate]: (call) => update(call, UserSize.RsrcUpdate, 'files'),
  [RegisterOp.Personality]: (call) => withoutArgument(call) || personality(call),
  [RegisterOp.UnregisterPersonality]: (call) => dropPersonality(call),
  [RegisterOp.Restrictions]: (call) => restrictions(call),
  [RegisterOp.EnableRings]: (call) => withoutArgument(call) || enable(call),
  [RegisterOp.Files2]: (call) => rsrcRegister(call, 'files'),
  [RegisterOp.FilesUpdate2]: (call) => update(call, UserSize.RsrcUpdate2, 'files'),
  [RegisterOp.Buffers2]: (call) => rsrcRegister(call, 'buffers'),
  [RegisterOp.BuffersUpdate]: (call) => update(call, UserSize.RsrcUpdate2, 'buffers'),
  [RegisterOp.IowqAff]: (call) => iowqAffinity(call),
  [RegisterOp.UnregisterIowqAff]: (call) => withoutArgument(call) || iowqAffinity(call),
  [RegisterOp.IowqMaxWorkers]: (call) => iowqMaxWorkers(call),
  [RegisterOp.RingFds]: (call) => registerRingFds(call),
  [RegisterOp.UnregisterRingFds]: (call) => unregisterRingFds(call),
  [RegisterOp.FileAllocRange]: (call) => fileAllocRange(call),
  [RegisterOp.Probe]: (call) => probe(call),
  [RegisterOp.PbufRing]: (call) => registerBufferRing(call),
  [RegisterOp.UnregisterPbufRing]: (call) => unregisterBufferRing(call),
  [RegisterOp.PbufStatus]: (call) => bufferRingStatus(call),
  [RegisterOp.SyncCancel]: (call) => syncCancel(call),
  [RegisterOp.Napi]: (call) => registerNapi(call),
  [RegisterOp.UnregisterNapi]: (call) => unregisterNapi(call),
  [RegisterOp.Clock]: (call) => registerClock(call),
  [RegisterOp.CloneBuffers]: (call) => cloneBuffers(call),
};

export function registerOperation(call: RegisterCall): number | Blocked {
  if (call.op >= call.machine.profile.dialect.registerOps) return -Errno.EINVAL;
  return OPERATIONS[call.op]?.(call) ?? -Errno.EINVAL;
}

function withoutArgument({ argument, count }: RegisterCall): number {
  return isNull(argument) && count === 0 ? 0 : -Errno.EINVAL;
}

/** A table goes when no request uses anything of it. */
function unregister(
  { ring, task }: RegisterCall,
  table: FileTable | BufferTable | undefined,
  drop: (ring: IoUring) => number,
): number | Blocked {
  return (table && quiesceTable(ring, table, task)) || drop(ring);
}

/** Kernels with sparse tables take NULL for "all empty", which the old operations do not offer. */
function refusesNull({ machine, argument }: RegisterCall): boolean {
  return isNull(argument) && machine.profile.dialect.versionCode >= SPARSE_VERSION;
}

/** 5.19: IORING_RSRC_REGISTER_SPARSE. */
const SPARSE_VERSION = 0x5_1300;

function buffers(call: RegisterCall): number {
  if (refusesNull(call)) return -Errno.EFAULT;
  const iovecs = iovecArray(call, call.argument);
  return registerBuffers(call.ring, call.task, iovecs, call.count, undefined);
}

/** As who made the ring writes them, whoever calls. */
function iovecArray({ ring, memory }: RegisterCall, at: UserPointer): UserArray {
  return new UserArray(memory, at, ring.compat ? UserSize.CompatIovec : UserSize.Iovec);
}

function files(call: RegisterCall): number {
  if (refusesNull(call)) return -Errno.EFAULT;
  const fds = new UserArray(call.memory, call.argument, 4);
  return registerFiles(call.ring, call.task, fds, call.count, undefined);
}

/** IORING_REGISTER_FILES2 and BUFFERS2: `struct io_uring_rsrc_register`. */
function rsrcRegister(call: RegisterCall, kind: 'files' | 'buffers'): number {
  const { ring, task, memory } = call;
  const { versionCode } = call.machine.profile.dialect;
  if (call.count !== UserSize.RsrcRegister) return -Errno.EINVAL;
  const argument = readStruct(memory, call.argument, UserSize.RsrcRegister);
  if (!argument) return -Errno.EFAULT;
  const count = argument.getUint32(0, true);
  const flags = argument.getUint32(4, true);
  const data = argument.getBigUint64(16, true);
  const tags = argument.getBigUint64(24, true);
  if (count === 0 || argument.getBigUint64(8, true) !== 0n) return -Errno.EINVAL;
  const hasSparse = versionCode >= SPARSE_VERSION;
  if ((flags & ~(hasSparse ? RSRC_REGISTER_SPARSE : 0)) !== 0) return -Errno.EINVAL;
  if ((flags & RSRC_REGISTER_SPARSE) !== 0 && data !== 0n) return -Errno.EINVAL;
  const tagArray = tags === 0n ? undefined : new UserArray(memory, tags, 8);
  const empty = hasSparse && data === 0n;
  return kind === 'files'
    ? registerFiles(ring, task, empty ? undefined : new UserArray(memory, data, 4), count, tagArray)
    : registerBuffers(ring, task, empty ? undefined : iovecArray(call, data), count, tagArray);
}

/** `struct io_uring_rsrc_update` (of which nr_args gives the count) and `io_uring_rsrc_update2`. */
function update(call: RegisterCall, size: number, kind: 'files' | 'buffers'): number {
  const { ring, task, memory } = call;
  const second = size === UserSize.RsrcUpdate2;
  if (second ? call.count !== size : call.count === 0) return -Errno.EINVAL;
  const argument = readStruct(memory, call.argument, size);
  if (!argument) return -Errno.EFAULT;
  const offset = argument.getUint32(0, true);
  const data = argument.getBigUint64(8, true);
  const tags = second ? argument.getBigUint64(16, true) : 0n;
  const count = second ? argument.getUint32(24, true) : call.count;
  if (argument.getUint32(4, true) !== 0) return -Errno.EINVAL;
  if (second && (count === 0 || argument.getUint32(28, true) !== 0)) return -Errno.EINVAL;
  if (offset + count > 0xffff_ffff) return -Errno.EOVERFLOW;
  const tagArray = tags === 0n ? undefined : new UserArray(memory, tags, 8);
  return kind === 'files'
    ? updateFiles(ring, task, offset, new UserArray(memory, data, 4), count, tagArray)
    : updateBuffers(ring, task, offset, iovecArray(call, data), count, tagArray);
}

function eventfd(call: RegisterCall, isAsync: boolean): number {
  if (call.count !== 1) return -Errno.EINVAL;
  // A second registration is refused before the descriptor is looked at.
  if (call.ring.eventfd) return -Errno.EBUSY;
  const argument = readStruct(call.memory, call.argument, 4);
  if (!argument) return -Errno.EFAULT;
  return registerEventfd(call.ring, call.task, argument.getInt32(0, true), isAsync);
}

function personality({ ring, task }: RegisterCall): number {
  return ring.personalities.add(task.cred) || -Errno.EBUSY;
}

function dropPersonality({ ring, argument, count }: RegisterCall): number {
  if (!isNull(argument)) return -Errno.EINVAL;
  return ring.personalities.remove(count) ? 0 : -Errno.EINVAL;
}

function restrictions({ machine, ring, memory, argument, count }: RegisterCall): number {
  const { dialect } = machine.profile;
  const record = ring.ctx.sub('restrictions');
  if (!ring.disabled) return -Errno.EBADFD;
  if (record.get('registered') !== 0) return -Errno.EBUSY;
  const limit = Restriction.Last + dialect.registerOps + dialect.submitOps;
  if (isNull(argument) || count > limit) return -Errno.EINVAL;
  return setRestrictions(record, dialect, new UserArray(memory, argument, UserSize.Restriction), count);
}

function enable({ machine, ring, task }: RegisterCall): number {
  if (!ring.disabled) return -Errno.EBADFD;
  if ((ring.flags & Setup.SingleIssuer) !== 0 && !ring.submitter) ring.setSubmitter(task);
  if (ring.ctx.get('restrictions.registered') !== 0) ring.ctx.set('restricted', true);
  ring.ctx.set('flags', ring.flags & ~Setup.Disabled);
  machine.taskWork.add(() => ring.sqData?.wakeUp());
  return 0;
}

function fileAllocRange({ ring, memory, argument, count }: RegisterCall): number {
  if (isNull(argument) || count !== 0) return -Errno.EINVAL;
  const range = readStruct(memory, argument, UserSize.FileIndexRange);
  if (!range) return -Errno.EFAULT;
  return setFileAllocRange(
    ring,
    range.getUint32(0, true),
    range.getUint32(4, true),
    range.getBigUint64(8, true),
  );
}
