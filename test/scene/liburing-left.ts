/** What the scenes after liburing's tests leave behind, beyond what they expect themselves. */
import { expect } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { ioUringEnter } from '../../kernel-model/io-uring/enter.ts';
import { taskContext } from '../../kernel-model/io-uring/task-context.ts';
import { Enter } from '../../kernel-model/io-uring/uapi.ts';
import type { Built } from './scene-support.ts';

type Left = { readonly [file: string]: (built: Built) => void };

const CANCELED = -Errno.ECANCELED;

/** Setup, entering, and the queues themselves. */
const QUEUES: Left = {
  'cq-full.yaml': (built) => built.expectState('cq.head 5', 'cq.tail 5 cached 5', 'sq.head 5 cached 5'),
  'cq-overflow.yaml': (built) => {
    const { machine, task } = built;
    expect(built.ring(3).completions.overflowCount).toBe(5);
    ioUringEnter(machine, task, 3, 0, 0, Enter.GetEvents);
    expect(built.completions(3).map(([id]) => id)).toEqual([14, 15, 16, 17]);
  },
  'cq-size.yaml': (built) => {
    const sizes = [3, 4, 5, 6]
      .map((fd) => built.ring(fd).memory)
      .map(({ sqEntries, cqEntries }) => [sqEntries, cqEntries]);
    expect(sizes).toEqual([
      [8, 64],
      [64, 64],
      [8, 16],
      [4, 65536],
    ]);
  },
  'drain.yaml': (built) => expect(built.ring(3).engine.drain.size).toBe(0),
  'io_uring_setup.yaml': (built) => {
    expect(built.ring(3).memory.sqEntries).toBe(32768);
    const { ctx, sqData } = built.ring(4);
    expect([ctx.get('sq_entries'), ctx.get('cq_entries'), sqData?.alive]).toEqual([4, 8, true]);
    expect(ctx.get('sq_thread_idle')).toBe(2 * built.machine.profile.dialect.hz);
    expect(built.task.files?.size).toBe(3);
  },
  'link.yaml': (built) => built.expectState('sq.head 8 cached 8', 'cq.tail 8 cached 8'),
  'nop32-overflow.yaml': (built) => {
    const { completions } = built.ring(3);
    expect(completions.overflowCount).toBe(0);
    expect(built.completions(3).map(([id]) => id)).toEqual([108, 109, 110, 111]);
    built.expectState('flags 0x808', 'cq_overflow 0', 'sq_flags 0');
  },
  'submit-drop.yaml': (built) => {
    const { ctx, memory } = built.ring(3);
    expect([ctx.get('cached_sq_head'), ctx.get('cached_cq_tail')]).toEqual([4, 2]);
    expect([memory.rings.get('sq.tail'), memory.rings.get('sq_dropped')]).toEqual([5, 2]);
  },
  'submit-reuse.yaml': (built) => expect(built.ring(3).engine.inflight.size).toBe(0),
};

