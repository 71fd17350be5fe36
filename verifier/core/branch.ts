/** Conditional jumps: decided ones, and the two states of undecided ones. */

import { Errno } from '../../bpf/errno.ts';
import { Class, Jmp, Source } from '../../bpf/isa.ts';
import { Feature } from '../feature-abi.ts';
import { Flag, Reg } from '../types.ts';
import { clearScalarId, isSecretPointer, moveReg } from './alu.ts';
import { decide, isAnyPacketPointer, refineBranches } from './compare.ts';
import { firstReg, isReg, nextReg, SPILLS } from './each-reg.ts';
import * as env from './env.ts';
import { History, recordHistory } from './history.ts';
import { linkedCount, linkedFrame, linkedIndex, linkedIsRegister, MAX_LINKED, withLinked } from './linked.ts';
import { Access, accessReg } from './liveness.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { markNotNull, resolveNull } from './nullness.ts';
import { learnPacketRange } from './packet.ts';
import { pushBranch, pushed } from './pending.ts';
import { isNeverNull } from './pointer.ts';
import { markPrecise } from './precision.ts';
import { ADD_CONST, printChanges } from './print.ts';
import { openVisit } from './prune.ts';
import { copyReg, RegState, scratchReg, setConstScalar } from './reg.ts';
import { scalarAdd } from './scalar.ts';
import { followSpeculatively } from './speculation.ts';
import { FuncState, isNull, VerifierState } from './state.ts';
import { widenFrom } from './widen.ts';

/* Scratch registers: a constant operand (one copy for each side), and a distance. */
const CONSTANT: u32 = 2;
const CONSTANT_OTHER: u32 = 3;
const DISTANCE: u32 = 4;

/* Linked registers. */

function collect(packed: u64, reg: RegState, id: u32, frame: u32, index: u32, isRegister: bool): u64 {
  if (reg.type !== Reg.Scalar || (reg.id & ~ADD_CONST) !== id) return packed;
  if (linkedCount(packed) < MAX_LINKED) return withLinked(packed, frame, index, isRegister);
  // No room to remember the link: it must not be used.
  clearScalarId(reg);
  return packed;
}

function collectFrame(packed: u64, func: FuncState, id: u32, frame: u32): u64 {
  let linked = packed;
  for (let i: u32 = 0; i < 10; i++) linked = collect(linked, func.reg(i), id, frame, i, true);
  for (let slot: u32 = 0; slot < func.stackSlots; slot++) {
    if (func.isSpill(slot)) linked = collect(linked, func.spilled(slot), id, frame, slot, false);
  }
  return linked;
}

/** All registers and slots that share the id, innermost frame first. */
function collectLinked(packed: u64, id: u32): u64 {
  let linked = packed;
  const state = env.state;
  for (let i: i32 = state.current; i >= 0; i--) {
    linked = collectFrame(linked, state.frame(i), id & ~ADD_CONST, i);
  }
  return linked;
}

function linkedReg(state: VerifierState, packed: u64, position: u32): RegState {
  const func = state.frame(linkedFrame(packed, position));
  const index = linkedIndex(packed, position);
  return linkedIsRegister(packed, position) ? func.reg(index) : func.spilled(index);
}

/** What was learnt of `known` holds for every register linked to it, at its distance. */
function spread(state: VerifierState, known: RegState, packed: u64): void {
  for (let i: u32 = 0; i < linkedCount(packed); i++) {
    const reg = linkedReg(state, packed, i);
    if (reg.type !== Reg.Scalar || changetype<usize>(reg) === changetype<usize>(known)) continue;
    if ((reg.id & ~ADD_CONST) !== (known.id & ~ADD_CONST)) continue;
    const subregDef = reg.subregDef;
    const noDistance = (reg.id & ADD_CONST) === 0 && (known.id & ADD_CONST) === 0;
    if (noDistance || reg.off === known.off) {
      moveReg(reg, known);
    } else {
      const off = reg.off;
      const id = reg.id;
      const distance = scratchReg(DISTANCE);
      setConstScalar(distance, <u64>(<i64>(off - known.off)));
      moveReg(reg, known);
      reg.off = off;
      reg.id = id;
      scalarAdd(reg, distance);
    }
    reg.subregDef = subregDef;
  }
}

/** The older way: every copy with the id has the same value. */
function spreadToAll(state: VerifierState, known: RegState): void {
  const id = known.id;
  for (let reg = firstReg(state, SPILLS); isReg(reg); reg = nextReg()) {
    if (reg.type !== Reg.Scalar || reg.id !== id || changetype<usize>(reg) === changetype<usize>(known))
      continue;
    const subregDef = reg.subregDef;
    moveReg(reg, known);
    reg.subregDef = subregDef;
  }
}

