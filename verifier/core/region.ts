/** Bounds of an access to a region of known size: map values and keys, memory, packets, buffers. */
import { Errno } from '../../bpf/errno.ts';
import { Flag, Reg, VerifierLimit } from '../types.ts';
import * as env from './env.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { typeName } from './names.ts';
import { putTnum } from './print.ts';
import { RegState } from './reg.ts';

/** Whether [off, off + size) lies in `limit` bytes; reports what was missed. 0 or -EACCES. */
export function checkSpan(register: u32, off: i32, size: i32, limit: u32, zeroAllowed: bool): i32 {
  const sizeFits = size > 0 || (size === 0 && zeroAllowed);
  if (off >= 0 && sizeFits && <u64>off + <u64>size <= <u64>limit) return 0;
  const reg = env.currentReg(register);
  switch (reg.type) {
    case Reg.MapKey:
      say(M.BAD_MAP_KEY, limit, off, size);
      break;
    case Reg.MapValue:
      say(M.BAD_MAP_VALUE, limit, off, size);
      break;
    case Reg.Packet:
    case Reg.PacketMeta:
    case Reg.PacketEnd:
      say(M.BAD_PACKET, off, size, register, reg.id, off, <i32>limit);
      break;
    default:
      say(M.BAD_MEMORY, limit, off, size);
  }
  return -Errno.EACCES;
}

/** The same for a pointer with a variable part: at both ends of its range. */
export function checkRegion(register: u32, off: i32, size: i32, limit: u32, zeroAllowed: bool): i32 {
  const reg = env.currentReg(register);
  const low = reg.smin + off;
  if (reg.smin < 0 && (reg.smin === i64.MIN_VALUE || low !== <i64>(<i32>low) || low < 0)) {
    say(M.NEGATIVE_MIN, register);
    return -Errno.EACCES;
  }
  let error = checkSpan(register, <i32>low, size, limit, zeroAllowed);
  if (error !== 0) {
    say(M.MIN_OUTSIDE, register);
    return error;
  }
  if (reg.umax >= <u64>VerifierLimit.PointerOffset) {
    say(M.UNBOUNDED_ACCESS, register);
    return -Errno.EACCES;
  }
  error = checkSpan(register, <i32>reg.umax + off, size, limit, zeroAllowed);
  if (error !== 0) say(M.MAX_OUTSIDE, register);
  return error;
}

/** Bytes of a packet that were proven to be there. */
export function checkPacket(register: u32, off: i32, size: i32, zeroAllowed: bool): i32 {
  const reg = env.currentReg(register);
  if (reg.smin < 0) {
    say(M.NEGATIVE_MIN, register);
    return -Errno.EACCES;
  }
  const range = <i32>reg.word0;
  const error = range < 0 ? -Errno.EINVAL : checkSpan(register, off, size, range, zeroAllowed);
  if (error !== 0) say(M.OUTSIDE_PACKET, register);
  return error;
}

/** A pointer whose offset must be constant, and (unless allowed) zero. 0 or -EACCES. */
export function checkFixedOffset(reg: RegState, register: u32, offsetAllowed: bool): i32 {
  if (reg.off < 0) {
    say(M.NEGATIVE_OFFSET, typeName(reg.type), register, reg.off);
    return -Errno.EACCES;
  }
  if (!offsetAllowed && reg.off !== 0) {
    say(M.MODIFIED_POINTER, typeName(reg.type), register, reg.off);
    return -Errno.EACCES;
  }
  if (reg.mask === 0 && reg.value === 0) return 0;
  say(M.VARIABLE_ACCESS, typeName(reg.type));
  putTnum(reg.value, reg.mask);
  say(M.DISALLOWED);
  return -Errno.EACCES;
}

/* Buffers have no size of their own: how far a program may reach is decided at the attach. */

function checkBufferOffset(reg: RegState, register: u32, what: i64, off: i32, size: i32): i32 {
  if (off < 0) {
    say(M.BAD_BUFFER, register, what, off, size);
    return -Errno.EACCES;
  }
  if (reg.mask === 0 && reg.value === 0) return 0;
  say(M.VARIABLE_BUFFER, register, off);
  putTnum(reg.value, reg.mask);
  say('\n');
  return -Errno.EACCES;
}

export function checkBuffer(register: u32, off: i32, size: i32): i32 {
  const reg = env.currentReg(register);
  const readOnly = (reg.type & Flag.Rdonly) !== 0;
  return checkBufferOffset(reg, register, text(readOnly ? 'rdonly' : 'rdwr'), off, size);
}

/** Buffer of a writable raw tracepoint. */
export function checkTracepointBuffer(register: u32, off: i32, size: i32): i32 {
  return checkBufferOffset(env.currentReg(register), register, text('tracepoint'), off, size);
}
