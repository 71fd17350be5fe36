/** BPF_PROG_TEST_RUN: a verified program over a packet or a context that the caller gives. */
import { readInsns } from '../../bpf/decode.ts';
import { Errno } from '../../bpf/errno.ts';
import { InputError } from '../../bpf/input-error.ts';
import { Size } from '../../bpf/isa.ts';
import { ProgType } from '../../loader/prog-type.ts';
import { contextLayout, SKB_TYPES } from '../context/rewrite.ts';
import { type Settled, settle } from '../deferred/index.ts';
import type { Fault } from '../fault.ts';
import type { VmProgram } from '../object.ts';
import type { RunResult, Vm } from '../vm.ts';
import { openFlow } from './flow-context.ts';
import { openLookup } from './lookup-context.ts';
import { isRawType, openRaw } from './raw-context.ts';
import { openSkb } from './skb-context.ts';
import {
  NO_OUTPUT,
  type TestContext,
  type TestInput,
  type TestOutput,
  TestRunError,
} from './test-context.ts';
import { openXdp } from './xdp-context.ts';

export interface TestResult extends TestOutput {
  /** Positive errno when the system call would fail before the program runs, else 0. */
  readonly errno: number;
  /** Why, "" when it does not. */
  readonly reason: string;
  /** Of the last run; 0 when it did not finish. */
  readonly retval: number;
  /** Of the program, or of a callback that it has put off. */
  readonly fault: Fault | null;
  /** Instructions of all runs. */
  readonly insns: number;
  /** `suspended`: the budget was spent. */
  readonly status: RunResult['status'];
  /** Callbacks of timers and work queues that came due after the last run; null when there were none. */
  readonly deferred: Settled | null;
}

/**
 * Runs a program as BPF_PROG_TEST_RUN does; what it has put off then follows, as long as all ends well (`settle`).
 * @throws {InputError} for a program that was not verified: how it reaches its context is not known then.
 */
export function testRun(vm: Vm, program: VmProgram, input: TestInput): TestResult {
  const context = openContext(vm, program, input);
  if (context instanceof TestRunError) return refused(context);
  const result = runAndFree(vm, context, program, input);
  return result.status === 'finished' ? afterwards(vm, result, input) : result;
}

/** Whether programs of a type run over a packet. */
export function takesPacket(type: number): boolean {
  return type === ProgType.Xdp || SKB_TYPES.has(type);
}

function runAndFree(vm: Vm, context: TestContext, program: VmProgram, input: TestInput): TestResult {
  try {
    return runOver(context, program, input);
  } finally {
    vm.contexts.current = 'none';
    vm.storage.clear();
    context.free();
  }
}

function afterwards(vm: Vm, result: TestResult, { budget }: TestInput): TestResult {
  const deferred = settle(vm, budget);
  if (deferred.callbacks + deferred.pending === 0) return result;
  return { ...result, deferred, status: deferred.status, fault: deferred.fault };
}

function openContext(vm: Vm, program: VmProgram, input: TestInput): TestContext | TestRunError {
  const { type, name } = program.source;
  if (contextLayout(type) && !program.facts) {
    throw new InputError(
      `program ${name} was not verified: which of its instructions access the context is not known`,
    );
  }
  if (type === ProgType.Xdp) return openXdp(vm, input);
  if (type === ProgType.FlowDissector) return openFlow(vm, input);
  if (type === ProgType.SkLookup) return openLookup(vm, input);
  if (SKB_TYPES.has(type)) return openSkb(vm, type, input);
  if (isRawType(type)) return openRaw(vm, type, contextReach(program), input);
  return new TestRunError(Errno.ENOTSUPP, 'programs of this type cannot be run by themselves');
}

/** Bytes of its context that a program accesses; 0 when that is not known. */
function contextReach({ source, facts }: VmProgram): number {
  const slots = new Set(facts?.contextAccesses ?? []);
  let reach = 0;
  for (const { slot, offset, code } of readInsns(source.insns)) {
    if (slots.has(slot)) reach = Math.max(reach, offset + sizeOf(code));
  }
  return reach;
}

function sizeOf(code: number): number {
  switch (code & Size.Mask) {
    case Size.B:
      return 1;
    case Size.H:
      return 2;
    case Size.W:
      return 4;
    default:
      return 8;
  }
}

const NOTHING: TestResult = {
  errno: 0,
  reason: '',
  retval: 0,
  fault: null,
  insns: 0,
  status: 'finished',
  deferred: null,
  ...NO_OUTPUT,
};

function runOver(context: TestContext, program: VmProgram, input: TestInput): TestResult {
  const options = input.budget === undefined ? {} : { budget: input.budget };
  let insns = 0;
  let retval = 0;
  for (let left = Math.max(1, input.repeat ?? 1); left > 0; left--) {
    context.begin?.();
    const packet = context.legacy;
    const result = program.run(context.address, packet ? { ...options, packet } : options);
    insns += result.insns;
    const { status, fault } = result;
    if (status !== 'finished') return { ...NOTHING, fault, insns, status };
    retval = context.verdict?.(result.retval) ?? result.retval;
  }
  return { ...NOTHING, retval, insns, ...context.finish() };
}

function refused({ errno, reason }: TestRunError): TestResult {
  return { ...NOTHING, errno, reason };
}
