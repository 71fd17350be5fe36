/**
 * Compares a program as our loader prepares it with the BPF_PROG_LOAD input that libbpf made of the same
 * object, field by field.
 */
import { Btf } from '../../bpf/btf.ts';
import type { BpfObject, MapDef, Program } from '../../loader/index.ts';
import type { RecordedLoad, RecordedMap } from './archive.ts';

export interface Comparison {
  object: BpfObject;
  program: Program;
  truth: RecordedLoad;
  /** Those of the archive. */
  blobs: readonly Uint8Array[];
  /** Program flags that the recording test asked for in addition. */
  extraFlags: number;
  /** The recording loader gave the program a type that its section does not say. */
  typeGuessed: boolean;
}

/** Address of a symbol that stands for whatever address it had in the recorded kernel. */
export const ANY_ADDRESS = 0xdead_0000_beef_0000n;

const NOTHING = new Uint8Array(0);
const LD_IMM64 = 0x18;
/** Unnamed types that a reference is followed through. */
const MAX_DEPTH = 8;
const KFUNC_CALL = 0x85;
const MAP = 1;
const MAP_VALUE = 2;
const BTF_ID = 3;

/** Differences, each named by the field it is in; empty when all is equal. */
export function compareLoad(input: Comparison): string[] {
  const { object, program, truth, typeGuessed } = input;
  const differences: string[] = [];
  const check = (field: string, ours: unknown, theirs: unknown) => {
    if (ours !== theirs) differences.push(`${field}: ${String(ours)} instead of ${String(theirs)}`);
  };
  if (!typeGuessed) {
    check('type', program.type, truth.type);
    check('attach type', program.expectedAttachType, truth.attach ?? 0);
    check('attach btf id', program.attachTarget?.btfId ?? 0, truth.attachId ?? 0);
    check('attach module', program.attachTarget?.module ?? '', truth.attachBtf ?? '');
  }
  check('flags', program.flags | input.extraFlags, truth.flags ?? 0);
  check('license', object.license, truth.license);
  const maps = compareInsns(input, check);
  for (const [index, map] of maps.entries()) compareMap(input, index, map, check);
  compareDebugInfo(input, check);
  return differences;
}

type Check = (field: string, ours: unknown, theirs: unknown) => void;

/** Compares the code; the result is our maps in the order in which the code names them. */
function compareInsns({ object, program, truth, blobs }: Comparison, check: Check): (MapDef | undefined)[] {
  const theirs = blobs[truth.insns] ?? NOTHING;
  const ours = program.insns.slice();
  const view = new DataView(ours.buffer);
  const used: number[] = [];
  for (let at = 0; at + 8 <= ours.length; at += 8) {
    const code = ours[at];
    const source = (ours[at + 1] ?? 0) >>> 4;
    if (code === KFUNC_CALL && source === 2) {
      const module = view.getInt16(at + 2, true);
      const names = truth.kfuncBtfs ?? [''];
      const name = object.modules[module];
      view.setInt16(at + 2, module === 0 ? 0 : names.indexOf(name ?? '?'), true);
    }
    if (code !== LD_IMM64) continue;
    if (source === MAP || source === MAP_VALUE) {
      const map = view.getInt32(at + 4, true);
      if (!used.includes(map)) used.push(map); // a negative one is a file descriptor, which the recording has as null
      view.setInt32(at + 4, used.indexOf(map), true);
    } else if (source === BTF_ID) {
      const module = view.getInt32(at + 12, true);
      const place = (truth.immBtfs ?? []).indexOf(object.modules[module] ?? '?');
      view.setInt32(at + 12, module === 0 ? 0 : place + 1, true);
    } else if (isAnyAddress(view, at) && at + 16 <= theirs.length) {
      ours.set(theirs.subarray(at + 4, at + 8), at + 4);
      ours.set(theirs.subarray(at + 12, at + 16), at + 12);
    }
    at += 8;
  }
  check('insns', ours.length / 8, theirs.length / 8);
  for (let at = 0; at < Math.min(ours.length, theirs.length); at += 8) {
    const [mine, other] = [ours, theirs].map((code) => hex(code.subarray(at, at + 8)));
    if (mine === other) continue;
    check(`insn ${at / 8}`, mine, other);
    break;
  }
  return used.map((index) => object.maps[index]);
}

function isAnyAddress(view: DataView, at: number): boolean {
  const low = BigInt(view.getUint32(at + 4, true));
  return ((BigInt(view.getUint32(at + 12, true)) << 32n) | low) === ANY_ADDRESS;
}

