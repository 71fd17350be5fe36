/** Starts a core (vm.wasm, verifier.wasm) inside @wasmer/wasi, under Node and in browsers. */
import { init, WASI } from '@wasmer/wasi';

/** A running core. */
export interface Sandbox<Exports> {
  readonly exports: Exports & WebAssembly.Exports;
  /** What the core wrote to its stdout since the last call. */
  takeStdout(): string;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

let initialised: Promise<void> | undefined;

/** A sandbox of its own: no files, no environment, no clock in use. `imports` is what is not WASI. */
export async function startSandbox<Exports extends { _initialize(): void }>(
  wasm: BufferSource | WebAssembly.Module,
  imports: WebAssembly.Imports = {},
): Promise<Sandbox<Exports>> {
  initialised ??= initWasi();
  await initialised;
  const module = wasm instanceof WebAssembly.Module ? wasm : await WebAssembly.compile(wasm);
  const wasi = new WASI({ args: [], env: {} });
  const instance = wasi.instantiate(module, imports);
  const exports = instance.exports as unknown as Exports & WebAssembly.Exports;
  exports._initialize();
  // what a core prints may hold any bytes: names of hostile objects, or a log cut inside of a character
  return { exports, takeStdout: () => decoder.decode(wasi.getStdoutBuffer()) };
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
