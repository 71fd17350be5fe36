/** Requests in progress are submitted again, and go on as they would have. */
import { describe, expect, it } from 'vitest';
import { type Caller, ints, words } from '../kernel-model/ring-support.ts';
import { callerOf, KERNELS, type Kernel, NEW_KERNELS, roundTrip, sessionOf } from './restore-support.ts';

const SCENE = `
tasks:
  - pid: 100
    comm: app
    files: [{ fd: 10, eventfd: 0 }, { fd: 11, eventfd: 0 }, { fd: 12, eventfd: 3 }]
    mappings: [{ address: 0x10000000, length: 1M }]
`;
const BASE = 0x1000_0000;
const Op = { Nop: 0, Poll: 6, Timeout: 11, LinkTimeout: 15, Read: 22, ReadFixed: 4 };
const Flag = { Fixed: 1, Drain: 2, Link: 4, Select: 32, Skip: 64 };
const Setup = { SqPoll: 2, Disabled: 64, Single: 4096, Defer: 8192 };
const IN = 1;

async function trip(kernel: Kernel, make: (app: Caller) => void) {
  const session = await sessionOf(SCENE, kernel);
  make(callerOf(session));
  const result = await roundTrip(session, kernel);
  return { ...result, app: callerOf(result.session) };
}

function signal(app: Caller, fd: number): void {
  expect(app.machine.sys.write(app.task, fd, words(1))).toBe(8);
}

describe.each(KERNELS)('requests on %s', (kernel) => {
  it('poll files, once or for good [74]', async () => {
    const { app } = await trip(kernel, (app) => {
      const fd = app.setup(8);
      app.submit(fd, { opcode: Op.Poll, fd: 10, opFlags: IN, userData: 1n });
      app.submit(fd, { opcode: Op.Poll, fd: 10, opFlags: IN, length: 1, userData: 2n });
      app.submit(fd, { userData: 9n });
      app.queue(fd).advance(1);
    });
    signal(app, 10);
    expect(app.reap(0).sort()).toEqual([
      [1, IN, 0],
      [2, IN, 2],
    ]);
  });

  it('poll for good a file that is ready [74]', async () => {
    const { app } = await trip(kernel, (app) => {
      const fd = app.setup(8);
      app.submit(fd, { opcode: Op.Poll, fd: 12, opFlags: IN, length: 1, userData: 2n });
      app.queue(fd).advance(1);
    });
    signal(app, 12);
    expect(app.reap(0)).toEqual([[2, IN, 2]]);
  });

  it('read when there is something, into fixed files and buffers too [79]', async () => {
    const { app } = await trip(kernel, (app) => {
      const fd = app.setup(8);
      app.register(fd, 2, ints(-1, 11), 2);
      app.register(fd, 0, words(BASE, 4096), 1);
      app.submit(fd, { opcode: Op.Read, fd: 10, address: BigInt(BASE + 64), length: 8, userData: 1n });
      app.submit(fd, {
        opcode: Op.ReadFixed,
        fd: 1,
        flags: Flag.Fixed,
        address: BigInt(BASE),
        length: 8,
        userData: 2n,
      });
    });
    signal(app, 10);
    signal(app, 11);
    expect(app.reap(0)).toEqual([
      [1, 8, 0],
      [2, 8, 0],
    ]);
    expect(app.task.mm?.memory.read(BASE, 8)?.[0]).toBe(1);
  });

  it('wait for time, for completions, and for others before them [75, 77]', async () => {
    const { app, after } = await trip(kernel, (app) => {
      const fd = app.setup(16);
      const address = app.timespec(5_000_000_000);
      app.submit(fd, { opcode: Op.Timeout, address, length: 1, offset: 3n, userData: 1n });
      app.submit(fd, { opcode: Op.Timeout, address, length: 1, offset: 2n, userData: 2n });
      app.submit(fd, { opcode: Op.Timeout, address, length: 1, userData: 3n });
      app.submit(fd, { userData: 4n });
      app.submit(fd, { flags: Flag.Drain, userData: 5n }, { userData: 6n });
      app.machine.advance(1_000_000_000n);
    });
    expect(
      after.rings[0]?.requests.map(({ userData, timeout }) => [userData, timeout?.count, timeout?.time]),
    ).toEqual([
      [2n, 1, 4_000_000_000n],
      [1n, 2, 4_000_000_000n],
      [3n, 0, 4_000_000_000n],
      [5n, undefined, undefined],
      [6n, undefined, undefined],
    ]);
    app.machine.advance(4_000_000_000n);
    expect(app.reap(0).map(([userData]) => userData)).toEqual([4, 2, 1, 3, 5, 6]);
  });

  it('stand in chains whose time is limited [76]', async () => {
    const { app } = await trip(kernel, (app) => {
      const fd = app.setup(8);
      const address = app.timespec(5_000_000_000);
      app.submit(
        fd,
        { opcode: Op.Read, fd: 10, address: BigInt(BASE), length: 8, flags: Flag.Link, userData: 1n },
        { opcode: Op.LinkTimeout, address, length: 1, flags: Flag.Link, userData: 2n },
        { userData: 3n },
      );
      app.submit(
        fd,
        { opcode: Op.Poll, fd: 11, opFlags: IN, flags: Flag.Link, userData: 4n },
        { userData: 5n },
      );
    });
    signal(app, 11);
    expect(app.reap(0)).toEqual([
      [4, IN, 0],
      [5, 0, 0],
    ]);
    app.machine.advance(5_000_000_000n);
    expect(app.reap(0).map(([userData, result]) => [userData, result])).toEqual(
      expect.arrayContaining([
        [1, -125],
        [3, -125],
      ]),
    );
  });

  it('act for others [60, 74]', async () => {
    const { after } = await trip(kernel, (app) => {
      const fd = app.setup(8);
      app.machine.sys.setresuid(app.task, -1, 7, -1);
      const kept = app.register(fd, 9, 0n, 0);
      app.machine.sys.setresuid(app.task, -1, 0, -1);
      const dropped = app.register(fd, 9, 0n, 0);
      for (const personality of [kept, dropped])
        app.submit(fd, { opcode: Op.Poll, fd: 10, opFlags: IN, personality, userData: BigInt(personality) });
      app.register(fd, 10, 0n, dropped);
    });
    expect(after.rings[0]?.requests.map(({ cred }) => after.creds[cred ?? -1]?.euid).sort()).toEqual([0, 7]);
  });

  it("are a thread's [SQPOLL]", async () => {
    await trip(kernel, (app) => {
      const fd = app.setup(8, { flags: Setup.SqPoll });
      app.queue(fd).push({ opcode: Op.Poll, fd: 10, opFlags: IN, userData: 1n });
      app.queue(fd).push({ opcode: Op.Read, fd: 11, address: BigInt(BASE), length: 8, userData: 2n });
      app.enter(fd, 2, 0, 2);
    });
  });

  it('poll another ring [74, 85]', async () => {
    const { app } = await trip(kernel, (app) => {
      const [fd, other] = [app.setup(8), app.setup(8)];
      app.submit(fd, { opcode: Op.Poll, fd: other, opFlags: IN, userData: 1n });
      app.queue(other).push({ userData: 5n });
    });
    app.enter(1, 1);
    expect(app.reap(0)).toEqual([[1, IN, 0]]);
  });
});

