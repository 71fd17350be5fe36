/** vm.wasm as the host sees it, and its start inside @wasmer/wasi (Node and browsers). */
import { init, WASI } from '@wasmer/wasi';

/** Exports of vm/core/index.ts. u32 results arrive as signed numbers: use `>>> 0`. */
export interface CoreExports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  ramAlloc(size: number, align: number): number;
  ramFree(offset: number, size: number): void;
  privateAlloc(size: number, align: number): number;
  privateFree(offset: number, size: number): void;
  translate(address: bigint, length: number, write: number): number;
  isMapped(address: bigint, length: number): number;
  loadProgram(from: number, slots: number, flags: number): number;
  unloadProgram(program: number): void;
  insnAtSlot(program: number, slot: number): number;
  slotOf(program: number, insn: number): number;
  functionAddress(insn: number): bigint;
  startRun(program: number, insn: number): void;
  resumeRun(budget: number): number;
  raiseFault(kind: number, address: bigint): void;
  flushTrace(): void;
}

/** What the core imports besides WASI. */
export interface KernelImports {
  /** Answers helper `id`; arguments and result stand in the state record (`bpf/abi.ts`). */
  helper(id: number): void;
}

/** A running core. */
export interface Core {
  readonly exports: CoreExports & WebAssembly.Exports;
  /** What the core wrote to its stdout since the last call. */
  takeStdout(): string;
}

let initialised: Promise<void> | undefined;

/** Starts a core in a sandbox of its own: no files, no environment, no clock in use. */
export async function startCore(
  wasm: BufferSource | WebAssembly.Module,
  kernel: KernelImports,
): Promise<Core> {
  initialised ??= initWasi();
  await initialised;
  const module = wasm instanceof WebAssembly.Module ? wasm : await WebAssembly.compile(wasm);
  const wasi = new WASI({ args: [], env: {} });
  const instance = wasi.instantiate(module, { kernel });
  const exports = instance.exports as unknown as CoreExports & WebAssembly.Exports;
  exports._initialize();
  return { exports, takeStdout: () => wasi.getStdoutString() };
}

/** @wasmer/wasi unpacks itself through Node's Buffer: elsewhere it gets a stand-in for that long. */
async function initWasi(): Promise<void> {
  const scope = globalThis as { Buffer?: unknown };
  if (scope.Buffer !== undefined) return init();
  scope.Buffer = { from: (text: string) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0)) };
  try {
    await init();
  } finally {
    delete scope.Buffer;
  }
}
