/** Unregistering a table that requests still use something of: the call waits until nobody does. */
import { Errno } from '../../bpf/errno.ts';
import { Blocked } from '../lock.ts';
import type { Task } from '../task.ts';
import type { BufferTable } from './buffer-table.ts';
import type { FileTable } from './file-table.ts';
import type { IoUring } from './ring.ts';

type Table = FileTable | BufferTable;

/** Waiting tasks, by the table. */
const waiters = new WeakMap<Table, Task>();

/**
 * Kernels that count the waiting calls in the ring (6.12) have it show no table meanwhile, so that no request can begin
 * to use it: iterators find it empty, too. Others leave it as it is.
 * @returns 0 when nobody uses the table, -ENXIO when another task waits already, or a call that waits: it is made again.
 */
export function quiesceTable(ring: IoUring, table: Table, task: Task): number | Blocked {
  const waiter = waiters.get(table);
  if (waiter && waiter !== task) return -Errno.ENXIO;
  if (!ring.nodes.busy) {
    endQuiesce(ring, table);
    return 0;
  }
  if (!waiter) beginQuiesce(ring, table, task);
  return new Blocked('io_rsrc_data.refs');
}

/** A signal ends the wait: the table is what it was. */
export function interruptQuiesce(ring: IoUring): void {
  for (const table of [ring.files, ring.buffers]) if (table) endQuiesce(ring, table);
}

function beginQuiesce(ring: IoUring, table: Table, task: Task): void {
  waiters.set(table, task);
  table.data.record.set('quiesce', true);
  if (!ring.ctx.has('rsrc_quiesce')) return;
  ring.ctx.add('rsrc_quiesce', 1);
  table.show(false);
}

function endQuiesce(ring: IoUring, table: Table): void {
  if (!waiters.delete(table)) return;
  table.data.record.set('quiesce', false);
  if (!ring.ctx.has('rsrc_quiesce')) return;
  ring.ctx.add('rsrc_quiesce', -1);
  table.show(true);
}
