/** IORING_REGISTER_FILES, FILES2, FILES_UPDATE, FILES_UPDATE2, UNREGISTER_FILES and FILE_ALLOC_RANGE. */
import { Errno } from '../../bpf/errno.ts';
import type { File } from '../file.ts';
import { Rlimit, type Task } from '../task.ts';
import type { UserArray } from '../user-pointer.ts';
import { FileTable } from './file-table.ts';
import { giveUpFile } from './fixed-install.ts';
import { newRsrcData } from './register-rsrc.ts';
import { IoUring } from './ring.ts';
import { RsrcKind } from './rsrc-data.ts';
import { FILE_EMPTY, FILE_SKIP } from './uapi.ts';

/**
 * @param fds undefined: all slots empty. @param tags undefined: no tags.
 * @returns 0; -EBUSY, -EINVAL, -EMFILE (table limit or RLIMIT_NOFILE), -EFAULT, -EBADF, with no table left.
 */
export function registerFiles(
  ring: IoUring,
  task: Task,
  fds: UserArray | undefined,
  count: number,
  tags: UserArray | undefined,
): number {
  const { dialect } = ring.machine.profile;
  if (ring.files) return -Errno.EBUSY;
  if (count === 0) return -Errno.EINVAL;
  if (count > dialect.maxFixedFiles || count > task.limit(Rlimit.NoFile)) return -Errno.EMFILE;
  const data = newRsrcData(ring, RsrcKind.File, count, tags);
  if (typeof data === 'number') return data;
  const table = new FileTable(ring.machine.heap, ring.ctx, data, dialect);
  for (let slot = 0; slot < count; slot++) {
    const error = fds ? registerSlot(table, task, slot, fds) : emptySlot(table, slot);
    if (error === 0) continue;
    table.release();
    return error;
  }
  table.attach();
  ring.files = table;
  return 0;
}

/** @returns the number of slots done (skipped ones count); an error only when that is none. */
export function updateFiles(
  ring: IoUring,
  task: Task,
  offset: number,
  fds: UserArray,
  count: number,
  tags: UserArray | undefined,
): number {
  const table = ring.files;
  if (!table) return -Errno.ENXIO;
  if (offset + count > table.size) return -Errno.EINVAL;
  for (let done = 0; done < count; done++) {
    const error = updateSlot(ring, table, task, offset + done, fds, tags, done);
    if (error !== 0) return done > 0 ? done : error;
  }
  return count;
}

export function unregisterFiles(ring: IoUring): number {
  if (!ring.files) return -Errno.ENXIO;
  ring.files.release();
  ring.files = undefined;
  return 0;
}

/**
 * Where automatic slot allocation may choose.
 * @returns 0, -EOVERFLOW when the range wraps, -EINVAL for a reserved field or a range beyond the table.
 */
export function setFileAllocRange(ring: IoUring, offset: number, length: number, reserved: bigint): number {
  if (offset + length > 0xffff_ffff) return -Errno.EOVERFLOW;
  if (reserved !== 0n || offset + length > (ring.files?.size ?? 0)) return -Errno.EINVAL;
  ring.files?.setAllocRange(offset, length);
  return 0;
}

function registerSlot(table: FileTable, task: Task, slot: number, fds: UserArray): number {
  const fd = fds.at(slot)?.getInt32(0, true);
  if (fd === undefined) return -Errno.EFAULT;
  if (fd === FILE_EMPTY) return emptySlot(table, slot);
  const file = registrable(task, fd);
  if (!file) return -Errno.EBADF;
  table.set(slot, file.get());
  return 0;
}

/** There is nothing whose release a tag could announce. */
function emptySlot(table: FileTable, slot: number): number {
  return table.data.tag(slot) === 0n ? 0 : -Errno.EINVAL;
}

function updateSlot(
  ring: IoUring,
  table: FileTable,
  task: Task,
  slot: number,
  fds: UserArray,
  tags: UserArray | undefined,
  index: number,
): number {
  const tag = tags ? tags.at(index)?.getBigUint64(0, true) : 0n;
  const fd = fds.at(index)?.getInt32(0, true);
  if (tag === undefined || fd === undefined) return -Errno.EFAULT;
  if ((fd === FILE_SKIP || fd === FILE_EMPTY) && tag !== 0n) return -Errno.EINVAL;
  if (fd === FILE_SKIP) return 0;
  // The old file goes before the new one is looked at: a bad descriptor leaves the slot empty.
  giveUpFile(ring, slot);
  if (fd === FILE_EMPTY) return 0;
  const file = registrable(task, fd);
  if (!file) return -Errno.EBADF;
  table.data.setTag(slot, tag);
  table.set(slot, file.get());
  return 0;
}

/** Rings cannot be registered: they would keep each other alive. */
function registrable(task: Task, fd: number): File | undefined {
  const file = task.files?.get(fd);
  return file?.object instanceof IoUring ? undefined : file;
}
