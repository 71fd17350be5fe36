/** What the register calls of buffers and of files share: their tags. */
import { Errno } from '../../bpf/errno.ts';
import type { UserArray } from '../user-pointer.ts';
import type { IoUring } from './ring.ts';
import { RsrcData, RsrcKind } from './rsrc-data.ts';

/** @returns the table's data with the caller's tags, or -EFAULT. */
export function newRsrcData(
  ring: IoUring,
  kind: RsrcKind,
  count: number,
  tags: UserArray | undefined,
): RsrcData | number {
  const { heap, symbols } = ring.machine;
  const release = symbols.opaque(kind === RsrcKind.File ? 'io_rsrc_file_put' : 'io_rsrc_buf_put');
  const data = new RsrcData(heap, ring.ctx, kind, count, release);
  if (!tags) return data;
  for (let slot = 0; slot < count; slot++) {
    const tag = tags.at(slot);
    if (!tag) {
      data.release();
      return -Errno.EFAULT;
    }
    data.setTag(slot, tag.getBigUint64(0, true));
  }
  return data;
}
