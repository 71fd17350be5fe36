/** What a test run needs of the context that it runs a program over. */
import type { LegacyPacket } from '../vm.ts';

/** What the caller of BPF_PROG_TEST_RUN gives (`union bpf_attr.test`). */
export interface TestInput {
  /** `data_in`: a packet. */
  readonly data?: Uint8Array;
  /** `ctx_in`: what the context is to say at the start, in the layout of its ABI. */
  readonly context?: Uint8Array;
  /** How often the program runs, over the same context; 0 and none mean once. */
  readonly repeat?: number;
  /** Instructions that each run may execute. */
  readonly budget?: number;
}

/** What it gets back. */
export interface TestOutput {
  /** `data_out`: the packet as the program left it. */
  readonly data: Uint8Array;
  /** `ctx_out`; empty when no context was given. */
  readonly context: Uint8Array;
}

export interface TestContext {
  /** r1 */
  readonly address: bigint;
  /** Packet for ld_abs and ld_ind, if the program type has one. */
  readonly legacy?: LegacyPacket;
  /** Called before each run, also the first. */
  begin?(): void;
  /** The value that the caller sees of what a run has returned; the value itself when absent. */
  verdict?(retval: number): number;
  /** After the last run. */
  finish(): TestOutput;
  /** Gives its memory back. */
  free(): void;
}

const EMPTY = new Uint8Array(0);

/** A context without output. */
export const NO_OUTPUT: TestOutput = { data: EMPTY, context: EMPTY };

/** errno (positive) with which the system call fails before the program has run. */
export class TestRunError {
  readonly errno: number;
  readonly reason: string;

  constructor(errno: number, reason: string) {
    this.errno = errno;
    this.reason = reason;
  }
}

/**
 * `ctx_in` in a buffer of the context's size; undefined when none was given. What is longer must be zeros
 * behind it.
 */
export function contextBuffer(
  context: Uint8Array | undefined,
  size: number,
): Uint8Array | undefined | TestRunError {
  if (!context) return undefined;
  if (!isZero(context, size)) return new TestRunError(E2BIG, `the context has more than ${size} bytes`);
  const buffer = new Uint8Array(size);
  buffer.set(context.subarray(0, size));
  return buffer;
}

const E2BIG = 7;

/** Whether the bytes [from, to) are zeros. */
export function isZero(bytes: Uint8Array, from: number, to: number = bytes.length): boolean {
  return bytes.subarray(from, to).every((byte) => byte === 0);
}
