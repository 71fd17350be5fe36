/** Target io_uring_file: the registered files of a ring. An empty slot is shown with a NULL file. */
import { SLOT_FLAGS } from '../io-uring/file-table.ts';
import type { IoUring } from '../io-uring/ring.ts';
import { tableTarget } from './io-uring.ts';

export const ioUringFile = tableTarget('io_uring_file', (ring: IoUring) => {
  const size = ring.ctx.layout.offset('nr_user_files');
  const table = ring.ctx.layout.offset('file_table.files');
  return {
    member: 'file',
    showsEmpty: true,
    size: () => ring.word(size),
    slot: (index) => ring.tableWord(table, index) & ~BigInt(SLOT_FLAGS),
  };
});
