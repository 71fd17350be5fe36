/** IORING_OP_READ and WRITE, READ_FIXED and WRITE_FIXED. */
import { Errno } from '../../bpf/errno.ts';
import type { File } from '../file.ts';
import { PendingRead } from '../iter/read.ts';
import { Blocked } from '../lock.ts';
import { callerMemory } from '../user-pointer.ts';
import { BufferSelection } from './buffer-selection.ts';
import { canPoll } from './file-poll.ts';
import { supportsNowait } from './nowait.ts';
import { type Operation, type Outcome, PendingOperation, type Place } from './outcome.ts';
import type { Request } from './request.ts';
import { Setup } from './uapi.ts';

/** RWF_* */
const NOWAIT = 8;
const KNOWN_FLAGS = 0x1f;
/** Offset that stands for the file's own position. */
const CURRENT = (1n << 64n) - 1n;
const MAX_LENGTH = 0x7fff_f000;

/** Memory that is read into or written from. */
interface Target {
  address: bigint;
  length: number;
  store(bytes: Uint8Array): boolean;
  load(length: number): Uint8Array | null;
}

const common = { needsFile: true, priority: true, iopoll: true } as const;

export const read: Operation = {
  ...common,
  polls: 'in',
  selectsBuffer: true,
  prepare: (request) => prepare(request),
  execute: (request, place) => transfer(request, place, readInto),
};

export const write: Operation = {
  ...common,
  polls: 'out',
  prepare: (request) => prepare(request),
  execute: (request, place) => transfer(request, place, writeFrom),
};

export const readFixed: Operation = { ...read, selectsBuffer: false, prepare: prepareFixed };
export const writeFixed: Operation = { ...write, prepare: prepareFixed };

function prepare(request: Request): number {
  const flags = request.sqe.opFlags;
  if ((flags & ~KNOWN_FLAGS) !== 0) return -Errno.EOPNOTSUPP;
  request.noWait = (flags & NOWAIT) !== 0;
  const { sqe } = request;
  request
    .command('io_rw')
    .set('kiocb.ki_pos', BigInt.asIntN(64, sqe.offset))
    .set('addr', sqe.address)
    .set('len', sqe.length);
  request.record.set('buf_index', sqe.buffer);
  return 0;
}

function prepareFixed(request: Request): number {
  const { ring, sqe } = request;
  if (!ring.buffers || sqe.buffer >= ring.buffers.size) return -Errno.EFAULT;
  const buffer = ring.buffers.at(sqe.buffer);
  const end = sqe.address + BigInt(sqe.length);
  if (!buffer || sqe.address < buffer.address || end > buffer.address + BigInt(buffer.length)) {
    return -Errno.EFAULT;
  }
  request.releaseResource ??= ring.nodes.use();
  const data = { address: sqe.address, length: sqe.length };
  const offset = Number(sqe.address - buffer.address);
  fixedTargets.set(request, {
    ...data,
    store: (bytes) => buffer.write(ring.machine.ram, offset, bytes),
    load: (length) => buffer.read(ring.machine.ram, offset, length),
  });
  return prepare(request);
}

const fixedTargets = new WeakMap<Request, Target>();

type Transfer = (request: Request, file: File, target: Target) => Uint8Array | number | Blocked;

function transfer(request: Request, place: Place, run: Transfer): Outcome {
  const { file, ring } = request;
  if (!file) return -Errno.EBADF;
  // No file of the model can be asked whether its I/O is done.
  if ((ring.flags & Setup.IoPoll) !== 0) return -Errno.EOPNOTSUPP;
  if (run === readInto ? !file.readable : !file.writable) return -Errno.EBADF;
  const selection = BufferSelection.of(request, place);
  if (typeof selection === 'number') return selection;
  const target = selection ?? fixedTargets.get(request) ?? plainTarget(request);
  if (target.length > MAX_LENGTH) target.length = MAX_LENGTH;
  const mayTry = place === 'worker' || request.polled || supportsNowait(file, ring.machine.profile.dialect);
  const result = mayTry ? run(request, file, target) : -Errno.EAGAIN;
  return finish(request, place, target, selection, result);
}

function finish(
  request: Request,
  place: Place,
  target: Target,
  selection: BufferSelection | undefined,
  result: Uint8Array | number | Blocked,
): Outcome {
  if (result instanceof PendingRead) {
    return new PendingOperation(result, () => finish(request, place, target, selection, result.resume()));
  }
  if (result instanceof Blocked) {
    selection?.recycle();
    return new PendingOperation(result, () => request.engine.execute(request, place));
  }
  if (result === -Errno.EAGAIN && (canPoll(request.file) || place === 'inline')) {
    selection?.recycle();
    return 'again';
  }
  const moved = typeof result === 'number' || target.store(result) ? result : -Errno.EFAULT;
  const count = typeof moved === 'number' ? moved : moved.length;
  if (count < 0) selection?.recycle();
  // Less than was asked for breaks a chain.
  if (count >= 0 && count !== target.length) request.fail();
  request.setResult(count, count < 0 ? 0 : selection?.commit(count));
  if (count < 0) request.fail();
  return 'done';
}

function plainTarget({ sqe, task }: Request): Target {
  const memory = callerMemory(task);
  return {
    address: sqe.address,
    length: sqe.length,
    store: (bytes) => bytes.length === 0 || memory.write(sqe.address, bytes),
    load: (length) => (length === 0 ? new Uint8Array(0) : memory.read(sqe.address, length)),
  };
}

function readInto(request: Request, file: File, target: Target): Uint8Array | number | Blocked {
  return atOffset(request, file, () => file.read(request.task, target.length));
}

function writeFrom(request: Request, file: File, target: Target): number {
  const bytes = target.load(target.length);
  if (!bytes) return -Errno.EFAULT;
  return atOffset(request, file, () => file.write(request.task, bytes));
}

/** Regular files are read at the offset that the entry gives; their own position stays. */
function atOffset<T>({ sqe }: Request, file: File, run: () => T): T {
  if (sqe.offset === CURRENT || !file.inode.isRegular) return run();
  const { position } = file;
  file.position = Number(sqe.offset & 0x1f_ffff_ffff_ffffn);
  try {
    return run();
  } finally {
    file.position = position;
  }
}
