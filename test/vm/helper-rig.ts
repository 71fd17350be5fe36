/** A vm with maps and a small kernel, for tests that call helpers as a program would. */
import { FaultKind, State } from '../../bpf/abi.ts';
import { kernelAddress } from '../../bpf/address.ts';
import { Btf } from '../../bpf/btf.ts';
import { BtfWriter } from '../../bpf/btf-writer.ts';
import type { KernelServices } from '../../kernel-model/services.ts';
import type { MapDef } from '../../loader/program.ts';
import { readFault } from '../../vm/fault.ts';
import { installHelpers } from '../../vm/helpers/index.ts';
import { MapTable, type MapTableOptions, type VmMap } from '../../vm/maps.ts';
import { createVm } from '../../vm/node.ts';
import type { Vm } from '../../vm/vm.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** User memory of the only task: one page at this address. */
export const USER_PAGE = 0x7f00_0000_0000n;
/** "kernel_clone" stands here and is 0x100 bytes long. */
export const SYMBOL = 0xffff_ffff_8100_0000n;

/** A kernel of a few structs, in place of the whole model. */
export class TestKernel implements KernelServices {
  readonly btf: Btf;
  readonly userPage = new Uint8Array(4096);
  now = 12_345_678_901n;
  task = 0n;
  tasks = new Map<number, bigint>();
  paths = new Map<bigint, string | number>();
  vmas = new Map<bigint, bigint | number>();
  symbols = new Map<string, bigint>([['kernel_clone', SYMBOL]]);

  constructor(btf: Btf = testBtf()) {
    this.btf = btf;
  }

  currentTask(): bigint {
    return this.task;
  }

  taskOf(pid: number): bigint {
    return this.tasks.get(pid) ?? 0n;
  }

  dPath(path: bigint): string | number {
    return this.paths.get(path) ?? -14;
  }

  readUser(_task: bigint, address: bigint, length: number): Uint8Array | null {
    const at = Number(address - USER_PAGE);
    return at >= 0 && at + length <= 4096 ? this.userPage.slice(at, at + length) : null;
  }

  writeUser(_task: bigint, address: bigint, bytes: Uint8Array): boolean {
    const at = Number(address - USER_PAGE);
    if (at < 0 || at + bytes.length > 4096) return false;
    this.userPage.set(bytes, at);
    return true;
  }

  findVma(_task: bigint, address: bigint): bigint | number {
    return this.vmas.get(address) ?? 0n;
  }

  symbolAddress(name: string): bigint | undefined {
    return this.symbols.get(name);
  }

  symbolAt(address: bigint): { name: string; offset: bigint; size: bigint } | undefined {
    const offset = address - SYMBOL;
    return offset >= 0n && offset < 0x100n ? { name: 'kernel_clone', offset, size: 0x100n } : undefined;
  }

  ktime(): bigint {
    return this.now;
  }
}

/** seq_file, task_struct and cred as small as they can be. */
export function testBtf(more: (writer: BtfWriter) => void = () => {}): Btf {
  const writer = new BtfWriter();
  const int = writer.int('int', 4, 1);
  const u32 = writer.int('unsigned int', 4);
  const u64 = writer.int('unsigned long', 8);
  const char = writer.int('char', 1, 1);
  const cred = writer.struct('cred', 8, [
    { name: 'uid', type: u32, bitOffset: 0 },
    { name: 'gid', type: u32, bitOffset: 32 },
  ]);
  const bytes = writer.pointer(char);
  writer.struct('seq_file', 40, [
    { name: 'pad', type: u64, bitOffset: 0 },
    { name: 'buf', type: bytes, bitOffset: 64 },
    { name: 'size', type: u64, bitOffset: 128 },
    { name: 'from', type: u64, bitOffset: 192 },
    { name: 'count', type: u64, bitOffset: 256 },
  ]);
  writer.struct('task_struct', 40, [
    { name: 'pid', type: int, bitOffset: 0 },
    { name: 'tgid', type: int, bitOffset: 32 },
    { name: 'cred', type: writer.pointer(cred), bitOffset: 64 },
    { name: 'comm', type: writer.array(char, u32, 16), bitOffset: 128 },
    { name: 'stack', type: writer.pointer(0), bitOffset: 256 },
  ]);
  writer.struct('pt_regs', 168, [{ name: 'ip', type: u64, bitOffset: 128 }]);
  more(writer);
  return Btf.parse(writer.bytes());
}

