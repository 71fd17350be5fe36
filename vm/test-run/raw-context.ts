/**
 * Test runs over a context that is just bytes: syscall programs and raw tracepoints, as BPF_PROG_TEST_RUN has
 * them, and types that Linux has no test run for, whose contexts are records without pointers to packets
 * (kprobe: pt_regs; tracing: the arguments, u64 each; ...).
 */
import { Errno } from '../../bpf/errno.ts';
import { ProgType } from '../../loader/prog-type.ts';
import { RecordMemory } from '../context/record-memory.ts';
import type { Vm } from '../vm.ts';
import { type TestContext, type TestInput, type TestOutput, TestRunError } from './test-context.ts';

/** Twelve arguments. */
const MAX_ARGUMENTS = 96;
const MAX_CONTEXT = 0xffff;

/** Type -> longest context in bytes. */
const LIMITS: ReadonlyMap<number, number> = new Map<number, number>([
  [ProgType.Syscall, MAX_CONTEXT],
  [ProgType.RawTracepoint, MAX_ARGUMENTS],
  [ProgType.RawTracepointWritable, MAX_ARGUMENTS],
  [ProgType.Tracing, MAX_ARGUMENTS],
  [ProgType.Lsm, MAX_ARGUMENTS],
  [ProgType.Kprobe, MAX_CONTEXT],
  [ProgType.Tracepoint, MAX_CONTEXT],
  [ProgType.PerfEvent, MAX_CONTEXT],
  [ProgType.CgroupDevice, MAX_CONTEXT],
  [ProgType.LircMode2, MAX_CONTEXT],
]);

export function isRawType(type: number): boolean {
  return LIMITS.has(type);
}

/** @param reach bytes of the context that the program reads or writes. */
export function openRaw(vm: Vm, type: number, reach: number, input: TestInput): TestContext | TestRunError {
  const limit = LIMITS.get(type) ?? 0;
  const bytes = input.context ?? new Uint8Array(0);
  if (input.data !== undefined && input.data.length > 0)
    return new TestRunError(
      Errno.EINVAL,
      'programs of this type have no packet; the context is what they get',
    );
  if (bytes.length < reach)
    return new TestRunError(
      Errno.EINVAL,
      `the context has ${bytes.length} bytes, and the program reaches ${reach} bytes far into it`,
    );
  if (bytes.length > limit)
    return new TestRunError(Errno.EINVAL, `the context has ${bytes.length} bytes, more than ${limit}`);
  return new RawContext(vm, bytes);
}

class RawContext implements TestContext {
  private readonly vm: Vm;
  private readonly record: RecordMemory | undefined;

  constructor(vm: Vm, bytes: Uint8Array) {
    this.vm = vm;
    if (bytes.length === 0) return;
    this.record = new RecordMemory(vm.ram, bytes.length);
    this.record.bytes().set(bytes);
  }

  /** NULL without a context, as in Linux. */
  get address(): bigint {
    return this.record?.address ?? 0n;
  }

  begin(): void {
    this.vm.contexts.current = 'none';
  }

  finish(): TestOutput {
    return { data: new Uint8Array(0), context: this.record?.bytes().slice() ?? new Uint8Array(0) };
  }

  free(): void {
    this.record?.free();
  }
}
