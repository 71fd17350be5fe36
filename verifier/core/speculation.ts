/**
 * Hardening against speculative execution, for tasks without CAP_PERFMON.
 *
 * Pointer arithmetic with a variable gets a limit that the rewritten program masks with; all paths through the
 * instruction must agree on it. The wrong side of a decided branch, and arithmetic with the unmasked value, are
 * verified too, as speculative paths.
 */

import { Errno } from '../../bpf/errno.ts';
import { Alu, Source } from '../../bpf/isa.ts';
import { MapField } from '../abi.ts';
import { Reg, VerifierLimit } from '../types.ts';
import { moveReg } from './alu.ts';
import * as env from './env.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { pushBranch, pushed } from './pending.ts';
import { copyReg, RegState, scratchReg, setUnknown } from './reg.ts';

/** Bits of InsnAux.aluState. */
const enum Harden {
  Source = 1,
  Dst = 2,
  Negative = 4,
  NotPointer = 8,
  Immediate = 16,
}

/** Why arithmetic cannot be hardened. */
const enum Reason {
  None = 0,
  Bounds = 1,
  Type = 2,
  Paths = 3,
  Limit = 4,
  Stack = 5,
}

/** Scratch register for the destination while the unmasked result stands in it. */
const SAVED: u32 = 1;

/* Between the check before the arithmetic and the one after it. */
let pendingState: u32 = 0;
let pendingLimit: u32 = 0;
let pendingToLeft: bool = false;

function isHardened(op: u32): bool {
  return op === Alu.Add || op === Alu.Sub;
}

function skips(index: i32): bool {
  return env.bypassSpecV1 || (env.insnCode(index) & Source.X) === 0;
}

function agree(index: i32, state: u32, limit: u32): Reason {
  const record = env.aux(index);
  if (record.aluState !== 0 && (record.aluState !== state || record.aluLimit !== limit)) return Reason.Paths;
  record.aluState = state;
  record.aluLimit = limit;
  return Reason.None;
}

/** Bytes the pointer can move in the direction it moves; above the object's size it has no limit. */
function pointerLimit(pointer: RegState): i64 {
  let size: u32 = 0;
  let limit: u32 = 0;
  if (pointer.type === Reg.Stack) {
    size = VerifierLimit.StackBytes + (pendingToLeft ? 1 : 0);
    limit = <u32>-(<i32>pointer.value + pointer.off);
  } else if (pointer.type === Reg.MapValue) {
    size = load<u32>(<usize>pointer.word0, MapField.ValueSize);
    limit = (pendingToLeft ? <u32>pointer.smin : <u32>pointer.umax) + pointer.off;
  } else {
    return -Reason.Type;
  }
  return limit >= size ? -Reason.Limit : <i64>limit;
}

/** Arithmetic between scalars cannot also be pointer arithmetic on another path. */
export function hardenScalar(index: i32, op: u32): i32 {
  if (!isHardened(op) || skips(index)) return 0;
  const reason = agree(index, Harden.NotPointer, 0);
  return reason === Reason.None ? 0 : refuse(index, op, reason);
}

function refuse(index: i32, op: u32, reason: Reason): i32 {
  const dst = env.insnDst(index);
  const src = env.insnSrc(index);
  const verb = text(op === Alu.Add ? 'add' : 'sub');
  switch (reason) {
    case Reason.Bounds:
      say(M.SPEC_BOUNDS, src);
      break;
    case Reason.Type:
      say(M.SPEC_TYPE, dst);
      break;
    case Reason.Paths:
      say(M.SPEC_PATHS, dst, verb);
      break;
    case Reason.Limit:
      say(M.SPEC_LIMIT, dst, verb);
      break;
    default:
      say(M.SPEC_STACK, dst);
  }
  return -Errno.EACCES;
}

/** Follows the arithmetic speculatively with the unmasked operand. */
function simulate(index: i32, dst: RegState, pointer: RegState, offset: RegState): Reason {
  if (offset.mask === 0) return Reason.None;
  const inPlace = changetype<usize>(pointer) === changetype<usize>(dst);
  const saved = scratchReg(SAVED);
  if (!inPlace) {
    copyReg(saved, dst);
    moveReg(dst, pointer);
  }
  const error = pushBranch(index + 1, index, true);
  if (!inPlace) copyReg(dst, saved);
  return error !== 0 ? Reason.Stack : Reason.None;
}

function hardenReason(index: i32, op: u32, dst: RegState, pointer: RegState, offset: RegState): Reason {
  if (env.state.speculative) return simulate(index, dst, pointer, offset);
  const constant = offset.mask === 0;
  const negative = offset.smin < 0;
  if (!constant && offset.smin < 0 !== offset.smax < 0) return Reason.Bounds;
  pendingToLeft = op === Alu.Add ? negative : !negative;
  const limit = pointerLimit(pointer);
  if (limit < 0) return <Reason>-(<i32>limit);
  const inPlace = changetype<usize>(pointer) === changetype<usize>(dst);
  pendingState = inPlace ? Harden.Source : Harden.Dst;
  if (negative) pendingState |= Harden.Negative;
  if (constant) pendingState |= Harden.Immediate;
  else env.setExploreAluLimits(true);
  pendingLimit = <u32>limit;
  return simulate(index, dst, pointer, offset);
}

/** Before `dst = pointer op offset`. 0 or -EACCES. */
export function hardenPointer(index: i32, op: u32, dst: RegState, pointer: RegState, offset: RegState): i32 {
  if (!isHardened(op) || skips(index)) return 0;
  const reason = hardenReason(index, op, dst, pointer, offset);
  return reason === Reason.None ? 0 : refuse(index, op, reason);
}

/** After it: the limit is how far the pointer really moved. */
export function hardenResult(index: i32, op: u32, dst: RegState): i32 {
  if (!isHardened(op) || skips(index) || env.state.speculative) return 0;
  const limit = pointerLimit(dst);
  if (limit < 0) return refuse(index, op, <Reason>-(<i32>limit));
  const moved = <i32>(pendingLimit - <u32>limit);
  const reason = agree(index, pendingState, <u32>(moved < 0 ? -moved : moved));
  return reason === Reason.None ? 0 : refuse(index, op, reason);
}

/** Follows the side of a decided branch that real execution does not take. 0 or a negative errno. */
export function followSpeculatively(index: i32, target: i32): i32 {
  const error = pushBranch(target, index, true);
  if (error !== 0) return error;
  const func = pushed().currentFrame;
  const precise = !env.bpfCapable;
  setUnknown(func.reg(env.insnDst(index)), precise);
  if ((env.insnCode(index) & Source.X) !== 0) setUnknown(func.reg(env.insnSrc(index)), precise);
  return 0;
}
