/** Putting files straight into slots of the registered table, and taking them out ("direct descriptors"). */
import { Errno } from '../../bpf/errno.ts';
import type { File } from '../file.ts';
import { IoUring } from './ring.ts';
import { FILE_INDEX_ALLOC } from './uapi.ts';

/**
 * Takes over the caller's reference to the file, also when it fails.
 * @param index slot plus 1, or FILE_INDEX_ALLOC for any free one.
 * @returns 0, the slot with FILE_INDEX_ALLOC, or -EBADF (a ring), -ENXIO (no table), -EINVAL, -ENFILE (no slot).
 */
export function installFixed(ring: IoUring, file: File, index: number): number {
  const any = index === FILE_INDEX_ALLOC && ring.ctx.has('file_table.bitmap');
  const slot = any ? (ring.files?.allocate() ?? -1) : index - 1;
  const error = any && slot < 0 ? -Errno.ENFILE : checkSlot(ring, file, slot);
  if (error < 0) {
    file.put();
    return error;
  }
  const { files } = ring;
  if (!files) return -Errno.ENXIO;
  giveUpFile(ring, slot);
  files.data.setTag(slot, 0n);
  files.set(slot, file);
  return any ? slot : 0;
}

/** Empties a slot. @returns 0, -ENXIO, -EINVAL, or -EBADF when it is empty. */
export function removeFixed(ring: IoUring, slot: number): number {
  if (!ring.files) return -Errno.ENXIO;
  if (slot < 0 || slot >= ring.files.size) return -Errno.EINVAL;
  return giveUpFile(ring, slot) ? 0 : -Errno.EBADF;
}

/** Takes a file out of its slot; it goes, and its tag is posted, when no request uses it any more. */
export function giveUpFile(ring: IoUring, slot: number): boolean {
  const file = ring.files?.clear(slot);
  if (!file || !ring.files) return false;
  const tag = ring.files.data.tag(slot);
  ring.files.data.setTag(slot, 0n);
  ring.nodes.giveUp(() => {
    file.put();
    if (tag !== 0n) ring.completions.postExtra(tag, 0, 0);
  });
  return true;
}

function checkSlot(ring: IoUring, file: File, slot: number): number {
  if (file.object instanceof IoUring) return -Errno.EBADF;
  if (!ring.files) return -Errno.ENXIO;
  return slot >= ring.files.size || slot < 0 ? -Errno.EINVAL : 0;
}
