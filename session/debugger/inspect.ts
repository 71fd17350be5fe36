/** Looks into a session whose program stands still: frames, what registers point at, memory by type, and maps. */
import type { Btf } from '../../bpf/btf.ts';
import { InputError } from '../../bpf/input-error.ts';
import type { BpfObject } from '../../loader/index.ts';
import { defaultName } from '../../vm/fault.ts';
import type { VmMap, VmProgram } from '../../vm/index.ts';
import type { Session } from '../session.ts';
import { type AddressName, AddressNames } from './address-names.ts';
import { findType } from './type-name.ts';
import { hex, type TypedValue, ValueReader } from './typed-value.ts';

/** Bytes of a frame's stack. */
export const STACK_SIZE = 512;
/** Entries of a map that are shown. */
const MOST_ENTRIES = 100;
const PER_CPU = new Set([5, 6, 10]);

/** Memory that the user wants to see. */
export interface Watch {
  /** "r6", "fp-16", "0xffff888004000000", "r1 + 8", "ctx" (the program's argument). */
  readonly address: string;
  /** "struct io_ring_ctx", "u32", "char[64]" */
  readonly type: string;
}

/** What is to be found out about a step. */
export interface Query {
  readonly watches: readonly Watch[];
  /** Paths of values that are open. */
  readonly open: readonly string[];
}

export interface Inspection {
  /** What r0..r10 point at. */
  readonly registers: readonly (PointedAt | undefined)[];
  /** The current frame is the last one. */
  readonly frames: readonly FrameView[];
  /** In the order of the query. */
  readonly watches: readonly WatchView[];
  readonly maps: readonly MapView[];
}

export interface PointedAt {
  readonly text: string;
  /** Where an object begins that it points into, and its type: what a watch of it takes. */
  readonly watch?: Watch;
}

export interface FrameView {
  readonly name: string;
  /** Instruction it stands at, or goes on with. */
  readonly slot: number;
  /** The helper that has called it back. */
  readonly calledBy?: string;
  /** r10 */
  readonly pointer: string;
  /** STACK_SIZE bytes below it. */
  readonly stack: Uint8Array;
  /** What the words in it point at, by their distance below r10. */
  readonly words: readonly { readonly below: number; readonly text: string }[];
}

export type WatchView = Watch & ({ readonly value: TypedValue } | { readonly error: string });

export interface MapView {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly count: number;
  /** Named after their keys; the first ones only. */
  readonly entries: readonly TypedValue[];
  readonly more: boolean;
}

export interface Standing {
  readonly session: Session;
  readonly object: BpfObject;
  readonly program: VmProgram;
  /** The program's argument. */
  readonly context: bigint;
}

export function inspect(standing: Standing, query: Query): Inspection {
  return new Inspector(standing, query).all();
}

class Inspector {
  private readonly at: Standing;
  private readonly query: Query;
  private readonly names: AddressNames;
  private readonly registers: readonly bigint[];
  private readonly open: ReadonlySet<string>;

  constructor(at: Standing, query: Query) {
    this.at = at;
    this.query = query;
    const { vm } = at.session;
    this.registers = vm.registers();
    const top = vm.callers()[0]?.stack ?? (this.registers[10] as bigint);
    this.names = new AddressNames(at.session, top);
    this.open = new Set(query.open);
  }

  all(): Inspection {
    return {
      registers: this.registers.map((value) => this.pointedAt(value)),
      frames: this.frames(),
      watches: this.query.watches.map((watch) => this.watch(watch)),
      maps: this.maps(),
    };
  }

  private pointedAt(value: bigint): PointedAt | undefined {
    const name = this.names.of(value);
    return name && { text: name.text, ...watchOf(name) };
  }

  private frames(): FrameView[] {
    const { vm } = this.at.session;
    const callers = vm.callers();
    const current = { pc: vm.pc, stack: this.registers[10] as bigint, helper: 0 };
    return [...callers, current].map(({ pc, stack: pointer }, index) => {
      const by = callers[index - 1]?.helper ?? 0;
      const stack = vm.ram.read(pointer - BigInt(STACK_SIZE), STACK_SIZE) ?? new Uint8Array(STACK_SIZE);
      return {
        name: this.functionAt(pc),
        slot: pc,
        ...(by === 0 ? {} : { calledBy: defaultName(by) }),
        pointer: hex(pointer),
        stack,
        words: this.words(stack),
      };
    });
  }

  private words(stack: Uint8Array): FrameView['words'] {
    const view = new DataView(stack.buffer, stack.byteOffset, stack.byteLength);
    const found: { below: number; text: string }[] = [];
    for (let at = 0; at < STACK_SIZE; at += 8) {
      const text = this.names.text(view.getBigUint64(at, true));
      if (text) found.push({ below: STACK_SIZE - at, text });
    }
    return found;
  }

  private functionAt(slot: number): string {
    const { source } = this.at.program;
    return source.subprogs.findLast(({ start }) => start <= slot)?.name ?? source.name;
  }

  private watch(watch: Watch): WatchView {
    try {
      const { btf, typeId, count } = findType(this.types(), watch.type);
      const address = this.address(watch.address);
      const reader = this.reader(btf);
      return {
        ...watch,
        value: reader.read(watch.address, `${watch.address}:${watch.type}`, typeId, address, count),
      };
    } catch (error) {
      if (error instanceof InputError) return { ...watch, error: error.message };
      throw error;
    }
  }

