/**
 * Programs that a real kernel ran by BPF_PROG_TEST_RUN, and what it said: records of golden/test-run-*.jsonl.gz
 * (made by test-run-collect.ts), and one such program run here.
 */
import { Btf } from '../../bpf/btf.ts';
import { BtfWriter } from '../../bpf/btf-writer.ts';
import { InputError } from '../../bpf/input-error.ts';
import { ObjectField } from '../../bpf/object-abi.ts';
import type { KernelServices } from '../../kernel-model/services.ts';
import type { MapDef, Program } from '../../loader/program.ts';
import { type RecordedPath, RecordingProgram } from '../../session/claims/recorded-path.ts';
import type { VmMap } from '../../vm/maps.ts';
import { MapTable } from '../../vm/maps.ts';
import { loadVmProgram, type VmProgram } from '../../vm/object.ts';
import { typeNumbers } from '../../vm/object-types.ts';
import type { Tier } from '../../vm/program.ts';
import { testRun } from '../../vm/test-run/test-run.ts';
import { specialFields } from '../../vm/value-fields.ts';
import type { Vm } from '../../vm/vm.ts';
import { arraySlots, sibling } from './test-run-arrays.ts';
import type { RecordedFacts, ValueType } from './test-run-facts.ts';

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
  /** Packet after the last run, hexadecimal: "" when it was as before, absent when it was not recorded. */
  out?: string;
}

/** BTF id of the first name of `RecordedRun.symbols`, in the BTF that `symbolBtf` makes. */
export const FIRST_SYMBOL = 2;

/** BTF id of the value in what `valueBtf` makes. */
const VALUE_TYPE = 1;

/** BPF_PROG_TYPE_TRACING, SYSCALL: what has no packet. */
const TRACING = 26;
const NO_PACKET = new Set([TRACING, 31]);
const BUDGET = 200_000_000;

export type Outcome =
  | { kind: 'same' }
  | { kind: 'different'; what: string }
  /** It needs what is not modelled: its context, a helper, a kind of map. */
  | { kind: 'unavailable'; what: string };

/** All recorded programs, what verifying them has found out, by name, and what they are to run in. */
export interface Recording {
  tier: Tier;
  runs: ReadonlyMap<string, RecordedRun>;
  facts: ReadonlyMap<string, RecordedFacts>;
}

