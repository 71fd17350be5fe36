/**
 * The main loop: verifies one instruction after the other along every path, from a first state to the last
 * pending one.
 */

import { Errno } from '../../bpf/errno.ts';
import { CallKind, Class, Jmp, Mode, Source } from '../../bpf/isa.ts';
import { Feature } from '../feature-abi.ts';
import { checkAlu } from './alu.ts';
import { checkConditional } from './branch.ts';
import { checkBpfCall } from './call.ts';
import * as env from './env.ts';
import { noteExit, noteInsn } from './events.ts';
import { checkExit, leaveProgram } from './exit.ts';
import { allowsRun, follows, isAtPathEnd, takeStep } from './follow.ts';
import { checkHelperCall, HELPER_SPIN_UNLOCK } from './helper.ts';
import { historyNewInsn, recordHistory } from './history.ts';
import { printInsn } from './insn-text.ts';
import { checkKfuncCall, isGraphKfunc, isThrow } from './kfunc.ts';
import { checkLdAbs, checkLdImm } from './ld.ts';
import { logPosition, say, text } from './log.ts';
import { checkAtomic, checkLoad, checkStore, checkStoreImm } from './mem.ts';
import * as M from './messages.ts';
import { dropStrays, isPending, popBranch } from './pending.ts';
import { noteInsnLine, printChanges, printFrame } from './print.ts';
import { closeBranch, visitState } from './prune.ts';
import { anyScratched, markAllScratched, markRegScratched } from './scratched.ts';
import { printLine } from './source.ts';

/** What one instruction came to, besides a negative errno. */
const NEXT: i32 = 0;
/** `env.insnIndex` is where to go on. */
const JUMPED: i32 = 1;
/** This path is at its end. */
const PATH_END: i32 = 2;

/** The state was popped: it is printed whole before its first instruction. */
let resumed: bool = false;

function reserved(message: string): i32 {
  say(message);
  return -Errno.EINVAL;
}

function speculativeSuffix(): i64 {
  return text(env.state.speculative ? M.SPECULATIVE : '');
}

/** Whether what follows was verified already. */
function isCovered(index: i32): i32 {
  if (!env.auxHas(index, env.AuxFlag.PrunePoint) || follows()) return 0;
  const covered = visitState(index);
  if (covered === 1 && env.logsPath()) {
    if (resumed) say(M.FROM_TO_SAFE, env.previousInsn, index, speculativeSuffix());
    else say(M.SAFE, index);
  }
  return covered;
}

function logInsn(index: i32): void {
  if (env.logsFully() && resumed) {
    say(M.FROM_TO, env.previousInsn, index, speculativeSuffix());
    printFrame(env.currentFrame(), true);
    resumed = false;
  }
  if (!env.logsPath()) return;
  if (anyScratched()) printChanges(env.currentFrame());
  printLine(index);
  const start = logPosition();
  say('%d: ', index);
  printInsn(index);
  noteInsnLine(start);
}

/* Jumps, calls and exits. */

function checkCallFields(index: i32): i32 {
  const kind = env.insnSrc(index);
  const wellFormed =
    env.insnCode(index) === (Class.Jmp | Jmp.Call) &&
    (kind === CallKind.Kfunc || env.insnOff(index) === 0) &&
    kind <= <u32>CallKind.Kfunc &&
    env.insnDst(index) === 0;
  return wellFormed ? 0 : reserved(M.CALL_RESERVED);
}

/** Under a spin lock only the unlock and the graph kfuncs may be called. */
function checkLockHeld(index: i32): i32 {
  if (env.state.lockObject === 0) return 0;
  const kind = env.insnSrc(index);
  const imm = env.insnImm(index);
  if (!env.has(Feature.CallsUnderLock)) {
    const unlocks = kind === CallKind.Helper && imm === HELPER_SPIN_UNLOCK;
    return unlocks ? 0 : reserved(M.CALL_UNDER_LOCK);
  }
  const helper = kind === CallKind.Helper && imm !== HELPER_SPIN_UNLOCK;
  const kfunc = kind === CallKind.Kfunc && (env.insnOff(index) !== 0 || !isGraphKfunc(imm));
  return helper || kfunc ? reserved(M.CALL_UNDER_LOCK) : 0;
}

function checkCall(index: i32): i32 {
  let error = checkCallFields(index);
  if (error === 0) error = checkLockHeld(index);
  if (error !== 0) return error;
  const kind = env.insnSrc(index);
  if (kind === CallKind.Local) error = checkBpfCall(index);
  else if (kind === CallKind.Kfunc) {
    error = checkKfuncCall(index);
    if (error === 0 && isThrow(index)) {
      error = leaveProgram();
      return error !== 0 ? error : PATH_END;
    }
  } else error = checkHelperCall(index);
  if (error !== 0) return error;
  markRegScratched(0);
  return NEXT;
}