describe.each(KERNELS)('waiters on %s', (kernel) => {
  it('wait for as many completions, and see them [83]', async () => {
    const { app, restored, after } = await trip(kernel, (app) => {
      const fd = app.setup(8);
      app.submit(fd, { userData: 1n }, { userData: 2n });
      app.submit(fd, { opcode: Op.Poll, fd: 10, opFlags: IN, length: 1, userData: 3n });
      app.queue(fd).advance(1);
      expect(app.enterMayWait(fd, 0, 3, 1)).not.toBeTypeOf('number');
    });
    expect(after.rings[0]?.waiters).toEqual([{ tid: 100, completions: 3 }]);
    const [{ call }] = restored.blocked as [(typeof restored.blocked)[number]];
    signal(app, 10);
    expect(call.resume()).not.toBeTypeOf('number');
    signal(app, 10);
    expect(call.resume()).toBe(0);
  });
});

describe('waiters on 6.12', () => {
  it('wait for no longer than they had left [83]', async () => {
    const { app, restored } = await trip('6.12', (app) => {
      const fd = app.setup(8);
      const time = app.timespec(3_000_000_000);
      const argument = { pointer: new Uint8Array(new BigUint64Array([0n, 0n, time]).buffer), size: 24 };
      expect(app.enterMayWait(fd, 0, 1, 9, argument)).not.toBeTypeOf('number');
      app.machine.advance(1_000_000_000n);
    });
    const [{ call }] = restored.blocked as [(typeof restored.blocked)[number]];
    app.machine.advance(1_900_000_000n);
    expect(call.resume()).not.toBeTypeOf('number');
    app.machine.advance(100_000_000n);
    expect(call.resume()).toBe(-62);
  });
});

describe.each(NEW_KERNELS)('requests on %s', (kernel) => {
  it('belong to the one task that submits [17, 18, 74, 75]', async () => {
    await trip(kernel, (app) => {
      const fd = app.setup(8, { flags: Setup.Single | Setup.Defer });
      app.submit(fd, { opcode: Op.Poll, fd: 10, opFlags: IN, userData: 1n });
      app.submit(fd, { opcode: Op.Timeout, address: app.timespec(1_000_000_000), length: 1, userData: 3n });
      app.submit(fd, { userData: 4n });
    });
  });

  it('take a buffer when there is something to read [66, 79]', async () => {
    const { app } = await trip(kernel, (app) => {
      const fd = app.setup(8);
      app.submit(fd, { opcode: 31, fd: 2, address: BigInt(BASE), length: 64, offset: 5n, buffer: 3 });
      app.submit(fd, { opcode: Op.Read, fd: 10, length: 8, flags: Flag.Select, buffer: 3, userData: 2n });
      app.queue(fd).advance(1);
    });
    signal(app, 10);
    expect(app.reap(0)).toEqual([[2, 8, (5 << 16) | 1]]);
  });
});

describe('requests on 6.12', () => {
  it('fire again and again [75]', async () => {
    const { app } = await trip('6.12', (app) => {
      const fd = app.setup(8);
      const address = app.timespec(1_000_000);
      app.submit(fd, { opcode: Op.Timeout, address, length: 1, opFlags: 64, offset: 5n, userData: 1n });
      app.machine.advance(2_000_000n);
      app.submit(fd, { userData: 7n }, { userData: 8n });
      app.queue(fd).advance(4);
    });
    app.machine.advance(10_000_000n);
    expect(app.reap(0).map(([, result, flags]) => [result, flags])).toEqual([
      [-62, 2],
      [-62, 2],
      [-62, 0],
    ]);
  });
});