/** Polls, timeouts, cancellation, and messages between rings. */
const REQUESTS: Left = {
  'eploop.yaml': (built) => {
    // The ring's own completion wakes the poll once, and no more for its being posted to the ring.
    const got = built.completions(3).sort();
    expect(got.filter(([id]) => id === 2)).toEqual([[2, 0]]);
    expect(got.filter(([id]) => id === 1).length).toBeLessThanOrEqual(1);
    expect(built.dump('epoll')).toBe('B\nio_uring:3\nE\nB\nepoll:10\nE\n');
  },
  'eventfd.yaml': (built) => expect(built.ring(4).engine.inflight.size).toBe(0),
  'eventfd-disable.yaml': (built) => built.expectState('cq_flags 0', 'cq.tail 4 cached 4'),
  'eventfd-reg.yaml': (built) => {
    expect(built.completions(3)).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(built.ring(3).eventfd?.isAsync).toBe(true);
  },
  'eventfd-ring.yaml': (built) => {
    for (const fd of [3, 4]) expect(built.ring(fd).engine.inflight.size).toBe(0);
  },
  'io-cancel.yaml': (built) => {
    expect(built.completions(3).sort(([a], [b]) => a - b)).toEqual([
      [1, CANCELED],
      [2, CANCELED],
      [10, 0],
      [11, 0],
      [12, -Errno.ENOENT],
      [13, -Errno.ENOENT],
    ]);
    expect(built.ring(3).engine.inflight.size).toBe(0);
  },
  'link-timeout.yaml': (built) => {
    expect(built.completions(3).sort()).toEqual([
      [1, CANCELED],
      [2, -Errno.ETIME],
      [3, CANCELED],
    ]);
  },
  'msg-ring.yaml': (built) => expect(built.ring(4).files?.at(1)).toBe(built.task.files?.get(5)),
  'poll-cancel-all.yaml': (built) => {
    expect(built.completions(3).sort()).toEqual([
      [2, CANCELED],
      [3, CANCELED],
      [5, 2],
    ]);
  },
  'poll-mshot.yaml': (built) => {
    expect(built.completions(3).sort()).toEqual([
      [1, CANCELED],
      [2, 0],
    ]);
    expect(built.ring(3).engine.inflight.size).toBe(0);
  },
  'poll-mshot-overflow.yaml': (built) => expect(built.ring(3).engine.inflight.size).toBe(0),
  'poll-mshot-update.yaml': (built) => expect(built.ring(3).engine.inflight.size).toBe(0),
  'poll-ring.yaml': (built) => {
    for (const fd of [3, 4, 5]) expect(built.ring(fd).engine.inflight.size).toBe(0);
  },
  'ring-leak2.yaml': (built) => {
    const { machine, rings, task } = built;
    expect(rings.map(({ ctx, engine }) => [ctx.live, engine.inflight.size])).toEqual([
      [true, 1],
      [true, 1],
    ]);
    expect(task.files?.size).toBe(1);
    machine.sys.exit_group(task, 0);
    expect(rings.map(({ ctx }) => ctx.live)).toEqual([false, false]);
  },
  'sync-cancel.yaml': (built) => {
    expect(built.ring(3).engine.inflight.size).toBe(0);
    expect(built.machine.timers.size).toBe(0);
    built.expectState('cancel_seq 5');
  },
  'timeout.yaml': (built) => {
    built.expectState('cq_timeouts 3', 'off_timeout_used 1');
    expect(built.machine.timers.size).toBe(0);
  },
};

