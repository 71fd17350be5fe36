/** What cannot be restored is said when it is dumped, or at the latest when it is restored: never lost in silence. */
import { describe, expect, it } from 'vitest';
import { restore } from '../../checkpoint/restore/restore.ts';
import type { CheckpointState, RingState } from '../../checkpoint/state.ts';
import { MapFlag } from '../../kernel-model/memory-syscalls.ts';
import { Clone } from '../../kernel-model/task-table.ts';
import { Prot } from '../../kernel-model/vma.ts';
import { Caller } from '../kernel-model/ring-support.ts';
import {
  callerOf,
  dumpOf,
  KERNELS,
  type Kernel,
  NEW_KERNELS,
  sessionOf,
  stateOf,
} from './restore-support.ts';

const SCENE = `
tasks:
  - pid: 100
    comm: app
    files: [{ fd: 10, eventfd: 0 }, { fd: 12, eventfd: 3 }]
    mappings: [{ address: 0x10000000, length: 1M }]
`;

/** [item, reason] of what a dump refuses. */
async function refusals(kernel: Kernel, make: (app: Caller) => void) {
  const session = await sessionOf(SCENE, kernel);
  make(callerOf(session));
  return dumpOf(session).refusals.map(({ item, reason }) => [item, reason]);
}

async function restoring(
  kernel: Kernel,
  make: (app: Caller) => void,
  change: (ring: RingState) => RingState = (ring) => ring,
) {
  const session = await sessionOf(SCENE, kernel);
  make(callerOf(session));
  const state = stateOf(session);
  const changed: CheckpointState = { ...state, rings: state.rings.map(change) };
  const empty = await sessionOf('', kernel);
  return () => restore(empty, changed);
}

describe.each(KERNELS)('a dump on %s', (kernel) => {
  it('takes requests that a worker waits for as those that wait for a file [79]', async () => {
    const found = await refusals(kernel, (app) => {
      const fd = app.setup(8);
      const { sys } = app.machine;
      const pipe = sys.pipe2(app.task, 0) as [number, number];
      app.submit(fd, { opcode: 22, fd: pipe[0], address: 0x1000_0000n, length: 8, flags: 16, userData: 1n });
    });
    expect(found).toEqual([]);
  });

  it('refuses rings that are only mapped [23]', async () => {
    const found = await refusals(kernel, (app) => {
      const fd = app.setup(8);
      app.machine.sys.mmap(app.task, 0, 4096, Prot.Read, MapFlag.Shared, fd, 0);
      app.machine.sys.close(app.task, fd);
    });
    expect(found.map(([item]) => item)).toEqual([23]);
  });
});

describe.each(NEW_KERNELS)('a dump on %s', (kernel) => {
  it('refuses rings whose only submitter is gone [17]', async () => {
    const found = await refusals(kernel, (app) => {
      const { sys, tasks } = app.machine;
      const flags = Clone.Vm | Clone.Fs | Clone.Files | Clone.Sighand | Clone.Thread;
      const thread = tasks.get(sys.clone(app.task, flags, 150));
      if (!thread) throw new Error('no thread');
      new Caller(app.machine, thread).setup(4, { flags: 4096 });
      sys.exit(thread, 0);
    });
    expect(found.map(([item]) => item)).toContain(17);
  });
});

describe.each(KERNELS)('a restore on %s', (kernel) => {
  it('does not go on without end [25, 27]', async () => {
    const far = await restoring(
      kernel,
      (app) => void app.setup(8),
      (ring) => ({ ...ring, queues: { ...ring.queues, sqHead: 2 ** 25, cqTail: 2 ** 25 } }),
    );
    expect(far).toThrow(/ring 0, item 25: 33554432 submissions would have to be made again/);
  });

  it('tells when a poll is over at once [74]', async () => {
    const ready = await restoring(
      kernel,
      (app) => {
        const fd = app.setup(8);
        app.submit(fd, { opcode: 6, fd: 10, opFlags: 1, userData: 1n });
      },
      (ring) => ({ ...ring, requests: ring.requests.map((request) => ({ ...request, file: 2 })) }),
    );
    expect(ready).toThrow(/ring 0, item 74: request 0x1 waits for a file that is ready/);
  });

  it('needs a kernel with the same layout [10]', async () => {
    const moved = await restoring(
      kernel,
      (app) => void app.setup(8),
      (ring) => ({ ...ring, setup: { ...ring.setup, offsets: { ...ring.setup.offsets, 'cq.cqes': 4 } } }),
    );
    expect(moved).toThrow(/ring 0, item 10: this kernel has cq.cqes at/);
  });

  it('does not make up completion queue sizes [2]', async () => {
    const other = await restoring(
      kernel,
      (app) => void app.setup(8),
      (ring) => ({ ...ring, setup: { ...ring.setup, cqEntries: 64 } }),
    );
    expect(other).toThrow(/ring 0, item 2: /);
  });

  it('posts no completions that the kernel would not [34]', async () => {
    const strange = await restoring(
      kernel,
      (app) => {
        const fd = app.setup(2);
        for (let i = 0; i < 5; i++) app.submit(fd, { userData: 1n });
      },
      (ring) => ({
        ...ring,
        queues: { ...ring.queues, overflow: [{ userData: 0n, result: -99, flags: 2, extra: undefined }] },
      }),
    );
    // Messages between rings carry any result and flags there.
    if (kernel === '6.12') expect(strange).not.toThrow();
    else expect(strange).toThrow(/ring 0, item 34: /);
  });
});