/* may_goto. */

function checkMayGoto(index: i32): i32 {
  const off = env.insnOff(index);
  const imm = env.insnImm(index);
  const wellFormed =
    env.insnCode(index) === (Class.Jmp | Jmp.Cond) &&
    env.insnSrc(index) === 0 &&
    env.insnDst(index) === 0 &&
    imm === 0 &&
    off !== 0;
  if (!wellFormed) {
    say(M.BAD_MAY_GOTO, off, imm);
    return -Errno.EINVAL;
  }
  const before = openVisit(index, changetype<VerifierState>(<usize>env.state.parent));
  const error = pushBranch(index + 1, index, false);
  if (error !== 0) return error;
  const queued = pushed();
  queued.mayGotoDepth++;
  if (!isNull(before)) widenFrom(before, queued);
  env.setInsnIndex(index + off);
  return 0;
}

/* Operands. */

function reserved(): i32 {
  say(M.JMP_RESERVED);
  return -Errno.EINVAL;
}

/** Checks both operands; the second one is then `operand`. */
function checkOperands(index: i32): i32 {
  let error = accessReg(env.insnDst(index), Access.Read);
  if (error !== 0) return error;
  const dst = env.currentReg(env.insnDst(index));
  let flags: u32 = 0;
  if ((env.insnCode(index) & Source.X) !== 0) {
    if (env.insnImm(index) !== 0) return reserved();
    const register = env.insnSrc(index);
    error = accessReg(register, Access.Read);
    if (error !== 0) return error;
    const src = env.currentReg(register);
    const packets = isAnyPacketPointer(dst) && isAnyPacketPointer(src);
    if (!packets && isSecretPointer(src)) {
      say(M.POINTER_COMPARISON, register);
      return -Errno.EACCES;
    }
    if (src.type === Reg.Stack) flags |= History.SrcIsStack;
  } else {
    if (env.insnSrc(index) !== 0) return reserved();
    const constant = scratchReg(CONSTANT);
    memory.fill(changetype<usize>(constant), 0, offsetof<RegState>());
    setConstScalar(constant, <u64>(<i64>env.insnImm(index)));
  }
  if (dst.type === Reg.Stack) flags |= History.DstIsStack;
  if (flags !== 0 && env.has(Feature.TrackedSpills)) recordHistory(env.state, flags, 0);
  return 0;
}

function operand(index: i32): RegState {
  if ((env.insnCode(index) & Source.X) !== 0) return env.currentReg(env.insnSrc(index));
  return scratchReg(CONSTANT);
}

/* Decided branches. */

function markOperandsPrecise(index: i32): i32 {
  if (env.currentReg(env.insnDst(index)).type === Reg.Scalar) {
    const error = markPrecise(env.insnDst(index));
    if (error !== 0) return error;
  }
  if ((env.insnCode(index) & Source.X) === 0) return 0;
  return env.currentReg(env.insnSrc(index)).type === Reg.Scalar ? markPrecise(env.insnSrc(index)) : 0;
}

function goOneWay(index: i32, taken: bool): i32 {
  const target = index + env.insnOff(index) + 1;
  if (!env.bypassSpecV1) {
    const error = followSpeculatively(index, taken ? index + 1 : target);
    if (error !== 0) return error;
  }
  if (env.logsPath()) printChanges(env.currentFrame());
  if (taken) env.setInsnIndex(index + env.insnOff(index));
  return 0;
}

/* Undecided branches. */

/** Two pointers that are equal: where one cannot be null, neither can the other. */
function learnFromEquality(op: u32, index: i32, dst: RegState, src: RegState, taken: VerifierState): void {
  if (op !== Jmp.Eq && op !== Jmp.Ne) return;
  if (!env.has(Feature.EqualPointers)) return;
  const equal = op === Jmp.Eq ? taken.currentFrame : env.currentFrame();
  if (isNeverNull(dst) && (src.type & Flag.MaybeNull) !== 0) markNotNull(equal.reg(env.insnSrc(index)));
  if (isNeverNull(src) && (dst.type & Flag.MaybeNull) !== 0) markNotNull(equal.reg(env.insnDst(index)));
}

function comparesPointers(dst: RegState, src: RegState): bool {
  return (
    src.type !== Reg.Scalar && dst.type !== Reg.Scalar && src.base !== Reg.BtfId && dst.base !== Reg.BtfId
  );
}

