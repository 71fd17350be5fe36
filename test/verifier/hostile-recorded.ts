/** The recorded loads of test/conformance as load requests, with what Linux 6.12 answered to them. */
import { readFileSync } from 'node:fs';
import { brotliDecompressSync } from 'node:zlib';
import type { LoadRequest, MapInfo } from '../../verifier/index.ts';

/** All capabilities; those of a load with CAP_BPF and CAP_NET_ADMIN only. */
const ROOT = 15;
const BPF_AND_NET = 5;
const STATS_LOG = 4;

interface RecordedMap {
  name: string;
  type: number;
  key: number;
  value: number;
  entries: number;
  flags: number;
  extra?: number;
  inner?: number;
  btf?: number;
  keyType?: number;
  valueType?: number;
  data?: number;
  frozen?: number;
}

interface RecordedLoad {
  object: string;
  program: string;
  mode: string;
  type: number;
  attach?: number;
  flags?: number;
  license: string;
  caps?: number;
  errno: number;
  /** insns, max states per insn, total states, peak states, mark_read */
  stats: number[];
  insns: number;
  btf?: number;
  funcInfo?: number;
  lineInfo?: number;
  maps?: (RecordedMap | null)[];
  attachId?: number;
  attachBtf?: string;
  kfuncBtfs?: (string | null)[];
  immBtfs?: string[];
}

/** A load with Linux's answer. */
export interface Recorded {
  name: string;
  request: LoadRequest;
  errno: number;
  insnsProcessed: number;
}

export interface Archive {
  loads: Recorded[];
  /** Split BTF of modules by name. */
  modules: Map<string, Uint8Array>;
}

/** Every `step`-th recorded load. */
export function readArchive(step: number): Archive {
  const file = (name: string) => readFileSync(new URL(`../conformance/recorded/${name}`, import.meta.url));
  const index = JSON.parse(file('index-6.12.json').toString()) as {
    blobs: number[];
    modules: { [name: string]: number };
  };
  const bytes = brotliDecompressSync(file('blobs-6.12.br'));
  let at = 0;
  const take = (length: number) => {
    at += length;
    return new Uint8Array(bytes.subarray(at - length, at));
  };
  const blobs = index.blobs.map(take);
  const modules = new Map(Object.entries(index.modules).map(([name, length]) => [name, take(length)]));
  const lines = brotliDecompressSync(file('loads-6.12.jsonl.br')).toString().split('\n');
  const chosen = lines.filter((_, i) => i % step === 0);
  return { loads: chosen.map((line) => recorded(JSON.parse(line) as RecordedLoad, blobs)), modules };
}

function recorded(load: RecordedLoad, blobs: readonly Uint8Array[]): Recorded {
  return {
    name: `${load.object}/${load.program}@${load.mode}`,
    request: requestOf(load, blobs),
    errno: load.errno,
    insnsProcessed: load.stats[0] ?? 0,
  };
}

function requestOf(load: RecordedLoad, blobs: readonly Uint8Array[]): LoadRequest {
  const blob = (number: number | undefined) => blobs[number ?? -1] ?? new Uint8Array();
  const root = load.caps === undefined ? ROOT : BPF_AND_NET;
  return {
    insns: blob(load.insns),
    progType: load.type,
    expectedAttachType: load.attach ?? 0,
    progFlags: load.flags ?? 0,
    license: load.license,
    caps: load.mode === 'unpriv' ? 0 : root,
    logLevel: STATS_LOG,
    ...(load.btf === undefined ? {} : { progBtf: blob(load.btf) }),
    funcInfo: words(blob(load.funcInfo), 2).map(([insn = 0, typeId = 0]) => ({ insn, typeId })),
    lineInfo: words(blob(load.lineInfo), 4).map(
      ([insn = 0, fileNameOffset = 0, lineOffset = 0, place = 0]) => ({
        insn,
        fileNameOffset,
        lineOffset,
        line: place >>> 10,
        column: place & 1023,
      }),
    ),
    maps: (load.maps ?? []).map((map) => mapInfo(map, blob)),
    attachBtfId: load.attachId ?? 0,
    ...(load.attachBtf ? { attachBtf: load.attachBtf } : {}),
    ...(load.kfuncBtfs ? { kfuncBtfs: load.kfuncBtfs } : {}),
    ...(load.immBtfs ? { immBtfs: load.immBtfs } : {}),
  };
}

/** Little-endian records of `count` words each. */
function words(bytes: Uint8Array, count: number): number[][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / (4 * count)) }, (_, i) =>
    Array.from({ length: count }, (_, word) => view.getUint32(4 * (i * count + word), true)),
  );
}

function mapInfo(map: RecordedMap | null, blob: (number: number | undefined) => Uint8Array): MapInfo {
  return {
    name: map?.name ?? '',
    type: map?.type ?? 0,
    keySize: map?.key ?? 0,
    valueSize: map?.value ?? 0,
    maxEntries: map?.entries ?? 0,
    flags: map?.flags ?? 0,
    extra: BigInt(map?.extra ?? 0),
    ...(map?.inner === undefined ? {} : { inner: map.inner }),
    ...(map?.btf === undefined ? {} : { btf: blob(map.btf) }),
    keyTypeId: map?.keyType ?? 0,
    valueTypeId: map?.valueType ?? 0,
    ...(map?.data === undefined ? {} : { data: blob(map.data) }),
    frozen: map?.frozen === 1,
  };
}
