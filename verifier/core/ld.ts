/** ld_imm64 as an instruction of a path, and legacy packet loads. */

import { Errno } from '../../bpf/errno.ts';
import { Mode, Pseudo, Size } from '../../bpf/isa.ts';
import { MapField, PacketUse, Request } from '../abi.ts';
import { Reg } from '../types.ts';
import { funcLinkage, hasFuncInfo } from './btf-info.ts';
import * as env from './env.ts';
import { leaveFrame } from './exit.ts';
import { Access, accessReg } from './liveness.ts';
import { say } from './log.ts';
import { mapWord } from './map-value.ts';
import * as M from './messages.ts';
import { pushBranch } from './pending.ts';
import { checkReferenceLeak } from './refs.ts';
import { RegState, setConstScalar, setKnown, setNotInit, setUnknown } from './reg.ts';
import { checkFixedOffset } from './region.ts';
import { markRegScratched } from './scratched.ts';
import { subprogAt } from './subprog.ts';

const LINKAGE_STATIC: i32 = 0;
const MAP_TYPE_ARENA: u32 = 33;
/** Register that legacy loads take the context from. */
const CTX_REGISTER: u32 = 6;

function refuse(message: string): i32 {
  say(message);
  return -Errno.EINVAL;
}

function loadFunction(index: i32, dst: RegState): i32 {
  const callee = subprogAt(index + env.insnImm(index) + 1);
  if (!hasFuncInfo()) return refuse(M.NO_FUNC_INFO);
  if (funcLinkage(callee) !== LINKAGE_STATIC) return refuse(M.CALLBACK_NOT_STATIC);
  if (callee === 0) return refuse(M.CALLBACK_IS_MAIN);
  dst.type = Reg.Func;
  dst.word0 = callee;
  return 0;
}

/** A typed kernel symbol, as `resolveBtfSymbol` left it. */
function loadSymbol(index: i32, dst: RegState): i32 {
  const record = env.aux(index);
  dst.type = record.ptrType;
  if ((dst.type & Reg.BaseMask) === Reg.BtfId) {
    dst.word0 = record.value1;
    dst.word2 = record.value2;
  } else {
    dst.word0 = record.value1;
  }
  return 0;
}

function loadMap(index: i32, dst: RegState): i32 {
  const map = env.aux(index).value0;
  const kind = env.insnSrc(index);
  if (kind === Pseudo.MapValue || kind === Pseudo.MapIdxValue) {
    if (mapWord(map, MapField.Type) === MAP_TYPE_ARENA) {
      setUnknown(dst, !env.bpfCapable);
      return 0;
    }
    dst.word0 = map;
    dst.type = Reg.MapValue;
    dst.off = env.aux(index).value1;
    return 0;
  }
  dst.word0 = map;
  dst.type = Reg.MapPtr;
  return 0;
}

/** Verifies a ld_imm64 of any kind. 0 or a negative errno. */
export function checkLdImm(index: i32): i32 {
  if ((env.insnCode(index) & Size.Mask) !== Size.Dw) return refuse(M.LD_IMM_FORM);
  if (env.insnOff(index) !== 0) return refuse(M.LD_IMM_RESERVED);
  const error = accessReg(env.insnDst(index), Access.Write);
  if (error !== 0) return error;
  const dst = env.currentReg(env.insnDst(index));
  const kind = env.insnSrc(index);
  if (kind === Pseudo.None) {
    setConstScalar(dst, (env.insnImmBits(index + 1) << 32) | env.insnImmBits(index));
    return 0;
  }
  setKnown(dst, 0);
  if (kind === Pseudo.BtfId) return loadSymbol(index, dst);
  return kind === Pseudo.Func ? loadFunction(index, dst) : loadMap(index, dst);
}

function inCallback(): bool {
  for (let i = env.state.current; i > 0; i--) {
    if (env.state.frame(i).inCallback) return true;
  }
  return false;
}

/** Legacy loads leave the program when the packet is too short: nothing may be held then. */
function checkNothingHeld(): i32 {
  const error = checkReferenceLeak(false);
  if (error !== 0) {
    say(M.LD_ABS_REFERENCES);
    return error;
  }
  if (env.state.lockObject !== 0) return refuse(M.LD_ABS_LOCK);
  if (env.state.rcuLocked) return refuse(M.LD_ABS_RCU);
  return env.state.preemptDepth !== 0 ? refuse(M.LD_ABS_PREEMPT) : 0;
}

/** Verifies a legacy packet load: R6 is the context, R0 gets the data, R1-R5 are lost. */
export function checkLdAbs(index: i32): i32 {
  const code = env.insnCode(index);
  const indirect = (code & Mode.Mask) === Mode.Ind;
  if ((env.requestWord(Request.PacketUse) & PacketUse.LegacyLoads) === 0) return refuse(M.LD_ABS_TYPE);
  if (inCallback()) return refuse(M.LD_ABS_CALLBACK);
  const wellFormed =
    env.insnDst(index) === 0 &&
    env.insnOff(index) === 0 &&
    (code & Size.Mask) !== Size.Dw &&
    (indirect || env.insnSrc(index) === 0);
  if (!wellFormed) return refuse(M.LD_ABS_RESERVED);
  let error = accessReg(CTX_REGISTER, Access.Read);
  if (error === 0) error = checkNothingHeld();
  if (error !== 0) return error;
  const ctx = env.currentReg(CTX_REGISTER);
  if (ctx.type !== Reg.Ctx) return refuse(M.LD_ABS_CTX);
  if (indirect) error = accessReg(env.insnSrc(index), Access.Read);
  if (error === 0) error = checkFixedOffset(ctx, CTX_REGISTER, false);
  if (error !== 0) return error;
  clobberCallerSaved();
  const result = env.currentReg(0);
  setUnknown(result, !env.bpfCapable);
  result.subregDef = index + 1;
  return env.state.current !== 0 ? leaveWithZero(index) : 0;
}

/** A subprogram whose packet is too short returns 0 to its caller: that way is verified too. */
function leaveWithZero(index: i32): i32 {
  markRegScratched(0);
  const error = pushBranch(index + 1, index, false);
  if (error !== 0) return error;
  setKnown(env.currentReg(0), 0);
  const outcome = leaveFrame();
  if (outcome < 0) return outcome;
  // The main loop goes on behind the current instruction.
  env.setInsnIndex(env.insnIndex - 1);
  return 0;
}

/** R0-R5 are no longer readable, as after any call. */
export function clobberCallerSaved(): void {
  for (let i: u32 = 0; i < 6; i++) {
    setNotInit(env.currentReg(i), !env.bpfCapable);
    accessReg(i, Access.WriteKeep);
  }
}
