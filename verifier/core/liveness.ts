/**
 * Which registers and slots of earlier states a path depends on.
 *
 * Every register points to its counterpart in the parent state. A read walks that chain and marks each
 * ancestor as read, up to the first state that wrote the register itself. What was never read need not match
 * when a later path is compared with the state (prune.ts).
 */

import { Errno } from '../../bpf/errno.ts';
import { Alu, CallKind, Class, Jmp, Mode, Size } from '../../bpf/isa.ts';
import { Reg } from '../types.ts';
import * as env from './env.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { typeName } from './names.ts';
import {
  LIVE_DONE,
  LIVE_READ,
  LIVE_READ32,
  LIVE_READ64,
  LIVE_WRITTEN,
  NO_SUBREG_DEF,
  RegState,
  setUnknown,
} from './reg.ts';
import { markRegScratched } from './scratched.ts';

export const enum Access {
  Read = 0,
  /** Write; the register becomes an unknown scalar. */
  Write = 1,
  /** Write; the caller says what the register becomes. */
  WriteKeep = 2,
}

/** Marks `parent` and its ancestors as read, beginning below `reg`. 0 or -EFAULT. */
export function markRead(reg: RegState, parent: RegState, flag: u8): i32 {
  let screened = changetype<usize>(parent) === <usize>reg.parent;
  let child = reg;
  let walked: u32 = 0;
  while (changetype<usize>(parent) !== 0) {
    if (screened && (child.live & LIVE_WRITTEN) !== 0) break;
    if ((parent.live & LIVE_DONE) !== 0) {
      say(M.BUG_READ_OF_DONE, typeName(parent.type), parent.value, parent.off);
      return -Errno.EFAULT;
    }
    if ((parent.live & LIVE_READ) === flag || (parent.live & LIVE_READ64) !== 0) break;
    parent.live |= flag;
    if (flag === LIVE_READ64) parent.live &= ~LIVE_READ32;
    child = parent;
    parent = changetype<RegState>(<usize>child.parent);
    screened = true;
    walked++;
  }
  env.noteMarkRead(walked);
  return 0;
}

export function markRegRead(reg: RegState, flag: u8): i32 {
  return markRead(reg, changetype<RegState>(<usize>reg.parent), flag);
}

/** Whether the instruction uses all 64 bits of the register it reads (or writes). */
function usesFullWidth(index: i32, reg: RegState, access: Access): bool {
  const code = env.insnCode(index);
  const cls = code & Class.Mask;
  const op = code & Alu.Mask;
  if (cls === Class.Jmp) {
    if (op === Jmp.Call) {
      if (env.insnSrc(index) === CallKind.Local) return false;
      return access === Access.Read;
    }
    return true;
  }
  if (cls === Class.Jmp32) return false;
  if (cls === Class.Alu64) {
    const imm = env.insnImm(index);
    return !(op === Alu.End && (imm === 16 || imm === 32));
  }
  if (cls === Class.Alu) return op === Alu.End && env.insnImm(index) === 64;
  const wide = (code & Size.Mask) === Size.Dw;
  if (cls === Class.Ldx) {
    return access === Access.Read ? true : wide || (code & Mode.Mask) === Mode.Memsx;
  }
  if (cls === Class.Stx) {
    // One of the operands is the address, whatever the width of the value.
    if (access === Access.Read && reg.type !== Reg.Scalar) return true;
    return wide;
  }
  if (cls === Class.Ld) return (code & Mode.Mask) === Mode.Imm || access === Access.Read;
  return true;
}

/** A full read of a register whose lower half was written alone: that write must clear the upper half. */
export function markZeroExtended(reg: RegState): void {
  if (reg.subregDef === NO_SUBREG_DEF) return;
  env.auxSet(reg.subregDef - 1, env.AuxFlag.ZeroExtend);
  reg.subregDef = NO_SUBREG_DEF;
}

/** Checks and records the current instruction's access to a register of the current frame. */
export function accessReg(register: u32, access: Access): i32 {
  return accessRegOf(env.currentReg(register), register, access);
}

export function accessRegOf(reg: RegState, register: u32, access: Access): i32 {
  if (register > 10) {
    say(M.BAD_REGISTER, register);
    return -Errno.EINVAL;
  }
  markRegScratched(register);
  const wide = usesFullWidth(env.insnIndex, reg, access);
  if (access === Access.Read) {
    if (reg.type === Reg.NotInit) {
      say(M.NOT_READABLE, register);
      return -Errno.EACCES;
    }
    if (register === 10) return 0;
    if (wide) markZeroExtended(reg);
    return markRegRead(reg, wide ? LIVE_READ64 : LIVE_READ32);
  }
  if (register === 10) {
    say(M.FRAME_POINTER_READ_ONLY);
    return -Errno.EACCES;
  }
  reg.live |= LIVE_WRITTEN;
  reg.subregDef = wide ? NO_SUBREG_DEF : env.insnIndex + 1;
  if (access === Access.Write) setUnknown(reg, !env.bpfCapable);
  return 0;
}
