/** IORING_REGISTER_RESTRICTIONS: which operations a ring will allow once it is enabled. */
import { Errno } from '../../bpf/errno.ts';
import type { Dialect } from '../dialect.ts';
import type { Record } from '../record.ts';
import type { UserArray } from '../user-pointer.ts';
import { Restriction } from './uapi.ts';

interface Allowed {
  registerOps: bigint;
  sqeOps: bigint;
  flagsAllowed: number;
  flagsRequired: number;
}

/**
 * Fills `struct io_restriction` from the caller's entries. All or nothing: after an error the call may be
 * made again.
 * @param record `io_ring_ctx.restrictions`
 * @returns 0, -EFAULT for entries that cannot be read, -EINVAL for an unknown kind or opcode.
 */
export function setRestrictions(record: Record, dialect: Dialect, entries: UserArray, count: number): number {
  const allowed: Allowed = { registerOps: 0n, sqeOps: 0n, flagsAllowed: 0, flagsRequired: 0 };
  // The whole array is fetched before the first entry is judged.
  for (let i = 0; i < count; i++) if (!entries.at(i)) return -Errno.EFAULT;
  for (let i = 0; i < count; i++) {
    const entry = entries.at(i);
    if (!entry || !addRestriction(allowed, dialect, entry)) return -Errno.EINVAL;
  }
  record.set('register_op[0]', allowed.registerOps).set('sqe_op[0]', allowed.sqeOps);
  record.set('sqe_flags_allowed', allowed.flagsAllowed).set('sqe_flags_required', allowed.flagsRequired);
  record.set('registered', true);
  return 0;
}

/** Whether a ring that is restricted allows an io_uring_register opcode. */
export function allowsRegister(record: Record, opcode: number): boolean {
  return ((record.big('register_op[0]') >> BigInt(opcode)) & 1n) === 1n;
}

/** Whether it allows a submission entry with these flags (IOSQE_*). */
export function allowsSubmission(record: Record, opcode: number, flags: number): boolean {
  if (((record.big('sqe_op[0]') >> BigInt(opcode)) & 1n) === 0n) return false;
  const required = record.get('sqe_flags_required');
  if ((flags & required) !== required) return false;
  return (flags & ~(record.get('sqe_flags_allowed') | required)) === 0;
}

function addRestriction(allowed: Allowed, dialect: Dialect, entry: DataView): boolean {
  const value = entry.getUint8(2);
  switch (entry.getUint16(0, true)) {
    case Restriction.RegisterOp:
      if (value >= dialect.registerOps) return false;
      allowed.registerOps |= 1n << BigInt(value);
      return true;
    case Restriction.SqeOp:
      if (value >= dialect.submitOps) return false;
      allowed.sqeOps |= 1n << BigInt(value);
      return true;
    case Restriction.SqeFlagsAllowed:
      allowed.flagsAllowed = value;
      return true;
    case Restriction.SqeFlagsRequired:
      allowed.flagsRequired = value;
      return true;
    default:
      return false;
  }
}
