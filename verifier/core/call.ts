/** Calls of subprograms. Static ones are followed on every path; global ones are verified once, on their own. */
import { Errno } from '../../bpf/errno.ts';
import { Feature } from '../feature-abi.ts';
import { Arg, Flag, Reg, VerifierLimit } from '../types.ts';
import { hasFuncInfo, subprogName } from './btf-info.ts';
import { checkDynptrArg } from './dynptr.ts';
import * as env from './env.ts';
import { follows } from './follow.ts';
import { initFrame } from './function.ts';
import { prepareArgs } from './global-args.ts';
import { checkSharedMemory, isNullValue } from './helper-mem.ts';
import { clobberCallerSaved } from './ld.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { printFrame } from './print.ts';
import { invalidatePacketPointers } from './refs.ts';
import { copyReg, NO_SUBREG_DEF, setUnknown } from './reg.ts';
import { checkArgOffset, checkRegType } from './reg-type.ts';
import { FuncState, newFrame, pushRef, VerifierState } from './state.ts';
import {
  argDetail,
  argKind,
  isGlobalSubprog,
  SubprogFlag,
  subprog,
  subprogAt,
  subprogHas,
  subprogSet,
} from './subprog.ts';

function invalid(message: string, argument: i64): i32 {
  say(message, argument);
  return -Errno.EINVAL;
}

/* Arguments against the callee's BTF. */

function checkMemoryArg(register: u32, kind: u32, size: u32): i32 {
  const reg = env.currentReg(register);
  const error = checkArgOffset(register, Arg.DontCare);
  if (error !== 0) return error;
  if (checkSharedMemory(register, size) !== 0) return -Errno.EINVAL;
  if ((kind & Flag.MaybeNull) === 0 && reg.maybeNull) return invalid(M.EXPECTS_NON_NULL, register - 1);
  return 0;
}

function checkCtxArg(register: u32): i32 {
  const error = checkArgOffset(register, Arg.DontCare);
  if (error !== 0) return error;
  return env.currentReg(register).type === Reg.Ctx ? 0 : invalid(M.EXPECTS_CTX, register - 1);
}

function checkDynptrArgument(register: u32, kind: u32): i32 {
  const error = checkArgOffset(register, Arg.Dynptr);
  return error !== 0 ? error : checkDynptrArg(register, -1, kind, 0);
}

function checkStructArg(register: u32, kind: u32, id: u32): i32 {
  const reg = env.currentReg(register);
  if (isNullValue(reg) && (kind & Flag.MaybeNull) !== 0) return 0;
  const error = checkRegType(register, kind, id, 0);
  return error !== 0 ? error : checkArgOffset(register, kind);
}

function checkArg(register: u32, kind: u32, detail: u32): i32 {
  const reg = env.currentReg(register);
  switch (kind & Reg.BaseMask) {
    case Arg.Anything:
      return reg.type === Reg.Scalar ? 0 : invalid(M.NOT_SCALAR, register);
    case Arg.Ctx:
      return checkCtxArg(register);
    case Arg.Mem:
      return checkMemoryArg(register, kind, detail);
    case Arg.Arena:
      return reg.type === Reg.Arena || reg.type === Reg.Scalar ? 0 : invalid(M.EXPECTS_ARENA, register);
    case Arg.Dynptr:
      return checkDynptrArgument(register, kind);
    case Arg.BtfId:
      return checkStructArg(register, kind, detail);
    default:
      say(M.BUG_SUBPROG_ARGUMENT, register - 1, kind);
      return -Errno.EFAULT;
  }
}

/** The current frame's R1.. against the callee's parameters. A mismatch makes its BTF unreliable. */
export function checkSubprogArgs(index: u32): i32 {
  if (!hasFuncInfo() || subprogHas(index, SubprogFlag.Unreliable)) return -Errno.EINVAL;
  let error = prepareArgs(index);
  const count = error === 0 ? subprog(index).argCount : 0;
  for (let i: u32 = 0; i < count && error === 0; i++) {
    error = checkArg(i + 1, argKind(index, i), argDetail(index, i));
  }
  if (error !== 0) subprogSet(index, SubprogFlag.Unreliable);
  return error;
}

/* Frames. */

/** Adds a frame for the callee: fresh registers, the caller's references. 0 or -E2BIG. */
export function enterFrame(state: VerifierState, index: u32, callsite: i32): i32 {
  if (state.current + 1 >= <u32>VerifierLimit.Frames) {
    say(M.CALL_TOO_DEEP, state.current + 2);
    return -Errno.E2BIG;
  }
  const caller = state.currentFrame;
  const callee = newFrame();
  initFrame(callee, callsite, state.current + 1, index);
  for (let i: u32 = 0; i < caller.refCount; i++) {
    const ref = caller.ref(i);
    pushRef(callee, ref.id, ref.insn, ref.callback);
  }
  state.setFrame(state.current + 1, callee);
  state.current++;
  return 0;
}

function callGlobal(index: u32, argumentError: i32): i32 {
  if (env.state.lockObject !== 0) return invalid(M.GLOBAL_LOCK, 0);
  if (env.state.preemptDepth !== 0) return invalid(M.GLOBAL_PREEMPT, 0);
  const name = <i64>subprogName(index);
  if (argumentError !== 0) {
    if (env.has(Feature.NamedMessages)) say(M.GLOBAL_ARGUMENTS, index, name);
    else say(M.GLOBAL_ARGUMENTS_PLAIN, index);
    return argumentError;
  }
  if (env.has(Feature.NamedMessages)) say(M.GLOBAL_ASSUMED, index, name);
  else if (env.logsPath()) say(M.GLOBAL_VALID, index);
  const moves = env.has(Feature.PacketEffects) && subprogHas(index, SubprogFlag.ChangesPacket);
  if (moves) invalidatePacketPointers();
  subprog(index).called = true;
  clobberCallerSaved();
  const result = env.currentReg(0);
  setUnknown(result, !env.bpfCapable);
  result.subregDef = NO_SUBREG_DEF;
  return 0;
}

function callStatic(index: u32, insn: i32): i32 {
  const caller = env.currentFrame();
  const error = enterFrame(env.state, index, insn);
  if (error !== 0) return error;
  const callee = env.currentFrame();
  // With their parents: what the callee reads, the caller's state was read for.
  for (let i: u32 = 1; i <= 5; i++) copyReg(callee.reg(i), caller.reg(i));
  goToCallee(index, caller, callee);
  return 0;
}

/** Goes on with the first instruction of a function whose frame has been entered and has its arguments. */
export function goToCallee(index: u32, caller: FuncState, callee: FuncState): void {
  env.state.current--;
  clobberCallerSaved();
  env.state.current++;
  env.setInsnIndex(subprog(index).start - 1);
  if (!env.logsPath()) return;
  say(M.CALLER);
  printFrame(caller, true);
  say(M.CALLEE);
  printFrame(callee, true);
}

/** Verifies a call of a subprogram; `env.insnIndex` is then before where to go on. 0 or a negative errno. */
export function checkBpfCall(insn: i32): i32 {
  const index = subprogAt(insn + env.insnImm(insn) + 1);
  if (index < 0) return -Errno.EFAULT;
  const error = checkSubprogArgs(index);
  if (error === -Errno.EFAULT) return error;
  return isGlobalSubprog(index) && !follows() ? callGlobal(index, error) : callStatic(index, insn);
}
