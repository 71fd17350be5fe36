/** What Linux answered to the loads of the 6.12 selftests: recorded/, made by import-recorded.mjs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';

export type Mode = 'priv' | 'unpriv';
/** Programs of verifier_*.c, of the other selftests, and the struct-style tests of the verifier. */
export type SetName = 'verifier' | 'others' | 'struct';

export interface RecordedMap {
  name: string;
  type: number;
  key: number;
  value: number;
  entries: number;
  flags: number;
  extra?: number;
  /** Index of the inner map's template among the maps of the load. */
  inner?: number;
  btf?: number;
  keyType?: number;
  valueType?: number;
  data?: number;
  frozen?: 1;
}

/** insns_processed, max_states_per_insn, total_states, peak_states, mark_read, stack depths ("8+0"). */
export type RecordedStats = [number, number, number, number, number, string];

/** One BPF_PROG_LOAD and its answer. Numbers of blobs are indices into `Archive.blobs`. */
export interface RecordedLoad {
  set: SetName;
  /** Object file without ".bpf.o". */
  object: string;
  /** Name of the program; of a struct-style test its description. */
  program: string;
  /** Number of a struct-style test. */
  index?: number;
  mode: Mode;
  /** Of a load with CAP_BPF and CAP_NET_ADMIN only. */
  caps?: string;
  /** Positive; 0 when accepted. */
  errno: number;
  /** Absent when the load was refused before the verifier. */
  stats?: RecordedStats;
  /** Messages that the selftest expects and that this kernel wrote, in order, and the log level they need. */
  messages?: string[];
  logLevel?: number;
  type: number;
  attach?: number;
  flags?: number;
  license: string;
  insns: number;
  funcInfo?: number;
  lineInfo?: number;
  btf?: number;
  attachId?: number;
  attachBtf?: string;
  kfuncBtfs?: (string | null)[];
  immBtfs?: string[];
  /** null: a file descriptor that is no map. */
  maps?: (RecordedMap | null)[];
}

export interface Archive {
  loads: RecordedLoad[];
  blobs: Uint8Array[];
  /** Split BTF of the modules that were loaded, by name. */
  modules: Map<string, Uint8Array>;
}

interface Index {
  /** Lengths in bytes, in the order in which they lie in the archive: blobs, then modules. */
  blobs: number[];
  modules: Record<string, number>;
}

/** Kernels whose answers are recorded. */
export type RecordedKernel = '6.12' | '6.1';

/** @param folder test/conformance/recorded. */
export function openArchive(folder: string, kernel: RecordedKernel = '6.12'): Archive {
  const { blobs, modules } = openBlobs(folder, kernel);
  const text = brotliDecompressSync(readFileSync(join(folder, `loads-${kernel}.jsonl.br`))).toString();
  const loads = text.split('\n').map((line) => JSON.parse(line) as RecordedLoad);
  return { loads, blobs, modules };
}

/** The binary part alone. */
export function openBlobs(
  folder: string,
  kernel: RecordedKernel = '6.12',
): Pick<Archive, 'blobs' | 'modules'> {
  const own = readBlobs(folder, kernel);
  if (kernel === '6.12') return own;
  // the loads of another kernel are for the most part made of the same blobs: it has only those that differ
  return { ...own, blobs: [...readBlobs(folder, '6.12').blobs, ...own.blobs] };
}

/** Split BTF of the modules that were loaded. */
export function openModules(folder: string, kernel: RecordedKernel): Archive['modules'] {
  return readBlobs(folder, kernel).modules;
}

function readBlobs(folder: string, kernel: RecordedKernel): Pick<Archive, 'blobs' | 'modules'> {
  const index = JSON.parse(readFileSync(join(folder, `index-${kernel}.json`), 'utf8')) as Index;
  const bytes = brotliDecompressSync(readFileSync(join(folder, `blobs-${kernel}.br`)));
  let at = 0;
  const take = (length: number) => {
    at += length;
    return new Uint8Array(bytes.subarray(at - length, at));
  };
  const blobs = index.blobs.map(take);
  const modules = new Map(Object.entries(index.modules).map(([name, length]) => [name, take(length)]));
  return { blobs, modules };
}

/** object/program/mode, as the lists of known failures have it. */
export function loadName(load: RecordedLoad): string {
  return `${load.object}/${load.index ?? load.program}/${load.mode}`;
}
