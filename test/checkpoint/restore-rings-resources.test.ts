/** What rings have of a process's memory and files comes back as the same pages and files. */
import { describe, expect, it } from 'vitest';
import { Advice, MapFlag } from '../../kernel-model/memory-syscalls.ts';
import { Prot } from '../../kernel-model/vma.ts';
import {
  bufferReg,
  type Caller,
  concat,
  indexRange,
  ints,
  iovecs,
  words,
} from '../kernel-model/ring-support.ts';
import { callerOf, KERNELS, type Kernel, NEW_KERNELS, roundTrip, sessionOf } from './restore-support.ts';

const SCENE = `
tasks:
  - pid: 100
    comm: app
    files: [{ fd: 10, eventfd: 0 }, { fd: 11, open: /dev/null }]
    mappings: [{ address: 0x10000000, length: 1M }]
`;
const BASE = 0x1000_0000;
const PAGE = 4096;
const Setup = { Single: 4096, NoMmap: 1 << 14 };
const RW = Prot.Read | Prot.Write;

async function trip(kernel: Kernel, make: (app: Caller) => void) {
  const session = await sessionOf(SCENE, kernel);
  make(callerOf(session));
  return roundTrip(session, kernel);
}

function fill(app: Caller, address: number, byte: number, length = PAGE): void {
  app.task.mm?.memory.write(address, new Uint8Array(length).fill(byte));
}

function mapAt(app: Caller, address: number, length: number, flags: number = MapFlag.Private, fd = -1): void {
  const how = flags | MapFlag.Fixed | (fd < 0 ? MapFlag.Anonymous : 0);
  expect(app.machine.sys.mmap(app.task, address, length, RW, how, fd)).toBe(address);
}

function buffers(app: Caller, fd: number, ...ranges: [number, number][]): void {
  expect(app.register(fd, 0, iovecs(...ranges), ranges.length)).toBe(0);
}

describe.each(KERNELS)('buffers on %s', (kernel) => {
  it('whose memory is gone keep their pages [44, case 3]', async () => {
    const { after } = await trip(kernel, (app) => {
      fill(app, BASE, 0xaa, 2 * PAGE);
      buffers(app, app.setup(4), [BASE + 100, 2 * PAGE - 200]);
      app.machine.sys.munmap(app.task, BASE, 2 * PAGE);
    });
    expect(after.orphans.map((page) => page[0])).toEqual([0xaa, 0xaa]);
  });

  it('whose memory is gone in part keep what is left and what is not [44, case 2]', async () => {
    const { after } = await trip(kernel, (app) => {
      fill(app, BASE, 1, 4 * PAGE);
      buffers(app, app.setup(4), [BASE, 4 * PAGE]);
      app.machine.sys.munmap(app.task, BASE + PAGE, PAGE);
      fill(app, BASE + 2 * PAGE, 7);
    });
    expect([...(after.rings[0]?.buffers?.[0]?.lost.keys() ?? [])]).toEqual([1]);
  });

  it('behind whose address other pages are by now keep their own [44, case 1b, 3b]', async () => {
    const { after } = await trip(kernel, (app) => {
      fill(app, BASE, 1, 4 * PAGE);
      buffers(app, app.setup(4), [BASE, 3 * PAGE]);
      app.machine.sys.madvise(app.task, BASE + PAGE, PAGE, Advice.DontNeed);
      fill(app, BASE + PAGE, 9);
      mapAt(app, BASE + 2 * PAGE, PAGE, MapFlag.Shared);
      fill(app, BASE + 2 * PAGE, 8);
    });
    expect(after.orphans.map((page) => page[0])).toEqual([1, 1]);
    const pages = after.mms[0]?.mappings.find(({ start }) => start === BASE)?.pages;
    expect([pages?.get(BASE)?.[0], pages?.get(BASE + PAGE)?.[0]]).toEqual([1, 9]);
  });

  it('at one address have each their own pages [44]', async () => {
    const { after } = await trip(kernel, (app) => {
      const [one, two] = [app.setup(4), app.setup(4)];
      for (const [i, fd] of [one, two, app.setup(4)].entries()) {
        mapAt(app, BASE, PAGE);
        fill(app, BASE, i + 1);
        buffers(app, fd, [BASE, PAGE]);
      }
    });
    expect(after.orphans.map((page) => page[0])).toEqual([1, 2]);
  });

  it('share pages that nobody else has [44, multi]', async () => {
    const { after } = await trip(kernel, (app) => {
      fill(app, BASE, 3, 2 * PAGE);
      buffers(app, app.setup(4), [BASE, 2 * PAGE], [BASE + PAGE, PAGE]);
      buffers(app, app.setup(4), [BASE + 10, 10]);
      app.machine.sys.munmap(app.task, BASE, 2 * PAGE);
    });
    expect(after.orphans.length).toBe(2);
  });

  it('show pages of shared memory that is mapped elsewhere [44, shared]', async () => {
    const { after } = await trip(kernel, (app) => {
      const address = app.map(4 * PAGE, RW, MapFlag.Shared);
      fill(app, address, 5, 4 * PAGE);
      const fd = app.setup(4);
      buffers(app, fd, [address, 4 * PAGE]);
      app.machine.sys.munmap(app.task, address, PAGE);
    });
    // Nobody maps the first page any more, but the object has it for whoever does.
    expect([...(after.rings[0]?.buffers?.[0]?.lost ?? [])]).toEqual([
      [0, { kind: 'object', object: 0, page: 0 }],
    ]);
  });

  it('show pages of memory files, which nobody has mapped [44, shared]', async () => {
    const { after } = await trip(kernel, (app) => {
      const { sys } = app.machine;
      const memfd = sys.memfd_create(app.task, 'm', 0);
      sys.ftruncate(app.task, memfd, 16 * PAGE);
      const at = sys.mmap(app.task, 0, 16 * PAGE, RW, MapFlag.Shared, memfd, 0);
      fill(app, at + 8 * PAGE, 5, 2 * PAGE);
      buffers(app, app.setup(4), [at + 8 * PAGE, 2 * PAGE]);
      sys.munmap(app.task, at, 16 * PAGE);
    });
    expect([...(after.rings[0]?.buffers?.[0]?.lost.values() ?? [])]).toEqual([
      { kind: 'object', object: 0, page: 8 },
      { kind: 'object', object: 0, page: 9 },
    ]);
  });

  it('stand in memory that is sealed by now [42]', async () => {
    await trip(kernel, (app) => {
      fill(app, BASE, 1, 4 * PAGE);
      buffers(app, app.setup(4), [BASE, 2 * PAGE]);
      app.machine.sys.mprotect(app.task, BASE, PAGE, Prot.Read);
      app.machine.sys.mprotect(app.task, BASE + PAGE, PAGE, Prot.None);
    });
  });

  it('are made of huge pages, mapped or not any more [45]', async () => {
    const { after } = await trip(kernel, (app) => {
      const size = 2 << 20;
      const at = app.map(2 * size, RW, MapFlag.Private | MapFlag.HugeTlb);
      fill(app, at, 6, 100);
      fill(app, at + size, 7, 100);
      buffers(app, app.setup(4), [at, size + PAGE], [at + 5 * PAGE, size]);
      buffers(app, app.setup(4), [at + size, size]);
      app.machine.sys.munmap(app.task, at, size);
    });
    expect(after.rings.map((ring) => ring.buffers?.map((buffer) => buffer?.huge))).toEqual([
      [true, true],
      [true],
    ]);
  });
});

