import { beforeEach, describe, expect, test } from 'vitest';
import { Errno } from '../../bpf/errno.ts';
import { Message, SocketOption } from '../../kernel-model/channel-syscalls.ts';
import { Open } from '../../kernel-model/file.ts';
import { listNodes } from '../../kernel-model/list.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import type { Record } from '../../kernel-model/record.ts';
import type { Task } from '../../kernel-model/task.ts';
import { SocketState, SocketType } from '../../kernel-model/unix-socket.ts';
import { PollEvent } from '../../kernel-model/wait-queue.ts';
import { KERNELS, newMachine } from './support.ts';

const SOL_SOCKET = 1;
const bytes = (text: string) => new TextEncoder().encode(text);

describe.each(KERNELS)('unix sockets of %s', (kernel) => {
  let machine: Machine;
  let task: Task;
  beforeEach(async () => {
    machine = await newMachine(kernel);
    task = machine.tasks.create({ pid: 100 });
  });

  const sys = () => machine.sys;
  const pair = (type: number) => sys().socketpair(task, 1, type) as [number, number];
  const send = (fd: number, text: string) => sys().send(task, fd, bytes(text));
  const recv = (fd: number, length: number, flags = 0) => {
    const found = sys().recv(task, fd, length, flags);
    return typeof found === 'number' ? found : new TextDecoder().decode(found);
  };
  const peek = (fd: number, length: number) => recv(fd, length, Message.Peek);
  const ino = (fd: number) => task.files?.get(fd)?.inode.ino;
  const ready = (fd: number) => {
    const file = task.files?.get(fd);
    return file?.ops.poll?.(file).mask ?? 0;
  };
  const sock = (fd: number) => {
    const socket = machine.heap.at(task.files?.get(fd)?.record.big('private_data') ?? 0n);
    return machine.heap.at(socket?.big('sk') ?? 0n) as Record;
  };

  test('streams have no bounds between messages', () => {
    const [a, b] = pair(SocketType.Stream);
    for (const text of ['one', '', 'two', 'three']) send(a, text);
    expect([recv(b, 4), recv(b, 100), recv(b, 1)]).toEqual(['onet', 'wothree', -Errno.EAGAIN]);
  });

  test.each([SocketType.Datagram, SocketType.SeqPacket])('messages of type %i stay whole', (type) => {
    const [a, b] = pair(type);
    for (const text of ['one', '', 'two']) send(a, text);
    expect(sys().fionread(task, b)).toBe(type === SocketType.Datagram ? 3 : 6);
    expect([recv(b, 2), recv(b, 9), recv(b, 9), recv(b, 9)]).toEqual(['on', '', 'two', -Errno.EAGAIN]);
    expect(sys().send(task, a, new Uint8Array(212_992))).toBe(-Errno.EMSGSIZE);
  });

  describe('peeking', () => {
    test('leaves what it shows', () => {
      const [a, b] = pair(SocketType.Stream);
      send(a, 'one');
      send(a, 'two');
      expect([peek(b, 4), peek(b, 9), recv(b, 9)]).toEqual(['onet', 'onetwo', 'onetwo']);
    });

    test('goes on with SO_PEEK_OFF: a dumper sees all of a stream', () => {
      const [a, b] = pair(SocketType.Stream);
      send(a, 'one');
      send(a, 'two');
      sys().setsockopt(task, b, SOL_SOCKET, SocketOption.PeekOffset, 0);
      expect([peek(b, 2), peek(b, 3), peek(b, 9), peek(b, 9)]).toEqual(['on', 'etw', 'o', -Errno.EAGAIN]);
      expect(recv(b, 4)).toBe('onet');
      expect(sys().getsockopt(task, b, SOL_SOCKET, SocketOption.PeekOffset)).toBe(2);
      sys().setsockopt(task, b, SOL_SOCKET, SocketOption.PeekOffset, -1);
      expect(peek(b, 9)).toBe('wo');
    });

    test('and every datagram, empty ones too', () => {
      const [a, b] = pair(SocketType.Datagram);
      for (const text of ['', 'one', '', 'four']) send(a, text);
      sys().setsockopt(task, b, SOL_SOCKET, SocketOption.PeekOffset, 0);
      const seen = [peek(b, 9), peek(b, 9), peek(b, 9), peek(b, 9), peek(b, 9)];
      expect(seen).toEqual(['', 'one', '', 'four', -Errno.EAGAIN]);
      expect([recv(b, 9), recv(b, 9), recv(b, 9), recv(b, 9)]).toEqual(['', 'one', '', 'four']);
    });
  });

  test('sock_diag tells which belong together', () => {
    const [a, b] = pair(SocketType.Stream);
    const [c, d] = pair(SocketType.Datagram);
    send(a, 'hello');
    send(c, 'x');
    sys().shutdown(task, d, 1);
    const common = { state: SocketState.Established, shutdown: 0, queued: 0 };
    expect(sys().unix_diag(task)).toEqual([
      { ...common, ino: ino(a), type: 1, peer: ino(b) },
      { ...common, ino: ino(b), type: 1, peer: ino(a), queued: 5 },
      { ...common, ino: ino(c), type: 2, peer: ino(d) },
      { ...common, ino: ino(d), type: 2, peer: ino(c), queued: 1, shutdown: 2 },
    ]);
    sys().close(task, a);
    sys().close(task, c);
    expect(sys().unix_diag(task)).toEqual([
      { ...common, ino: ino(b), type: 1, peer: 0, queued: 5, shutdown: 3 },
      { ...common, ino: ino(d), type: 2, peer: 0, queued: 1, shutdown: 2 },
    ]);
  });

  describe('shutdown', () => {
    test('the other end of a stream finds the opposite', () => {
      const [a, b] = pair(SocketType.Stream);
      send(a, 'last');
      expect(sys().shutdown(task, a, 1)).toBe(0);
      expect(send(a, 'x')).toBe(-Errno.EPIPE);
      expect([recv(b, 9), recv(b, 9)]).toEqual(['last', '']);
      expect([send(b, 'back'), recv(a, 9)]).toEqual([4, 'back']);
      expect(ready(b)).toBe(
        PollEvent.In | PollEvent.RdNorm | PollEvent.RdHup | PollEvent.Out | PollEvent.WrNorm,
      );
      sys().shutdown(task, a, 0);
      expect(send(b, 'x')).toBe(-Errno.EPIPE);
      expect(ready(a) & PollEvent.Hup).toBe(PollEvent.Hup);
      expect(sys().shutdown(task, a, 3)).toBe(-Errno.EINVAL);
    });

    test('of datagrams nobody tells the other end, but what it sends is refused', () => {
      const [a, b] = pair(SocketType.Datagram);
      sys().shutdown(task, a, 0);
      expect([send(a, 'x'), send(b, 'x')]).toEqual([1, -Errno.EPIPE]);
      expect([recv(a, 1), recv(a, 1, Message.DontWait)]).toEqual(['', -Errno.EAGAIN]);
    });
  });

  describe('the other end closes', () => {
    test('a stream ends behind what was sent', () => {
      const [a, b] = pair(SocketType.Stream);
      send(a, 'last');
      sys().close(task, a);
      expect([recv(b, 9), recv(b, 9), send(b, 'x')]).toEqual(['last', '', -Errno.EPIPE]);
    });

    test('with bytes unread it is reset', () => {
      const [a, b] = pair(SocketType.Stream);
      send(b, 'lost');
      send(a, 'last');
      sys().close(task, a);
      expect(ready(b) & PollEvent.Err).toBe(PollEvent.Err);
      expect([recv(b, 9), recv(b, 9), recv(b, 9)]).toEqual(['last', -Errno.ECONNRESET, '']);
      const [c, d] = pair(SocketType.SeqPacket);
      send(d, 'lost');
      sys().close(task, c);
      expect(sys().getsockopt(task, d, SOL_SOCKET, SocketOption.Error)).toBe(Errno.ECONNRESET);
      expect(sys().getsockopt(task, d, SOL_SOCKET, SocketOption.Error)).toBe(0);
    });

    test('datagrams are refused, then there is no other end', () => {
      const [a, b] = pair(SocketType.Datagram);
      sys().close(task, a);
      expect(recv(b, 1)).toBe(-Errno.EAGAIN);
      expect([send(b, 'x'), send(b, 'x')]).toEqual([-Errno.ECONNREFUSED, -Errno.ENOTCONN]);
      expect(sys().unix_diag(task)[0]?.state).toBe(SocketState.Close);
    });

    test('nothing is left of a pair', () => {
      const round = () => {
        for (const type of [1, 2, 5]) {
          const [a, b] = pair(type);
          send(a, 'unread');
          send(b, '');
          sys().close(task, b);
          send(a, 'x');
          sys().close(task, a);
        }
      };
      round();
      const before = [machine.heap.objects, machine.heap.used];
      round();
      expect([machine.heap.objects, machine.heap.used]).toEqual(before);
    });
  });

  test('options and errors', () => {
    const [a] = pair(SocketType.SeqPacket | Open.NonBlock);
    const get = (option: number) => sys().getsockopt(task, a, SOL_SOCKET, option);
    expect([SocketOption.Type, SocketOption.Domain, SocketOption.PeekOffset, 2].map(get)).toEqual([
      5,
      1,
      -1,
      -Errno.ENOPROTOOPT,
    ]);
    expect(sys().setsockopt(task, a, 2, SocketOption.PeekOffset, 0)).toBe(-Errno.ENOPROTOOPT);
    const event = sys().eventfd2(task, 0, 0);
    expect([recv(event, 1), send(event, 'x'), recv(77, 1)]).toEqual([
      -Errno.ENOTSOCK,
      -Errno.ENOTSOCK,
      -Errno.EBADF,
    ]);
    expect([sys().fionread(task, event), sys().fionread(task, 77)]).toEqual([-Errno.EINVAL, -Errno.EBADF]);
    expect(recv(a, 1, 0x1000)).toBe(-Errno.EOPNOTSUPP);
  });

  test('the records show the pair and what is queued', () => {
    const [a, b] = pair(SocketType.Stream);
    send(a, 'one');
    send(a, 'three');
    if (kernel === '5.16+series') return;
    expect([sock(a).big('peer'), sock(b).big('peer')]).toEqual([sock(b).address, sock(a).address]);
    const head = sock(b).sub('sk.sk_receive_queue');
    expect(head.get('qlen')).toBe(2);
    const buffers = [...listNodes(machine.ram, head.address)].map((at) => machine.heap.at(at) as Record);
    expect(buffers.map((buffer) => machine.ram.read(buffer.big('data'), buffer.get('len')))).toEqual([
      bytes('one'),
      bytes('three'),
    ]);
    sys().shutdown(task, a, 1);
    expect([sock(a).get('sk.sk_shutdown'), sock(b).get('sk.sk_shutdown')]).toEqual([2, 1]);
  });
});
