/**
 * Runs small programs, for the ISA tests: what runs in the interpreter must run alike when it is translated, and do nothing
 * that the verifier has ruled out.
 */
import { expect } from 'vitest';
import { kernelAddress } from '../../bpf/address.ts';
import { assemble } from '../../bpf/asm.ts';
import { disassemble } from '../../bpf/disasm.ts';
import { checkClaims } from '../../session/claims/claim-check.ts';
import { recordPath } from '../../session/claims/recorded-path.ts';
import type { Fault, LoadedProgram, RunOptions, RunResult } from '../../vm/index.ts';
import { createVm } from '../../vm/node.ts';
import type { Tier } from '../../vm/program.ts';
import { createVerifier, requestOf } from '../verifier/support.ts';
import { interpret } from './isa-reference.ts';

const vm = await createVm();
const verifier = await createVerifier();

export interface IsaOptions {
  /** Memory that r1 points at; r2 is its length. */
  block?: Uint8Array;
  /** Packet for ld_abs and ld_ind. */
  packet?: Uint8Array;
  /** Instructions the run may execute. */
  budget?: number;
  /** Instructions to execute at a time, to stop and resume the run; by default all at once. */
  step?: number;
  probeLoads?: boolean;
  /** Only the interpreter runs it: the test is about how it works. */
  untranslated?: boolean;
  /** The translated tier may leave it to the interpreter: it ends nowhere, or calls what no register should hold. */
  malformed?: boolean;
}

export interface IsaRun {
  finished: boolean;
  r0: bigint;
  /** The block after the run. */
  memory: Uint8Array;
  fault: Fault | null;
  insns: number;
}

/** Runs a program to its end, a fault or the end of its budget: in both tiers, which must agree. */
export function runProgram(program: Uint8Array, options: IsaOptions = {}): IsaRun {
  const interpreted = runIn('interpreter', program, options);
  // Only the interpreter stops anywhere, and goes on from there.
  if (options.step || options.untranslated) return interpreted;
  expectClaims(program, options);
  const translated = runIn('translated', program, options);
  // Beyond its budget a translated run may have gone on for a while.
  const isCut = !interpreted.finished && interpreted.fault === null;
  expect(isCut ? { ...translated, memory: interpreted.memory } : translated).toEqual(interpreted);
  return interpreted;
}

function runIn(tier: Tier, program: Uint8Array, options: IsaOptions): IsaRun {
  const { block = new Uint8Array(0), packet } = options;
  const loaded = vm.load(program, { probeLoads: options.probeLoads ?? false, tier });
  if (!options.malformed) expect(loaded.tier).toBe(tier);
  const at = place(block);
  const packetAt = packet && place(packet);
  try {
    const { status, r0, fault, insns } = execute(loaded, kernelAddress(at), {
      args: [BigInt(block.length)],
      ...(packet && packetAt !== undefined ? { packet: { offset: packetAt, length: packet.length } } : {}),
      ...(options.budget === undefined ? {} : { budget: options.budget }),
      ...(options.step === undefined ? {} : { step: options.step }),
    });
    const memory = new Uint8Array(vm.ram.buffer, at, block.length).slice();
    return { finished: status === 'finished', r0, memory, fault, insns };
  } finally {
    vm.ram.free(at, Math.max(block.length, 1));
    if (packet && packetAt !== undefined) vm.ram.free(packetAt, Math.max(packet.length, 1));
    vm.unload(loaded);
  }
}

function execute(
  program: LoadedProgram,
  context: bigint,
  { step, ...options }: RunOptions & { step?: number },
): RunResult {
  if (step === undefined) return vm.run(program, context, options);
  let result = vm.run(program, context, { ...options, budget: step });
  while (result.status === 'suspended') result = vm.resume(step);
  return result;
}

/** Steps of a run that the verifier is asked about. */
const CLAIMED_STEPS = 3000;
const SYSCALL = 31;
const SLEEPABLE = 1 << 4;
/** Programs that have been held against the verifier, by their code. */
const claimed = new Set<string>();

/**
 * As a program over a context of its own, which is what r1 points at: where the verifier accepts it, the run may do nothing
 * that was ruled out. Each program once.
 */
function expectClaims(
  program: Uint8Array,
  { block = new Uint8Array(0), packet, probeLoads }: IsaOptions,
): void {
  const key = Buffer.from(program).toString('base64');
  if (packet || probeLoads || claimed.has(key)) return;
  claimed.add(key);
  const request = requestOf(program, { progType: SYSCALL, progFlags: SLEEPABLE, logLevel: 0 });
  if (!verifier.verify(request).accepted) return;
  const loaded = vm.load(program);
  const at = place(block);
  try {
    const { path } = recordPath(vm, loaded, kernelAddress(at), {}, CLAIMED_STEPS);
    expect(checkClaims(verifier, request, path).misses).toEqual([]);
  } finally {
    vm.ram.free(at, Math.max(block.length, 1));
    vm.unload(loaded);
  }
}

export function runText(text: string, options: IsaOptions = {}): IsaRun {
  return runProgram(assemble(text), options);
}

/** Runs a program in the interpreter and in the reference: same r0, same memory. */
export function expectAsReference(
  test: Pick<IsaOptions, 'block' | 'untranslated'> & ({ program: Uint8Array } | { text: string }),
): void {
  const program = 'program' in test ? test.program : assemble(test.text);
  const { block = new Uint8Array(0), untranslated = false } = test;
  const run = runProgram(program, { block, untranslated });
  const reference = interpret(program, block);
  const listing = () => disassemble(program).join('\n');
  if (!run.finished) expect.fail(`${run.fault?.message ?? 'out of budget'} in\n${listing()}`);
  if (run.r0 !== reference.r0) expect.fail(`r0 is ${run.r0}, not ${reference.r0}, after\n${listing()}`);
  const difference = run.memory.findIndex((byte, at) => byte !== reference.memory[at]);
  if (difference >= 0) expect.fail(`memory differs at ${difference} after\n${listing()}`);
}

function place(bytes: Uint8Array): number {
  const at = vm.ram.alloc(Math.max(bytes.length, 1), 16);
  new Uint8Array(vm.ram.buffer).set(bytes, at);
  return at;
}
