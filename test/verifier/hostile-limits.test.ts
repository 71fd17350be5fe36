/** Requests made to take all memory or time there is, and single faults that a verifier could stumble over. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BtfKind } from '../../bpf/btf.ts';
import { BtfWriter } from '../../bpf/btf-writer.ts';
import { InputError } from '../../bpf/input-error.ts';
import { openProfile, profileDirectory } from '../../kernel-model/profile-node.ts';
import { VerifierData } from '../../kernel-model/verifier-data.ts';
import { openVerifierData, readVerifierData } from '../../kernel-model/verifier-data-node.ts';
import { type LoadRequest, type MapInfo, Verifier } from '../../verifier/index.ts';
import { btfBlob, info } from '../bpf/btf-blob.ts';
import { verifierWasm } from '../package-root.ts';

const EPERM = 1;
const E2BIG = 7;
const EAGAIN = 11;
const ENOMEM = 12;
const EINVAL = 22;
const MILLION = 1_000_000;
const LOG_BYTES = 16 << 20;
const FULL = 6;
const FIXED = 8;

type Insn = [code: number, dst?: number, src?: number, off?: number, imm?: number];

const EXIT: Insn = [0x95];
const ZERO: Insn = [0xb7, 0];
const RANDOM: Insn = [0x85, 0, 0, 0, 7];

function assembled(count: number, insn: (i: number) => Insn): Uint8Array {
  const bytes = new Uint8Array(8 * count);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count; i++) {
    const [code, dst = 0, src = 0, off = 0, imm = 0] = insn(i);
    bytes[8 * i] = code;
    bytes[8 * i + 1] = dst | (src << 4);
    view.setInt16(8 * i + 2, off, true);
    view.setInt32(8 * i + 4, imm, true);
  }
  return bytes;
}

/** `head`, then `body` over and over until the program has `count` instructions, the last two being an exit. */
function filled(count: number, head: readonly Insn[], body: readonly Insn[]): Uint8Array {
  const rounds = Math.floor((count - head.length - 2) / body.length);
  const end = head.length + rounds * body.length;
  return assembled(end + 2, (i) => {
    if (i < head.length) return head[i] as Insn;
    if (i < end) return body[(i - head.length) % body.length] as Insn;
    return i === end ? ZERO : EXIT;
  });
}

const RINGBUF: MapInfo = {
  name: 'ringbuf',
  type: 27,
  keySize: 0,
  valueSize: 0,
  maxEntries: 4096,
  flags: 0,
  extra: 0n,
  keyTypeId: 0,
  valueTypeId: 0,
  frozen: false,
};
const LOAD_MAP: readonly Insn[] = [[0x18, 1, 1], [0]];
const PLAIN: LoadRequest = {
  insns: assembled(2, (i) => (i === 0 ? ZERO : EXIT)),
  progType: 1,
  expectedAttachType: 0,
  progFlags: 0,
  license: 'GPL',
  caps: 15,
  logLevel: 4,
  funcInfo: [],
  lineInfo: [],
  maps: [],
  attachBtfId: 0,
};

/** BTF with functions that take nothing and return int. */
function functions(...names: string[]): { bytes: Uint8Array; ids: number[] } {
  const writer = new BtfWriter();
  const proto = writer.funcProto(writer.int('int', 4, 1), []);
  return { ids: names.map((name) => writer.func(name, proto, 1)), bytes: writer.bytes() };
}

let verifier: Verifier;
beforeAll(async () => {
  const wasm = readFileSync(verifierWasm());
  const kernel = { btf: openProfile('6.12').vmlinux, data: openVerifierData('6.12') };
  verifier = await Verifier.create({ wasm, kernel });
});

/** The verdict; after it the verifier must answer as ever. */
function verify(changes: Partial<LoadRequest>) {
  const verdict = verifier.verify({ ...PLAIN, ...changes });
  expect(verifier.verify(PLAIN)).toMatchObject({ accepted: true, stats: { insnsProcessed: 2 } });
  return verdict;
}

