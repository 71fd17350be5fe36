/** Entries that complete at once with a given result. */
import { Errno } from '../../../bpf/errno.ts';
import type { SqeFields } from '../../../kernel-model/io-uring/sqe.ts';
import { SqeFlag, SubmitOp } from '../../../kernel-model/io-uring/uapi.ts';
import type { OverflowEntry } from '../../state.ts';
import { SOURCE_SIZE } from './helper-files.ts';
import type { RingOnKernel } from './on-kernel.ts';

/** 6.10: IORING_NOP_INJECT_RESULT. */
const INJECT_VERSION = 0x6_0a00;
const INJECT_RESULT = 1;
/** IORING_SETUP_IOPOLL */
const IOPOLL = 1;
/** An opcode that no kernel has. */
const NO_OPCODE = 0xff;

/** What fails by itself. */
const FAILURES: { readonly [result: number]: SqeFields } = {
  [-Errno.EINVAL]: { opcode: NO_OPCODE },
  [-Errno.EBADF]: { opcode: SubmitOp.Read, fd: -1 },
  // No table has that many buffers.
  [-Errno.EFAULT]: { opcode: SubmitOp.ReadFixed, buffer: 0xffff },
  // There are no timeouts by then.
  [-Errno.ENOENT]: { opcode: SubmitOp.TimeoutRemove, address: 1n },
};

/** Whether an entry still lacks its file and memory. */
export function isRead({ opcode, fd }: SqeFields): boolean {
  return (opcode === SubmitOp.Read || opcode === SubmitOp.ReadFixed) && fd !== -1;
}

/** Reads still lack their file and memory. @returns undefined when there is none on this kernel */
export function entryWithResult(ring: RingOnKernel, { result, flags }: OverflowEntry): SqeFields | undefined {
  if (flags !== 0) return undefined;
  const entry = unrestricted(ring, result);
  const { restrictions } = ring.state;
  if (!restrictions) return entry;
  if (result === -Errno.EACCES) return allows(ring, SubmitOp.Nop) ? undefined : { opcode: SubmitOp.Nop };
  return entry && allows(ring, entry.opcode ?? 0) ? entry : undefined;
}

function unrestricted(ring: RingOnKernel, result: number): SqeFields | undefined {
  if (result === 0) return { opcode: SubmitOp.Nop };
  if (ring.versionCode >= INJECT_VERSION)
    return { opcode: SubmitOp.Nop, opFlags: INJECT_RESULT, length: result >>> 0 };
  // Neither files of the restore nor timeouts go with polling for completions.
  const polls = (ring.state.setup.flags & IOPOLL) !== 0;
  if (polls && (result > 0 || result === -Errno.ENOENT)) return undefined;
  if (result > 0 && result <= SOURCE_SIZE) return { opcode: SubmitOp.Read, length: result };
  // Flags may be restricted too.
  if (result === -Errno.EOPNOTSUPP && !ring.state.restrictions)
    return { opcode: SubmitOp.Nop, flags: SqeFlag.BufferSelect };
  return FAILURES[result];
}

/** Whether the ring's restrictions, once in force, let a plain entry of an operation pass. */
export function allows(ring: RingOnKernel, opcode: number): boolean {
  const { restrictions } = ring.state;
  if (!restrictions) return true;
  const { submitOps, flagsRequired } = restrictions;
  return opcode < 64 && ((submitOps >> BigInt(opcode)) & 1n) === 1n && flagsRequired === 0;
}
