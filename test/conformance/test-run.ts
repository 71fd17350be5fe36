/**
 * Programs that a real kernel ran by BPF_PROG_TEST_RUN, and what it said: records of golden/test-run-*.jsonl.gz
 * (made by test-run-collect.ts), and one such program run here.
 */
import { Btf } from '../../bpf/btf.ts';
import { BtfWriter } from '../../bpf/btf-writer.ts';
import { InputError } from '../../bpf/input-error.ts';
import type { KernelServices } from '../../kernel-model/services.ts';
import type { MapDef, Program } from '../../loader/program.ts';
import { type RecordedPath, recordPath } from '../../session/claims/recorded-path.ts';
import type { VmMap } from '../../vm/maps.ts';
import { MapTable } from '../../vm/maps.ts';
import { resolveProgram } from '../../vm/resolve.ts';
import type { Vm } from '../../vm/vm.ts';

export interface RecordedMap {
  name: string;
  type: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags: number;
  extra: number;
  /** Locks, timers, ... in the value. */
  fields?: { offset: number; size: number; lock: boolean }[];
  /** Base64 */
  data?: string;
  frozen?: boolean;
  /** Index of the inner map's record. */
  inner?: number;
}

export interface RecordedRun {
  /** object/program */
  name: string;
  /** BPF_PROG_TYPE_* */
  type: number;
  /** Base64; kfunc calls and typed ksyms name `symbols[id - FIRST_SYMBOL]`. */
  insns: string;
  symbols: string[];
  maps: RecordedMap[];
  /** Return values of one run after another, each over the packet of the same number (hexadecimal). */
  retvals: number[];
  packets: string[];
  /** Hexadecimal values of array maps after the last run, by the map's name. */
  after: { [map: string]: string };
}

/** BTF id of the first name of `RecordedRun.symbols`, in the BTF that `symbolBtf` makes. */
export const FIRST_SYMBOL = 2;

/** BTF id of the value in what `valueBtf` makes. */
const VALUE_TYPE = 1;

/** A context outside the model: a program that touches it faults. */
export const NO_CONTEXT = 0xffff_8700_0000_0000n;
const SOCKET_FILTER = 1;
/** What a socket filter does not see of a packet. */
const ETHERNET_HEADER = 14;
const BUDGET = 200_000_000;

export type Outcome =
  | { kind: 'same' }
  | { kind: 'different'; what: string }
  /** It needs what is not modelled: its context, a helper, a kind of map. */
  | { kind: 'unavailable'; what: string };

/** Runs a recorded program without a context and compares. */
export function replay(vm: Vm, run: RecordedRun, services: KernelServices): Outcome {
  const table = new MapTable(vm);
  try {
    const maps = createMaps(table, run);
    const loaded = vm.load(resolve(vm, run, maps, services), { name: run.name });
    try {
      for (const [index, expected] of run.retvals.entries()) {
        const packet = putPacket(vm, run, index);
        const { status, retval, fault } = vm.run(loaded, NO_CONTEXT, { budget: BUDGET, packet });
        if (status === 'suspended') return { kind: 'different', what: 'does not end' };
        if (fault) return { kind: 'unavailable', what: fault.message };
        if (retval !== expected >>> 0) {
          return { kind: 'different', what: `run ${index} returns ${retval}, not ${expected >>> 0}` };
        }
      }
      return compareMaps(run, maps);
    } finally {
      vm.unload(loaded);
    }
  } catch (error) {
    if (error instanceof InputError) return { kind: 'unavailable', what: error.message };
    throw error;
  } finally {
    for (const map of table.all) table.destroy(map);
  }
}

/** The first run of a recorded program, step by step; undefined for one that needs what is not modelled. */
export function runRecorded(
  vm: Vm,
  run: RecordedRun,
  services: KernelServices,
  limit: number,
): RecordedPath | undefined {
  const table = new MapTable(vm);
  try {
    const loaded = vm.load(resolve(vm, run, createMaps(table, run), services), { name: run.name });
    try {
      const packet = putPacket(vm, run, 0);
      return recordPath(vm, loaded, NO_CONTEXT, { budget: BUDGET, packet }, limit).path;
    } finally {
      vm.unload(loaded);
    }
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  } finally {
    for (const map of table.all) table.destroy(map);
  }
}

function putPacket(vm: Vm, run: RecordedRun, index: number): { offset: number; length: number } {
  const bytes = Buffer.from(run.packets[index] ?? '', 'hex');
  const seen = run.type === SOCKET_FILTER ? bytes.subarray(ETHERNET_HEADER) : bytes;
  const offset = vm.ram.alloc(Math.max(seen.length, 1));
  new Uint8Array(vm.ram.buffer).set(seen, offset);
  return { offset, length: seen.length };
}

function createMaps(table: MapTable, run: RecordedRun): VmMap[] {
  const defs = run.maps.map((map): MapDef => {
    const inner = map.inner === undefined ? undefined : run.maps[map.inner];
    return { ...mapDef(map), ...(inner ? { inner: mapDef(inner) } : {}) };
  });
  return defs.map((def, i) => table.create(def, valueBtf(run.maps[i] as RecordedMap)));
}

function mapDef(map: RecordedMap): MapDef {
  return {
    name: map.name,
    type: map.type,
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: map.maxEntries,
    flags: map.flags,
    mapExtra: BigInt(map.extra),
    keyTypeId: 0,
    valueTypeId: map.fields ? VALUE_TYPE : 0,
    pinning: 0,
    numaNode: 0,
    section: '.maps',
    ...(map.data === undefined ? {} : { data: fromBase64(map.data) }),
    ...(map.frozen ? { frozen: true } : {}),
  };
}

/** BTF of a value with the recorded fields, the only ones that matter. */
function valueBtf({ fields, valueSize }: RecordedMap): Btf | undefined {
  if (!fields) return undefined;
  const writer = new BtfWriter();
  const value = writer.struct('value', valueSize);
  writer.define(
    value,
    fields.map(({ offset, size, lock }, i) => ({
      name: `field${i}`,
      type: writer.struct(lock ? 'bpf_spin_lock' : 'bpf_timer', size),
      bitOffset: offset * 8,
    })),
  );
  return Btf.parse(writer.bytes());
}

function resolve(vm: Vm, run: RecordedRun, maps: readonly VmMap[], services: KernelServices): Uint8Array {
  const writer = new BtfWriter();
  const proto = writer.funcProto(0, []);
  for (const name of run.symbols) writer.func(name, proto);
  const symbols = Btf.parse(writer.bytes());
  const program: Program = {
    name: run.name,
    section: '',
    type: run.type,
    expectedAttachType: 0,
    flags: 0,
    autoload: true,
    prepared: true,
    insns: fromBase64(run.insns),
    subprogs: [],
    funcInfo: [],
    lineInfo: [],
    missing: [],
  };
  return resolveProgram(program, {
    maps,
    services,
    moduleBtf: () => symbols,
    helpers: {},
    unmodelled: (name) => vm.numberUnmodelled(name),
  });
}

function compareMaps(run: RecordedRun, maps: readonly VmMap[]): Outcome {
  for (const [name, expected] of Object.entries(run.after)) {
    const index = run.maps.findIndex((map) => map.name === name);
    const map = maps[index];
    if (!map) continue;
    const found = map
      .dump()
      .map(({ value }) => value)
      .join('');
    if (found !== expected) return { kind: 'different', what: `map ${name} holds ${found}, not ${expected}` };
  }
  return { kind: 'same' };
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64'));
}
