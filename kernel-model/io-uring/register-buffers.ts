/** IORING_REGISTER_BUFFERS, BUFFERS2, BUFFERS_UPDATE and UNREGISTER_BUFFERS. */
import { Errno } from '../../bpf/errno.ts';
import type { Task } from '../task.ts';
import type { UserArray } from '../user-pointer.ts';
import { BufferTable } from './buffer-table.ts';
import type { MappedBuffer } from './bvec.ts';
import { newRsrcData } from './register-rsrc.ts';
import type { IoUring } from './ring.ts';
import { RsrcKind } from './rsrc-data.ts';
import { RingLimit } from './uapi.ts';

/** 6.10: iovecs are imported as for readv(2), which refuses lengths with the sign bit set. */
const IMPORT_IOVEC_VERSION = 0x6_0a00;
const PAGE_ROUND = 4095n;
const MAX_U64 = (1n << 64n) - 1n;

/**
 * @param iovecs undefined: all slots empty. @param tags undefined: no tags.
 * @returns 0; -EBUSY, -EINVAL, -EFAULT, -EOVERFLOW, -EOPNOTSUPP, -ENOMEM, with no table left behind.
 */
export function registerBuffers(
  ring: IoUring,
  task: Task,
  iovecs: UserArray | undefined,
  count: number,
  tags: UserArray | undefined,
): number {
  if (ring.buffers) return -Errno.EBUSY;
  if (count === 0 || count > RingLimit.Buffers) return -Errno.EINVAL;
  const data = newRsrcData(ring, RsrcKind.Buffer, count, tags);
  if (typeof data === 'number') return data;
  const table = new BufferTable(ring.machine, ring.ctx, data, ring.payer, ring.dummyBuffer);
  for (let slot = 0; slot < count; slot++) {
    const buffer = iovecs ? importBuffer(ring, table, task, iovecs, slot) : undefined;
    if (typeof buffer === 'number' || (!buffer && data.tag(slot) !== 0n)) {
      table.release();
      return typeof buffer === 'number' ? buffer : -Errno.EINVAL;
    }
    table.set(slot, buffer);
  }
  table.attach();
  ring.buffers = table;
  return 0;
}

/** @returns the number of slots done; an error only when that is none. */
export function updateBuffers(
  ring: IoUring,
  task: Task,
  offset: number,
  iovecs: UserArray,
  count: number,
  tags: UserArray | undefined,
): number {
  const table = ring.buffers;
  if (!table) return -Errno.ENXIO;
  if (offset + count > table.size) return -Errno.EINVAL;
  for (let done = 0; done < count; done++) {
    const error = updateSlot(ring, table, task, offset + done, iovecs, tags, done);
    if (error !== 0) return done > 0 ? done : error;
  }
  return count;
}

export function unregisterBuffers(ring: IoUring): number {
  if (!ring.buffers) return -Errno.ENXIO;
  ring.buffers.release();
  ring.buffers = undefined;
  return 0;
}

function updateSlot(
  ring: IoUring,
  table: BufferTable,
  task: Task,
  slot: number,
  iovecs: UserArray,
  tags: UserArray | undefined,
  index: number,
): number {
  const range = readRange(ring, iovecs, index);
  if (typeof range === 'number') return range;
  const tag = tags ? tags.at(index)?.getBigUint64(0, true) : 0n;
  if (tag === undefined) return -Errno.EFAULT;
  const buffer = importRange(table, task, range, tag);
  if (typeof buffer === 'number') return buffer;
  const old = table.at(slot);
  if (old) {
    const oldTag = table.data.tag(slot);
    table.set(slot, undefined);
    ring.nodes.giveUp(() => {
      table.unmap(old);
      if (oldTag !== 0n) ring.completions.postExtra(oldTag, 0, 0);
    });
  }
  table.set(slot, buffer);
  table.data.setTag(slot, tag);
  return 0;
}

interface Range {
  base: bigint;
  length: bigint;
}

function importBuffer(
  ring: IoUring,
  table: BufferTable,
  task: Task,
  iovecs: UserArray,
  index: number,
): MappedBuffer | undefined | number {
  const range = readRange(ring, iovecs, index);
  return typeof range === 'number' ? range : importRange(table, task, range, 0n);
}

function readRange(ring: IoUring, iovecs: UserArray, index: number): Range | number {
  const iovec = iovecs.at(index);
  if (!iovec) return -Errno.EFAULT;
  const { base, length, signed } = ring.compat ? compatRange(iovec) : nativeRange(iovec);
  const imported = ring.machine.profile.dialect.versionCode >= IMPORT_IOVEC_VERSION;
  return imported && signed < 0n ? -Errno.EINVAL : { base, length };
}

/** @returns the length also as ssize_t has it */
function nativeRange(iovec: DataView): Range & { signed: bigint } {
  const [base, length] = [iovec.getBigUint64(0, true), iovec.getBigUint64(8, true)];
  return { base, length, signed: iovec.getBigInt64(8, true) };
}

function compatRange(iovec: DataView): Range & { signed: bigint } {
  const [base, length] = [BigInt(iovec.getUint32(0, true)), BigInt(iovec.getUint32(4, true))];
  return { base, length, signed: BigInt(iovec.getInt32(4, true)) };
}

/** The buffer for a range, undefined for the empty one. */
function importRange(
  table: BufferTable,
  task: Task,
  { base, length }: Range,
  tag: bigint,
): MappedBuffer | undefined | number {
  if (base === 0n) {
    if (length !== 0n) return -Errno.EFAULT;
    return tag === 0n ? undefined : -Errno.EINVAL;
  }
  if (length === 0n || length > BigInt(RingLimit.BufferSize)) return -Errno.EFAULT;
  if (base + length + PAGE_ROUND > MAX_U64) return -Errno.EOVERFLOW;
  return table.map(task, base, Number(length));
}