/** Runs a recorded program over the packets that Linux ran it over, and compares. */
export function replay(vm: Vm, run: RecordedRun, services: KernelServices, recording: Recording): Outcome {
  const table = new MapTable(vm);
  try {
    const known = recording.facts.get(run.name);
    const maps = createMaps(table, run, known);
    const program = load(vm, run, maps, services, known, recording.tier);
    const others = fillArrays(vm, table, run, services, recording);
    try {
      return runAll(vm, run, program) ?? compareMaps(run, maps, known);
    } finally {
      for (const { loaded } of [program, ...others]) vm.unload(loaded);
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
  facts: RecordedFacts | undefined,
  limit: number,
): RecordedPath | undefined {
  const table = new MapTable(vm);
  try {
    const maps = createMaps(table, run, facts);
    const program = load(vm, run, maps, services, facts, 'interpreter');
    const recorder = new RecordingProgram(vm, program, limit);
    try {
      runAll(vm, { ...run, retvals: run.retvals.slice(0, 1) }, recorder);
      return recorder.paths[0];
    } finally {
      vm.unload(program.loaded);
    }
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  } finally {
    for (const map of table.all) table.destroy(map);
  }
}

/** Loads the programs that prog arrays hold from the start. */
function fillArrays(
  vm: Vm,
  table: MapTable,
  run: RecordedRun,
  services: KernelServices,
  { runs, facts, tier }: Recording,
): VmProgram[] {
  const loaded = new Map<string, VmProgram>();
  for (const { map: name, index, program } of arraySlots(run.name)) {
    const map = table.all.find((candidate) => candidate.name === name);
    const target = runs.get(sibling(run.name, program));
    if (!map || !target) continue;
    const known = loaded.get(program);
    // Programs of an object share its maps.
    const maps = target.maps.map(
      (def) => table.all.find((candidate) => candidate.name === def.name) ?? table.create(mapDef(def)),
    );
    const made = known ?? load(vm, target, maps, services, facts.get(target.name), tier);
    loaded.set(program, made);
    map.setProgram(index, made.loaded);
  }
  return [...loaded.values()];
}

/** What is not the same; undefined when everything is, but for the maps, which are still to be compared. */
function runAll(vm: Vm, run: RecordedRun, program: VmProgram): Outcome | undefined {
  let last = new Uint8Array(0);
  for (const [index, expected] of run.retvals.entries()) {
    const packet = Buffer.from(run.packets[index] ?? '', 'hex');
    const input = NO_PACKET.has(run.type) ? {} : { data: packet };
    const result = testRun(vm, program, { ...input, ...context(run.type), budget: BUDGET });
    const { status, retval, fault, errno, reason } = result;
    if (errno !== 0) return { kind: 'unavailable', what: reason };
    if (status === 'suspended') return { kind: 'different', what: 'does not end' };
    if (fault) return { kind: 'unavailable', what: fault.message };
    if (retval !== expected >>> 0) {
      return { kind: 'different', what: `run ${index} returns ${retval}, not ${expected >>> 0}` };
    }
    last = new Uint8Array(result.data);
  }
  if (run.out === undefined) return undefined;
  const expected = run.out || run.packets[run.packets.length - 1] || '';
  const found = Buffer.from(last).toString('hex');
  return found === expected ? undefined : { kind: 'different', what: `packet is ${found}, not ${expected}` };
}

/** Tracing programs are handed the arguments of the functions that a test run calls: none has side effects. */
function context(type: number): { context?: Uint8Array } {
  return type === TRACING ? { context: new Uint8Array(96) } : {};
}

function createMaps(table: MapTable, run: RecordedRun, facts: RecordedFacts | undefined): VmMap[] {
  return run.maps.map((map) => {
    const inner = map.inner === undefined ? undefined : run.maps[map.inner];
    const def = { ...mapDef(map), ...(inner ? { inner: mapDef(inner) } : {}) };
    const known = inner ? undefined : facts?.values.get(map.name);
    if (!known || !map.fields) return table.create(def, valueBtf(map));
    return table.create({ ...def, valueTypeId: known.typeId }, known.btf);
  });
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

function load(
  vm: Vm,
  run: RecordedRun,
  maps: readonly VmMap[],
  services: KernelServices,
  known: RecordedFacts | undefined,
  tier: Tier,
): VmProgram {
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
  const references = {
    maps,
    services,
    moduleBtf: () => symbols,
    helpers: {},
    objectTypes: typeNumbers(vm, known?.btf, services.btf),
    unmodelled: (name: string) => vm.numberUnmodelled(name),
  };
  return loadVmProgram(vm, program, references, { facts: known?.facts, tier });
}

function compareMaps(run: RecordedRun, maps: readonly VmMap[], facts: RecordedFacts | undefined): Outcome {
  for (const [name, expected] of Object.entries(run.after)) {
    const index = run.maps.findIndex((map) => map.name === name);
    const map = maps[index];
    if (!map) continue;
    const values = map
      .dump()
      .map(({ value }) => value)
      .join('');
    const type = facts?.values.get(name);
    const found = withoutAddresses(values, map, type);
    if (found !== withoutAddresses(expected, map, type))
      return { kind: 'different', what: `map ${name} holds ${found}, not ${expected}` };
  }
  return { kind: 'same' };
}

/** The head of a list is read as that of an empty one, which points to itself: to where Linux has put the copy. */
function withoutAddresses(values: string, map: VmMap, type: ValueType | undefined): string {
  const fields = type ? specialFields(type.btf, type.typeId) : [];
  const heads = fields.filter(({ kind }) => kind === ObjectField.ListHead);
  if (heads.length === 0) return values;
  const bytes = Buffer.from(values, 'hex');
  for (let at = 0; at < bytes.length; at += map.valueSize) {
    for (const { offset, size } of heads) maskAddress(bytes.subarray(at + offset, at + offset + size));
  }
  return bytes.toString('hex');
}

function maskAddress(head: Buffer): void {
  if (head.readBigUInt64LE(0) === head.readBigUInt64LE(8) && head.readBigUInt64LE(0) !== 0n) head.fill(0xff);
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'base64'));
}
