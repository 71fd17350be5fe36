/** Target io_uring_buf: the registered buffers of a ring. Empty slots are shown as the dummy buffer they hold. */
import type { IoUring } from '../io-uring/ring.ts';
import { tableTarget } from './io-uring.ts';

export const ioUringBuf = tableTarget('io_uring_buf', (ring: IoUring) => {
  const size = ring.ctx.layout.offset('nr_user_bufs');
  const table = ring.ctx.layout.offset('user_bufs');
  return {
    member: 'ubuf',
    // A NULL slot (there is none in the kernels modelled) would end the walk early.
    showsEmpty: false,
    size: () => ring.word(size),
    slot: (index) => ring.tableWord(table, index),
  };
});