function compareMap(input: Comparison, index: number, map: MapDef | undefined, check: Check): void {
  const other = input.truth.maps?.[index];
  const name = `map ${map?.name ?? other?.name}`;
  if (!other || !map) {
    check(name, map ? 'a map' : 'none', other ? 'a map' : 'none');
    return;
  }
  // Without BTF in the kernel, or when the kernel refuses the map with it, the map has no types.
  const types = other.btf !== undefined;
  check(`${name}: name`, map.name.slice(0, 15), other.name);
  check(`${name}: type`, map.type, other.type);
  check(`${name}: key size`, map.keySize, other.key);
  check(`${name}: value size`, map.valueSize, other.value);
  if (map.maxEntries !== 0) check(`${name}: entries`, map.maxEntries, other.entries);
  check(`${name}: flags`, map.flags, other.flags);
  check(`${name}: extra`, Number(map.mapExtra), other.extra ?? 0);
  check(`${name}: key type`, types ? map.keyTypeId : 0, other.keyType ?? 0);
  check(`${name}: value type`, types ? map.valueTypeId : 0, other.valueType ?? 0);
  check(`${name}: frozen`, map.frozen ?? false, other.frozen === 1);
  if (other.data !== undefined) {
    const data = map.data ?? new Uint8Array(map.valueSize);
    check(`${name}: data`, hex(data), hex(input.blobs[other.data] ?? NOTHING));
  }
  compareInner(input, name, map, other, check);
}

function compareInner(input: Comparison, name: string, map: MapDef, other: RecordedMap, check: Check): void {
  const inner = other.inner === undefined ? undefined : input.truth.maps?.[other.inner];
  if (!inner && !map.inner) return;
  if (!inner || !map.inner) {
    check(`${name}: inner map`, map.inner ? 'one' : 'none', inner ? 'one' : 'none');
    return;
  }
  compareMap(input, other.inner as number, map.inner, check);
}

/**
 * Types and strings are compared by what they say, not by offset: the recorded objects were compiled in another
 * directory, whose name stands among the strings.
 */
function compareDebugInfo({ object, program, truth, blobs }: Comparison, check: Check): void {
  const recordedBtf = truth.btf === undefined ? undefined : blobs[truth.btf];
  if (!recordedBtf || !object.btf) return;
  const theirs = Btf.parse(recordedBtf);
  compareTypes(describeTypes(object.btf), describeTypes(theirs), check);
  const funcs = program.funcInfo.flatMap(({ insn, typeId }) => [insn, typeId]);
  check('func info', funcs.join(' '), words(blobs[truth.funcInfo ?? -1]).join(' '));
  const lines = program.lineInfo.map(({ insn, fileNameOffset, lineOffset, line, column }) =>
    describeLine(object.btf as Btf, [insn, fileNameOffset, lineOffset, ((line << 10) | column) >>> 0]),
  );
  const recorded = words(blobs[truth.lineInfo ?? -1]);
  const others: string[] = [];
  for (let at = 0; at < recorded.length; at += 4) {
    others.push(describeLine(theirs, recorded.slice(at, at + 4)));
  }
  check('line info', lines.join('\n'), others.join('\n'));
}

function compareTypes(ours: string[], theirs: string[], check: Check): void {
  check('program BTF types', ours.length, theirs.length);
  const [mine, others] = [ours.toSorted(), theirs.toSorted()];
  const wrong = mine.findIndex((text, index) => text !== others[index]);
  if (wrong >= 0) check('program BTF', mine[wrong], others[wrong]);
}

/**
 * A line a type, with what is not empty of it. References are written as what they refer to, and ids are left
 * out: clang numbers forward declarations by where they lie in its memory, so they differ from build to build.
 */
function describeTypes(btf: Btf): string[] {
  return Array.from({ length: btf.typeCount - 1 }, (_, index) => {
    const { id: _id, ...type } = btf.type(index + 1);
    return JSON.stringify(type, (key, value) => {
      if (key === 'type' || key === 'index') return describeReference(btf, value, 0);
      if (typeof value === 'bigint') return String(value);
      return isEmpty(value) ? undefined : value;
    });
  });
}

function describeReference(btf: Btf, id: number, depth: number): string {
  const type = btf.type(id);
  if (type.name !== '' || depth === MAX_DEPTH) return `${type.kind} ${type.name}`;
  const parts = [...type.members, ...type.params].map((part) => `${part.name}:${btf.name(part.type)}`);
  return `${type.kind} ${type.size} ${type.count} {${parts}} > ${describeReference(btf, type.type, depth + 1)}`;
}

function isEmpty(value: unknown): boolean {
  return !value || (Array.isArray(value) && value.length === 0);
}

function describeLine(btf: Btf, [insn, file = 0, line = 0, position]: number[]): string {
  return `${insn} ${btf.string(file).split('/').at(-1)} ${position} ${btf.string(line)}`;
}

function words(bytes: Uint8Array | undefined): number[] {
  if (!bytes) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4, true));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