/** Registered files, buffers, tags, credentials, restrictions. */
const RESOURCES: Left = {
  'fd-install.yaml': ({ task }) => {
    const { files } = task;
    expect(files?.get(1)).toBe(files?.get(2));
    expect([files?.closesOnExec(1), files?.closesOnExec(2)]).toEqual([true, false]);
  },
  'fd-pass.yaml': (built) => {
    expect(built.completions(3).map(([, result]) => result)).toEqual([
      0,
      0,
      -Errno.ENFILE,
      -Errno.EBADF,
      -Errno.EINVAL,
      -Errno.EINVAL,
    ]);
    expect(built.completions(4)).toEqual([
      [0, 0],
      [0, 0],
    ]);
    const { files } = built.ring(4);
    expect([0, 1].map((slot) => files?.at(slot))).toEqual(Array(2).fill(built.task.files?.get(5)));
  },
  'file-alloc-range-hint.yaml': (built) => {
    expect(built.dump('io_uring_file')).toBe(
      'B\n0:/srv/a\n1:<none>\n2:<none>\n3:<none>\n4:/srv/a\n5:/srv/a\n6:/srv/a\n7:<none>\n8:/srv/a\n9:<none>\nE:10\n',
    );
    built.expectState('file_alloc 9-9 hint 9');
  },
  'file-exit-unreg.yaml': (built) => {
    expect(built.ring(3).nodes.size).toBe(0);
    expect(built.dump('io_uring_file')).toBe('B\n0:<none>\n1:<none>\nE:2\n');
  },
  'file-register.yaml': (built) => {
    expect(built.dump('io_uring_file', 1)).toBe(
      'B\n0:/srv/4\n1:<none>\n2:/srv/3\n3:<none>\n4:<none>\n5:<none>\nE:6\n',
    );
  },
  'file-update.yaml': (built) => {
    expect(built.dump('io_uring_file')).toBe(
      'B\n0:<none>\n1:/srv/1\n2:<none>\nE:3\nB\n0:/srv/0\nE:1\nB\nE:0\n',
    );
  },
  'fixed-buf-iter.yaml': (built) => built.expectState('nr_user_bufs 1', 'sq.head 6 cached 6'),
  'fixed-hugepage.yaml': (built) => {
    const { buffers } = built.ring(3);
    const counts = [0, 1, 2, 3].map((slot) => buffers?.at(slot)?.record.get('nr_bvecs'));
    // 6.12 describes a huge page, or a part of one, in one piece.
    expect(counts).toEqual(built.kernel === '6.12' ? [1, 1, 2, 6] : [512, 257, 1024, 6]);
    const accounted = [0, 1, 2, 3].map((slot) => buffers?.at(slot)?.record.get('acct_pages'));
    expect(accounted).toEqual([512, 0, 512, 4]);
    const pfns = built
      .dump('bvec')
      .split('\n')
      .filter((line) => line.startsWith(' pfn'));
    const first = built.task.mm?.memory.fault(0x7f00_0000_0000, false) ?? 0;
    const last = built.task.mm?.memory.fault(0x7f00_0040_0000, false) ?? 0;
    expect(pfns.slice(0, 2)).toEqual([` pfn ${first}-${first + 511}`, ` pfn ${first + 5}-${first + 261}`]);
    expect(last - first).toBe(1024);
    expect(pfns.slice(2)).toEqual([` pfn ${first}-${first + 1023}`, ` pfn ${first + 1022}-${first + 1027}`]);
  },
  'fixed-reuse.yaml': (built) => {
    const { files: table } = built.ring(3);
    const names = [0, 1, 2, 3].map((slot) => table?.at(slot)?.dentry.name);
    expect(names).toEqual(['b', undefined, 'b', undefined]);
    expect(built.task.files?.size).toBe(3);
  },
  'io_uring_register.yaml': (built) => {
    expect(built.task.cred.user.record.get('locked_vm.counter')).toBe(8);
    built.expectState('nr_user_bufs 2', 'nr_user_files 32');
  },
  'open-direct-link.yaml': (built) =>
    expect(built.dump('io_uring_file')).toBe('B\n0:<none>\n1:<none>\nE:2\n'),
  'open-direct-pick.yaml': (built) => {
    const table = 'B\n0:/srv/a\n1:/srv/a\n2:/srv/a\n3:/srv/a\nE:4\n';
    expect(built.dump('io_uring_file')).toBe(`B\nE:0\n${table}`);
    expect(built.task.files?.size).toBe(3);
  },
  'personality.yaml': (built) => expect(built.ring(3).personalities.ids).toEqual([2, 5]),
  'personality-invalid.yaml': (built) => {
    expect(built.ring(3).personalities.ids).toEqual([2]);
    built.expectState('pers_next 3');
  },
  'reg-reg-ring.yaml': (built) => {
    const { ctx } = built.ring(3);
    const context = taskContext(built.task);
    expect(context?.registeredRing(5)?.object).toBe(built.ring(3));
    expect(context?.workers.limits).toEqual([3, 4]);
    expect([ctx.get('clockid'), ctx.get('napi_busy_poll_dt'), ctx.get('file_alloc_end')]).toEqual([
      7, 50_000, 5,
    ]);
    expect(built.completions(3).sort()).toEqual([
      [1, 0],
      [2, 0],
    ]);
  },
  'regbuf-clone.yaml': (built) => {
    const [a, b] = [built.ring(3), built.ring(4)];
    expect(a.buffers?.at(0)).toBe(b.buffers?.at(0));
    expect(a.buffers?.at(0)?.record.get('refs')).toBe(2);
  },
  'register-restrictions.yaml': (built) => {
    const restrictions = built.ring(3).ctx.sub('restrictions');
    expect([restrictions.big('register_op[0]'), restrictions.big('sqe_op[0]')]).toEqual([
      1n << 8n,
      1n | (1n << 22n),
    ]);
  },
  'rsrc_tags.yaml': (built) => {
    built.expectState('nr_user_bufs 4', 'nr_user_files 0', 'cq_extra 3');
    expect([0, 1, 2, 3].map((slot) => built.ring(3).buffers?.at(slot)?.length)).toEqual([
      8,
      ...Array(3).fill(undefined),
    ]);
  },
};

