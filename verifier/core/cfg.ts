/**
 * The control flow graph: a depth-first walk that finds unreachable code and (for tasks that must not loop)
 * back edges, and marks where states are looked up and kept.
 */

import { Errno } from '../../bpf/errno.ts';
import { CallKind, Class, Jmp, Mode, Pseudo, Size, Source } from '../../bpf/isa.ts';
import { Feature } from '../feature-abi.ts';
import { allocate } from './arena.ts';
import { callsAsyncCallback, callsSyncCallback } from './callback.ts';
import * as env from './env.ts';
import { helperChangesPacket } from './helper-table.ts';
import { isIterNext, kfuncChangesPacket } from './kfunc-table.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { printNumberedLine } from './source.ts';
import {
  exceptionCallbackSubprog,
  SubprogFlag,
  subprog,
  subprogHas,
  subprogOf,
  subprogSet,
} from './subprog.ts';

const NEW: u8 = 0;
const FALLTHROUGH: u8 = 1;
const BRANCH: u8 = 2;
const DISCOVERED: u8 = 0x10;
const EXPLORED: u8 = 0x20;

/** What a visit came to, besides a negative errno. */
const DONE: i32 = 0;
const PUSHED: i32 = 1;

let states: usize = 0;
let stack: usize = 0;
let depth: u32 = 0;

function stateOf(index: i32): u8 {
  return load<u8>(states + <usize>index);
}

function setStateOf(index: i32, state: u8): void {
  store<u8>(states + <usize>index, state);
}

function push(index: i32): void {
  store<i32>(stack + ((<usize>depth) << 2), index);
  depth++;
}

function top(): i32 {
  return load<i32>(stack + ((<usize>depth - 1) << 2));
}

function badEdge(from: i32, to: i32): i32 {
  printNumberedLine(from);
  say(M.JUMP_OUT_OF_RANGE, from, to);
  return -Errno.EINVAL;
}

function backEdge(from: i32, to: i32): i32 {
  printNumberedLine(from);
  printNumberedLine(to);
  say(M.BACK_EDGE, from, to);
  return -Errno.EINVAL;
}

/** Follows an edge, which may close a loop or not. PUSHED when its target is new. */
function follow(from: i32, to: i32, edge: u8, mayLoop: bool = true): i32 {
  if (stateOf(from) >= (DISCOVERED | edge)) return DONE;
  if (to < 0 || to >= <i32>env.insnCount) return badEdge(from, to);
  if (edge === BRANCH) {
    env.auxSet(to, env.AuxFlag.PrunePoint | env.AuxFlag.JumpPoint | env.AuxFlag.JumpTarget);
  }
  const state = stateOf(to);
  if (state === NEW) {
    setStateOf(from, DISCOVERED | edge);
    setStateOf(to, DISCOVERED);
    if (depth >= env.insnCount) return -Errno.E2BIG;
    push(to);
    return PUSHED;
  }
  if ((state & 0xf0) === DISCOVERED) return env.bpfCapable && mayLoop ? DONE : backEdge(from, to);
  setStateOf(from, DISCOVERED | edge);
  return DONE;
}

function isLdImm64(index: i32): bool {
  return env.insnCode(index) === (Class.Ld | Mode.Imm | Size.Dw);
}

/** Calls, and references to functions: the code behind, then the callee. */
function visitCall(index: i32, visitCallee: bool): i32 {
  const next = index + (isLdImm64(index) ? 2 : 1);
  const outcome = follow(index, next, FALLTHROUGH, env.has(Feature.AnyLoops));
  if (outcome !== DONE) return outcome;
  env.auxSet(next, env.AuxFlag.PrunePoint | env.AuxFlag.JumpPoint);
  if (!visitCallee) return DONE;
  const callee = index + env.insnImm(index) + 1;
  env.auxSet(index, env.AuxFlag.PrunePoint);
  if (subprogHas(subprogOf(callee), SubprogFlag.ChangesPacket)) {
    subprogSet(subprogOf(index), SubprogFlag.ChangesPacket);
  }
  // A function that is only referred to is called later, if at all.
  return follow(index, callee, BRANCH, isLdImm64(index) || env.has(Feature.AnyLoops));
}

