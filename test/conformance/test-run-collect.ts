/**
 * Makes golden/test-run-KERNEL.json.gz out of recordings of a real kernel (too large for the repository):
 *
 *   npx rolldown test/conformance/test-run-collect.ts --platform node -f es -o /tmp/collect.mjs
 *   node /tmp/collect.mjs --truth truth.jsonl.gz --legacy test_verifier.jsonl.gz --blobs DIR --btf DIR
 *        --kernel 6.12 --out test/conformance/golden/test-run-6.12.json.gz
 *
 * Taken are all programs of up to 20,000 slots that the kernel accepted and ran, as root and without privileges, and
 * those that they call through prog arrays.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Btf } from '../../bpf/btf.ts';
import { specialFields } from '../../vm/value-fields.ts';
import {
  FIRST_SYMBOL,
  type RecordedMap,
  type RecordedPreset,
  type RecordedRun,
  runName,
} from './test-run.ts';
import { isInArray } from './test-run-arrays.ts';

interface TruthMap {
  name: string;
  type: number;
  key_size: number;
  value_size: number;
  max_entries: number;
  map_flags: number;
  map_extra: number;
  btf_value_type_id: number;
  btf?: string;
  data?: string;
  frozen?: boolean;
  inner?: number;
}

interface TruthLine {
  object: string;
  program: string;
  /** Of a struct-style test. */
  index?: number;
  mode: string;
  verdict: string;
  run?: { retval: number; maps: { [name: string]: string }; data_out?: string };
  run_preset?: string;
  /** The selftest says what it returns, and it did. */
  retval_matches?: boolean;
  runs?: { in: string; retval?: number }[];
  load: {
    prog_type: number;
    insns: string;
    maps: (TruthMap | null)[];
    kfunc_btf_objs?: string[];
    ldimm_btf_objs?: string[];
  };
}

const { values: args } = parseArgs({
  options: {
    truth: { type: 'string' },
    legacy: { type: 'string' },
    blobs: { type: 'string' },
    btf: { type: 'string' },
    kernel: { type: 'string' },
    out: { type: 'string' },
  },
});

/** What the recorder gave to programs that take a packet: 64 zeros. */
const DEFAULT_PACKET = '00'.repeat(64);
/** BPF_PROG_TYPE_* whose test runs give a packet back; for others the recorder's buffer is as it was. */
const PACKET_TYPES = new Set([1, 3, 4, 6, 8, 10, 11, 12, 14, 19]);
/** Slots; longer programs would make the file large. */
const LONGEST = 20_000;

const kernelBtfs = new Map<string, Btf>();

function main(): void {
  const { truth, legacy, out } = args;
  if (!truth || !legacy || !out)
    throw new Error('--truth, --legacy, --blobs, --btf, --kernel and --out are needed');
  const runs = [...lines(truth), ...lines(legacy)].filter(wasRun).map(record);
  writeFileSync(out, gzipSync(JSON.stringify(runs), { level: 9 }));
  process.stderr.write(`${runs.length} programs\n`);
}

function wasRun(line: TruthLine): boolean {
  if (line.verdict !== 'success') return false;
  if (blob(line.load.insns).length > LONGEST * 8) return false;
  return (
    isInArray(runName(line)) ||
    line.run !== undefined ||
    (line.runs ?? []).some((run) => run.retval !== undefined)
  );
}

function record(line: TruthLine): RecordedRun {
  const { load, run } = line;
  const insns = blob(load.insns).slice();
  const symbols = nameSymbols(insns, load.kfunc_btf_objs ?? [], load.ldimm_btf_objs ?? []);
  const done = run ? [{ in: DEFAULT_PACKET, retval: run.retval }] : (line.runs ?? []);
  const finished = done.filter(({ retval }) => retval !== undefined);
  const preset = line.run_preset === undefined ? undefined : recordPreset(line.run_preset);
  return {
    name: runName(line),
    ...(line.retval_matches ? { annotated: true } : {}),
    ...(preset ? { preset } : {}),
    type: load.prog_type,
    insns: base64(insns),
    symbols,
    maps: load.maps.map(recordMap),
    retvals: finished.map(({ retval }) => retval as number),
    packets: finished.map((each) => each.in),
    after: run?.maps ?? {},
    ...(run?.data_out !== undefined && PACKET_TYPES.has(load.prog_type)
      ? { out: run.data_out === DEFAULT_PACKET ? '' : run.data_out }
      : {}),
  };
}

