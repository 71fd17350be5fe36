/** The JSON view: what crit prints, plain and pretty, written out by hand; test of crit itself: image-crit.test.ts. */
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { parseAddress, showAddress } from '../../checkpoint/image/address.ts';
import {
  decodeImage,
  encodeImage,
  type Image,
  imageFromJson,
  imageToJson,
  readJson,
  writeJson,
} from '../../checkpoint/image/index.ts';
import { decodeQuotedPrintable, encodeQuotedPrintable } from '../../checkpoint/image/quoted-printable.ts';

const FOWN = { uid: 0, euid: 0, signum: 0, pid_type: 0, pid: 0 };

function shown(image: Image, pretty: boolean): unknown {
  return imageToJson(image, { pretty });
}

function failure(view: unknown): string {
  try {
    imageFromJson(view, 'a.json');
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
  throw new Error('nothing was thrown');
}

function mm(): Image {
  const area = { start: 0x400000n, end: 0x401000n, pgoff: 0n, shmid: 0n, prot: 5, flags: 0x12, status: 0x41 };
  const bytes = encodeImage('MM', [
    {
      mm_start_code: 0x400000n,
      mm_end_code: 0n,
      mm_start_data: 0n,
      mm_end_data: 0n,
      mm_start_stack: 0n,
      mm_start_brk: 0n,
      mm_brk: 0n,
      mm_arg_start: 0n,
      mm_arg_end: 0n,
      mm_env_start: 0n,
      mm_env_end: 0n,
      exe_file_id: 2,
      mm_saved_auxv: [0xffff_ffff_ffff_ffffn],
      vmas: [{ ...area, fd: -1n, madv: 16n }],
    },
  ]);
  return decodeImage('mm-1.img', bytes);
}

describe('the JSON view', () => {
  it('has integers as numbers, of whatever size', () => {
    const text = writeJson(imageToJson(mm()));
    expect(text).toContain('"mm_start_code": 4194304, "mm_end_code": 0');
    expect(text).toContain('"mm_saved_auxv": [18446744073709551615], "vmas": [{"start": 4194304, ');
    expect(text).toContain('"prot": 5, "flags": 18, "status": 65, "fd": -1, "madv": 16}]');
    expect(imageFromJson(readJson(text))).toStrictEqual(mm());
  });

  it('has hexadecimal numbers and names of bits when it is pretty', () => {
    const view = shown(mm(), true);
    expect(view).toMatchObject({
      magic: 'MM',
      entries: [
        {
          mm_start_code: '0x400000',
          exe_file_id: 2,
          vmas: [
            {
              start: '0x400000',
              pgoff: 0,
              prot: 'PROT_READ | PROT_EXEC',
              flags: 'MAP_PRIVATE | 0x10',
              status: 'VMA_AREA_REGULAR | VMA_FILE_PRIVATE',
              fd: -1,
              madv: '0x10',
            },
          ],
        },
      ],
    });
    expect(imageFromJson(view)).toStrictEqual(mm());
  });

  it('has names of enums, leaves out empty lists, and has bytes in base64 with lines of 76', () => {
    const extra = new Uint8Array(60).fill(0xff);
    const bytes = encodeImage('PIPES_DATA', [{ pipe_id: 1, bytes: 60, extra }]);
    const line = '/'.repeat(76);
    expect(shown(decodeImage('pipes-data.img', bytes), false)).toEqual({
      magic: 'PIPES_DATA',
      entries: [{ pipe_id: 1, bytes: 60, extra: `${line}\n////\n` }],
    });
    const epoll = { id: 1, flags: 2, fown: FOWN };
    const files = encodeImage('FILES', [{ type: 'EVENTPOLL', id: 1, epfd: epoll }]);
    expect(shown(decodeImage('files.img', files), false)).toEqual({
      magic: 'FILES',
      entries: [{ type: 'EVENTPOLL', id: 1, epfd: { id: 1, flags: 2, fown: FOWN } }],
    });
  });

  it('has a ring with the names of its flags', () => {
    const entry = { id: 1, sqe_bytes: 0, cqe_bytes: 2, sq_arr_bytes: 0, extra: Uint8Array.of(1, 2) };
    const data = decodeImage('io_uring-data.img', encodeImage('IO_URING_DATA', [entry]));
    expect(shown(data, true)).toEqual({
      magic: 'IO_URING_DATA',
      entries: [{ id: 1, sqe_bytes: 0, cqe_bytes: 2, sq_arr_bytes: 0, extra: 'AQI=\n' }],
    });
  });

  it('has devices, states and names of sockets as crit has them', () => {
    const ghost = encodeImage('GHOST_FILE', [
      { uid: 0, gid: 0, mode: 0, dev: (8 << 20) | 1, rdev: 0x0801, extra: new Uint8Array(0) },
    ]);
    const view = shown(decodeImage('ghost-file-1.img', ghost), true);
    expect(view).toMatchObject({ entries: [{ dev: '8:1', rdev: '8:1', extra: '' }] });
    expect(imageFromJson(view)).toStrictEqual(decodeImage('ghost-file-1.img', ghost));
  });

  it('is laid out as the module json of Python does it', () => {
    const value = { b: [1, 'a"\\\n\u007f\u00e4\u{1f600}', true], a: {}, c: [], d: 2n ** 63n };
    expect(writeJson(value)).toBe(
      '{"b": [1, "a\\"\\\\\\n\\u007f\\u00e4\\ud83d\\ude00", true], "a": {}, "c": [], "d": 9223372036854775808}',
    );
    expect(writeJson({ a: [1, { b: [] }], c: {} }, 4)).toBe(
      '{\n    "a": [\n        1,\n        {\n            "b": []\n        }\n    ],\n    "c": {}\n}',
    );
  });
});

describe('JSON that is read', () => {
  it('keeps integers that a double has not, and leaves strings alone', () => {
    expect(
      readJson(
        '[18446744073709551615, -9223372036854775808, 999999999999999, 1.5e3, "12345678901234567890\\""]',
      ),
    ).toEqual([
      '18446744073709551615',
      '-9223372036854775808',
      999999999999999,
      1500,
      '12345678901234567890"',
    ]);
  });

  it.each([
    [null, 'the image: null is no object'],
    [{ magic: 'PSTREE' }, 'entries: undefined is no list'],
    [{ magic: 'PSTREE', entries: [], more: 1 }, 'the image: has no more'],
    [{ magic: 'VMAS', entries: [] }, 'magic: "VMAS" is the magic of no image'],
    [{ magic: 'PSTREE', entries: [[]] }, 'entries[0]: a list is no object'],
    [{ magic: 'PSTREE', entries: [{ pid: 1 }] }, 'PSTREE[0].ppid: is missing'],
    [{ magic: 'PSTREE', entries: [{ pid: 'x' }] }, 'entries[0].pid: "x" is no number'],
    [{ magic: 'PSTREE', entries: [{ pid: 1.5 }] }, 'entries[0].pid: 1.5 is no integer'],
    [{ magic: 'PSTREE', entries: [{ pid: '0x100000000' }] }, 'entries[0].pid: 4294967296 is no uint32'],
    [{ magic: 'PSTREE', entries: [{ pid: 1, extra: '' }] }, 'entries[0].extra: nothing follows this message'],
    [{ magic: 'PSTREE', entries: [{ pids: 1 }] }, 'entries[0]: pstree_entry has no field pids'],
    [{ magic: 'FDINFO', entries: [{ type: 'RING' }] }, 'FDINFO[0].id: is missing'],
    [
      { magic: 'PIPES_DATA', entries: [{ pipe_id: 1, bytes: 1 }] },
      'entries[0].extra: undefined is no base64',
    ],
    [
      { magic: 'PIPES_DATA', entries: [{ pipe_id: 1, bytes: 1, extra: 'A' }] },
      'entries[0].extra: "A" is no base64',
    ],
    [{ magic: 'PAGEMAP', entries: [] }, 'PAGEMAP: the first entry, a pagemap_head, is missing'],
    [
      { magic: 'PAGEMAP', entries: [{ pages_id: 1 }, { vaddr: 0, compat_nr_pages: 1, flags: 'PE_X' }] },
      'entries[1].flags: "PE_X" is no number',
    ],
  ])('%j is refused', (view, message) => {
    expect(failure(view)).toBe(`a.json: ${message}`);
  });

  it('that is none is refused', () => {
    expect(() => readJson('{"a": 123456789012345678901', 'a.json')).toThrow(/^a\.json: no JSON: /);
  });

  it('of strings without an end takes no more time than others', () => {
    expect(() => readJson(`"${'\\"'.repeat(500_000)}`)).toThrow(InputError);
    expect(() => readJson('['.repeat(500_000))).toThrow(InputError);
  });
});

describe('quoted-printable', () => {
  const line = 'x'.repeat(75);

  it.each([
    ['', ''],
    ['\0abstract', '=00abstract'],
    ['/run/a=b', '/run/a=3Db'],
    ['a b\tc', 'a b\tc'],
    ['a ', 'a=20'],
    ['.', '=2E'],
    ['..', '..'],
    ['a\nb', 'a=0Ab'],
    ['\u007f', '=7F'],
    [`${line}y`, `${line}y`],
    [`${line}yz`, `${line}=\nyz`],
    [`${'x'.repeat(72)}=`, `${'x'.repeat(72)}=3D`],
    [`${'x'.repeat(73)}=`, `${'x'.repeat(73)}=\n=3D`],
  ])('%j', (text, encoded) => {
    const bytes = new TextEncoder().encode(text);
    expect(encodeQuotedPrintable(bytes)).toBe(encoded);
    expect(decodeQuotedPrintable(encoded, 'name')).toEqual(bytes);
  });

  it.each(['=', '=4', '=zz', 'ä'])('%j is refused', (text) => {
    expect(() => decodeQuotedPrintable(text, 'name')).toThrow(InputError);
  });
});

describe('addresses', () => {
  it.each([
    [[0x0100007f], '127.0.0.1'],
    [[0, 0, 0, 0], '::'],
    [[0, 0, 0, 0x01000000], '::1'],
    [[0xb80d0120, 0, 0x00000100, 0x01000000], '2001:db8::1:0:0:1'],
    [[0x00000100, 0x00000100, 0x00000100, 0x00000100], '1:0:1:0:1:0:1:0'],
  ])('%j is %s', (words, text) => {
    expect(showAddress(words)).toBe(text);
    expect(parseAddress(text, 'address')).toEqual(words);
  });

  it('are of one or of four words', () => {
    expect(showAddress([1, 2])).toBeUndefined();
    expect(parseAddress('::ffff:1.2.3.4', 'address')).toEqual([0, 0, 0xffff0000, 0x04030201]);
  });

  it.each([
    '1.2.3',
    '1.2.3.256',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    'g::',
    '1.2.3.4:5::',
  ])('%s is none', (text) => {
    expect(() => parseAddress(text, 'address')).toThrow(InputError);
  });
});
