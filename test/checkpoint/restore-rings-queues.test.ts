/** Counters, entries and the overflow list of rings come back to the last bit. */
import { describe, expect, it } from 'vitest';
import type { Caller } from '../kernel-model/ring-support.ts';
import { restrictions, words } from '../kernel-model/ring-support.ts';
import { callerOf, KERNELS, type Kernel, NEW_KERNELS, roundTrip, sessionOf } from './restore-support.ts';

const SCENE = `
tasks:
  - pid: 100
    comm: app
    files: [{ fd: 10, eventfd: 0 }, { fd: 11, open: /dev/null }]
    mappings: [{ address: 0x10000000, length: 1M }]
`;

const Setup = {
  SqPoll: 2,
  CqSize: 8,
  Disabled: 64,
  Sqe128: 1024,
  Cqe32: 2048,
  Single: 4096,
  Defer: 8192,
  NoArray: 1 << 16,
};
const Op = { Nop: 0, Timeout: 11, ReadFixed: 4, MsgRing: 40, Provide: 31, Read: 22 };

async function trip(kernel: Kernel, make: (app: Caller) => void) {
  const session = await sessionOf(SCENE, kernel);
  make(callerOf(session));
  return roundTrip(session, kernel);
}

/** Submits some NOPs one by one, and takes some of what they post. */
function nops(app: Caller, fd: number, count: number, taken: number, flags = 0): void {
  for (let i = 0; i < count; i++) {
    app.queue(fd).push({ userData: BigInt(i + 1) });
    app.enter(fd, 1, 0, flags);
  }
  app.queue(fd).advance(taken);
}

describe.each(KERNELS)('queues on %s', (kernel) => {
  it('count what was submitted and completed [25-28]', async () => {
    const { after } = await trip(kernel, (app) => {
      const fd = app.setup(4);
      nops(app, fd, 8, 8);
      nops(app, fd, 8, 8);
      nops(app, fd, 7, 4);
      const other = app.setup(4);
      nops(app, other, 5, 5);
      app.queue(other).push({ userData: 77n });
      app.queue(other).push({ userData: 78n });
    });
    expect(
      after.rings.map(({ queues }) => [queues.sqHead, queues.sqTail, queues.cqTail, queues.cqHead]),
    ).toEqual([
      [23, 23, 23, 20],
      [5, 7, 5, 5],
    ]);
  });

  it('count entries that were dropped [30, 36]', async () => {
    const { after } = await trip(kernel, (app) => {
      const fd = app.setup(4);
      nops(app, fd, 3, 3);
      for (let i = 0; i < 2; i++) {
        app.queue(fd).pushIndex(0xffff_ffff);
        app.enter(fd, 1);
      }
      nops(app, fd, 4, 2);
    });
    expect(after.rings[0]?.queues).toMatchObject({ sqHead: 9, cqTail: 7, dropped: 2, extra: 0xffff_fffe });
  });

  it('count tags of resources that were removed [36]', async () => {
    const { after } = await trip(kernel, (app) => {
      const fd = app.setup(4);
      const tags = app.put(words(5, 6));
      const fds = app.put(new Uint8Array(Int32Array.of(10, 11).buffer));
      app.register(fd, 13, record([2, 0], [0n, fds, tags]), 32);
      const none = app.put(new Uint8Array(Int32Array.of(-1, -1).buffer));
      app.register(fd, 14, record([0, 0], [none, 0n, 2n]), 32);
      nops(app, fd, 3, 1);
    });
    expect(after.rings[0]?.queues).toMatchObject({ sqHead: 3, cqTail: 5, extra: 2 });
  });

  it('stay disabled, with tags posted all the same [63]', async () => {
    await trip(kernel, (app) => {
      const fd = app.setup(4, { flags: Setup.Disabled });
      const tags = app.put(words(5));
      const fds = app.put(new Uint8Array(Int32Array.of(10).buffer));
      app.register(fd, 13, record([1, 0], [0n, fds, tags]), 32);
      app.register(fd, 14, record([0, 0], [app.put(new Uint8Array(Int32Array.of(-1).buffer)), 0n, 1n]), 32);
    });
  });

  it('overflow in order [34, 31, 32]', async () => {
    const { after } = await trip(kernel, (app) => {
      const fd = app.setup(2);
      nops(app, fd, 7, 0);
    });
    expect(after.rings[0]?.queues.overflow.map(({ userData }) => userData)).toEqual([5n, 6n, 7n]);
    expect(after.rings[0]?.queues.sqFlags).toBe(2);
  });

  it('overflow with results of all kinds [34]', async () => {
    await trip(kernel, (app) => {
      const fd = app.setup(2);
      nops(app, fd, 4, 0);
      app.submit(fd, { opcode: 0xff, userData: 9n });
      app.submit(fd, { opcode: Op.Read, fd: -1, userData: 10n });
      app.submit(fd, { userData: 0n });
    });
  });

  it('overflow once user space has made room already [28, 34]', async () => {
    const { after } = await trip(kernel, (app) => {
      const fd = app.setup(2);
      nops(app, fd, 6, 3);
    });
    expect(after.rings[0]?.queues).toMatchObject({ cqHead: 3, cqTail: 4 });
  });

  it('have had timeouts [37, 38]', async () => {
    const { after } = await trip(kernel, (app) => {
      const fd = app.setup(4);
      const address = app.timespec(1000);
      app.submit(fd, { opcode: Op.Timeout, address, length: 1 });
      app.machine.advance(2000n);
      app.submit(fd, { opcode: Op.Timeout, address, length: 1, offset: 1n });
      nops(app, fd, 2, 1);
    });
    expect(after.rings[0]?.queues).toMatchObject({ timeouts: 2, offTimeoutUsed: true });
  });

  it('are fed by a thread [25-28, SQPOLL]', async () => {
    await trip(kernel, (app) => {
      const fd = app.setup(4, { flags: Setup.SqPoll });
      nops(app, fd, 9, 8, 2);
    });
  });

  it('tell nobody of it [58, 59]', async () => {
    const { after } = await trip(kernel, (app) => {
      const fd = app.setup(4);
      app.register(fd, 4, new Uint8Array(Int32Array.of(10).buffer), 1);
      nops(app, fd, 6, 5);
    });
    expect(after.files.find(({ kind }) => kind === 'eventfd')?.eventfd?.count).toBe(6n);
  });

  it('come back behind restrictions that forbid what brings them there [61]', async () => {
    const { after } = await trip(kernel, (app) => {
      const fd = app.setup(4, { flags: Setup.Disabled });
      app.register(fd, 11, restrictions([1, Op.Read]), 1);
      app.register(fd, 12, 0n, 0);
      nops(app, fd, 6, 6);
      nops(app, fd, 12, 0);
    });
    expect(after.rings[0]?.queues.overflow.map(({ result }) => result)).toEqual([-13, -13, -13, -13]);
  });

  it('provide buffers in lists [66]', async () => {
    await trip(kernel, (app) => {
      const fd = app.setup(8);
      app.submit(fd, {
        opcode: Op.Provide,
        fd: 3,
        address: 0x1000_0000n,
        length: 100,
        offset: 5n,
        buffer: 7,
      });
      app.submit(fd, { opcode: Op.Provide, fd: 1, address: 0x1000_2000n, length: 50, offset: 1n, buffer: 7 });
      app.submit(fd, {
        opcode: Op.Provide,
        fd: 2,
        address: 0x1000_4000n,
        length: 10,
        offset: 0n,
        buffer: 300,
      });
      nops(app, fd, 2, 4);
    });
  });
});

