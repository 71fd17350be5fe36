/** Pinning the pages of a buffer that is to be registered. */
import { PAGE_SIZE } from '../../bpf/address.ts';
import { Errno } from '../../bpf/errno.ts';
import type { Machine } from '../machine.ts';
import { USER_END } from '../mm.ts';
import type { Task } from '../task.ts';

/**
 * @param address of a user range that does not wrap; @param length in bytes, not 0.
 * @returns the frame of each page, or -EFAULT, -EOPNOTSUPP, -ENOMEM with nothing pinned.
 */
export function pinBuffer(
  machine: Machine,
  task: Task,
  address: bigint,
  length: number,
): Int32Array | number {
  const { mm } = task;
  if (!mm || address + BigInt(length) > BigInt(USER_END)) return -Errno.EFAULT;
  const start = Number(address);
  const frames = mm.memory.pin(start, length, true);
  if (typeof frames === 'number') return frames;
  // Older kernels look at the mappings only once the pages are pinned.
  const refused =
    machine.profile.dialect.fileBackedBuffers === 'refuse-all' &&
    mm
      .overlapping(start - (start % PAGE_SIZE), start + length)
      .some((vma) => vma.file?.inode.pages?.kind === 'file');
  if (!refused) return frames;
  for (const frame of frames) machine.pages.unpin(frame);
  return -Errno.EOPNOTSUPP;
}
