/** Rings of several tasks and processes, some of which have gone. */
import { describe, expect, it } from 'vitest';
import { MapFlag } from '../../kernel-model/memory-syscalls.ts';
import { Clone } from '../../kernel-model/task-table.ts';
import { Prot } from '../../kernel-model/vma.ts';
import { Caller, concat, ints, iovecs, words } from '../kernel-model/ring-support.ts';
import { callerOf, KERNELS, type Kernel, NEW_KERNELS, roundTrip, sessionOf } from './restore-support.ts';

const SCENE = `
tasks:
  - pid: 100
    comm: app
    files: [{ fd: 10, eventfd: 0 }]
    mappings: [{ address: 0x10000000, length: 1M }]
`;
const BASE = 0x1000_0000;
const PAGE = 4096;
const Setup = { IoPoll: 1, SqPoll: 2, Attach: 32, Coop: 256, Single: 4096, Defer: 8192 };

async function trip(kernel: Kernel, make: (app: Caller) => void) {
  const session = await sessionOf(SCENE, kernel);
  make(callerOf(session));
  return roundTrip(session, kernel);
}

function child(app: Caller, pid: number, flags = 0): Caller {
  const { sys, tasks } = app.machine;
  expect(sys.clone(app.task, flags, pid)).toBe(pid);
  return new Caller(app.machine, tasks.get(pid) ?? app.task);
}

const THREAD = Clone.Vm | Clone.Fs | Clone.Files | Clone.Sighand | Clone.Thread;

describe.each(KERNELS)('processes on %s', (kernel) => {
  it('share a ring, and its memory is one of theirs [23, 47]', async () => {
    const { after } = await trip(kernel, (app) => {
      const fd = app.setup(8);
      app.register(fd, 0, iovecs([BASE, PAGE]), 1);
      const other = child(app, 200);
      other.machine.sys.close(other.task, 10);
      other.machine.sys.dup2(other.task, fd, 20);
      other.submit(fd, { userData: 5n });
      other.submit(other.setup(2), { userData: 6n });
    });
    expect(after.rings.map(({ mm }) => mm)).toEqual([0, 1]);
  });

  it('hold a ring whose maker has gone [47, 44]', async () => {
    const { after } = await trip(kernel, (app) => {
      const maker = child(app, 200);
      const fd = maker.setup(8);
      maker.task.mm?.memory.write(BASE, new Uint8Array(PAGE).fill(7));
      maker.register(fd, 0, iovecs([BASE, PAGE]), 1);
      const { sys } = app.machine;
      const pidfd = sys.pidfd_open(app.task, 200, 0);
      const own = sys.pidfd_getfd(app.task, pidfd, fd, 0);
      sys.close(app.task, pidfd);
      sys.exit_group(maker.task, 0);
      app.submit(own, { userData: 3n });
    });
    expect(after.rings[0]?.mm).toBe(undefined);
    expect(after.orphans.map((page) => page[0])).toEqual([7]);
  });

  it('share a thread that another ring has made [7]', async () => {
    const { after } = await trip(kernel, (app) => {
      const owner = app.setup(4, { flags: Setup.SqPoll, sqThreadIdle: 50 });
      const params = { flags: Setup.SqPoll | Setup.Attach, wqFd: owner, sqThreadIdle: 70 };
      app.setup(4, params);
      app.setup(2, params);
      app.machine.sys.close(app.task, owner);
    });
    expect(after.rings.map(({ setup }) => setup.thread)).toEqual([0, 0]);
  });

  it('have workers with limits, where they want them [64, 65]', async () => {
    await trip(kernel, (app) => {
      const fd = app.setup(8);
      app.register(fd, 19, ints(3, 9), 2);
      app.register(fd, 17, words(1), 8);
      const other = child(app, 101, THREAD);
      other.submit(fd, { userData: 1n });
      other.register(other.setup(4), 19, ints(7, 0), 2);
      child(app, 102, THREAD);
    });
  });

  it('read for each other until they are done [74]', async () => {
    await trip(kernel, (app) => {
      const fd = app.setup(8);
      const other = child(app, 101, THREAD);
      other.submit(fd, { opcode: 6, fd: 10, opFlags: 1, userData: 1n });
      app.submit(fd, { opcode: 22, fd: 10, address: BigInt(BASE), length: 8, userData: 2n });
    });
  });

  it('count far [25, 27]', async () => {
    await trip(kernel, (app) => {
      const fd = app.setup(1024);
      for (let i = 0; i < 100; i++) {
        app.submit(fd, ...Array.from({ length: 1000 }, () => ({})));
        app.queue(fd).advance(1000);
      }
    });
  });

  it('give out personalities round and round [60]', async () => {
    const { after } = await trip(kernel, (app) => {
      const fd = app.setup(2);
      const ids = Array.from({ length: 6 }, () => app.register(fd, 9, 0n, 0));
      for (const id of [ids[0], ids[2], ids[5]]) app.register(fd, 10, 0n, id ?? 0);
    });
    expect(after.rings[0]?.personalities).toMatchObject({ next: 7, ids: [{ id: 2 }, { id: 4 }, { id: 5 }] });
  });

  it('poll for devices that nobody has [4]', async () => {
    await trip(kernel, (app) => {
      const fd = app.setup(4, { flags: Setup.IoPoll });
      app.submit(fd, { userData: 1n }, { userData: 2n });
    });
  });

  it('show each other memory behind buffers [44, shared]', async () => {
    const { after } = await trip(kernel, (app) => {
      const { sys } = app.machine;
      const at = app.map(4 * PAGE, Prot.Read | Prot.Write, MapFlag.Shared);
      app.task.mm?.memory.write(at, new Uint8Array(4 * PAGE).fill(5));
      child(app, 200);
      app.register(app.setup(4), 0, iovecs([at, 4 * PAGE]), 1);
      sys.munmap(app.task, at, 2 * PAGE);
    });
    expect([...(after.rings[0]?.buffers?.[0]?.lost.values() ?? [])].map(({ kind }) => kind)).toEqual([
      'object',
      'object',
    ]);
  });
});

describe.each(NEW_KERNELS)('processes on %s', (kernel) => {
  it('name rings by index [24]', async () => {
    await trip(kernel, (app) => {
      const [one, two] = [app.setup(4), app.setup(4)];
      app.register(one, 20, concat(ints(3, 0), words(one), ints(0, 0), words(two)), 2);
    });
  });

  it('submit from one thread only [17]', async () => {
    await trip(kernel, (app) => {
      const other = child(app, 101, THREAD);
      const fd = other.setup(8, { flags: Setup.Single | Setup.Defer });
      other.register(fd, 0, iovecs([BASE, PAGE]), 1);
      other.submit(fd, { userData: 1n }, { opcode: 6, fd: 10, opFlags: 1, userData: 2n });
      other.register(fd, 9, 0n, 0);
    });
  });

  it('run completions when they enter [16]', async () => {
    await trip(kernel, (app) => {
      const fd = app.setup(4, { flags: Setup.Coop });
      app.submit(fd, { opcode: 11, address: app.timespec(100), length: 1 });
      app.machine.advance(1000n);
      app.enter(fd, 0, 0, 1);
      app.submit(fd, { userData: 3n });
    });
  });
});