/** `map_array_ro[0]={u32 28, foo[6]=0xabcdef12}`: a value of 48 bytes, an index and eleven words. */
function recordPreset(text: string): RecordedPreset {
  const [, map = '', index = '', element = '', word = ''] =
    /^(\w+)\[0\]=\{u32 (\d+), foo\[(\d+)\]=(0x\w+)\}$/.exec(text) ?? [];
  if (!map) throw new Error(`${text}: a preset of another form`);
  const value = new DataView(new ArrayBuffer(48));
  value.setUint32(0, Number(index), true);
  value.setUint32(4 + 4 * Number(element), Number(word), true);
  return { map, value: Buffer.from(value.buffer).toString('hex') };
}

function recordMap(map: TruthMap | null): RecordedMap {
  // A map that the recorder could not describe: creating it fails, and with it the program.
  const known = map ?? ({ name: '', type: 0 } as TruthMap);
  const result: RecordedMap = {
    name: known.name,
    type: known.type,
    keySize: known.key_size,
    valueSize: known.value_size,
    maxEntries: known.max_entries,
    flags: known.map_flags,
    extra: known.map_extra ?? 0,
  };
  const data = known.data ? blob(known.data) : undefined;
  if (data?.some((byte) => byte !== 0)) result.data = base64(data);
  if (known.frozen) result.frozen = true;
  if (known.inner !== undefined) result.inner = known.inner;
  if (known.btf && known.btf_value_type_id) {
    const fields = specialFields(Btf.parse(blob(known.btf)), known.btf_value_type_id);
    if (fields.length > 0) result.fields = fields.map(({ offset, size, lock }) => ({ offset, size, lock }));
  }
  return result;
}

/** Replaces BTF ids of kfuncs and variables by numbers of names. */
function nameSymbols(insns: Uint8Array, kfuncBtfs: string[], variableBtfs: string[]): string[] {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.length);
  const symbols: string[] = [];
  const number = (name: string): number => {
    if (!symbols.includes(name)) symbols.push(name);
    return FIRST_SYMBOL + symbols.indexOf(name);
  };
  for (let at = 0; at < insns.length; at += 8) {
    const src = (insns[at + 1] as number) >> 4;
    if (insns[at] === 0x85 && src === 2) {
      const btf = kernelBtf(kfuncBtfs[view.getInt16(at + 2, true)] ?? '');
      view.setInt32(at + 4, number(btf.name(view.getInt32(at + 4, true))), true);
      view.setInt16(at + 2, 0, true);
    } else if (insns[at] === 0x18) {
      if (src === 3) {
        const module = view.getInt32(at + 12, true);
        const btf = kernelBtf(module === 0 ? '' : (variableBtfs[module - 1] ?? ''));
        view.setInt32(at + 4, number(btf.name(view.getInt32(at + 4, true))), true);
        view.setInt32(at + 12, 0, true);
      }
      at += 8;
    }
  }
  return symbols;
}

/** BTF of a module; of the kernel itself for "" and "vmlinux". */
function kernelBtf(module: string): Btf {
  const key = module === 'vmlinux' ? '' : module;
  const known = kernelBtfs.get(key);
  if (known) return known;
  const path = join(args.btf ?? '', `${key || 'btf'}-${args.kernel}.bin`);
  const bytes = new Uint8Array(readFileSync(path));
  const btf = key ? Btf.parse(bytes, { base: kernelBtf('') }) : Btf.parse(bytes);
  kernelBtfs.set(key, btf);
  return btf;
}

function blob(name: string): Uint8Array {
  const path = join(args.blobs ?? '', name.slice(0, 2), name);
  if (!existsSync(path)) throw new Error(`${path} is missing`);
  return new Uint8Array(readFileSync(path));
}

function* lines(path: string): Iterable<TruthLine> {
  for (const line of gunzipSync(readFileSync(path)).toString().split('\n')) {
    if (line) yield JSON.parse(line) as TruthLine;
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

main();
