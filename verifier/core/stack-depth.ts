/**
 * Stack of whole call chains: every way from the main program (and from each asynchronous callback) down the
 * calls must fit in one stack. Chains are walked depth first, since the same subprogram weighs differently
 * under different callers.
 */
import { Errno } from '../../bpf/errno.ts';
import { CallKind, Class, Mode, Pseudo, Size } from '../../bpf/isa.ts';
import { Feature } from '../feature-abi.ts';
import { VerifierLimit } from '../types.ts';
import { allocate } from './arena.ts';
import { spend } from './effort.ts';
import * as env from './env.ts';
import { isThrow } from './kfunc.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import {
  SubprogFlag,
  subprog,
  subprogAt,
  subprogCount,
  subprogEnd,
  subprogHas,
  subprogSet,
} from './subprog.ts';

/** Stacks of compiled programs are multiples of this. */
const STACK_UNIT: u32 = 16;
/** The interpreter's unit, of which a function without a stack has one too. */
const COARSE_UNIT: u32 = 32;
/** With tail calls below, a chain may use no more than this: 32 tail calls may pile up. */
const TAIL_CALL_STACK: u32 = 256;

/* The chain: where to go on in each caller, and who it is. */
const returnInsns: usize = memory.data(8 * 4, 4);
const returnSubprogs: usize = memory.data(8 * 4, 4);
let frame: u32 = 0;
let depth: u32 = 0;
let tailCallBelow: bool = false;

/**
 * Subprograms that were walked to their end already from the same depth: another walk would find the same. A bit
 * for each subprogram, frame, depth in stack units, and two facts about the chain.
 */
let walked: usize = 0;
const DEPTHS: u32 = VerifierLimit.StackBytes / STACK_UNIT + 1;
const WALKED_BYTES: u32 = ((VerifierLimit.Subprogs + 1) * VerifierLimit.Frames * DEPTHS * 4) / 8;

/** Whether the subprogram that was just entered was walked like this before; it counts as walked then. */
function wasWalked(index: u32): bool {
  const facts: u32 = (isInCallback(index) ? 2 : 0) | (tailCallBelow ? 1 : 0);
  const bit = ((index * VerifierLimit.Frames + frame) * DEPTHS + depth / STACK_UNIT) * 4 + facts;
  const at = walked + (bit >> 3);
  const mask: u32 = 1 << (bit & 7);
  const known = (load<u8>(at) & mask) !== 0;
  store<u8>(at, <u8>(load<u8>(at) | mask));
  return known;
}

function callerAt(index: u32): u32 {
  return load<u32>(returnSubprogs + index * 4);
}

function depthOf(index: u32): u32 {
  const depth = subprog(index).stackDepth;
  if (env.has(Feature.FineStackDepth)) return (depth + STACK_UNIT - 1) & ~(STACK_UNIT - 1);
  return (max(depth, 1) + COARSE_UNIT - 1) & ~(COARSE_UNIT - 1);
}

/** Whether the subprogram, or one of those that lead to it, is a callback. */
function isInCallback(index: u32): bool {
  if (subprogHas(index, SubprogFlag.Callback)) return true;
  for (let i: u32 = 0; i < frame; i++) {
    if (subprogHas(callerAt(i), SubprogFlag.Callback)) return true;
  }
  return false;
}

/** A subprogram joins the chain. */
function enter(index: u32): i32 {
  if (subprogHas(index, SubprogFlag.HasLdAbs) && isInCallback(index)) {
    say(M.LD_ABS_IN_CALLBACK);
    return -Errno.EINVAL;
  }
  if (index !== 0 && subprogHas(index, SubprogFlag.HasTailCall) && depth >= TAIL_CALL_STACK) {
    say(M.TAIL_CALL_STACK, depth);
    return -Errno.EACCES;
  }
  depth += depthOf(index);
  if (depth <= <u32>VerifierLimit.StackBytes) return 0;
  say(M.COMBINED_STACK, frame + 1, depth);
  return -Errno.EACCES;
}

