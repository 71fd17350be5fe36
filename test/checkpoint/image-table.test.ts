/** The table of messages: every item of the inventory of ring state that can be restored has a place in it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KIND_NAMES, kindDef } from '../../checkpoint/image/kinds.ts';
import { fieldsOf, type MessageName, typeRef } from '../../checkpoint/image/messages.ts';
import { packageRoot } from '../package-root.ts';
import { MESSAGE_NAMES } from './image-support.ts';

interface Item {
  readonly id: number;
  readonly class: 'R' | 'r' | 'D' | 'N';
  readonly state: string;
}

const items = JSON.parse(
  readFileSync(join(packageRoot(), 'kernel-model', 'inventory', 'items.json'), 'utf8'),
) as Item[];

const RING = 'io_uring_file_entry';

/** Number of an item to the fields that hold it. */
const PLACES: Readonly<Record<number, readonly string[]>> = {
  1: [`${RING}.setup_flags`],
  2: [`${RING}.sq_entries`, `${RING}.cq_entries`],
  3: [`${RING}.setup_flags`],
  4: [`${RING}.setup_flags`],
  5: [`${RING}.sq_thread_idle`, 'io_uring_sqpoll_entry.ring_idle_jiffies', 'drydock_entry.hz'],
  6: [`${RING}.sq_thread_cpu`, 'io_uring_sqpoll_entry.cpu'],
  7: ['io_uring_sqpoll_entry.owner_id', 'io_uring_setup_entry.attach_id'],
  9: ['io_uring_sqpoll_entry.creds'],
  10: ['io_uring_setup_entry.sq_off', 'io_uring_setup_entry.cq_off', 'drydock_entry.kernel'],
  11: ['vma_entry.shmid', 'vma_entry.pgoff', `${RING}.inode`],
  12: ['vma_entry.start', 'vma_entry.end'],
  13: [
    'io_uring_setup_entry.rings_addr',
    'io_uring_setup_entry.sqes_addr',
    'io_uring_setup_entry.rings_pages',
    'io_uring_setup_entry.sqes_pages',
  ],
  14: [`${RING}.setup_flags`, 'io_uring_cqe_entry.extra1'],
  15: [`${RING}.setup_flags`],
  16: [`${RING}.setup_flags`],
  17: ['io_uring_setup_entry.submitter_pid'],
  18: [`${RING}.setup_flags`],
  19: ['io_uring_setup_entry.compat'],
  22: [`${RING}.flags`, `${RING}.pos`, `${RING}.fown`],
  23: ['fdinfo_entry.fd', 'fdinfo_entry.id'],
  24: ['io_uring_task_entry.ring_fds'],
  25: [`${RING}.sq_head`, 'io_uring_counters_entry.cached_sq_head'],
  26: [`${RING}.sq_tail`, 'io_uring_data_entry.sqe_bytes', 'io_uring_data_entry.sq_arr_bytes'],
  27: [`${RING}.cqe_tail`, 'io_uring_counters_entry.cached_cq_tail'],
  28: [`${RING}.cqe_head`, 'io_uring_data_entry.cqe_bytes'],
  30: ['io_uring_counters_entry.sq_dropped'],
  31: ['io_uring_counters_entry.cq_overflow'],
  33: ['io_uring_counters_entry.cq_flags'],
  34: [`${RING}.overflow`],
  37: ['io_uring_counters_entry.cq_timeouts', 'io_uring_counters_entry.cq_last_tm_flush'],
  38: [
    'io_uring_counters_entry.drain_active',
    'io_uring_counters_entry.drain_next',
    'io_uring_counters_entry.drain_disabled',
    'io_uring_counters_entry.off_timeout_used',
  ],
  42: [`${RING}.nr_user_bufs`, 'io_uring_buffer_entry.addr', 'io_uring_buffer_entry.len'],
  43: ['io_uring_buffer_entry.index'],
  44: ['io_uring_buffer_entry.case', 'io_uring_buffer_entry.pages', 'io_uring_pages_entry.page'],
  45: ['io_uring_buffer_entry.page_shift'],
  47: ['io_uring_setup_entry.account_uid', 'io_uring_setup_entry.creator_pid'],
  48: ['io_uring_buffer_entry.tag'],
  49: ['io_uring_buffer_entry.clone_ring', 'io_uring_buffer_entry.clone_index'],
  51: [`${RING}.nr_user_files`, 'io_uring_file_slot.file_id'],
  52: ['io_uring_file_slot.direct'],
  53: ['io_uring_file_slot.index'],
  54: ['io_uring_file_slot.tag'],
  55: ['io_uring_files_entry.alloc_off', 'io_uring_files_entry.alloc_len', 'io_uring_files_entry.alloc_hint'],
  58: ['io_uring_eventfd_entry.file_id', 'io_uring_eventfd_entry.async'],
  59: ['io_uring_eventfd_entry.last_cq_tail'],
  60: ['io_uring_personality_entry.id', 'io_uring_personality_entry.creds', `${RING}.pers_next`],
  61: [
    'io_uring_restriction_entry.register_ops',
    'io_uring_restriction_entry.sqe_ops',
    'io_uring_restriction_entry.registered',
  ],
  63: [`${RING}.setup_flags`, 'io_uring_restriction_entry.restricted'],
  64: ['io_uring_iowq_entry.cpus'],
  65: ['io_uring_iowq_entry.bounded', 'io_uring_iowq_entry.unbounded', 'io_uring_task_entry.iowq'],
  66: [`${RING}.pbuf_groups`, 'io_uring_pbuf_entry.bid'],
  67: [
    'io_uring_pbuf_ring_entry.bgid',
    'io_uring_pbuf_ring_entry.addr',
    'io_uring_pbuf_ring_entry.entries',
    'io_uring_pbuf_ring_entry.flags',
    'io_uring_pbuf_ring_entry.min_left',
    'io_uring_pbuf_ring_entry.content',
  ],
  68: ['io_uring_pbuf_ring_entry.head'],
  69: [`${RING}.napi`, 'io_uring_napi_entry.busy_poll_us'],
  70: [`${RING}.clockid`],
  71: [`${RING}.region`, 'io_uring_region_entry.wait_arg'],
  74: ['io_uring_request_entry.poll', 'io_uring_poll_entry.events'],
  75: ['io_uring_request_entry.timeout', 'io_uring_timeout_entry.sec', 'io_uring_timeout_entry.target_seq'],
  76: ['io_uring_request_entry.chain', 'io_uring_timeout_entry.watches'],
  77: ['io_uring_request_entry.sequence', 'io_uring_request_entry.sqe'],
  79: ['io_uring_request_entry.state', 'io_uring_request_entry.buf_id'],
  83: ['io_uring_file_entry.waiters', 'io_uring_task_entry.wait', 'io_uring_wait_entry.min_complete'],
  85: ['eventpoll_tfd_entry.tfd', 'eventpoll_tfd_entry.file_id'],
};

