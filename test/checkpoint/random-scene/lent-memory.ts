/**
 * Machines whose memory is used again: each is 72 MB at least, mostly untouched, and a thousand of them keep the garbage
 * collector busier than the machines are. vm.wasm brings its own memory; here it is made to import one.
 */
import { readFileSync } from 'node:fs';
import { openProfile } from '../../../kernel-model/profile-node.ts';
import type { ParsedScene } from '../../../kernel-model/scene/index.ts';
import { Session } from '../../../session/session.ts';
import { Vm } from '../../../vm/index.ts';

const HEADER = 8;
const IMPORTS = 2;
const MEMORIES = 5;
const KIND_MEMORY = 2;

interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

/** The module with its only memory imported as kernel.memory, and the pages that it asks for. */
export function importingMemory(wasm: Uint8Array): { module: Uint8Array; pages: number } {
  const sections = sectionsOf(wasm);
  const memories = sections.find(({ id }) => id === MEMORIES)?.body;
  const imports = sections.find(({ id }) => id === IMPORTS)?.body;
  if (!memories || !imports || memories[0] !== 1) throw new Error('not one import section and one memory');
  const limits = memories.subarray(1);
  const { value: count, next } = readNumber(imports, 0);
  const names = ['kernel', 'memory'].flatMap((name) => [name.length, ...Buffer.from(name)]);
  const body = [...writeNumber(count + 1), ...imports.subarray(next), ...names, KIND_MEMORY, ...limits];
  const parts = sections
    .filter(({ id }) => id !== MEMORIES)
    .map(({ id, body: own }) => (id === IMPORTS ? section(id, Uint8Array.from(body)) : section(id, own)));
  return {
    module: Buffer.concat([wasm.subarray(0, HEADER), ...parts]),
    pages: readNumber(limits, 1).value,
  };
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
  return Buffer.concat([Uint8Array.of(id, ...writeNumber(body.length)), body]);
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

let compiled: { readonly module: WebAssembly.Module; readonly pages: number } | undefined;
const free: WebAssembly.Memory[] = [];
const lent = new WeakMap<Session, WebAssembly.Memory>();

/** A session whose memory can be given back. */
export async function openLent(scene: ParsedScene, kernel: string): Promise<Session> {
  compiled ??= compile();
  const { module, pages } = compiled;
  const memory = free.pop() ?? new WebAssembly.Memory({ initial: pages });
  const session = new Session(await Vm.create({ wasm: module, memory }), openProfile(kernel), scene);
  lent.set(session, memory);
  return session;
}

/** The session is not used any more. */
export function giveBack(session: Session): void {
  const memory = lent.get(session);
  if (!memory) return;
  lent.delete(session);
  new Uint8Array(memory.buffer).fill(0);
  free.push(memory);
}

function compile() {
  const { module, pages } = importingMemory(readFileSync(new URL('../../../build/vm.wasm', import.meta.url)));
  return { module: new WebAssembly.Module(module as BufferSource), pages };
}
