/** The bundled scenes of programs/scenes/acceptance: states that a checkpoint has to get right, as programs see them. */
import { describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { Open } from '../../kernel-model/file.ts';
import { ioUringEnter } from '../../kernel-model/io-uring/enter.ts';
import { interruptRegister } from '../../kernel-model/io-uring/register.ts';
import { Enter, RegisterOp as Op, SqeFlag, SubmitOp } from '../../kernel-model/io-uring/uapi.ts';
import { UserQueue } from '../../kernel-model/io-uring/user-queue.ts';
import { xarrayLoad } from '../../kernel-model/xarray.ts';
import type { OpenIterator } from '../../session/open-iterator.ts';
import { Caller } from '../kernel-model/ring-support.ts';
import { loadProgram, onlyIterator } from '../programs/support.ts';
import { type Built, SceneFolder } from './scene-support.ts';

const scenes = new SceneFolder('acceptance');

/** Lines of ring_state that begin with one of the words. */
function lines(built: Built, ...words: string[]): string[] {
  const all = built.dump('ring_state').split('\n');
  return all.filter((line) => words.some((word) => line.startsWith(`${word} `)));
}

const CHECKS: { readonly [file: string]: (built: Built) => void } = {
  'restrictions-and-counters.yaml': (built) => {
    const { ctx, completions } = built.ring(4);
    expect([ctx.get('cached_sq_head'), ctx.get('cached_cq_tail')]).toEqual([8, 7]);
    expect(lines(built, 'restrictions')).toContain(
      'restrictions register 0x100 sqe 0x400000 allowed 0x0 required 0x1 registered 1',
    );
    // Dropped indices take one off, messages add one: the sum stays what an idle ring has.
    expect(ctx.get('cached_cq_tail')).toBe((ctx.get('cached_sq_head') + ctx.get('cq_extra')) >>> 0);
    expect(completions.available).toBe(7);
    expect(built.completions(4)).toEqual([
      ...[100, 101, 102, 103, 104].map((id) => [id, -Errno.EACCES]),
      [300, 7],
      [301, -5],
    ]);
  },

  'overflow-on-a-full-queue.yaml': (built) => {
    const { completions, ctx } = built.ring(3);
    expect([completions.available, completions.overflowCount]).toEqual([4, 5]);
    built.expectState('sq.head 9 cached 9', 'sq.tail 10', 'cq.head 0', 'cq.tail 4 cached 4', 'sq_flags 2');
    expect(lines(built, 'cqe')).toEqual(
      [10, 11, 12, 13].map((id) => `cqe data 0x${id.toString(16)} res 0 flags 0x0`),
    );
    expect(lines(built, 'overflow')).toEqual([
      'overflow data 0x14 res 0 flags 0x0',
      'overflow data 0x15 res -22 flags 0x0',
      'overflow data 0x16 res -9 flags 0x0',
      'overflow data 0x17 res 0 flags 0x0',
      'overflow data 0x18 res -2 flags 0x0',
    ]);
    const total = ctx.get('cached_cq_tail') + completions.overflowCount;
    expect(total).toBe((ctx.get('cached_sq_head') + ctx.get('cq_extra')) >>> 0);
    expect(drained(built)).toEqual([
      [10, 0],
      [11, 0],
      [12, 0],
      [13, 0],
      [20, 0],
      [21, -Errno.EINVAL],
      [22, -Errno.EBADF],
      [23, 0],
      [24, -Errno.ENOENT],
    ]);
    built.expectState('sq_flags 0', 'cq.tail 9 cached 9', 'sq.tail 10');
  },

  'personalities.yaml': (built) => {
    expect(built.ring(3).personalities.ids).toEqual([2, 5]);
    built.expectState('pers_next 6');
    const { ctx } = built.ring(3);
    const { cred } = built.task;
    const stored = (id: number) =>
      xarrayLoad(ctx.sub('personalities'), built.machine.profile.layout('xa_node'), id);
    expect([1, 2, 3, 4, 5, 6].map((id) => stored(id) === cred.record.address)).toEqual([
      false,
      true,
      false,
      false,
      true,
      false,
    ]);
    expect([cred.uid, cred.gid]).toEqual([1000, 2000]);
  },

  'orphan-page-in-two-rings.yaml': (built) => {
    const [before, shared] = [...(built.ring(3).buffers?.at(0)?.frames() ?? [])] as [number, number];
    expect(built.dump('bvec')).toBe(
      [
        '0 0x7f0000000000 8192',
        ` pfn ${before}-${shared}`,
        '1 buffers',
        '0 <none>',
        '1 0x7f0000001000 4096',
        ` pfn ${shared}`,
        '2 0x7f0000002000 4096',
        ` pfn ${shared + 1}`,
        '3 buffers',
        '',
      ].join('\n'),
    );
    const { mm } = built.task;
    const now = [0, 1, 2].map((page) => mm?.memory.fault(0x7f00_0000_0000 + 4096 * page, false));
    expect(now).toEqual([expect.any(Number), -Errno.EFAULT, shared + 1]);
    expect(now[0]).not.toBe(before);
    const { pages } = built.machine;
    expect([before, shared, shared + 1].map((frame) => pages.pinned(frame))).toEqual([1, 2, 1]);
    const text = (frame: number, length: number) => new TextDecoder().decode(pages.read(frame, 0, length));
    expect([text(before, 5), text(shared, 6), text(now[0] as number, 5)]).toEqual([
      'first',
      'second',
      'other',
    ]);
    expect(built.dump('task_vma')).not.toContain('7f0000001000-');
  },

  'edeadlk-storm.yaml': (built) => {
    const calm = built.dump('io_uring_file');
    expect(calm.split('\n')).toHaveLength(3000 + 3);
    const { parts, refusals } = storm(built, 500);
    expect(new TextDecoder().decode(Buffer.concat(parts))).toBe(calm);
    expect(refusals).toBeGreaterThan(3 * 3);
    // The rest of a buffer is handed out while the lock is held: a refusal is not the end.
    expect(parts.length).toBeGreaterThan(calm.length / 500);
  },

  'attach-group-without-owner.yaml': (built) => {
    const [first, second] = [built.ring(4), built.ring(5)];
    expect(first.sqData).toBe(second.sqData);
    const { hz } = built.machine.profile.dialect;
    const idle = [first, second].map(({ ctx }) => ctx.get('sq_thread_idle'));
    expect([...idle, first.sqData?.record.get('sq_thread_idle')]).toEqual([hz / 5, hz, hz]);
    const shared = lines(built, 'sq_thread').map((line) => line.split(' shared ')[1]);
    expect(shared).toHaveLength(2);
    expect(shared[0]).toBe(shared[1]);
    expect([built.completions(4), built.completions(5)]).toEqual([[[1, 0]], [[2, 0]]]);
    const attached = [first, second].map(({ flags }) => flags & 0x22);
    expect(attached).toEqual([0x22, 0x22]);
  },

  'direct-only-slots.yaml': (built) => {
    const socket = /^0:(socket:\[\d+\])$/m;
    const table = built.dump('io_uring_file');
    expect(table).toMatch(socket);
    expect(table.replace(socket, '0:SOCKET')).toBe(
      'B\n0:SOCKET\n1:/srv/log\n2:/tmp/gone (deleted)\n3:/dev/null\nE:4\n',
    );
    const open = built.dump('task_file');
    for (const path of ['/srv/log', '/tmp/gone', socket.exec(table)?.[1] ?? 'none'])
      expect(open).not.toContain(path);
    expect(open).toContain('/dev/null');
    const { files } = built.ring(3);
    const references = [0, 1, 2, 3].map((slot) => files?.at(slot)?.count);
    expect(references).toEqual([1, 1, 1, 2]);
    expect(files?.at(1)?.flags).toBe(Open.RdWr | Open.Append | Open.LargeFile);
  },

  'provided-buffers-in-part.yaml': (built) => {
    const group = built.ring(3).provided.group(9)?.record;
    expect([group?.get('head'), group?.get('nr_entries'), group?.get('flags')]).toEqual([7, 8, 5]);
    const results = new UserQueue(built.ring(3))
      .takeAll()
      .map(({ result, flags }) => [result, flags >>> 16, flags & 0xffff]);
    expect(results).toEqual([
      ...[0, 1, 2, 3, 4, 5, 6].map((i) => [512, 30 + i, 1]),
      [100, 37, 0x11],
      [50, 37, 0x11],
    ]);
  },

  'table-on-its-way-out.yaml': (built) => {
    const { machine } = built;
    const { ctx, files, buffers } = built.ring(3);
    const hides = built.kernel === '6.12';
    const dumps = () => [
      built.dump('io_uring_file').split('\n').at(-2),
      built.dump('io_uring_buf').split('\n').at(-2),
    ];
    const quiesce = () => [files, buffers].map((table) => table?.data.record.get('quiesce'));
    expect(dumps()).toEqual(hides ? ['E:0', 'E:0'] : ['E:2', 'E:1']);
    expect(quiesce()).toEqual([1, 1]);
    if (hides) expect(ctx.get('rsrc_quiesce')).toBe(2);
    // Requests that begin now find what the ring shows.
    const caller = new Caller(machine, built.task);
    const fixed = {
      opcode: SubmitOp.Read,
      fd: 1,
      length: 4,
      flags: SqeFlag.FixedFile,
      address: 0x7f00_0000_0000n,
    };
    caller.submit(3, { ...fixed, userData: 2n }, { ...fixed, opcode: SubmitOp.ReadFixed, userData: 3n });
    const found = caller.reap(3).map(([id, result]) => [id, result]);
    expect(found).toEqual(
      hides
        ? [
            [2, -Errno.EBADF],
            [3, -Errno.EFAULT],
          ]
        : [
            [2, 0],
            [3, 0],
          ],
    );
    // A signal: everything is as it was.
    expect(interruptRegister(built.ring(3))).toBe(-Errno.EINTR);
    expect([...dumps(), ...quiesce()]).toEqual(['E:2', 'E:1', 0, 0]);
    expect(() => caller.register(3, Op.UnregisterFiles, 0n, 0)).toThrow('io_rsrc_data.refs');
    machine.sys.write(built.task, 6, new TextEncoder().encode('abcd'));
    expect(caller.reap(3)).toEqual([[1, 4, 0]]);
    expect([Op.UnregisterFiles, Op.UnregisterBuffers].map((op) => caller.register(3, op, 0n, 0))).toEqual([
      0, 0,
    ]);
    expect(dumps()).toEqual(['E:0', 'E:0']);
    if (hides) expect(ctx.get('rsrc_quiesce')).toBe(0);
  },
};

/** Everything that there is to take, asking for more until there is none. */
function drained(built: Built): [number, number][] {
  const all: [number, number][] = [];
  for (let more = built.completions(3); more.length > 0; more = built.completions(3)) {
    all.push(...more);
    ioUringEnter(built.machine, built.task, 3, 0, 0, Enter.GetEvents);
  }
  return all;
}

/** A reader that tries again on EDEADLK, while someone else takes the lock after each of its reads. */
function storm(built: Built, size: number): { parts: Uint8Array[]; refusals: number } {
  const { session, task } = built;
  const iterator = onlyIterator(loadProgram(session, 'io_uring_file'));
  const open = session.open(iterator, { kind: 'file', pid: task.pid, fd: 3, label: '' }) as OpenIterator;
  const { lock } = built.ring(3);
  const parts: Uint8Array[] = [];
  let refusals = 0;
  for (let held = false; ; ) {
    const runs = iterator.log.runs;
    const result = open.read(size);
    if (result === -Errno.EDEADLK) {
      expect([held, iterator.log.runs]).toEqual([true, runs]);
      refusals++;
      // It is let go only after some more tries.
      if (refusals % 3 !== 0) continue;
      lock.unlock();
      held = false;
      continue;
    }
    if (!(result instanceof Uint8Array)) throw new Error(`read: ${String(result)}`);
    if (result.length === 0) break;
    parts.push(result);
    if (!held) held = lock.tryLock(task);
  }
  open.close();
  return { parts, refusals };
}

test('every scene is here', () => expect(Object.keys(CHECKS).sort()).toEqual(scenes.names));

describe.each(scenes.names)('%s', (file) => {
  test.each(scenes.kernelsOf(file))('over %s', async (kernel) => {
    CHECKS[file]?.(await scenes.build(file, kernel));
  });
});