describe('the table of messages', () => {
  const restorable = items.filter((item) => item.class === 'R' || item.class === 'r');

  it.each(restorable.map((item) => [item.id, item.state] as const))('has a place for %i: %s', (id) => {
    const places = PLACES[id] ?? [];
    expect(places).not.toHaveLength(0);
    for (const place of places) {
      const [message, field] = place.split('.') as [MessageName, string];
      expect(Object.keys(fieldsOf(message)), place).toContain(field);
    }
  });

  it('has places for nothing else; what is dropped is told in notes', () => {
    expect(Object.keys(PLACES).map(Number)).toEqual(restorable.map((item) => item.id));
    expect(typeRef(fieldsOf('io_uring_file_entry').notes?.type ?? '')).toMatchObject({ kind: 'message' });
  });

  it.each(MESSAGE_NAMES)('has every number of %s once, and types that there are', (name) => {
    const fields = Object.values(fieldsOf(name));
    expect(new Set(fields.map((field) => field.number)).size).toBe(fields.length);
    for (const field of fields) expect(() => typeRef(field.type)).not.toThrow();
  });

  it('has no message within itself, so that reading has an end', () => {
    const depth = (name: MessageName, outer: readonly MessageName[]): number => {
      expect(outer).not.toContain(name);
      const inner = Object.values(fieldsOf(name)).map((field) => typeRef(field.type));
      const depths = inner.map((ref) => (ref.kind === 'message' ? depth(ref.name, [...outer, name]) : 0));
      return 1 + Math.max(0, ...depths);
    };
    for (const name of MESSAGE_NAMES) expect(depth(name, [])).toBeLessThan(8);
  });

  it('has every message in some image', () => {
    const used = new Set<MessageName>();
    const visit = (name: MessageName): void => {
      if (used.has(name)) return;
      used.add(name);
      for (const field of Object.values(fieldsOf(name))) {
        const ref = typeRef(field.type);
        if (ref.kind === 'message') visit(ref.name);
      }
    };
    for (const kind of KIND_NAMES) {
      const { head, entry } = kindDef(kind);
      for (const name of head ? [head, entry] : [entry]) visit(name);
    }
    expect(MESSAGE_NAMES.filter((name) => !used.has(name))).toEqual([]);
  });

  it('has a magic of its own for every kind', () => {
    expect(new Set(KIND_NAMES.map((kind) => kindDef(kind).magic)).size).toBe(KIND_NAMES.length);
  });
});
