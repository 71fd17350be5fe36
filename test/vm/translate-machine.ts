/** Runs programs in both tiers over the same memory, for the tests of the translated tier. */
import { expect } from 'vitest';
import { Layout, State } from '../../bpf/abi.ts';
import { kernelAddress } from '../../bpf/address.ts';
import { assemble } from '../../bpf/asm.ts';
import { disassemble } from '../../bpf/disasm.ts';
import { Limit } from '../../bpf/isa.ts';
import { type LoadedProgram, MapTable, type ProgramOptions, type RunResult } from '../../vm/index.ts';
import { createVm } from '../../vm/node.ts';
import { mapDef } from './helper-rig.ts';

export const vm = await createVm();
export const maps = new MapTable(vm);
export const map = maps.create(mapDef({ name: 'values', type: 2 }));
const CONTEXT = vm.ram.alloc(65536, 4096);
const PACKET = vm.ram.alloc(4096, 4096);
/** Behind all that programs can reach by constant offsets. */
const END = vm.ram.alloc(65536, 4096) + 65536;

export interface Comparison {
  /** Memory that r1 points at. */
  block?: Uint8Array;
  packet?: Uint8Array;
  budget?: number;
  options?: ProgramOptions;
  /** For the message when the tiers differ. */
  name?: string;
  /** Runs in the translated tier: what leaves low memory again and again is translated anew. Default 1. */
  runs?: number;
}

/** What a run leaves behind. */
export interface Outcome extends RunResult {
  memory: Uint8Array;
  values: bigint[];
}

/** Loads a program for the translated tier. */
export function load(code: Uint8Array, options: ProgramOptions = {}): LoadedProgram {
  return vm.load(code, { tier: 'translated', ...options });
}

/**
 * Runs a program in both tiers: they must agree.
 * @returns the translated tier's outcome; undefined when it leaves the program to the interpreter
 */
export function compareTiers(code: Uint8Array, comparison: Comparison = {}): Outcome | undefined {
  const program = load(code, comparison.options);
  try {
    if (program.tier !== 'translated') return undefined;
    // Wild programs write anywhere: what they wrote must not be there for the next run.
    const low = new Uint8Array(vm.ram.buffer, Layout.LowStart, END - Layout.LowStart);
    const before = low.slice();
    const stacks = vm.ram.view.getUint32(State.Stacks, true) - Layout.LowStart;
    before.fill(0, stacks, stacks + Limit.Frames * Limit.Stack);
    const restore = () => new Uint8Array(vm.ram.buffer).set(before, Layout.LowStart);
    restore();
    const expected = outcome(comparison, (context, options) => {
      vm.start(program, [context], options);
      return vm.resume(comparison.budget);
    });
    for (let run = 1; ; run++) {
      restore();
      const actual = outcome(comparison, (context, options) => vm.run(program, context, options));
      expectSame(actual, expected, code, comparison.name ?? 'a program');
      if (run >= (comparison.runs ?? 1)) return actual;
    }
  } finally {
    vm.unload(program);
  }
}

export function compareText(text: string, comparison: Comparison = {}): Outcome | undefined {
  return compareTiers(assemble(text), comparison);
}

function outcome(
  { block = new Uint8Array(0), packet = new Uint8Array(0), budget }: Comparison,
  run: (context: bigint, options: Parameters<typeof vm.run>[2]) => RunResult,
): Outcome {
  new Uint8Array(vm.ram.buffer).set(block, CONTEXT);
  new Uint8Array(vm.ram.buffer).set(packet, PACKET);
  for (let key = 0; key < 4; key++) map.update(Uint8Array.of(key, 0, 0, 0), new Uint8Array(8));
  vm.core.exports.resetRandom();
  const result = run(kernelAddress(CONTEXT), {
    packet: { offset: PACKET, length: packet.length },
    ...(budget === undefined ? {} : { budget }),
  });
  const memory = new Uint8Array(vm.ram.buffer, CONTEXT, block.length).slice();
  return { ...result, memory, values: mapValues() };
}

function mapValues(): bigint[] {
  const view = vm.ram.view;
  const first = Number((map.valueAddress(0) as bigint) - kernelAddress(0));
  return [0, 1, 2, 3].map((key) => view.getBigUint64(first + 8 * key, true));
}

function expectSame(actual: Outcome, expected: Outcome, code: Uint8Array, name: string): void {
  // Beyond its budget a translated run may have gone on for a while.
  const part = ({ memory, values, ...rest }: Outcome) =>
    rest.status === 'suspended' ? rest : { ...rest, values, memory: Buffer.from(memory).toString('hex') };
  const difference = JSON.stringify(part(actual), print) !== JSON.stringify(part(expected), print);
  if (!difference) return;
  try {
    expect(part(actual)).toEqual(part(expected));
  } catch (error) {
    const listing = disassemble(code).map((line, at) => `${at}: ${line}`);
    throw new Error(`${name}: ${(error as Error).message}\n${listing.join('\n')}`);
  }
}

function print(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}` : value;
}
