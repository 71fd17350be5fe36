/**
 * Holds a run against the verifier: at every instruction that was executed, what the run had must be among what the
 * verifier allows for there. Anything else is a bug in the verifier (or in the vm): such a program would do what was
 * ruled out.
 *
 * The verifier follows the run's own path, without pruning: states that stand for others keep only what matters, and
 * what they say of the rest is no claim.
 */

import type { LoadRequest } from '../../verifier/load-request.ts';
import { Trace } from '../../verifier/trace/trace.ts';
import type { TraceFrame, TraceSlot, TraceState } from '../../verifier/trace/trace-state.ts';
import { Slot } from '../../verifier/types.ts';
import type { Verifier } from '../../verifier/verifier.ts';
import { type Anchors, registerMiss } from './concrete.ts';
import { REGISTERS, type RecordedPath } from './recorded-path.ts';

export interface ClaimMiss {
  /** Step of the run, and its instruction. */
  readonly step: number;
  readonly insn: number;
  /** What was not as claimed. */
  readonly what: string;
}

export interface ClaimReport {
  /** Steps that were compared. */
  readonly steps: number;
  /** Registers and stack slots that something was claimed of. */
  readonly claims: number;
  readonly misses: readonly ClaimMiss[];
}

/** Misses that are told; one is a bug already. */
const MOST_MISSES = 10;

/** @param request the load of the program that ran, accepted by this verifier. */
export function checkClaims(verifier: Verifier, request: LoadRequest, path: RecordedPath): ClaimReport {
  const { slots } = path;
  const verdict = verifier.verify({
    ...request,
    logLevel: 0,
    events: 'all',
    path: { insns: slots, registers: registersOf(path) },
  });
  const trace = new Trace(
    verdict.events ?? { bytes: new Uint8Array(0), lost: false },
    request.insns.length / 8,
  );
  const check = new Check(path);
  // Events that were too many have lost their beginning: what is left is compared.
  let step = verdict.pathSteps - 1;
  for (const at of trace.steps === 0 ? [] : trace.pathTo(trace.steps - 1).reverse()) {
    // A call whose callback has come back is looked at again, which is no step of the run.
    if (step < 0 || trace.insns[at] !== slots[step]) continue;
    check.step(step--, trace.stateAt(at));
  }
  if (verdict.pathSteps < slots.length) check.leftPath(verdict.pathSteps, verdict.message);
  return check.report();
}

function registersOf({ registers }: RecordedPath): Uint8Array {
  const bytes = new Uint8Array(registers.length * REGISTERS * 8);
  registers.forEach((values, i) => {
    bytes.set(new Uint8Array(values.buffer), i * REGISTERS * 8);
  });
  return bytes;
}

class Check {
  private readonly path: RecordedPath;
  private readonly misses: ClaimMiss[] = [];
  private steps = 0;
  private claims = 0;

  constructor(path: RecordedPath) {
    this.path = path;
  }

  report(): ClaimReport {
    const { steps, claims, misses } = this;
    return { steps, claims, misses: misses.sort((a, b) => a.step - b.step) };
  }

  step(step: number, state: TraceState): void {
    this.steps++;
    const frame = state.frames.at(-1);
    const depth = this.path.depths[step];
    if (frame === undefined || state.frames.length - 1 !== depth) {
      this.miss(step, `the run is in frame ${depth}, the verifier in ${state.frames.length - 1}`);
      return;
    }
    const anchors: Anchors = { context: this.path.context, stacks: this.framePointers(step, depth) };
    this.registers(step, frame, anchors);
    for (const slot of frame.slots) this.slot(step, slot, anchors);
  }

  /** The run went where the verifier says that no run goes. */
  leftPath(step: number, reason: string): void {
    this.miss(step, reason === '' ? 'no path of the verifier leads here' : `rejected here: ${reason}`);
  }

  private registers(step: number, { registers }: TraceFrame, anchors: Anchors): void {
    const values = this.path.registers[step] as BigUint64Array;
    for (const { name, state } of registers) {
      const value = values[Number(name.slice(1))] ?? 0n;
      this.claims++;
      const miss = registerMiss(state, value, anchors);
      if (miss) this.miss(step, `${name} is ${hex(value)}: ${miss}`);
    }
  }

  private slot(step: number, { name, bytes, state }: TraceSlot, anchors: Anchors): void {
    const stack = this.path.stacks[step] as Uint8Array;
    const at = stack.length - Number(name.slice('fp-'.length));
    this.claims++;
    // `bytes` begins with the highest address.
    bytes.forEach((kind, i) => {
      if (kind === Slot.Zero && stack[at + 7 - i] !== 0)
        this.miss(step, `${name} has a byte that is not zero`);
    });
    if (!bytes.every((kind) => kind === Slot.Spill)) return;
    const value = new DataView(stack.buffer, stack.byteOffset + at, 8).getBigUint64(0, true);
    const miss = registerMiss(state, value, anchors);
    if (miss) this.miss(step, `${name} is ${hex(value)}: ${miss}`);
  }

  /** r10 of the frames: each has 512 bytes below that of its caller. */
  private framePointers(step: number, depth: number): bigint[] {
    const own = this.path.registers[step]?.[10] ?? 0n;
    return Array.from({ length: depth + 1 }, (_, frame) => own + BigInt((depth - frame) * 512));
  }

  private miss(step: number, what: string): void {
    if (this.misses.length >= MOST_MISSES) return;
    this.misses.push({ step, insn: this.path.slots[step] ?? -1, what });
  }
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
