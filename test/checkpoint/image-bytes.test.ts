/** Bytes of images, checked by hand against the protobuf encoding and the layout of CRIU's files. */
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import {
  decodeImage,
  decodeMessage,
  encodeImage,
  encodeMessage,
  type ImageKind,
  kindOfFile,
} from '../../checkpoint/image/index.ts';

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Hexadecimal without the blanks that make it readable. */
function packed(...parts: string[]): string {
  return parts.join('').replaceAll(' ', '');
}

function bytes(...parts: string[]): Uint8Array {
  return Uint8Array.from(Buffer.from(packed(...parts), 'hex'));
}

function failure(action: () => unknown): InputError {
  try {
    action();
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const FOWN = { uid: 0, euid: 0, signum: 0, pid_type: 0, pid: 0 };

/** Common magic, then that of the kind; words are little-endian. */
const COMMON = '19435654';

describe('the bytes of an image', () => {
  it('are magics, size, message: a process tree', () => {
    const image = encodeImage('PSTREE', [
      { pid: 100, ppid: 0, pgid: 100, sid: 100, threads: [100, 300] },
      { pid: 300, ppid: 100, pgid: 100, sid: 100, threads: [] },
    ]);
    const wanted = packed(
      `${COMMON} 30302750`,
      // 0x64 fits one byte, 300 is 0xac 0x02; repeated fields are not packed
      '0d000000 0864 1000 1864 2064 2864 28ac02',
      '09000000 08ac02 1064 1864 2064',
    );
    expect(hex(image)).toBe(wanted);
  });

  it('have no common magic in the inventory', () => {
    const image = encodeImage('INVENTORY', [{ img_version: 2, lsmtype: 'APPARMOR' }]);
    expect(hex(image)).toBe(packed('16313158 04000000 0802 3002'));
  });

  it('have 64 bits, zigzag numbers and presence: a mapping', () => {
    const message = encodeMessage('vma_entry', {
      start: 0x7f0000000000n,
      end: 0xffff_ffff_ffff_ffffn,
      pgoff: 0n,
      shmid: 5n,
      prot: 3,
      flags: 0x22,
      status: 0x201,
      fd: -1n,
    });
    const wanted = packed('08 80808080 80e01f', '10 ffffffffffffffffff01', '1800 2005 2803 3022 388104 4001');
    expect(hex(message)).toBe(wanted);
    expect(decodeMessage('vma_entry', message)).not.toHaveProperty('madv');
  });

  it('have negative numbers of int32 in ten bytes', () => {
    const { length } = encodeMessage('pidfd_entry', { id: 1, ino: 2n, flags: 0, nspid: -1, fown: FOWN });
    expect(length).toBe(2 + 2 + 2 + 11 + 2 + 10);
  });

  it('have sub-messages with a length: an eventfd among the files', () => {
    const efd = { id: 3, flags: 2, fown: FOWN, counter: 300n };
    const image = encodeImage('FILES', [{ type: 'EVENTFD', id: 3, efd }]);
    const fown = '0800 1000 1800 2000 2800';
    const wanted = packed(`${COMMON} 38313056 19000000 0806 1003`, `4213 0803 1002 1a0a ${fown} 20ac02`);
    expect(hex(image)).toBe(wanted);
  });

  it('have a ring under its own number', () => {
    const file = encodeMessage('file_entry', { type: 'IO_URING', id: 9 });
    expect(hex(file)).toBe(packed('089601 1009'));
    const ring = encodeMessage('io_uring_file_entry', minimalRing());
    const whole = encodeMessage('file_entry', { type: 'IO_URING', id: 9, io_uring: minimalRing() });
    // (150 << 3 | 2) is 1202
    expect(hex(whole)).toBe(packed(hex(file), 'b209', ring.length.toString(16), hex(ring)));
  });

  it('have a head in front of the entries of a pagemap', () => {
    const image = encodeImage('PAGEMAP', [{ pages_id: 1 }, { vaddr: 0x1000n, compat_nr_pages: 2, flags: 4 }]);
    expect(hex(image)).toBe(packed(`${COMMON} 25400856 02000000 0801 07000000 088020 1002 2004`));
    expect(failure(() => decodeImage('pagemap-1.img', image.subarray(0, 8))).message).toMatch(
      /^pagemap-1\.img, offset 0x8: the first entry, a pagemap_head, is missing/,
    );
  });

  it('have data behind the message: pipes, rings', () => {
    const pipe = encodeImage('PIPES_DATA', [{ pipe_id: 1, bytes: 3, size: 4, extra: bytes('010203') }]);
    expect(hex(pipe)).toBe(packed(`${COMMON} 09374556 06000000 0801 1003 1804 010203`));
    const entry = { id: 1, sqe_bytes: 2, cqe_bytes: 1, sq_arr_bytes: 2, extra: bytes('aaaa bb cccc') };
    const ring = encodeImage('IO_URING_DATA', [entry]);
    expect(hex(ring)).toBe(packed(`${COMMON} 28045551 08000000 0801 1002 1801 2002 aaaa bb cccc`));
    expect(decodeImage('io_uring-data.img', ring).entries).toEqual([entry]);
  });

  it('have the content of a ghost file in chunks or behind the head', () => {
    const whole = encodeImage('GHOST_FILE', [{ uid: 0, gid: 0, mode: 0o100644, extra: bytes('616263') }]);
    expect(hex(whole)).toBe(packed(`${COMMON} 05365852 08000000 0800 1000 18a48302 616263`));
    const head = { uid: 0, gid: 0, mode: 0o100644, chunks: true, size: 8192n } as const;
    const chunk = { len: 2n, off: 4096n, extra: bytes('6162') };
    const chunks = encodeImage('GHOST_FILE', [head, chunk]);
    expect(decodeImage('ghost-file-1f.img', chunks).entries).toEqual([head, chunk]);
    const both = [{ ...head, chunks: false, extra: bytes('') }, chunk] as const;
    expect(failure(() => encodeImage('GHOST_FILE', both)).message).toBe(
      'GHOST_FILE[1]: a ghost file that is not kept in chunks has one entry',
    );
  });
});

function minimalRing() {
  return {
    id: 9,
    flags: 2,
    pos: 0n,
    fown: FOWN,
    setup_flags: 0,
    sq_thread_cpu: 0,
    sq_thread_idle: 0,
    nr_user_bufs: 0n,
    nr_user_files: 0n,
    sq_entries: 1,
    cq_entries: 2,
    sq_off_array: 0,
    inode: 1,
    sq_head: 0,
    sq_tail: 0,
    cqe_head: 0,
    cqe_tail: 0,
    sq_ring_mask: 0,
    cq_ring_mask: 1,
    restrictions: false,
    reg_op: 0,
    sqe_op: 0,
    sqe_flags_allowed: 0,
    sqe_flags_required: 0,
  };
}

describe('what cannot be written', () => {
  it.each([
    [{ pid: -1, ppid: 0, pgid: 0, sid: 0 }, 'PSTREE[0].pid: -1 is no uint32'],
    [{ pid: 1.5, ppid: 0, pgid: 0, sid: 0 }, 'PSTREE[0].pid: 1.5 is no uint32'],
    [{ pid: 2 ** 32, ppid: 0, pgid: 0, sid: 0 }, 'PSTREE[0].pid: 4294967296 is no uint32'],
    [{ ppid: 0, pgid: 0, sid: 0 }, 'PSTREE[0].pid: is missing'],
    [{ pid: 1, ppid: 0, pgid: 0, sid: 0, threads: 3 }, 'PSTREE[0].threads: 3 is no list'],
    [{ pid: 1, ppid: 0, pgid: 0, sid: 0, threads: ['a'] }, 'PSTREE[0].threads[0]: "a" is no uint32'],
    [{ pid: 1, ppid: 0, pgid: 0, sid: 0, tid: 1 }, 'PSTREE[0]: pstree_entry has no field tid'],
    [null, 'PSTREE[0]: null is no entry'],
  ])('%j', (entry, message) => {
    expect(failure(() => encodeImage('PSTREE', [entry as never])).message).toBe(message);
  });

  it('names that are of no enum, text that is no text, too many bytes', () => {
    const type = 'EVENTFDS' as 'EVENTFD';
    expect(failure(() => encodeImage('FILES', [{ type, id: 1 }])).message).toBe(
      'FILES[0].type: "EVENTFDS" is no fd_types',
    );
    expect(
      failure(() => encodeMessage('io_uring_group_id', { group: 1, group_name: '\ud800' })).message,
    ).toBe('io_uring_group_id.group_name: "\\ud800" cannot be written as UTF-8');
    expect(
      failure(() => encodeImage('PIPES_DATA', [{ pipe_id: 1, bytes: 3, extra: bytes('01') }])).message,
    ).toBe('PIPES_DATA[0].extra: 1 bytes, where the message tells of 3');
  });
});

const NOT_CANONICAL = 'the bytes are not in the one form that writers use';

describe('what cannot be read is told with the offset', () => {
  const image = encodeImage('PSTREE', [{ pid: 1, ppid: 0, pgid: 1, sid: 1 }]);
  const message = 'pstree.img, offset 0xc: pstree_entry';

  it.each([
    ['00000000', /^pstree\.img, offset 0x0: the magic is 0x00000000, that of PSTREE images is 0x54564319$/],
    [`${COMMON}25400856`, /^pstree\.img, offset 0x4: the magic is 0x56084025/],
    [`${COMMON}3030`, /^pstree\.img, offset 0x4: the magic has 4 bytes, the file ends after 2 of them$/],
    [`${hex(image.subarray(0, 8))}0800`, /^pstree\.img, offset 0x8: the size of a message has 4 bytes/],
    [`${hex(image.subarray(0, 8))}ffffffff`, /^pstree\.img, offset 0x8: a message of 4294967295 bytes/],
    [`${hex(image)}08`, /^pstree\.img, offset 0x14: the size of a message has 4 bytes/],
  ])('%s', (given, reason) => {
    const error = failure(() => decodeImage('pstree.img', bytes(given)));
    expect(error.message).toMatch(reason);
    expect(error.file).toBe('pstree.img');
  });

  it.each([
    ['an unknown field', '0801 1000 1801 2001 3800', `${message}: pstree_entry has no field with number 7`],
    ['a field that is missing', '0801 1000 1801', `${message}.sid: is missing`],
    ['another wire type', '0a00 1000 1801 2001', NOT_CANONICAL],
    ['a number written longer than needed', '088100 1000 1801 2001', NOT_CANONICAL],
    ['a field twice', '0801 0801 1000 1801 2001', NOT_CANONICAL],
    ['fields out of order', '1000 0801 1801 2001', NOT_CANONICAL],
    ['packed numbers', '0801 1000 1801 2001 2a020102', NOT_CANONICAL],
    ['a number that is cut', '0801 1000 1801 20ff', 'the bytes are no such message'],
  ])('%s', (_what, given, reason) => {
    const body = bytes(given);
    const size = `${body.length.toString(16).padStart(2, '0')}000000`;
    const error = failure(() => decodeImage('pstree.img', bytes(hex(image.subarray(0, 8)), size, given)));
    expect(error.message).toContain(reason);
    expect(error.offset).toBeGreaterThanOrEqual(12);
  });

  it('a number that is none of its enum', () => {
    const wrong = bytes('0863 1001');
    expect(failure(() => decodeMessage('file_entry', wrong)).message).toMatch(
      /file_entry\.type: the number is none of fd_types/,
    );
  });

  it('a message that ends beyond the one it is in', () => {
    const wrong = bytes('0806 1003 4203 0803');
    expect(failure(() => decodeMessage('file_entry', wrong))).toBeInstanceOf(InputError);
  });

  it('data that tells of more than there is takes no memory', () => {
    const entry = encodeMessage('io_uring_data_entry', {
      id: 1,
      sqe_bytes: 0xffff_ffff,
      cqe_bytes: 0xffff_ffff,
      sq_arr_bytes: 0xffff_ffff,
    });
    const file = bytes(`${COMMON}28045551`, `${entry.length.toString(16)}000000`, hex(entry));
    expect(failure(() => decodeImage('io_uring-data.img', file)).message).toMatch(
      /the data behind the message has 12884901885 bytes, the file ends after 0 of them/,
    );
  });
});

describe('names of files', () => {
  it.each<[string, ImageKind | 'PAGES' | undefined]>([
    ['core-100.img', 'CORE'],
    ['pagemap-100.img', 'PAGEMAP'],
    ['pagemap-shmem-5.img', 'PAGEMAP'],
    ['pagemap-iouring-2.img', 'PAGEMAP'],
    ['pages-1.img', 'PAGES'],
    ['ghost-file-1f.img', 'GHOST_FILE'],
    ['io_uring.img', 'IO_URING'],
    ['core-0100.img', undefined],
    ['core-.img', undefined],
    ['core-1ximg', undefined],
    ['core-1.img\n', undefined],
    ['../core-1.img', undefined],
    ['drydock.json', undefined],
  ])('%s', (name, kind) => {
    expect(kindOfFile(name)).toBe(kind);
  });

  it('raw pages and other files are no images', () => {
    expect(failure(() => decodeImage('pages-1.img', new Uint8Array(0))).message).toBe(
      'pages-1.img: holds raw pages, not messages',
    );
    expect(failure(() => decodeImage('a.img', new Uint8Array(0))).message).toBe(
      'a.img: no image has such a name',
    );
  });
});