describe('memory', () => {
  it('a program that acquires without end', () => {
    const body: Insn[] = [...LOAD_MAP, [0xb7, 2, 0, 0, 8], [0xb7, 3], [0x85, 0, 0, 0, 131]];
    const verdict = verify({ insns: filled(MILLION, [], body), maps: [RINGBUF], progType: 17 });
    expect(verdict).toMatchObject({ errno: ENOMEM, message: expect.stringContaining('not enough memory') });
    expect(verdict.stats.insnsProcessed).toBeGreaterThan(1000);
  });

  it('more lines than there is memory for', () => {
    const line = { insn: 0, fileNameOffset: 0, lineOffset: 0, line: 0, column: 0 };
    const lines = new Array(8_000_000).fill(line) as (typeof line)[];
    const few = verify({ lineInfo: lines, progBtf: functions('f').bytes });
    expect(few.errno).toBe(EINVAL);
    const map = {
      ...RINGBUF,
      type: 2,
      valueSize: 0xffff_ffff,
      data: new Uint8Array(360 << 20),
      frozen: true,
    };
    const insns = assembled(4, (i) => ([...LOAD_MAP, ZERO, EXIT] as Insn[])[i] as Insn);
    expect(verify({ insns, maps: [map] })).toMatchObject({ errno: ENOMEM, stats: { insnsProcessed: 0 } });
  });
});

describe('time', () => {
  it('values whose origin is half a million instructions back', () => {
    const head: Insn[] = [RANDOM, [0xbf, 6, 0], [0x57, 6, 0, 0, 7]];
    const body: Insn[] = [[0xbf, 1, 10], [0x0f, 1, 6], ZERO, ZERO];
    const verdict = verify({ insns: filled(MILLION, head, body) });
    expect(verdict).toMatchObject({ errno: EAGAIN, message: expect.stringContaining('has given up') });
  });

  it('a call tree with 2000^7 leaves', () => {
    const [levels, calls] = [8, 2000];
    const size = calls + 2;
    const insns = assembled(levels * size, (i) => {
      const [level, at] = [Math.floor(i / size), i % size];
      if (at >= calls) return at === calls ? ZERO : EXIT;
      return level === levels - 1 ? ZERO : [0x85, 0, 1, 0, (level + 1) * size - i - 1];
    });
    const { bytes, ids } = functions(...Array.from({ length: levels }, (_, i) => `f${i}`));
    const funcInfo = ids.map((typeId, i) => ({ insn: i * size, typeId }));
    expect(verify({ insns, progBtf: bytes, funcInfo })).toMatchObject({ errno: 0 });
  });

  it('a million helpers and kfuncs, all of them unknown', () => {
    const helpers = assembled(MILLION, (i) => (i < MILLION - 1 ? [0x85, 0, 0, 0, i + 1000] : EXIT));
    expect(verify({ insns: helpers })).toMatchObject({ errno: EINVAL, message: 'invalid func unknown#1000' });
    const kfuncs = assembled(MILLION, (i) => (i < MILLION - 1 ? [0x85, 0, 2, i & 0x7fff, i + 1] : EXIT));
    expect(verify({ insns: kfuncs })).toMatchObject({ errno: EINVAL });
  });

  it('structs of structs of structs, six thousand in each', () => {
    const writer = new BtfWriter();
    let inner = writer.struct('s0', 0);
    for (let depth = 1; depth < 20; depth++) {
      const members = Array.from({ length: 6000 }, () => ({ name: '', type: inner, bitOffset: 0 }));
      inner = writer.struct(`s${depth}`, 0, members);
    }
    const map = { ...RINGBUF, type: 2, keySize: 4, valueSize: 8, btf: writer.bytes(), valueTypeId: inner };
    const insns = assembled(4, (i) => ([...LOAD_MAP, ZERO, EXIT] as Insn[])[i] as Insn);
    expect(verify({ insns, maps: [map] })).toMatchObject({ errno: 0 });
  });
});