describe.each(KERNELS)('files on %s', (kernel) => {
  it('that have no descriptor are opened for the table only [52]', async () => {
    await trip(kernel, (app) => {
      const fd = app.setup(4);
      const { sys } = app.machine;
      const own = sys.open(app.task, '/tmp/data', 0o102, 0o600);
      sys.write(app.task, own, new Uint8Array([1, 2, 3]));
      app.register(fd, 2, ints(own, -1, 10), 3);
      sys.close(app.task, own);
    });
  });

  it('fill large tables piece by piece [51, 53]', async () => {
    await trip(kernel, (app) => {
      app.machine.sys.prlimit64(app.task, 0, 7, { soft: 4096, hard: 4096 });
      const numbers = Array.from({ length: 3000 }, (_, i) => (i % 3 === 0 ? -1 : 10));
      expect(app.register(app.setup(4), 2, ints(...numbers), numbers.length)).toBe(0);
    });
  });
});

describe.each(KERNELS)('mappings on %s', (kernel) => {
  it('are where they were, in children too [11, 12]', async () => {
    await trip(kernel, (app) => {
      const { sys } = app.machine;
      const fd = app.setup(8);
      const other = app.setup(64);
      app.map(3 * PAGE);
      const size = 3 * PAGE;
      for (const [ring, offset, flags] of [
        [fd, 0, MapFlag.Shared],
        [other, 0x1000_0000, MapFlag.Shared],
        [fd, 0x800_0000, MapFlag.Shared | MapFlag.Populate],
        [fd, 0x1000_0000, MapFlag.Private],
      ] as const) {
        const address = sys.mmap(app.task, 0, PAGE, RW, flags, ring, offset);
        expect(address).toBeGreaterThan(0);
        const between = sys.mmap(app.task, 0, size, RW, MapFlag.Private | MapFlag.Anonymous);
        if (offset !== 0) sys.munmap(app.task, between, PAGE);
      }
      sys.fork(app.task, 200);
      sys.munmap(app.task, app.map(PAGE), PAGE);
    });
  });

  it('are kept from children, and read only [11]', async () => {
    await trip(kernel, (app) => {
      const { sys } = app.machine;
      const fd = app.setup(8);
      const address = sys.mmap(app.task, 0, PAGE, Prot.Read, MapFlag.Shared, fd, 0);
      sys.madvise(app.task, address, PAGE, Advice.DontFork);
    });
  });
});