/** What a comparison of pointers tells about them. 0 or -EACCES. */
function learnPointers(index: i32, taken: VerifierState): i32 {
  const code = env.insnCode(index);
  const op = code & Jmp.Mask;
  const wide = (code & Class.Mask) === Class.Jmp;
  const fromRegister = (code & Source.X) !== 0;
  const dst = env.currentReg(env.insnDst(index));
  const src = env.currentReg(env.insnSrc(index));
  if (wide && fromRegister && comparesPointers(dst, src)) learnFromEquality(op, index, dst, src, taken);
  const nullCheck = wide && !fromRegister && env.insnImm(index) === 0 && (op === Jmp.Eq || op === Jmp.Ne);
  if (nullCheck && (dst.type & Flag.MaybeNull) !== 0) {
    resolveNull(env.state, env.insnDst(index), op === Jmp.Ne);
    resolveNull(taken, env.insnDst(index), op === Jmp.Eq);
  } else if (!learnPacketRange(index, dst, src, taken, env.state) && isSecretPointer(dst)) {
    say(M.POINTER_COMPARISON, env.insnDst(index));
    return -Errno.EACCES;
  }
  return 0;
}

function refine(index: i32, taken: VerifierState): i32 {
  const code = env.insnCode(index);
  const narrow = (code & Class.Mask) === Class.Jmp32;
  const fromRegister = (code & Source.X) !== 0;
  const func = taken.currentFrame;
  let takenSrc = func.reg(env.insnSrc(index));
  let src = env.currentReg(env.insnSrc(index));
  if (!fromRegister) {
    takenSrc = scratchReg(CONSTANT);
    src = scratchReg(CONSTANT_OTHER);
    copyReg(src, takenSrc);
  }
  const dst = env.currentReg(env.insnDst(index));
  return refineBranches(func.reg(env.insnDst(index)), takenSrc, dst, src, code & Jmp.Mask, narrow);
}

function linkedOf(index: i32): u64 {
  if (!env.has(Feature.WiderLinks)) return 0;
  let linked: u64 = 0;
  const dst = env.currentReg(env.insnDst(index));
  if ((env.insnCode(index) & Source.X) !== 0) {
    const src = env.currentReg(env.insnSrc(index));
    if (src.type === Reg.Scalar && src.id !== 0) linked = collectLinked(linked, src.id);
  }
  if (dst.type === Reg.Scalar && dst.id !== 0) linked = collectLinked(linked, dst.id);
  if (linkedCount(linked) > 1) recordHistory(env.state, 0, linked);
  return linked;
}

function spreadOperand(register: u32, taken: VerifierState, linked: u64): void {
  const reg = env.currentReg(register);
  const other = taken.currentFrame.reg(register);
  if (reg.type !== Reg.Scalar || reg.id === 0 || reg.id !== other.id) return;
  if (env.has(Feature.WiderLinks)) {
    spread(env.state, reg, linked);
    spread(taken, other, linked);
  } else {
    spreadToAll(env.state, reg);
    spreadToAll(taken, other);
  }
}

/** What is learnt of the source of a comparison with a pointer was nobody else's business. */
function spreadsSource(index: i32): bool {
  return env.has(Feature.WiderLinks) || env.currentReg(env.insnDst(index)).type === Reg.Scalar;
}

function goBothWays(index: i32): i32 {
  const linked = linkedOf(index);
  let error = pushBranch(index + env.insnOff(index) + 1, index, false);
  if (error !== 0) return error;
  const taken = pushed();
  error = refine(index, taken);
  if (error !== 0) return error;
  if ((env.insnCode(index) & Source.X) !== 0 && spreadsSource(index)) {
    spreadOperand(env.insnSrc(index), taken, linked);
  }
  spreadOperand(env.insnDst(index), taken, linked);
  error = learnPointers(index, taken);
  if (error !== 0) return error;
  if (env.logsPath()) printChanges(env.currentFrame());
  return 0;
}

/**
 * Verifies a conditional jump. The main loop goes on behind `env.insnIndex`, which is moved where the jump is
 * known to be taken.
 */
export function checkConditional(index: i32): i32 {
  const code = env.insnCode(index);
  const op = code & Jmp.Mask;
  if (op === Jmp.Ja || op > <u32>Jmp.Cond) {
    say(M.BAD_JMP, op);
    return -Errno.EINVAL;
  }
  if (op === Jmp.Cond) return checkMayGoto(index);
  let error = checkOperands(index);
  if (error !== 0) return error;
  const narrow = (code & Class.Mask) === Class.Jmp32;
  const outcome = decide(env.currentReg(env.insnDst(index)), operand(index), op, narrow);
  if (outcome < 0) return goBothWays(index);
  error = markOperandsPrecise(index);
  return error !== 0 ? error : goOneWay(index, outcome === 1);
}