function noteCall(index: i32): void {
  const kind = env.insnSrc(index);
  if (callsAsyncCallback(index)) env.auxSet(index, env.AuxFlag.PrunePoint);
  if (callsSyncCallback(index) && env.has(Feature.RepeatedCallbacks)) {
    env.auxSet(
      index,
      env.AuxFlag.CallsCallback |
        env.AuxFlag.ForceCheckpoint |
        env.AuxFlag.PrunePoint |
        env.AuxFlag.JumpPoint,
    );
  }
  if (kind === CallKind.Helper && helperChangesPacket(env.insnImm(index))) {
    subprogSet(subprogOf(index), SubprogFlag.ChangesPacket);
  }
  if (kind === CallKind.Kfunc) {
    if (isIterNext(index)) env.auxSet(index, env.AuxFlag.PrunePoint | env.AuxFlag.ForceCheckpoint);
    if (kfuncChangesPacket(index)) subprogSet(subprogOf(index), SubprogFlag.ChangesPacket);
  }
}

function visitGoto(index: i32): i32 {
  const code = env.insnCode(index);
  if ((code & Source.X) !== 0) return -Errno.EINVAL;
  const distance = (code & Class.Mask) === Class.Jmp ? env.insnOff(index) : env.insnImm(index);
  const target = index + distance + 1;
  const outcome = follow(index, target, FALLTHROUGH);
  if (outcome !== DONE) return outcome;
  env.auxSet(target, env.AuxFlag.PrunePoint | env.AuxFlag.JumpPoint | env.AuxFlag.JumpTarget);
  return DONE;
}

function visitConditional(index: i32): i32 {
  env.auxSet(index, env.AuxFlag.PrunePoint);
  if (env.insnCode(index) === (Class.Jmp | Jmp.Cond)) env.auxSet(index, env.AuxFlag.ForceCheckpoint);
  const outcome = follow(index, index + 1, FALLTHROUGH);
  return outcome !== DONE ? outcome : follow(index, index + env.insnOff(index) + 1, BRANCH);
}

function visit(index: i32): i32 {
  if (isLdImm64(index) && env.insnSrc(index) === Pseudo.Func) return visitCall(index, true);
  const code = env.insnCode(index);
  const cls = code & Class.Mask;
  if (cls !== Class.Jmp && cls !== Class.Jmp32) {
    return follow(index, index + (isLdImm64(index) ? 2 : 1), FALLTHROUGH, env.has(Feature.AnyLoops));
  }
  switch (code & Jmp.Mask) {
    case Jmp.Exit:
      return DONE;
    case Jmp.Call:
      noteCall(index);
      return visitCall(index, env.insnSrc(index) === CallKind.Local);
    case Jmp.Ja:
      return visitGoto(index);
    default:
      return visitConditional(index);
  }
}

function walkFrom(entry: i32): i32 {
  setStateOf(entry, DISCOVERED);
  depth = 0;
  push(entry);
  while (depth > 0) {
    const index = top();
    const outcome = visit(index);
    if (outcome < 0) return outcome;
    if (outcome === DONE) {
      setStateOf(index, EXPLORED);
      depth--;
    }
  }
  return 0;
}

function checkAllReached(): i32 {
  for (let i: i32 = 0; i < <i32>env.insnCount; i++) {
    if (stateOf(i) !== EXPLORED) {
      say(M.UNREACHABLE, i);
      return -Errno.EINVAL;
    }
    if (!isLdImm64(i)) continue;
    if (stateOf(i + 1) !== NEW) {
      say(M.JUMP_INTO_LDIMM, i);
      return -Errno.EINVAL;
    }
    i++;
  }
  return 0;
}

/** Walks the program. 0 or a negative errno. */
export function checkCfg(): i32 {
  states = allocate(env.insnCount + 1);
  stack = allocate((env.insnCount + 1) * 4);
  let error = walkFrom(0);
  const exception = exceptionCallbackSubprog();
  if (error === 0 && exception !== 0) error = walkFrom(subprog(exception).start);
  return error !== 0 ? error : checkAllReached();
}