describe.each(NEW_KERNELS)('queues on %s', (kernel) => {
  it('get messages of other rings, in overflow too [34, 36]', async () => {
    await trip(kernel, (app) => {
      const [fd, sender] = [app.setup(2), app.setup(8)];
      for (let i = 0; i < 7; i++)
        app.submit(sender, { opcode: Op.MsgRing, fd, offset: BigInt(100 + i), length: i - 3 });
      nops(app, fd, 1, 0);
    });
  });

  it('belong to one task, which completes its own [17, 18]', async () => {
    await trip(kernel, (app) => {
      const fd = app.setup(4, { flags: Setup.Single | Setup.Defer });
      nops(app, fd, 9, 7);
      const single = app.setup(2, { flags: Setup.Single });
      nops(app, single, 7, 0);
    });
  });

  it('have entries of twice the size [14]', async () => {
    await trip(kernel, (app) => {
      const fd = app.setup(2, { flags: Setup.Sqe128 | Setup.Cqe32 });
      nops(app, fd, 6, 1);
    });
  });

  it('have had quiet submissions [38]', async () => {
    const { after } = await trip(kernel, (app) => {
      const fd = app.setup(4);
      for (let i = 0; i < 3; i++) app.submit(fd, { flags: 64 });
      nops(app, fd, 2, 1);
    });
    expect(after.rings[0]?.queues).toMatchObject({ sqHead: 5, cqTail: 2, drainDisabled: true });
  });
});

describe('queues on 6.12', () => {
  it('need no index array [15]', async () => {
    await trip('6.12', (app) => {
      const fd = app.setup(2, { flags: Setup.NoArray });
      nops(app, fd, 7, 0);
    });
  });

  it('get messages with flags [34]', async () => {
    await trip('6.12', (app) => {
      const [fd, sender] = [app.setup(2), app.setup(8)];
      for (let i = 0; i < 7; i++)
        app.submit(sender, { opcode: Op.MsgRing, fd, offset: 1n, length: i, opFlags: 2, fileIndex: i << 16 });
    });
  });
});

function record(ints: number[], longs: bigint[]): Uint8Array {
  const bytes = new Uint8Array(4 * ints.length + 8 * longs.length);
  bytes.set(new Uint8Array(Uint32Array.from(ints).buffer));
  bytes.set(new Uint8Array(BigUint64Array.from(longs).buffer), 4 * ints.length);
  return bytes;
}
