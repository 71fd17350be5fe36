/** Damaged images, case by case: what is said of each. */
import { beforeAll, describe, expect, it } from 'vitest';
import { fromImages, toImages } from '../../checkpoint/convert/index.ts';
import { encodeEntries } from '../../checkpoint/image/image.ts';
import { decodeAs, type ImageKind, kindOfFile } from '../../checkpoint/image/index.ts';
import { dumpOf } from './dump-support.ts';

type Files = Map<string, Uint8Array>;
type Fields = Record<string, unknown>;

describe('each kind of damage is told with its place', () => {
  let demo: Files = new Map();
  let orphans: Files = new Map();
  beforeAll(async () => {
    const images = async (scene: string) => toImages((await dumpOf(scene, '6.12')).state);
    demo = await images('demo');
    orphans = await images('acceptance/orphan-page-in-two-rings');
  });

  function edited(files: Files, name: string, edit: (entries: Fields[]) => void): Files {
    const kind = kindOfFile(name) as ImageKind;
    const entries = decodeAs(kind, name, files.get(name) as Uint8Array) as unknown as Fields[];
    edit(entries);
    return new Map([...files, [name, encodeEntries(kind, entries)]]);
  }

  const set = (path: string, value: unknown) => (entries: Fields[]) => {
    const keys = path.split('.');
    const last = keys.pop() as string;
    let at: Fields = entries as unknown as Fields;
    for (const key of keys) at = at[key] as Fields;
    at[last] = value;
  };

  const cases: readonly [
    what: string,
    which: () => Files,
    file: string,
    edit: (entries: Fields[]) => void,
    message: string,
  ][] = [
    [
      'a descriptor of no file',
      () => demo,
      'fdinfo-2.img',
      set('3.id', 99),
      'fdinfo-2.img: entry 3, id: there is no file 99',
    ],
    [
      'a descriptor twice',
      () => demo,
      'fdinfo-2.img',
      set('3.fd', 2),
      'fdinfo-2.img: entry 3, fd: 2 does not come after the one before',
    ],
    [
      'a file of a foreign type',
      () => demo,
      'files.img',
      set('0.type', 'TTY'),
      'files.img: entry 0, type: files of type TTY are in no checkpoint',
    ],
    [
      'a file without what its type has',
      () => demo,
      'files.img',
      set('5.efd', undefined),
      'files.img: entry 5, efd: is missing',
    ],
    ['two files with one id', () => demo, 'files.img', set('1.id', 1), 'files.img: entry 1, id: is 1, not 2'],
    [
      'a watch of no file',
      () => demo,
      'drydock.img',
      set('0.files.7.watched', [6, 77, 15]),
      'files.img: entry 7, epfd.tfd[1]: there is no file 77',
    ],
    [
      'an inode of a later file',
      () => demo,
      'drydock.img',
      set('0.files.2.inode_id', 9),
      'drydock.img: entry 0, files[2].inode_id: there is no file up to this one with id 9',
    ],
    [
      'an object that is not there',
      () => demo,
      'drydock.img',
      set('0.files.6.shmid', 3),
      'drydock.img: entry 0, files[6].shmid: there is no memory object 3',
    ],
    [
      'more content than there is',
      () => demo,
      'drydock.img',
      set('0.files.8.content', 2n ** 62n),
      'drydock.img: entry 0, files[8].content: 4611686018427387904 bytes, where the content of file 9 has 65536',
    ],
    [
      'a parent that is not there',
      () => demo,
      'pstree.img',
      set('1.ppid', 5),
      'pstree.img: entry 1, ppid: no process 5 stands before',
    ],
    [
      'a parent of itself',
      () => demo,
      'pstree.img',
      set('0.ppid', 80),
      'pstree.img: entry 0, ppid: no process 80 stands before',
    ],
    [
      'a thread twice',
      () => demo,
      'pstree.img',
      set('1.threads', [100, 101, 101]),
      'pstree.img: entry 1, threads[2]: there is a task 101 already',
    ],
    [
      'credentials that are not there',
      () => demo,
      'drydock.img',
      set('0.tasks.1.creds_id', 7),
      'drydock.img: entry 0, tasks[1].creds_id: there is no set of credentials 7',
    ],
    [
      'other credentials than the table has',
      () => demo,
      'core-100.img',
      set('0.thread_core.creds.euid', 0),
      'core-100.img: entry 0, thread_core.creds.euid: is 0, where the rest of the checkpoint makes it 1000',
    ],
    [
      'a memory that is not there',
      () => demo,
      'ids-100.img',
      set('0.vm_id', 9),
      'ids-100.img: entry 0, vm_id: there is no address space 9',
    ],
    [
      'mappings that overlap',
      () => demo,
      'mm-100.img',
      set('0.vmas.1.start', 0x40_1000n),
      'mm-100.img: entry 0, vmas[1].start: lies below the end of the mapping before',
    ],
    [
      'a mapping of no page',
      () => demo,
      'mm-100.img',
      set('0.vmas.0.end', 0x40_0000n),
      'mm-100.img: entry 0, vmas[0].end: is not above the start',
    ],
    [
      'a mapping beyond all numbers',
      () => demo,
      'mm-100.img',
      set('0.vmas.3.end', 2n ** 64n - 4096n),
      'mm-100.img: entry 0, vmas[3].end: 18446744073709547520 is too large',
    ],
    [
      'a mapping of no object',
      () => demo,
      'mm-100.img',
      set('0.vmas.2.shmid', 12n),
      'mm-100.img: entry 0, vmas[2].shmid: there is no memory object 12',
    ],
    [
      'a mapping of another protection',
      () => demo,
      'mm-100.img',
      set('0.vmas.2.prot', 1),
      'mm-100.img: entry 0, vmas[2].prot: is 1, where the rest of the checkpoint makes it 3',
    ],
    [
      'a pagemap of other pages',
      () => demo,
      'pagemap-100.img',
      set('0.pages_id', 55),
      'pagemap-100.img: entry 0, pages_id: there is no pages-55.img',
    ],
    [
      'pages of two pagemaps',
      () => demo,
      'pagemap-100.img',
      set('0.pages_id', 3),
      'pages-3.img: belongs to more than one thing',
    ],
    [
      'pages where there are none',
      () => demo,
      'pagemap-100.img',
      (entries) => entries.push({ vaddr: 0x40_0000n, compat_nr_pages: 0xffff_ffff, flags: 4 }),
      'pagemap-100.img: entry 1, compat_nr_pages: 4294967295 pages, where 0 are left',
    ],
    [
      'a ring that no file is',
      () => demo,
      'io_uring.img',
      set('0.id', 1),
      'io_uring-data.img: entry 0: is not of ring 1, as in io_uring.img',
    ],
    [
      'a ring twice',
      () => demo,
      'io_uring.img',
      set('1.id', 4),
      'io_uring.img: entry 1, id: there is a ring 4 already',
    ],
    [
      'a queue of a strange size',
      () => demo,
      'io_uring.img',
      set('0.sq_entries', 33),
      'io_uring-data.img: entry 0, sqe_bytes: 2048 bytes, where such a ring has 2112',
    ],
    [
      'buffers without end',
      () => demo,
      'io_uring.img',
      set('0.nr_user_bufs', 2n ** 63n),
      'io_uring.img: entry 0, nr_user_bufs: 9223372036854775808 slots, more than a ring can have',
    ],
    [
      'files without end',
      () => demo,
      'io_uring.img',
      set('0.nr_user_files', 2n ** 63n),
      'io_uring.img: entry 0, nr_user_files: 9223372036854775808 slots, more than a ring can have',
    ],
    [
      'a slot behind the table',
      () => demo,
      'io_uring.img',
      set('0.files.slots.0.index', 9),
      'io_uring.img: entry 0, files.slots[0].index: no slot 9 is next',
    ],
    [
      'a slot with no file',
      () => demo,
      'io_uring.img',
      set('0.files.slots.0.file_id', 0),
      'io_uring.img: entry 0, files.slots[0].file_id: there is no file 0',
    ],
    [
      'an eventfd that is none',
      () => demo,
      'io_uring.img',
      set('0.eventfd.file_id', 1),
      'io_uring.img: entry 0, eventfd.file_id: file 1 is no eventfd',
    ],
    [
      'a page of no object',
      () => orphans,
      'io_uring.img',
      set('0.buffers.0.pages', [{ first: 0, count: 1, page: 9n }]),
      'io_uring.img: entry 0, buffers[0].pages[0].page: there are 2 such pages',
    ],
    [
      'more pages than a buffer has',
      () => orphans,
      'io_uring.img',
      set('0.buffers.0.pages.0.count', 0xffff_ffff),
      'io_uring.img: entry 0, buffers[0].pages[0].count: the buffer has 2 pages',
    ],
    [
      'a bit that no set has',
      () => demo,
      'io_uring.img',
      set('0.restriction', {
        register_ops: [],
        sqe_ops: [0xffff_ffff],
        sqe_flags_allowed: 0,
        sqe_flags_required: 0,
        registered: true,
        restricted: false,
      }),
      'io_uring.img: entry 0, restriction.sqe_ops: there is no bit 4294967295',
    ],
    [
      'a version of tomorrow',
      () => demo,
      'drydock.img',
      set('0.version', 2),
      'drydock.img: entry 0, version: is 2; this Drydock reads 1',
    ],
    [
      'two entries for one',
      () => demo,
      'drydock.img',
      (entries) => entries.push(entries[0] as Fields),
      'drydock.img: 2 entries, not one',
    ],
  ];

  it.each(cases)('%s', (_what, which, file, edit, message) => {
    expect(() => fromImages(edited(which(), file, edit))).toThrow(message);
  });

  it('runs of pages without end', () => {
    const whole = edited(demo, 'drydock.img', set('0.objects.0.size', 2n ** 40n));
    const pages = [{ first: 0, count: 2 ** 18, page: 0n, shmid: 1n }];
    const buffer = { addr: 0n, len: 2n ** 30n, case: 'ABSENT', pages };
    const many = edited(whole, 'io_uring.img', (entries) => {
      const [ring] = entries as [Fields];
      ring.nr_user_bufs = 100n;
      ring.buffers = Array.from({ length: 100 }, (_, index) => ({ index, ...buffer }));
    });
    expect(() => fromImages(many)).toThrow(
      /^io_uring.img: entry 0, buffers\[15].*more than there is memory for/,
    );
  }, 30_000);
});
