import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { Open } from '../../kernel-model/file.ts';
import { Fcntl } from '../../kernel-model/file-syscalls.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { Record } from '../../kernel-model/record.ts';
import type { Task } from '../../kernel-model/task.ts';
import { getPagePointer } from '../../kernel-model/words.ts';
import { KERNELS, newMachine, PAGE } from './support.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe.each(KERNELS)('pipes of %s', (kernel) => {
  let machine: Machine;
  let task: Task;
  beforeEach(async () => {
    machine = await newMachine(kernel);
    task = machine.tasks.create({ pid: 100, uid: 1000, gid: 100 });
  });

  const sys = () => machine.sys;
  const pipe = (flags = 0) => sys().pipe2(task, flags) as [number, number];
  const record = (fd: number) =>
    machine.heap.at(task.files?.get(fd)?.record.big('private_data') ?? 0n) as Record;
  const read = (fd: number, length: number) => {
    const found = sys().read(task, fd, length);
    return found instanceof Uint8Array ? new TextDecoder().decode(found) : found;
  };
  const write = (fd: number, text: string) => sys().write(task, fd, bytes(text));
  const counters = (fd: number) => ['tail', 'head'].map((name) => record(fd).get(name));

  test('a short write goes into the page of the one before', () => {
    const [r, w] = pipe();
    expect([write(w, 'one'), write(w, 'two'), read(r, 4)]).toEqual([3, 3, 'onet']);
    expect(counters(r)).toEqual([0, 1]);
    expect([write(w, 'x'.repeat(PAGE - 6)), write(w, 'yz')]).toEqual([PAGE - 6, 2]);
    expect(counters(r)).toEqual([0, 2]);
    expect(read(r, 2)).toBe('wo');
    expect((read(r, PAGE) as string).slice(-3)).toBe('xyz');
    expect(counters(r)).toEqual([2, 2]);
    expect([read(r, 1), read(r, 0)]).toEqual([-Errno.EAGAIN, '']);
  });

  test('room is counted in pages', () => {
    const [r, w] = pipe();
    const most = 'm'.repeat(PAGE - 1);
    for (let page = 0; page < 16; page++) expect(write(w, most)).toBe(PAGE - 1);
    expect([write(w, 'ab'), write(w, 'a'), write(w, 'a')]).toEqual([-Errno.EAGAIN, 1, -Errno.EAGAIN]);
    expect(sys().fionread(task, r)).toBe(16 * PAGE - 15);
    expect(machine.pages.used).toBe(16);
    sys().close(task, r);
    expect([write(w, ''), write(w, 'a')]).toEqual([0, -Errno.EPIPE]);
    sys().close(task, w);
    expect(machine.pages.used).toBe(0);
  });

  test('packets are read one by one, and lose what is not taken', () => {
    const [r, w] = pipe(Open.Direct);
    write(w, 'first');
    write(w, 'second');
    expect([read(r, 3), read(r, 100), read(r, 1)]).toEqual(['fir', 'second', -Errno.EAGAIN]);
    sys().fcntl(task, w, Fcntl.SetFl, 0);
    write(w, 'a');
    write(w, 'b');
    expect(read(r, 9)).toBe('ab');
  });

  test('the records show the pages', () => {
    const [r, w] = pipe();
    write(w, 'hello');
    read(r, 2);
    const layout = machine.profile.findLayout('pipe_buffer');
    expect(layout !== undefined).toBe(kernel !== '5.16+series');
    if (!layout) return;
    const slots = record(r).big('bufs');
    const slot = new Record(machine.ram, layout, Number(slots & 0xffff_ffffn), slots);
    expect(['offset', 'len', 'flags'].map((name) => slot.get(name))).toEqual([2, 3, 0x10]);
    expect(slot.big('ops')).toBe(machine.symbolAddress('anon_pipe_buf_ops'));
    const frame = getPagePointer(machine.ram.view, slot.offset);
    expect(machine.pages.read(frame, 2, 3)).toEqual(bytes('llo'));
    expect(read(r, 3)).toBe('llo');
    expect(slot.big('ops')).toBe(0n);
  });

  describe('tee', () => {
    test('leaves what it copies', () => {
      const [r, w] = pipe();
      const [r2, w2] = pipe();
      write(w, 'a'.repeat(PAGE));
      write(w, 'bcd');
      expect(sys().tee(task, r, w2, PAGE + 2)).toBe(PAGE + 2);
      expect((read(r2, 2 * PAGE) as string).slice(-3)).toBe('abc');
      expect((read(r, 2 * PAGE) as string).slice(-4)).toBe('abcd');
      expect(machine.pages.used).toBe(0);
    });

    test('what is written later does not come in', () => {
      const [r, w] = pipe();
      const [r2, w2] = pipe();
      write(w, 'one');
      sys().tee(task, r, w2, 100);
      write(w, 'two');
      write(w2, 'X');
      expect([read(r, 100), read(r2, 100)]).toEqual(['onetwo', 'oneX']);
    });

    test('errors', () => {
      const [r, w] = pipe();
      const [r2, w2] = pipe();
      const event = sys().eventfd2(task, 0, 0);
      expect(sys().tee(task, r, w2, 1)).toBe(-Errno.EAGAIN);
      write(w, 'x');
      expect(sys().tee(task, r, w, 1)).toBe(-Errno.EINVAL);
      expect(sys().tee(task, r, event, 1)).toBe(-Errno.EINVAL);
      expect(sys().tee(task, w, w2, 1)).toBe(-Errno.EBADF);
      expect(sys().tee(task, r, w2, 1, 0x10)).toBe(-Errno.EINVAL);
      expect(sys().tee(task, r, w2, 0)).toBe(0);
      sys().close(task, r2);
      expect(sys().tee(task, r, w2, 1)).toBe(-Errno.EPIPE);
      read(r, 1);
      sys().close(task, w);
      expect(sys().tee(task, r, w2, 1)).toBe(0);
    });
  });

  test('sizes are powers of two of pages', () => {
    const [r, w] = pipe();
    const size = (bytes_: number) => sys().fcntl(task, w, Fcntl.SetPipeSize, bytes_);
    expect(sys().fcntl(task, r, Fcntl.GetPipeSize, 0)).toBe(16 * PAGE);
    expect([size(1), size(PAGE + 1), size(-1), size(2 << 20)]).toEqual([
      PAGE,
      2 * PAGE,
      -Errno.EINVAL,
      -Errno.EPERM,
    ]);
    write(w, 'a'.repeat(PAGE + 1));
    read(r, PAGE - 1);
    expect(size(PAGE)).toBe(-Errno.EBUSY);
    expect(size(4 * PAGE)).toBe(4 * PAGE);
    expect(['head', 'tail', 'max_usage', 'ring_size'].map((name) => record(r).get(name))).toEqual([
      2, 0, 4, 4,
    ]);
    expect(read(r, 9)).toBe('aa');
    expect(sys().fcntl(task, sys().eventfd2(task, 0, 0), Fcntl.GetPipeSize, 0)).toBe(-Errno.EINVAL);
  });

  test('an end can be opened again through /proc', () => {
    const [r, w] = pipe();
    const again = sys().open_fd_link(task, 100, r, Open.WrOnly | Open.NonBlock);
    expect(sys().fcntl(task, again, Fcntl.GetFl, 0)).toBe(Open.WrOnly | Open.NonBlock | Open.LargeFile);
    expect(['readers', 'writers', 'files'].map((name) => record(r).get(name))).toEqual([1, 2, 3]);
    sys().close(task, w);
    write(again, 'still');
    expect([read(r, 9), read(r, 9)]).toEqual(['still', -Errno.EAGAIN]);
    sys().close(task, again);
    expect(read(r, 9)).toBe('');
  });
});
