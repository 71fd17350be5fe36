/** verifier.wasm as the host sees it. */
import { type Sandbox, startSandbox } from '../bpf/sandbox.ts';

/** Exports of verifier/core/index.ts. u32 results arrive as signed numbers: use `>>> 0`. */
export interface CoreExports {
  readonly memory: WebAssembly.Memory;
  _initialize(): void;
  /** Zeroed memory of the request, 0 when there is none left. */
  allocatePart(size: number): number;
  /** The same that stays for all requests. */
  allocateKept(size: number): number;
  /** errno that made the last call trap, 0 when it was a bug. */
  abandoned(): number;
  /** Indexes a BTF blob at an address; its Btf. `origin`: 0 vmlinux (kept), 1 module, 2 program. */
  openBtf(data: number, length: number, base: number, origin: number): number;
  setVmlinuxBtf(btf: number): void;
  beginRequest(): void;
  /** The result record's address. Traps where memory or patience end: `endAbandoned` has the record then. */
  verify(request: number): number;
  endAbandoned(): number;
  stackDepthOf(subprog: number): number;
  /** Facts about slots of an accepted request: pointer types of its access (bits by `Reg`), bytes of its new object. */
  pointersAt(slot: number): number;
  objectSizeAt(slot: number): number;
  objectTypeAt(slot: number): number;
  /** Where the object has its node that the call puts into a list or tree; -1 for any other call. */
  nodeOffsetAt(slot: number): number;
  /** Whether the helper is called for an object with a copy for each CPU. */
  isPercpuObjectAt(slot: number): number;
  /** `SubprogFact` bits. */
  subprogFacts(subprog: number): number;
}

export type Core = Sandbox<CoreExports>;

/** Starts the core in a sandbox of its own. */
export function startCore(wasm: BufferSource | WebAssembly.Module): Promise<Core> {
  return startSandbox<CoreExports>(wasm);
}