  /** @throws {InputError} */
  private address(text: string): bigint {
    const [, base = '', sign, offset] = /^\s*(\w+)\s*(?:([+-])\s*(\w+))?\s*$/.exec(text) ?? [];
    const distance = offset === undefined ? 0n : number(offset);
    return BigInt.asUintN(64, this.base(base, text) + (sign === '-' ? -distance : distance));
  }

  private base(text: string, whole: string): bigint {
    if (text === 'ctx') return this.at.context;
    if (text === 'fp') return this.registers[10] as bigint;
    const register = /^r(\d+)$/.exec(text)?.[1];
    if (register !== undefined) {
      const value = this.registers[Number(register)];
      if (value === undefined) throw new InputError(`there is no register r${register}`);
      return value;
    }
    const symbol = /^[a-zA-Z_]/.test(text) ? this.at.session.machine.symbolAddress(text) : undefined;
    if (symbol !== undefined) return symbol;
    if (!/^\d/.test(text))
      throw new InputError(`"${whole}" is no address: write r6, fp-16, ctx or 0xffff888004000000`);
    return number(text);
  }

  private types(): readonly (Btf | undefined)[] {
    return [this.at.session.machine.btf, this.at.object.btf];
  }

  private reader(btf: Btf): ValueReader {
    const { ram } = this.at.session.vm;
    return new ValueReader(btf, {
      read: (address, length) => ram.read(address, length),
      describe: (address) => this.names.text(address),
      open: this.open,
    });
  }

  private maps(): MapView[] {
    const defs = new Map(this.at.object.maps.map((def) => [def.name.slice(0, 15), def]));
    return this.at.session.maps.all.map((map) => {
      const def = defs.get(map.name);
      const entries = this.entries(map, def?.keyTypeId ?? 0, def?.valueTypeId ?? 0);
      const { name, type, keySize, valueSize, maxEntries, count } = map;
      return { name, type, keySize, valueSize, maxEntries, count, ...entries };
    });
  }

  private entries(map: VmMap, keyType: number, valueType: number): Pick<MapView, 'entries' | 'more'> {
    const entries: TypedValue[] = [];
    for (const { key, value } of map.entries()) {
      if (entries.length === MOST_ENTRIES) return { entries, more: true };
      const path = `map:${map.name}:${entries.length}`;
      const name = this.keyText(map, keyType, key);
      entries.push(
        PER_CPU.has(map.type)
          ? this.perCpu(map, name, path, valueType, value)
          : this.value(map, name, path, valueType, value),
      );
    }
    return { entries, more: false };
  }

  private keyText(map: VmMap, type: number, address: bigint): string {
    const { btf } = this.at.object;
    if (btf && type !== 0) {
      const { value } = this.reader(btf).read('', '', type, address);
      if (value !== '{…}') return value;
    }
    const bytes = this.at.session.vm.ram.read(address, map.keySize) ?? new Uint8Array();
    if (map.keySize > 8) return bytesText(bytes);
    return hexOrNumber(bytes);
  }

  private value(map: VmMap, name: string, path: string, type: number, address: bigint): TypedValue {
    const { btf } = this.at.object;
    if (btf && type !== 0) return this.reader(btf).read(name, path, type, address);
    const bytes = this.at.session.vm.ram.read(address, Math.min(map.valueSize, 64)) ?? new Uint8Array();
    const value = map.valueSize > 8 ? bytesText(bytes) : hexOrNumber(bytes);
    return { name, type: `${map.valueSize} bytes`, value, address: hex(address), path, opens: false };
  }

  private perCpu(map: VmMap, name: string, path: string, type: number, address: bigint): TypedValue {
    const stride = BigInt(Math.ceil(map.valueSize / 8) * 8);
    const { cpus } = this.at.session.maps;
    const children = () =>
      Array.from({ length: cpus }, (_, cpu) =>
        this.value(map, `CPU ${cpu}`, `${path}.${cpu}`, type, address + stride * BigInt(cpu)),
      );
    const closed = {
      name,
      type: 'per CPU',
      value: `${cpus} values`,
      address: hex(address),
      path,
      opens: true,
    };
    return this.open.has(path) ? { ...closed, children: children() } : closed;
  }
}

function watchOf({ type, base }: AddressName): { watch?: Watch } {
  return type === undefined || base === undefined ? {} : { watch: { address: hex(base), type } };
}

/** @throws {InputError} */
function number(text: string): bigint {
  if (!/^(0x[0-9a-fA-F]{1,16}|\d{1,20})$/.test(text)) throw new InputError(`"${text}" is no number`);
  return BigInt(text);
}

function bytesText(bytes: Uint8Array): string {
  const shown = [...bytes.subarray(0, 32)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return bytes.length > 32 ? `${shown} …` : shown;
}

function hexOrNumber(bytes: Uint8Array): string {
  let value = 0n;
  for (const byte of [...bytes].reverse()) value = (value << 8n) | BigInt(byte);
  return value > 9n ? `${value} (${hex(value)})` : String(value);
}