function checkGoto(index: i32): i32 {
  const code = env.insnCode(index);
  const narrow = (code & Class.Mask) === Class.Jmp;
  const off = env.insnOff(index);
  const imm = env.insnImm(index);
  const plain = (code & Source.X) === 0 && env.insnSrc(index) === 0 && env.insnDst(index) === 0;
  if (!plain || (narrow ? imm !== 0 : off !== 0)) return reserved(M.JA_RESERVED);
  env.setInsnIndex(index + (narrow ? off : imm) + 1);
  return JUMPED;
}

function checkReturn(index: i32): i32 {
  const plain =
    env.insnCode(index) === (Class.Jmp | Jmp.Exit) &&
    env.insnImm(index) === 0 &&
    env.insnSrc(index) === 0 &&
    env.insnDst(index) === 0;
  if (!plain) return reserved(M.EXIT_RESERVED);
  const outcome = checkExit();
  if (outcome < 0) return outcome;
  if (outcome === 0) {
    noteExit(index);
    return PATH_END;
  }
  // Back in the caller, which shows its state as after a branch.
  resumed = true;
  return JUMPED;
}

function checkJump(index: i32): i32 {
  env.countJump();
  switch (env.insnCode(index) & Jmp.Mask) {
    case Jmp.Call:
      return checkCall(index);
    case Jmp.Ja:
      return checkGoto(index);
    case Jmp.Exit:
      return checkReturn(index);
    default:
      return checkConditional(index);
  }
}

/* The other classes. */

function checkStx(index: i32): i32 {
  const mode = env.insnCode(index) & Mode.Mask;
  if (mode === Mode.Atomic) return checkAtomic(index);
  if (mode !== Mode.Mem || env.insnImm(index) !== 0) return reserved(M.STX_RESERVED);
  return checkStore(index);
}

function checkSt(index: i32): i32 {
  const plain = (env.insnCode(index) & Mode.Mask) === Mode.Mem && env.insnSrc(index) === 0;
  return plain ? checkStoreImm(index) : reserved(M.ST_RESERVED);
}

function markSeen(index: i32): void {
  if (!env.state.speculative) env.auxSet(index, env.AuxFlag.Seen);
}

function checkLd(index: i32): i32 {
  const mode = env.insnCode(index) & Mode.Mask;
  if (mode === Mode.Abs || mode === Mode.Ind) return checkLdAbs(index);
  if (mode !== Mode.Imm) return reserved(M.LD_MODE);
  const error = checkLdImm(index);
  if (error !== 0) return error;
  env.setInsnIndex(index + 1);
  markSeen(index + 1);
  return NEXT;
}

function checkInsn(index: i32): i32 {
  switch (env.insnCode(index) & Class.Mask) {
    case Class.Alu:
    case Class.Alu64:
      return checkAlu(index);
    case Class.Ldx:
      return checkLoad(index);
    case Class.Stx:
      return checkStx(index);
    case Class.St:
      return checkSt(index);
    case Class.Ld:
      return checkLd(index);
    default:
      return checkJump(index);
  }
}

function nextPath(): bool {
  markAllScratched();
  closeBranch(env.state);
  resumed = popBranch(!env.logsFully());
  return resumed;
}

/** One instruction: NEXT, JUMPED, PATH_END or a negative errno. */
function step(): i32 {
  const index = env.insnIndex;
  if (follows()) {
    dropStrays();
    // A contradiction counts only where there is another way: else it is what is looked for.
    if (isPending() && !allowsRun(env.state)) return PATH_END;
    if (!takeStep(index)) return PATH_END;
  }
  historyNewInsn();
  if (index >= <i32>env.insnCount) {
    say(M.BAD_INSN_INDEX, index, env.insnCount);
    return -Errno.EFAULT;
  }
  if (env.countInsn() > env.insnLimit) {
    say(M.TOO_MANY_INSNS, env.insnsProcessed);
    return -Errno.E2BIG;
  }
  env.state.lastInsn = env.previousInsn;
  const covered = isCovered(index);
  if (covered < 0) return covered;
  if (covered === 1) return PATH_END;
  if (env.auxHas(index, env.AuxFlag.JumpPoint)) recordHistory(env.state, 0, 0);
  noteInsn(index);
  logInsn(index);
  markSeen(index);
  return checkInsn(index);
}

/** Verifies everything reachable from the current state at `env.insnIndex`. 0 or a negative errno. */
export function checkPaths(): i32 {
  resumed = false;
  env.setPreviousInsn(-1);
  let previous = -1;
  while (true) {
    env.setPreviousInsn(previous);
    previous = env.insnIndex;
    const outcome = step();
    if (outcome < 0) return outcome;
    if (outcome === PATH_END) {
      if (isAtPathEnd(env.state)) return 0;
      if (!nextPath()) return 0;
      previous = env.previousInsn;
    } else if (outcome === NEXT) {
      env.setInsnIndex(env.insnIndex + 1);
    }
  }
}