/** Provided buffers. */
const PROVIDED: Left = {
  'buf-ring.yaml': (built) => expect(built.ring(3).provided.ids).toEqual([101, 102, 103]),
  'buf-ring-put.yaml': (built) => expect(built.ring(3).provided.ids).toEqual([]),
  'buf-ring-upgrade.yaml': (built) => {
    const record = built.ring(3).provided.group(1)?.record;
    expect([record?.get('head'), record?.get('nr_entries')]).toEqual([1, 4]);
  },
  'read-buf-select.yaml': (built) => {
    const group = built.ring(3).provided.group(7);
    // Before 5.19 the first buffer stands for its group, and the last is used first.
    const left = built.kernel === '5.16+series' ? [100] : [103];
    expect(group && 'buffers' in group ? group.buffers.map(({ id }) => id) : []).toEqual(left);
  },
  'read-inc-buf-more.yaml': (built) => expect(built.ring(3).provided.group(1)?.record?.get('head')).toBe(1),
  'read-inc-file.yaml': (built) => expect(built.ring(3).provided.group(1)?.record?.get('head')).toBe(2),
  'ringbuf-read.yaml': (built) => expect(built.ring(3).provided.group(1)?.record?.get('head')).toBe(4),
  'ringbuf-status.yaml': (built) => {
    const { provided } = built.ring(3);
    expect([100, 101].map((id) => provided.group(id)?.record?.get('head'))).toEqual([7, 0]);
    const rest = built.task.mm?.memory.read(0x7f00_0001_0000, 12) as Uint8Array;
    const view = new DataView(rest.buffer, rest.byteOffset, 12);
    expect([view.getBigUint64(0, true), view.getUint32(8, true)]).toEqual([0x7f00_0002_8000n + 1000n, 3096]);
  },
};

/** Tasks and threads: whose ring it is, who submits, who works. */
const TASKS: Left = {
  'across-fork.yaml': ({ machine }) => expect(machine.tasks.get(101)?.exited ?? true).toBe(true),
  'defer-taskrun.yaml': (built) => {
    const { submitter, engine } = built.ring(3);
    expect([submitter, engine.inflight.size]).toEqual([built.task, 0]);
    built.expectState('flags 0x3200');
  },
  'no-mmap-inval.yaml': (built) => {
    const { memory } = built.task.mm ?? {};
    const pinned = [0, 4096].map((at) =>
      built.machine.pages.pinned(memory?.fault(0x7f00_0000_0000 + at, false) ?? -1),
    );
    expect(pinned).toEqual([1, 1]);
    built.expectState('flags 0x4000');
  },
  'reg-fd-only.yaml': (built) => {
    expect(built.task.files?.size).toBe(1);
    expect(built.rings.map(({ flags }) => flags)).toEqual([0xc000]);
    expect(built.rings.map(({ completions }) => completions.available)).toEqual([1]);
    expect(built.dump('ring_fds')).toMatch(/^100 ring 0 file 0xffff[0-9a-f]{12}\n/);
  },
  'shared-wq.yaml': (built) => {
    expect(built.ring(3).sqData).toBeUndefined();
    expect(built.ring(4).flags).toBe(0x20);
  },
  'single-issuer.yaml': (built) => {
    const thread = built.machine.tasks.get(101);
    expect([3, 4].map((fd) => built.ring(fd).submitter)).toEqual([built.task, thread]);
  },
  'sq-poll-dup.yaml': (built) => {
    const data = built.ring(7).sqData;
    expect([data?.alive, built.ring(4).sqData]).toEqual([true, data]);
    expect(built.task.files?.get(3)).toBeUndefined();
  },
  'sq-poll-share.yaml': (built) => {
    const data = built.ring(4).sqData;
    expect([data, data?.alive]).toEqual([built.ring(5).sqData, true]);
  },
  'thread-exit.yaml': (built) => {
    expect(built.machine.tasks.get(101)).toBeUndefined();
    expect(built.ring(3).engine.inflight.size).toBe(0);
  },
  'wq-aff.yaml': ({ machine, task }) => {
    const pool = machine.heap.at(machine.heap.at(task.record.big('io_uring'))?.big('io_wq') as bigint);
    if (pool?.has('cpu_mask')) expect(machine.heap.at(pool.big('cpu_mask'))?.big('bits[0]')).toBe(0b11n);
  },
};

export const LEFT: Left = { ...QUEUES, ...REQUESTS, ...RESOURCES, ...PROVIDED, ...TASKS };
