/** vm.wasm as the host sees it. */
import { type Sandbox, startSandbox } from '../bpf/sandbox.ts';

/** Exports of vm/core/index.ts. u32 results arrive as signed numbers: use `>>> 0`. */
export interface CoreExports {
  readonly memory: WebAssembly.Memory;
  /** Functions that the core calls by number: translated programs. */
  readonly table: WebAssembly.Table;
  _initialize(): void;
  ramAlloc(size: number, align: number): number;
  ramFree(offset: number, size: number): void;
  privateAlloc(size: number, align: number): number;
  privateFree(offset: number, size: number): void;
  translate(address: bigint, length: number, write: number): number;
  isMapped(address: bigint, length: number): number;
  setAlias(address: bigint, offset: number): number;
  loadProgram(from: number, slots: number, flags: number): number;
  unloadProgram(program: number): void;
  insnAtSlot(program: number, slot: number): number;
  slotOf(program: number, insn: number): number;
  functionAddress(insn: number): bigint;
  functionAt(address: bigint): number;
  valueAround(map: bigint, at: number, size: number): number;
  cgroupStorageSize(map: bigint): number;
  keyOfValue(map: bigint, value: number): number;
  startRun(program: number, insn: number): void;
  markDepth(depth: number): void;
  resumeRun(budget: number): number;
  raiseFault(kind: number, address: bigint): void;
  resetRandom(): void;
  flushTrace(): void;
  /** Types of objects and values (vm/core/object-type.ts): told field by field, then given a number. */
  beginType(size: number): void;
  addTypeField(kind: number, offset: number, size: number, node: number): number;
  registerType(): number;
  /** Objects of programs that something owns. */
  liveObjects(): number;
}

/** What the core imports besides WASI. */
export interface KernelImports {
  /** Answers helper `id`; arguments and result stand in the state record (`bpf/abi.ts`). */
  helper(id: number): void;
  /** For a core whose memory is not its own: see memory-pool.ts. */
  readonly memory?: WebAssembly.Memory;
}

/** A running core. */
export type Core = Sandbox<CoreExports>;

/** Starts a core in a sandbox of its own. */
export function startCore(wasm: BufferSource | WebAssembly.Module, kernel: KernelImports): Promise<Core> {
  return startSandbox<CoreExports>(wasm, { kernel: { ...kernel } });
}