describe('the log', () => {
  const insns = filled(20_000, [RANDOM], [ZERO]);

  it('keeps its end, or its beginning', () => {
    const tail = verify({ insns, logLevel: FULL, progType: 1 });
    expect(tail.log.length).toBeLessThanOrEqual(LOG_BYTES);
    expect(tail.log).toMatch(/processed 20000 insns .*\n$/);
    const loop = assembled(3, (i) => ([[0x07, 0, 0, 0, 1], [0x05, 0, 0, -2], EXIT] as Insn[])[i] as Insn);
    const endless: Insn[] = [ZERO, [0x07, 0, 0, 0, 1], [0xa5, 0, 0, -2, 80_000], EXIT];
    const long = { insns: assembled(4, (i) => endless[i] as Insn) };
    const end = verify({ ...long, logLevel: FULL });
    expect(end.log.length).toBe(LOG_BYTES);
    expect(end.log).toMatch(/\nprocessed \d+ insns .*\n$/);
    const start = verify({ ...long, logLevel: FULL | FIXED });
    expect(start.log.length).toBe(LOG_BYTES);
    expect(start.log).toMatch(/^func#0 @0\n/);
    expect(verify({ insns: loop }).accepted).toBe(false);
  });

  it('shows names that are no UTF-8', () => {
    const { bytes, ids } = functions('main', 'f_zz');
    const at = Buffer.from(bytes).indexOf('f_zz');
    bytes.set([0xe9, 0xff], at + 2);
    const code: Insn[] = [[0x85, 0, 1, 0, 1], EXIT, ZERO, EXIT];
    const funcInfo = ids.map((typeId, i) => ({ insn: 2 * i, typeId }));
    const program = { insns: assembled(4, (i) => code[i] as Insn), progBtf: bytes, funcInfo };
    expect(verify({ ...program, logLevel: FULL }).log).toContain("('f_\ufffd\ufffd')");
  });
});

describe('single faults', () => {
  const load = assembled(4, (i) => ([...LOAD_MAP, ZERO, EXIT] as Insn[])[i] as Insn);

  it('requests that no system call could make are input errors', () => {
    const bad: [Partial<LoadRequest>, RegExp][] = [
      [{ insns: new Uint8Array(12) }, /insns: 12 bytes/],
      [{ progType: -1 }, /progType: -1/],
      [{ logLevel: 0.5 }, /logLevel/],
      [{ caps: Number.NaN }, /caps/],
      [{ maps: [{ ...RINGBUF, valueSize: 2 ** 32 }] }, /maps\[0\].valueSize/],
      [{ maps: [{ ...RINGBUF, extra: -1n }] }, /maps\[0\].extra/],
      [{ maps: [{ ...RINGBUF, data: new Uint8Array(8) }] }, /maps\[0\].data: 8 bytes for values of 0/],
      [{ funcInfo: [{ insn: 0, typeId: -1 }] }, /funcInfo: entry 0/],
    ];
    for (const [changes, reason] of bad) {
      expect(() => verify(changes)).toThrow(InputError);
      expect(() => verify(changes)).toThrow(reason);
    }
  });

  it('maps of types that there are not, and templates that are not there', () => {
    for (const type of [0, 100, 256, 0xffff_ffff]) {
      expect(verify({ insns: load, maps: [{ ...RINGBUF, type }] })).toMatchObject({ errno: EINVAL });
    }
    for (const inner of [0, 1, 0xffff_ffff]) {
      const outer = { ...RINGBUF, type: 12, keySize: 4, valueSize: 4, inner };
      expect(verify({ insns: load, maps: [outer] })).toMatchObject({ errno: 0 });
    }
  });

  it('BTF that the kernel does not load refuses the program', () => {
    const progBtf = functions('f').bytes.slice(0, -1);
    const verdict = verify({ progBtf });
    expect(verdict).toMatchObject({
      errno: EINVAL,
      log: '',
      message: expect.stringContaining("program's BTF"),
    });
    const map = { ...RINGBUF, btf: new Uint8Array(3), valueTypeId: 1 };
    expect(verify({ insns: load, maps: [map] })).toMatchObject({ errno: EINVAL, log: '' });
  });

  it('an exception callback at an instruction that is not there', () => {
    const types = [
      [1, info(BtfKind.Int), 4, 32],
      [0, info(BtfKind.FuncProto), 1],
      [5, info(BtfKind.Func, 1), 2],
      [10, info(BtfKind.Func, 1), 2],
      [19, info(BtfKind.DeclTag), 3, 0xffff_ffff],
    ];
    const progBtf = btfBlob(types, '\0int\0main\0callback\0exception_callback:callback\0');
    const funcInfo = [
      { insn: 0, typeId: 3 },
      { insn: 0xf000_0000, typeId: 4 },
    ];
    expect(verify({ progBtf, funcInfo })).toMatchObject({
      errno: EINVAL,
      message: 'call to invalid destination',
    });
  });

  it('a line that is not in the strings', () => {
    const { bytes, ids } = functions('f');
    const lineInfo = [{ insn: 0, fileNameOffset: 0, lineOffset: 0xffff, line: 1, column: 0 }];
    expect(verify({ progBtf: bytes, funcInfo: [{ insn: 0, typeId: ids[0] ?? 0 }], lineInfo })).toMatchObject({
      errno: EINVAL,
      message: 'Invalid line_info[0].line_off or .file_name_off',
    });
  });

  it('programs of no or too many instructions, and without capabilities', () => {
    expect(verify({ insns: new Uint8Array() })).toMatchObject({ errno: E2BIG });
    expect(verify({ insns: new Uint8Array(8 * (MILLION + 1)) })).toMatchObject({ errno: E2BIG });
    expect(verify({ caps: 0, progType: 2 })).toMatchObject({ errno: EPERM });
  });
});

describe('profiles', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'drydock-hostile-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** A directory with a dialect and these types. */
  function profile(name: string, btf?: Uint8Array): string {
    const directory = mkdtempSync(join(folder, name));
    writeFileSync(
      join(directory, 'dialect.json'),
      readFileSync(join(profileDirectory('6.12'), 'dialect.json')),
    );
    if (btf) writeFileSync(join(directory, 'btf.bin.gz'), btf);
    return directory;
  }

  it('types that are missing, cut, no gzip, or more than they seem', () => {
    const good = readFileSync(join(profileDirectory('6.12'), 'btf.bin.gz'));
    const bomb = gzipSync(Buffer.alloc(80 << 20));
    expect(bomb.length).toBeLessThan(MILLION);
    for (const btf of [undefined, good.subarray(0, 100_000), new Uint8Array(100), bomb]) {
      expect(() => openProfile(profile('types', btf))).toThrow(InputError);
    }
  });

  it('tables that are missing', () => {
    const { vmlinux } = openProfile('6.12');
    expect(() => readVerifierData(profile('tables'), 'tables', vmlinux)).toThrow(InputError);
  });

  const parse = (damaged: string, change: (text: string) => string) => {
    const read = (file: string) => readFileSync(join(profileDirectory('6.12'), file), 'utf8');
    const { vmlinux } = openProfile('6.12');
    return VerifierData.parse('damaged', vmlinux, (file) =>
      file === damaged ? change(read(file)) : read(file),
    );
  };

  it('tables that double with each step', () => {
    const tables = ['"t0":{"groups":[{"helpers":["ktime_get_ns"]}]}'];
    for (let i = 1; i < 60; i++) tables.push(`"t${i}":{"groups":[],"then":["t${i - 1}","t${i - 1}"]}`);
    const grow = (text: string) => text.replace('"tables": {', `"tables": {${tables.join()},`);
    expect(() => parse('availability.json', grow)).toThrow(/has too many helpers/);
  });

  it('conditions and offsets of another kind than they must be', () => {
    const set = (row: object) => (text: string) => {
      const json = JSON.parse(text) as { kinds: { [kind: string]: { rows: object[] } } };
      const kind = Object.values(json.kinds)[0];
      kind?.rows.unshift(row);
      return JSON.stringify(json);
    };
    for (const row of [{ off: null }, { off: 5 }, { off: ['@a', 1, 2] }, { off: '*', when: 'never' }]) {
      expect(() => parse('ctx.json', set(row)), JSON.stringify(row)).toThrow(InputError);
    }
    expect(() => parse('ctx.json', set({ off: '*', when: { hookSet: '__proto__' } }))).not.toThrow();
  });
});
