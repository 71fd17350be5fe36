/**
 * Damaged objects: whatever bytes change, the loader answers with an object or an InputError, soon, and with
 * an answer whose size is bounded by that of the file. LOADER_MUTATIONS sets the number of damaged files.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Btf } from '../../bpf/btf.ts';
import { InputError } from '../../bpf/input-error.ts';
import { ElfFile } from '../../loader/elf.ts';
import { type BpfObject, type LoadOptions, loadObject } from '../../loader/index.ts';
import { btfOf, kernelBtf, readObject } from './support.ts';

const COUNT = Number(process.env.LOADER_MUTATIONS ?? 10_000);
const PROGRAMS = join(import.meta.dirname, '../../programs');
const NAMES =
  'core core.be externs iter link maps maps.be sections struct_ops legacy legacy.be aya aya.types cilium labels'.split(
    ' ',
  );
const OBJECTS = [
  ...NAMES.map((name) => ({ name, bytes: readObject(name) })),
  ...['task_vma', 'io_uring_buf'].map((name) => ({
    name,
    bytes: new Uint8Array(readFileSync(join(PROGRAMS, name, `${name}.bpf.o`))),
  })),
];
const OPTIONS: LoadOptions = {
  file: 'damaged.bpf.o',
  kernelBtf,
  modules: [{ name: 'extra', btf: btfOf('link') }],
  kconfig: new Map([['CONFIG_HEX', '1']]),
  kernelVersion: 0x060c75,
  ksym: () => 1n,
};
/** A load of a file of some kilobytes takes a millisecond; this is a hang. */
const MAX_MILLISECONDS = 2_000;
/** Bytes of an answer for each byte of the file, and for itself. */
const GROWTH = 600;
const INTERESTING = [0, 1, 2, 3, 7, 8, 0x7f, 0xff, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/** xorshift32: the same damage on every machine. */
class Random {
  private state: number;

  constructor(seed: number) {
    this.state = (seed * 0x9e37_79b9 + 0x7f4a_7c15) >>> 0 || 1;
  }

  below(limit: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    this.state >>>= 0;
    return this.state % limit;
  }
}

/** The parts of a file that say where things are: headers and tables are hit as often as all the rest. */
function spots(bytes: Uint8Array): [start: number, size: number][] {
  const elf = ElfFile.parse(bytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = Number(view.getBigUint64(40, elf.littleEndian));
  const tables = elf.sections
    .filter(({ data, name }) => data.length > 0 && !name.startsWith('.str'))
    .map(({ offset, size }): [number, number] => [offset, size]);
  return [[0, 64], [table, bytes.length - table], [0, bytes.length], ...tables];
}

function damage(bytes: Uint8Array, places: [number, number][], random: Random): Uint8Array {
  const result = bytes.slice();
  const view = new DataView(result.buffer);
  for (let times = 1 + random.below(4); times > 0; times--) {
    const [start, size] = places[random.below(places.length)] ?? [0, bytes.length];
    const at = Math.min(start + random.below(Math.max(size, 1)), bytes.length - 8);
    switch (random.below(6)) {
      case 0:
        result[at] = random.below(256);
        break;
      case 1:
        result[at] = (result[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        view.setUint32(at & ~3, INTERESTING[random.below(INTERESTING.length)] ?? 0, true);
        break;
      case 3:
        view.setUint32(at & ~3, view.getUint32(at & ~3, true) + random.below(33) - 16, true);
        break;
      case 4:
        result.copyWithin(at, random.below(bytes.length), random.below(bytes.length));
        break;
      default:
        if (random.below(4) === 0) return result.subarray(0, random.below(bytes.length));
        view.setUint32(at & ~3, random.below(0x1_0000_0000), true);
    }
  }
  return result;
}

/** Bytes that an answer keeps in memory, roughly. */
function weigh(object: BpfObject): number {
  let bytes = 0;
  for (const program of object.programs) {
    bytes += program.insns.length + 64 * (program.funcInfo.length + program.subprogs.length);
    bytes += 64 * program.lineInfo.length + (program.error?.length ?? 0);
  }
  for (const map of object.maps) bytes += 256 + (map.data?.length ?? 0) + 64 * (map.slots?.length ?? 0);
  return bytes;
}

interface Outcome {
  loaded: number;
  refused: number;
  /** Seeds that did not end as they must, with the reason. */
  wrong: string[];
}

function tryAll(count: number, attempt: (seed: number) => number): Outcome {
  const outcome: Outcome = { loaded: 0, refused: 0, wrong: [] };
  for (let seed = 0; seed < count; seed++) {
    const started = performance.now();
    try {
      const ratio = attempt(seed);
      if (ratio > GROWTH) outcome.wrong.push(`seed ${seed}: the answer is ${ratio} times the file`);
      outcome.loaded++;
    } catch (cause) {
      if (cause instanceof InputError && cause.message !== '') outcome.refused++;
      else outcome.wrong.push(`seed ${seed}: ${String(cause)} ${(cause as Error).stack?.split('\n')[1]}`);
    }
    const took = performance.now() - started;
    if (took > MAX_MILLISECONDS) outcome.wrong.push(`seed ${seed}: took ${took} ms`);
  }
  return outcome;
}

describe('damaged files', () => {
  const prepared = OBJECTS.map(({ bytes }) => ({ bytes, places: spots(bytes) }));

  it(`${COUNT} damaged objects end in an object or an InputError`, { timeout: 600_000 }, () => {
    const before = process.memoryUsage().rss;
    const outcome = tryAll(COUNT, (seed) => {
      const { bytes, places } = prepared[seed % prepared.length] as (typeof prepared)[number];
      const file = damage(bytes, places, new Random(seed));
      // Every other one as libbpf takes it: objects with maps of old are then refused at once.
      const legacy = Math.floor(seed / prepared.length) % 2 === 0;
      return weigh(loadObject(file, { ...OPTIONS, legacy })) / (file.length + 4096);
    });
    expect(outcome.wrong).toEqual([]);
    // the damage is neither always fatal nor never noticed
    expect(outcome.loaded).toBeGreaterThan(COUNT / 20);
    expect(outcome.refused).toBeGreaterThan(COUNT / 20);
    expect(process.memoryUsage().rss - before).toBeLessThan(1 << 30);
  });

  it('every truncation of an object is refused', () => {
    const whole = readObject('iter');
    for (let size = 0; size < whole.length; size += 7) {
      const truncated = whole.subarray(0, size);
      expect(() => loadObject(truncated, OPTIONS), `${size} bytes`).toThrow(InputError);
      expect(() => loadObject(truncated, { ...OPTIONS, legacy: true }), `${size} bytes`).toThrow(InputError);
    }
  });

  it(`${COUNT / 10} damaged kernel BTFs end in an object or an InputError`, { timeout: 600_000 }, () => {
    const files = ['core', 'externs', 'struct_ops', 'sections'].map(readObject);
    const whole = kernelBtf.bytes;
    const outcome = tryAll(COUNT / 10, (seed) => {
      const random = new Random(seed + 1_000_000);
      const btf = Btf.parse(
        damage(
          whole,
          [
            [0, 24],
            [24, whole.length - 24],
          ],
          random,
        ),
      );
      const file = files[seed % files.length] as Uint8Array;
      return weigh(loadObject(file, { ...OPTIONS, kernelBtf: btf, modules: [] })) / (file.length + 4096);
    });
    expect(outcome.wrong).toEqual([]);
    expect(outcome.loaded).toBeGreaterThan(COUNT / 200);
  });
});