describe.each(NEW_KERNELS)('resources on %s', (kernel) => {
  it('leave the search for free slots where it was [55]', async () => {
    const { after } = await trip(kernel, (app) => {
      const table = (...numbers: number[]) => {
        const fd = app.setup(4);
        app.register(fd, 2, ints(...numbers), numbers.length);
        return fd;
      };
      const update = (fd: number, at: number, number: number) =>
        expect(app.register(fd, 6, concat(ints(at, 0), words(app.put(ints(number)))), 1)).toBe(1);
      table(-1, -1, -1, -1);
      update(table(-1, -1, -1, -1, -1, -1), 3, 10);
      update(table(10, 11, 10, 11), 1, -1);
      update(table(10, 11, -1, 11), 1, 10);
      app.register(table(-1, -1, -1, 10), 25, indexRange(1, 2), 0);
      const fd = table(-1, 10, -1, -1);
      app.register(fd, 25, indexRange(1, 3), 0);
      update(fd, 2, 10);
    });
    expect(after.rings.map(({ files }) => files?.allocation?.hint)).toEqual([0, 4, 1, 2, 1, 3]);
  });

  it('have rings of buffers, of which some are taken [67, 68]', async () => {
    const { after } = await trip(kernel, (app) => {
      const fd = app.setup(8);
      expect(app.register(fd, 22, bufferReg(BigInt(BASE), 8, 5), 1)).toBe(0);
      const bytes = new Uint8Array(16 * 8);
      const view = new DataView(bytes.buffer);
      for (let i = 0; i < 8; i++) {
        view.setBigUint64(16 * i, BigInt(BASE + PAGE + 64 * i), true);
        view.setUint32(16 * i + 8, 64, true);
        view.setUint16(16 * i + 12, i, true);
      }
      view.setUint16(14, 7, true);
      app.task.mm?.memory.write(BASE, bytes);
      app.machine.sys.write(app.task, 10, words(1));
      for (let i = 0; i < 3; i++) {
        app.machine.sys.write(app.task, 10, words(1));
        expect(app.submit(fd, { opcode: 22, fd: 10, length: 8, flags: 32, buffer: 5 })).toBe(1);
      }
      app.queue(fd).advance(3);
    });
    expect(after.rings[0]?.groups[0]).toMatchObject({ head: 3, address: BASE });
  });
});

describe('resources on 6.12', () => {
  it('have rings of buffers in the kernel, used bit by bit [67, 68]', async () => {
    const { after } = await trip('6.12', (app) => {
      const fd = app.setup(16);
      expect(app.register(fd, 22, bufferReg(0n, 4, 9, { flags: 3, minLeft: 2 }), 1)).toBe(0);
      const { sys } = app.machine;
      const at = sys.mmap(app.task, 0, PAGE, RW, MapFlag.Shared, fd, 0x8000_0000 + (9 << 16));
      const bytes = new Uint8Array(64);
      const view = new DataView(bytes.buffer);
      for (let i = 0; i < 4; i++) {
        view.setBigUint64(16 * i, BigInt(BASE + 16 * i), true);
        view.setUint32(16 * i + 8, 16, true);
      }
      view.setUint16(14, 4, true);
      app.task.mm?.memory.write(at, bytes);
      for (let i = 0; i < 5; i++) {
        sys.write(app.task, 10, words(1));
        app.submit(fd, { opcode: 22, fd: 10, length: 8, flags: 32, buffer: 9 });
      }
      app.queue(fd).advance(5);
    });
    expect(after.rings[0]?.groups[0]).toMatchObject({ head: 2, incremental: true, minLeft: 2 });
  });

  it('are shared between rings [49]', async () => {
    const { after } = await trip('6.12', (app) => {
      fill(app, BASE, 1, 4 * PAGE);
      const [one, two] = [app.setup(4), app.setup(4)];
      buffers(app, one, [BASE, PAGE], [BASE + PAGE, 10], [0, 0], [BASE, 3]);
      app.register(two, 30, concat(ints(one, 0), words(0, 0, 0)), 1);
      const update = (fd: number, slot: number, address: number, length: number) =>
        app.register(fd, 16, concat(ints(slot, 0), words(app.put(iovecs([address, length])), 0, 1)), 32);
      expect(update(two, 2, BASE + 2 * PAGE, 20)).toBe(1);
      expect(update(two, 3, 0, 0)).toBe(1);
    });
    expect(after.rings[1]?.buffers?.map((buffer) => buffer?.cloneOf !== undefined)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('have busy polling and another clock [69, 70]', async () => {
    await trip('6.12', (app) => {
      const fd = app.setup(4);
      expect(app.register(fd, 27, concat(ints(50, 1), words(0)), 1)).toBe(0);
      expect(app.register(fd, 29, ints(7, 0, 0, 0), 0)).toBe(0);
    });
  });

  it('stand in user memory [13]', async () => {
    await trip('6.12', (app) => {
      fill(app, BASE, 0, 2 * PAGE);
      const params = { flags: Setup.NoMmap, cqUserAddress: BigInt(BASE), sqUserAddress: BigInt(BASE + PAGE) };
      const fd = app.setup(4, params);
      app.submit(fd, { userData: 3n }, { userData: 4n });
      app.task.mm?.memory.write(BASE + PAGE - 8, words(0x1234));
    });
  });
});
