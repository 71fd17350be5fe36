/**
 * Machines that use the same memories one after another. Browsers set aside gigabytes of addresses for each memory
 * and let go of them late: some hundred machines in a row are more than they give.
 *
 * vm.wasm brings its own memory; here it is made to import one.
 */
import { Vm } from './vm.ts';

const HEADER = 8;
const IMPORTS = 2;
const MEMORIES = 5;
const KIND_MEMORY = 2;

interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

export class MemoryPool {
  private readonly module: Promise<WebAssembly.Module>;
  private readonly pages: number;
  private readonly free: WebAssembly.Memory[] = [];
  private readonly lent = new WeakMap<Vm, WebAssembly.Memory>();

  /** @param wasm vm.wasm */
  constructor(wasm: Uint8Array) {
    const { module, pages } = importingMemory(wasm);
    this.module = WebAssembly.compile(module);
    this.pages = pages;
  }

  /** A machine with empty memory. */
  async create(): Promise<Vm> {
    const memory = this.free.pop() ?? new WebAssembly.Memory({ initial: this.pages });
    const vm = await Vm.create({ wasm: await this.module, memory });
    this.lent.set(vm, memory);
    return vm;
  }

  /** The machine is not used any more. */
  release(vm: Vm): void {
    const memory = this.lent.get(vm);
    if (!memory) return;
    this.lent.delete(vm);
    new Uint8Array(memory.buffer).fill(0);
    this.free.push(memory);
  }
}

/** The module with its only memory imported as kernel.memory, and the pages that it asks for. */
function importingMemory(wasm: Uint8Array): { module: Uint8Array<ArrayBuffer>; pages: number } {
  const sections = sectionsOf(wasm);
  const memories = sections.find(({ id }) => id === MEMORIES)?.body;
  const imports = sections.find(({ id }) => id === IMPORTS)?.body;
  if (!memories || !imports || memories[0] !== 1) throw new Error('not one import section and one memory');
  const limits = memories.subarray(1);
  const { value: count, next } = readNumber(imports, 0);
  const names = ['kernel', 'memory'].flatMap((name) => [name.length, ...new TextEncoder().encode(name)]);
  const body = [...writeNumber(count + 1), ...imports.subarray(next), ...names, KIND_MEMORY, ...limits];
  const parts = sections
    .filter(({ id }) => id !== MEMORIES)
    .map(({ id, body: own }) => section(id, id === IMPORTS ? Uint8Array.from(body) : own));
  return { module: joined([wasm.subarray(0, HEADER), ...parts]), pages: readNumber(limits, 1).value };
}

function sectionsOf(wasm: Uint8Array): Section[] {
  const found: Section[] = [];
  for (let at = HEADER; at < wasm.length; ) {
    const { value: size, next } = readNumber(wasm, at + 1);
    found.push({ id: wasm[at] as number, body: wasm.subarray(next, next + size) });
    at = next + size;
  }
  return found;
}

function section(id: number, body: Uint8Array): Uint8Array {
  return joined([Uint8Array.of(id, ...writeNumber(body.length)), body]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** LEB128 */
function readNumber(bytes: Uint8Array, at: number): { value: number; next: number } {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] as number;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return { value, next: at };
  }
}

function writeNumber(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...writeNumber(value >>> 7)];
}