/** The first fault of the calls made so far, which ends them as it would end a run. */
export class HelperFault extends Error {
  override readonly name = 'HelperFault';
  readonly kind: string;

  constructor(kind: string, message: string) {
    super(message);
    this.kind = kind;
  }
}

export class Rig {
  readonly vm: Vm;
  readonly maps: MapTable;
  readonly kernel: TestKernel;

  constructor(vm: Vm, kernel: TestKernel, options: MapTableOptions) {
    this.vm = vm;
    this.kernel = kernel;
    this.maps = new MapTable(vm, options);
    installHelpers(vm, kernel, this.maps);
  }

  static async create(kernel = new TestKernel(), options: MapTableOptions = {}): Promise<Rig> {
    return new Rig(await createVm(), kernel, options);
  }

  /** r0 of a helper, signed. @throws {HelperFault} when it raises a fault. */
  call(id: number, ...args: (bigint | number)[]): bigint {
    const { exports } = this.vm.core;
    const call = exports.callHelper as (id: number, ...args: bigint[]) => bigint;
    const { view } = this.vm.ram;
    view.setUint32(State.FaultKind, FaultKind.None, true);
    view.setUint32(State.Attention, 0, true);
    const words = Array.from({ length: 5 }, (_, i) => BigInt(args[i] ?? 0));
    const result = call(id, ...words);
    if (this.vm.ram.view.getUint32(State.FaultKind, true) !== FaultKind.None) {
      const fault = readFault(this.vm.ram.view);
      throw new HelperFault(fault.kind, fault.message);
    }
    return BigInt.asIntN(64, result);
  }

  /** As `call`, unsigned: addresses. */
  pointer(id: number, ...args: (bigint | number)[]): bigint {
    return BigInt.asUintN(64, this.call(id, ...args));
  }

  /** Kernel address of new memory. */
  alloc(size: number, align = 8): bigint {
    return kernelAddress(this.vm.ram.alloc(size, align));
  }

  /** Kernel address of a copy of bytes, or of text with a NUL. */
  put(content: Uint8Array | string): bigint {
    const bytes = typeof content === 'string' ? encoder.encode(`${content}\0`) : content;
    const address = this.alloc(Math.max(bytes.length, 1));
    this.vm.ram.write(address, bytes);
    return address;
  }

  /** Kernel address of u64 words. */
  words(...values: (bigint | number)[]): bigint {
    return this.put(new Uint8Array(BigUint64Array.from(values.map((value) => asU64(value))).buffer));
  }

  read(address: bigint, length: number): Uint8Array {
    const bytes = this.vm.ram.read(address, length);
    if (bytes === null) throw new Error(`0x${address.toString(16)} is not mapped`);
    return bytes;
  }

  u32(address: bigint): number {
    const bytes = this.read(address, 4);
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  }

  u64(address: bigint): bigint {
    const bytes = this.read(address, 8);
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  }

  text(address: bigint, length: number): string {
    return decoder.decode(this.read(address, length));
  }

  /** A seq_file with an empty buffer of `size` bytes. */
  seqFile(size: number): bigint {
    const seq = this.alloc(40);
    this.vm.ram.write(seq + 8n, new Uint8Array(BigUint64Array.of(this.alloc(size), BigInt(size)).buffer));
    return seq;
  }

  /** What a seq_file holds, and whether it has overflowed. */
  seqText(seq: bigint): string {
    return this.text(this.u64(seq + 8n), Number(this.u64(seq + 32n)));
  }

  overflowed(seq: bigint): boolean {
    return this.u64(seq + 16n) === this.u64(seq + 32n);
  }

  /** Creates a map of 4-byte keys and 8-byte values unless told otherwise. */
  map(def: Partial<MapDef> & { type: number }): VmMap {
    return this.maps.create(mapDef(def));
  }
}

export function mapDef(def: Partial<MapDef> & { type: number }): MapDef {
  return {
    name: 'm',
    keySize: 4,
    valueSize: 8,
    maxEntries: 4,
    flags: 0,
    mapExtra: 0n,
    keyTypeId: 0,
    valueTypeId: 0,
    pinning: 0,
    numaNode: 0,
    section: '.maps',
    ...def,
  };
}

export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

export function u64(...values: (bigint | number)[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values.map(asU64)).buffer);
}

function asU64(value: bigint | number): bigint {
  return BigInt.asUintN(64, BigInt(value));
}
