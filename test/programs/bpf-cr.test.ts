/** The checkpoint sample: records of the dry run, and the cases in which a dump can go wrong unnoticed. */
import { describe, expect, it } from 'vitest';
import { KERNELS, readEverything, sceneText, sessionOf } from './support.ts';

const SETUP_FLAGS = 14;
const ATTACH_WQ = 32;

type DumpRecord = { type: string; fd: number; end: boolean } & { [field: string]: unknown };

function records(bytes: Uint8Array): DumpRecord[] {
  expect(bytes.length % 40).toBe(0);
  return Array.from({ length: bytes.length / 40 }, (_, i) =>
    record(new DataView(bytes.buffer, bytes.byteOffset + 40 * i, 40)),
  );
}

function record(view: DataView): DumpRecord {
  const u32 = (at: number) => view.getUint32(at, true);
  const s32 = (at: number) => view.getInt32(at, true);
  const u64 = (at: number) => Number(view.getBigUint64(at, true));
  const common = { fd: s32(4), end: view.getUint8(8) === 1 };
  switch (u32(0)) {
    case 0:
      return {
        type: 'SETUP',
        ...common,
        flags: u32(16),
        sqEntries: u32(20),
        cqEntries: u32(24),
        cpu: s32(28),
        idle: s32(32),
        wqFd: s32(36),
      };
    case 1:
      return { type: 'EVENTFD', ...common, eventfd: s32(16), async: view.getUint8(20) === 1 };
    case 2:
      return { type: 'REG_FD', ...common, regFd: s32(16), index: u64(24) };
    case 3:
      return { type: 'REG_BUF', ...common, address: u64(16), length: u64(24), index: u64(32) };
    default:
      throw new Error(`record of type ${u32(0)}`);
  }
}

async function dump(scene: string, kernel: string, readSize = 4096): Promise<DumpRecord[]> {
  return records(readEverything(await sessionOf(scene, kernel), 'bpf_cr', readSize));
}

describe.each(KERNELS)('io_uring dump on %s', (kernel) => {
  it('gives the dry-run records of the sample, in order', async () => {
    const queues = { sqEntries: 2, cqEntries: 4, cpu: 0, idle: 1500 };
    expect(await dump(sceneText('checkpoint'), kernel)).toEqual([
      { type: 'SETUP', fd: 3, end: true, flags: SETUP_FLAGS, ...queues, wqFd: 0 },
      { type: 'SETUP', fd: 4, end: false, flags: SETUP_FLAGS | ATTACH_WQ, ...queues, wqFd: 3 },
      { type: 'EVENTFD', fd: 4, end: false, eventfd: 5, async: true },
      { type: 'REG_FD', fd: 4, end: false, regFd: 0, index: 0 },
      { type: 'REG_FD', fd: 4, end: false, regFd: 0, index: 2 },
      { type: 'REG_FD', fd: 4, end: false, regFd: 0, index: 4 },
      { type: 'REG_BUF', fd: 4, end: false, address: 0, length: 0, index: 0 },
      { type: 'REG_BUF', fd: 4, end: true, address: 0x7ffd_1100, length: 120, index: 1 },
    ]);
  });

  const ring = (...register: string[]) =>
    `tasks: [{ pid: 9, files: [{ fd: 5, eventfd: 0 }, { fd: 6, open: /a }, { fd: 7, open: /b }], rings: [{ fd: 3, register: [${register.join(', ')}] }] }]`;

  it.each([
    ['nothing', ring(), ['SETUP']],
    ['an eventfd', ring('{ eventfd: 5 }'), ['SETUP', 'EVENTFD']],
    ['files', ring('{ files: [6] }'), ['SETUP', 'REG_FD']],
    ['buffers', ring('{ buffers: [none] }'), ['SETUP', 'REG_BUF']],
    [
      'all',
      ring('{ eventfd: 5 }', '{ files: [6] }', '{ buffers: [none] }'),
      ['SETUP', 'EVENTFD', 'REG_FD', 'REG_BUF'],
    ],
  ])('a ring with %s has one last record', async (_what, scene, types) => {
    const got = await dump(scene, kernel);
    expect(got.map(({ type }) => type)).toEqual(types);
    expect(got.map(({ end }) => end)).toEqual(types.map((_, i) => i === types.length - 1));
  });

  it('keeps the size of a table whose last slots are empty (H24)', async () => {
    const got = await dump(ring('{ files: [6, none, none] }'), kernel);
    expect(got.slice(1).map(({ regFd, index, end }) => [regFd, index, end])).toEqual([
      [6, 0, false],
      [-1, 2, true],
    ]);
    const empty = await dump(ring('{ files: [none, none] }'), kernel);
    expect(empty.slice(1).map(({ regFd, index, end }) => [regFd, index, end])).toEqual([[-1, 1, true]]);
  });

  it('says that a registered file has no descriptor instead of taking it for 0 (H25)', async () => {
    const scene = `${ring('{ eventfd: 5 }', '{ files: [6, 7] }')}
events: [{ task: 9, close: 7 }, { task: 9, close: 5 }]`;
    const got = await dump(scene, kernel);
    expect(got.map(({ eventfd, regFd }) => eventfd ?? regFd)).toEqual([undefined, -2, 6, -2]);
  });

  it('finds files beyond the sixteenth (H26) and splits no record (H34)', async () => {
    const scene = `tasks: [{ pid: 9, files: [{ fd: 20 + i, open: "/f{i}", repeat: 200 }], rings: [{ fd: 3, register: [{ files: [{ fd: 20 + i, repeat: 200 }] }] }] }]`;
    for (const size of [1, 100, 4096]) {
      const got = await dump(scene, kernel, size);
      expect(got.slice(1).map(({ regFd }) => regFd)).toEqual(Array.from({ length: 200 }, (_, i) => 20 + i));
    }
  });

  it('does not take a ring for the owner of its own shared thread (H29)', async () => {
    const scene = `tasks:
  - pid: 9
    rings:
      - { fd: 8, flags: [SQPOLL] }
      - { fd: 3, flags: [SQPOLL, ATTACH_WQ], wq_fd: 8 }
`;
    expect((await dump(scene, kernel)).map(({ fd, wqFd }) => [fd, wqFd])).toEqual([
      [3, 8],
      [8, 0],
    ]);
    const orphan = await dump(`${scene}events: [{ task: 9, close: 8 }]\n`, kernel);
    expect(orphan.map(({ fd, wqFd }) => [fd, wqFd])).toEqual([[3, -2]]);
  });

  it('tells the idle time in milliseconds whatever the tick (H27)', async () => {
    const scene = 'tasks: [{ pid: 9, rings: [{ fd: 3, flags: [SQPOLL], sq_thread_idle: 2000 }] }]';
    expect(await dump(scene, kernel)).toMatchObject([{ idle: 2000, cpu: 0 }]);
  });
});
