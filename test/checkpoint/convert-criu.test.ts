/** What stands where in the images, as CRIU's own have it. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { toImages } from '../../checkpoint/convert/index.ts';
import { codecOf } from '../../checkpoint/image/descriptor.ts';
import {
  decodeAs,
  decodeImage,
  type Entries,
  type ImageKind,
  kindOfFile,
  listImages,
  type MessageName,
  showImage,
} from '../../checkpoint/image/index.ts';
import { kindDef } from '../../checkpoint/image/kinds.ts';
import type { CheckpointState } from '../../checkpoint/state.ts';
import { dumpOf } from './dump-support.ts';
import { anyState } from './state-support.ts';

let state: CheckpointState;
let files: Map<string, Uint8Array>;

beforeAll(async () => {
  state = (await dumpOf('demo', '6.12')).state;
  files = toImages(state);
});

function entries<K extends ImageKind>(kind: K, name: string): Entries<K> {
  return decodeAs(kind, name, files.get(name) as Uint8Array);
}

describe('the images of the demo', () => {
  it('are these', () => {
    const names = [...files.keys()].sort();
    expect(names).toEqual(
      [
        'inventory.img',
        'pstree.img',
        ...[80, 100].flatMap((pid) => [`core-${pid}.img`, `ids-${pid}.img`, `fs-${pid}.img`]),
        'core-101.img',
        ...[80, 100].flatMap((pid) => [`mm-${pid}.img`, `pagemap-${pid}.img`]),
        'pagemap-shmem-1.img',
        'pagemap-shmem-2.img',
        ...[1, 2, 3, 4].map((id) => `pages-${id}.img`),
        'memfd.img',
        'fdinfo-1.img',
        'fdinfo-2.img',
        'files.img',
        'pipes-data.img',
        'sk-queues.img',
        'remap-fpath.img',
        'ghost-file-c.img',
        'contents.img',
        'io_uring.img',
        'io_uring-data.img',
        'io_uring-task.img',
        'drydock.img',
      ].sort(),
    );
  });

  it('have the processes as a tree, with their threads', () => {
    expect(entries('PSTREE', 'pstree.img')).toEqual([
      { pid: 80, ppid: 0, pgid: 80, sid: 80, threads: [80] },
      { pid: 100, ppid: 80, pgid: 80, sid: 80, threads: [100, 101] },
    ]);
    expect(entries('CORE', 'core-100.img')[0]?.tc).toMatchObject({ comm: 'server', task_state: 1 });
    expect(entries('CORE', 'core-101.img')[0]?.thread_core).toMatchObject({ comm: 'accept' });
    expect(entries('IDS', 'ids-100.img')).toEqual([{ vm_id: 2, files_id: 2, fs_id: 2, sighand_id: 2 }]);
  });

  it('have limits by number of the resource', () => {
    const rlimits = entries('CORE', 'core-80.img')[0]?.tc?.rlimits?.rlimits ?? [];
    expect(rlimits[7]).toEqual({ cur: 1024n, max: 4096n });
    expect(rlimits[8]).toEqual({ cur: 8388608n, max: 8388608n });
  });

  it('have descriptors with the types and ids of files.img', () => {
    const types = new Map(entries('FILES', 'files.img').map(({ id, type }) => [id, type]));
    for (const { id, type } of entries('FDINFO', 'fdinfo-2.img')) expect(type).toBe(types.get(id));
    expect(new Set(types.values())).toEqual(
      new Set(['REG', 'EXT', 'EVENTFD', 'MEMFD', 'EVENTPOLL', 'PIPE', 'UNIXSK']),
    );
  });

  it('have mappings with the status that CRIU gives them', () => {
    const [mm] = entries('MM', 'mm-100.img');
    const rows = mm?.vmas.map(({ status, flags, shmid, fd }) => ({ status, flags, shmid, fd }));
    expect(rows).toEqual([
      { status: 1 | (1 << 6), flags: 2, shmid: 9n, fd: -1n },
      { status: 1 | (1 << 9), flags: 0x22, shmid: 0n, fd: -1n },
      { status: 1 | (1 << 8), flags: 0x21, shmid: 1n, fd: -1n },
      { status: 1 | (1 << 9), flags: 0x4_0022, shmid: 0n, fd: -1n },
    ]);
    expect(mm?.exe_file_id).toBe(9);
  });

  it('have a ghost of the deleted file, and the memfd', () => {
    expect(entries('REMAP_FPATH', 'remap-fpath.img')).toEqual([
      { orig_id: 12, remap_id: 12, remap_type: 'GHOST' },
    ]);
    expect(entries('GHOST_FILE', 'ghost-file-c.img')[0]).toMatchObject({ uid: 1000, mode: 0o100644 });
    expect(entries('MEMFD_INODE', 'memfd.img')).toMatchObject([{ name: 'cache', shmid: 2, inode_id: 2n }]);
  });

  it('have a ring by the id of its file, and its tables', () => {
    const [ring] = entries('IO_URING', 'io_uring.img');
    expect(ring).toMatchObject({ id: 4, inode: 4, sq_entries: 32, nr_user_bufs: 4n, nr_user_files: 5n });
    expect(ring?.files?.slots.map(({ index, file_id }) => [index, file_id])).toEqual([
      [0, 9],
      [1, 10],
      [3, 11],
      [4, 12],
    ]);
    expect(ring?.buffers.map((buffer) => buffer.case)).toEqual(['INTACT', 'INTACT', 'INTACT']);
  });

  it('are listed and shown', () => {
    expect(listImages(files)).toMatch(/^pstree\.img +38 +PSTREE, 2 entries$/m);
    expect(listImages(files)).toMatch(/^pages-1\.img +0 +0 pages$/m);
    expect(JSON.parse(showImage(files, 'pstree.img', { pretty: true }))).toMatchObject({ magic: 'PSTREE' });
    expect(() => showImage(files, 'pages-1.img')).toThrow('pages-1.img: holds raw pages');
    expect(() => showImage(files, 'mm-7.img')).toThrow('mm-7.img: there is no such image');
  });
});

describe('mappings of rings', () => {
  it('name the ring by its inode, as in io_uring.img', async () => {
    const scenes = ['liburing/cq-full', 'liburing/reg-reg-ring', 'checkpoint'];
    const dumps = await Promise.all(scenes.map((scene) => dumpOf(scene, '6.12')));
    const ring = { file: 0, kind: 'file' } as const;
    for (const dump of dumps) {
      const file = dump.state.rings[0]?.file ?? 0;
      const mapping = {
        start: 0x1000,
        end: 0x2000,
        flags: 0x44cb,
        offset: 0,
        backing: { ...ring, file },
        pages: new Map<number, Uint8Array>(),
      };
      const [mm] = dump.state.mms;
      const mms = [{ bounds: mm?.bounds ?? {}, mappings: [mapping] }, ...dump.state.mms.slice(1)];
      const made = toImages({ ...dump.state, mms });
      const name = [...made.keys()].find((each) => each.startsWith('mm-')) as string;
      const [vma] = decodeAs('MM', name, made.get(name) as Uint8Array)[0]?.vmas ?? [];
      const [entry] = decodeAs('IO_URING', 'io_uring.img', made.get('io_uring.img') as Uint8Array);
      expect(vma?.shmid).toBe(BigInt(entry?.inode ?? 0));
      expect(vma?.status).toBe((1 << 24) | (1 << 7));
    }
  });
});

describe('images that CRIU knows', () => {
  const own: readonly (ImageKind | 'PAGES' | undefined)[] = [
    'PAGES',
    'IO_URING',
    'IO_URING_DATA',
    'IO_URING_TASK',
    'DRYDOCK',
    'DRYDOCK_CONTENTS',
  ];

  /** Names of the fields that are Drydock's: CRIU's tools would lose them. */
  function added(name: MessageName, message: Readonly<Record<string, unknown>>): string[] {
    return codecOf(name).fields.flatMap((field) => {
      const value = message[field.name];
      if (value === undefined || (Array.isArray(value) && value.length === 0)) return [];
      const { type } = field;
      const inner = type.kind === 'message' ? (Array.isArray(value) ? value : [value]) : [];
      const here = field.desc.number >= 100 ? [`${name}.${field.name}`] : [];
      return [...here, ...inner.flatMap((each) => added(type.name as MessageName, each))];
    });
  }

  it('have CRIU’s fields only', () => {
    fc.assert(
      fc.property(anyState, (each) => {
        for (const [name, bytes] of toImages(each)) {
          const kind = kindOfFile(name);
          if (own.includes(kind)) continue;
          const { entry, head } = kindDef(kind as ImageKind);
          for (const [index, message] of decodeImage(name, bytes).entries.entries()) {
            expect(added(index === 0 && head ? head : entry, { ...message })).toEqual([]);
          }
        }
      }),
      { seed: 7, numRuns: 60, endOnFailure: true },
    );
  }, 30_000);
});
