/** Ranges of return values: of traced functions, and of the program itself. */
import { Errno } from '../../bpf/errno.ts';
import { Feature } from '../feature-abi.ts';
import { CallFacts, ReturnKind } from '../helper-abi.ts';
import { Reg } from '../types.ts';
import { checkInvariants, isSecretPointer } from './alu.ts';
import { syncBounds } from './bounds.ts';
import * as env from './env.ts';
import { callFact } from './helper-table.ts';
import { Access, accessReg } from './liveness.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { typeName } from './names.ts';
import { markPrecise } from './precision.ts';
import { RegState } from './reg.ts';
import { Tnum, tnumContains, tnumOfRange } from './tnum.ts';

const allowed = changetype<Tnum>(memory.data(16, 8));

/** The return value of a hook, where the program may see it, is in the range that programs may return. */
export function narrowReturn(reg: RegState): i32 {
  // Only LSM hooks have a rule on the lower half.
  if (callFact(CallFacts.ReturnKind) !== ReturnKind.Range || callFact(CallFacts.Return32) === 0) return 0;
  const low = <i32>callFact(CallFacts.ReturnMin);
  const high = <i32>callFact(CallFacts.ReturnMax);
  reg.smin32 = max(reg.smin32, low);
  reg.smax32 = min(reg.smax32, high);
  reg.smin = max(reg.smin, <i64>low);
  reg.smax = min(reg.smax, <i64>high);
  syncBounds(reg);
  return checkInvariants(reg, 's32_range');
}

/** The smallest tnum that has the range in it has the register's in it. */
function bitsWithin(reg: RegState, low: i32, high: i32): bool {
  tnumOfRange(allowed, <u64>(<i64>low), <u64>(<i64>high));
  return tnumContains(allowed, reg.varOff);
}

/** Whether every value of the register (of its lower half) lies in the range. */
export function isWithin(reg: RegState, low: i32, high: i32, narrow: bool): bool {
  if (!env.has(Feature.BoundedReturns)) return bitsWithin(reg, low, high);
  if (narrow) return low <= reg.smin32 && reg.smax32 <= high;
  return <i64>low <= reg.smin && reg.smax <= <i64>high;
}

function sayOutOfBits(reg: RegState, low: i32, high: i32, where: string, name: string): void {
  tnumOfRange(allowed, <u64>(<i64>low), <u64>(<i64>high));
  if (reg.mask === u64.MAX_VALUE) {
    say(M.RETURN_UNKNOWN, text(where), text(name), allowed.value, allowed.mask);
  } else {
    say(M.RETURN_BITS, text(where), text(name), reg.value, reg.mask, allowed.value, allowed.mask);
  }
}

export function sayOutOfRange(reg: RegState, low: i32, high: i32, where: string, name: string): void {
  if (!env.has(Feature.BoundedReturns)) {
    sayOutOfBits(reg, low, high, where, name);
    return;
  }
  say(M.RETURN_RANGE, text(where), text(name));
  const hasMin = reg.smin > i64.MIN_VALUE;
  const hasMax = reg.smax < i64.MAX_VALUE;
  if (hasMin) say(' smin=%d', reg.smin);
  if (hasMax) say(' smax=%d', reg.smax);
  if (!hasMin && !hasMax) say(' unknown scalar value');
  say(M.RETURN_RANGE_TAIL, low, high);
}

function checkRange(register: u32, low: i32, high: i32, narrow: bool, where: string, name: string): i32 {
  const reg = env.currentReg(register);
  if (reg.type !== Reg.Scalar) {
    say(M.RETURN_NOT_KNOWN, text(where), register, typeName(reg.type));
    return -Errno.EINVAL;
  }
  const error = env.has(Feature.BoundedReturns) ? markPrecise(register) : 0;
  if (error !== 0) return error;
  if (isWithin(reg, low, high, narrow)) return 0;
  sayOutOfRange(reg, low, high, where, name);
  const isMain = env.state.frame(0).subprog === 0;
  if (isMain && callFact(CallFacts.VoidCgroupHook) !== 0) say(M.VOID_HOOK_NOTE);
  return -Errno.EINVAL;
}

/** The program's rule on a value it ends with: R0 at an exit, R1 at a throw. */
function checkByRule(register: u32, name: string): i32 {
  switch (callFact(CallFacts.ReturnKind)) {
    case ReturnKind.Range: {
      const low = <i32>callFact(CallFacts.ReturnMin);
      const high = <i32>callFact(CallFacts.ReturnMax);
      const narrow = callFact(CallFacts.Return32) !== 0;
      return checkRange(register, low, high, narrow, 'At program exit', name);
    }
    case ReturnKind.Refused:
      return -Errno.ENOTSUPP;
    default:
      return 0;
  }
}

/** Checks the value that the function verified (frame 0) ends with. 0 or a negative errno. */
export function checkReturnCode(register: u32, name: string): i32 {
  const root = env.state.frame(0);
  const isSubprog = root.subprog !== 0;
  const isWhole = !isSubprog || root.inExceptionCallback;
  if (isWhole && callFact(CallFacts.ReturnKind) === ReturnKind.None) return 0;
  const error = accessReg(register, Access.Read);
  if (error !== 0) return error;
  const reg = env.currentReg(register);
  if (isSecretPointer(reg)) {
    say(M.RETURN_LEAK, register);
    return -Errno.EACCES;
  }
  if (root.inAsyncCallback) return checkRange(register, 0, 0, false, 'At async callback return', name);
  if (isWhole) return checkByRule(register, name);
  if (reg.type === Reg.Scalar) return 0;
  say(M.SUBPROG_RETURN, register, typeName(reg.type));
  return -Errno.EINVAL;
}