function isFuncRef(insn: i32): bool {
  return env.insnCode(insn) === (Class.Ld | Mode.Imm | Size.Dw) && env.insnSrc(insn) === Pseudo.Func;
}

function checkThrow(insn: i32, index: u32): i32 {
  if (!env.isCall(insn, CallKind.Kfunc) || env.insnOff(insn) !== 0) return 0;
  if (!isThrow(insn) || !isInCallback(index)) return 0;
  say(M.THROW_IN_CALLBACK, insn, index);
  return -Errno.EINVAL;
}

/** Callee of a call (or of a reference to a function) that adds to the chain; -1 for none, below an errno. */
const NO_CALLEE: i32 = -1_000_000;

function calleeOf(insn: i32): i32 {
  const calls = env.isCall(insn, CallKind.Local);
  if (!calls && !isFuncRef(insn)) return NO_CALLEE;
  const callee = subprogAt(insn + env.insnImm(insn) + 1);
  if (callee < 0) return -Errno.EFAULT;
  if (!subprogHas(callee, SubprogFlag.AsyncCallback)) return callee;
  // Asynchronous callbacks have a stack of their own, unless they are called like any other.
  if (!calls) return NO_CALLEE;
  if (!subprogHas(callee, SubprogFlag.ExceptionCallback)) return callee;
  say(M.EXCEPTION_CALLED, insn);
  return -Errno.EINVAL;
}

/** The end of a subprogram: all in the chain can be reached by tail calls that were found below. */
function noteTailCalls(): i32 {
  if (!tailCallBelow) return 0;
  for (let i: u32 = 0; i < frame; i++) {
    if (subprogHas(callerAt(i), SubprogFlag.ExceptionCallback)) {
      say(M.EXCEPTION_TAIL_CALL);
      return -Errno.EINVAL;
    }
    subprogSet(callerAt(i), SubprogFlag.TailCallReachable);
  }
  return 0;
}

function descend(insn: i32, index: u32, callee: u32): i32 {
  store<i32>(returnInsns + frame * 4, insn + 1);
  store<u32>(returnSubprogs + frame * 4, index);
  if (subprogHas(callee, SubprogFlag.HasTailCall)) tailCallBelow = true;
  frame++;
  if (frame >= <u32>VerifierLimit.Frames) {
    say(M.CHAIN_TOO_DEEP, frame);
    return -Errno.E2BIG;
  }
  return enter(callee);
}

/** All chains that begin with a subprogram. */
function checkFrom(root: u32): i32 {
  frame = 0;
  depth = 0;
  tailCallBelow = false;
  memory.fill(walked, 0, WALKED_BYTES);
  let index = root;
  let insn = subprog(root).start;
  let error = enter(root);
  while (error === 0) {
    spend(1);
    if (insn >= subprogEnd(index)) {
      error = noteTailCalls();
      if (error !== 0 || frame === 0) return error;
      depth -= depthOf(index);
      frame--;
      insn = load<i32>(returnInsns + frame * 4);
      index = callerAt(frame);
      continue;
    }
    error = checkThrow(insn, index);
    if (error !== 0) return error;
    const callee = calleeOf(insn);
    if (callee >= 0) {
      error = descend(insn, index, callee);
      index = callee;
      insn = error === 0 && wasWalked(callee) ? subprogEnd(callee) : subprog(callee).start;
    } else if (callee === NO_CALLEE) {
      insn++;
    } else {
      error = callee;
    }
  }
  return error;
}

/** Checks depth and number of frames over the call graph. 0 or a negative errno. */
export function checkStackDepth(): i32 {
  walked = allocate(WALKED_BYTES);
  for (let i = <i32>subprogCount() - 1; i >= 0; i--) {
    if (i !== 0 && !subprogHas(i, SubprogFlag.AsyncCallback)) continue;
    const error = checkFrom(i);
    if (error !== 0) return error;
  }
  return 0;
}
