/** One verification, stage by stage, in the order in which Linux's answers show. */

import { Errno } from '../../bpf/errno.ts';
import { Result } from '../abi.ts';
import { Feature } from '../feature-abi.ts';
import { LogLevel } from '../types.ts';
import { arenaOpenReserve, arenaReset } from './arena.ts';
import { checkAttach } from './attach.ts';
import { checkBtfInfo, checkBtfInfoEarly } from './btf-info.ts';
import { checkCfg } from './cfg.ts';
import { abandoned, effortReset } from './effort.ts';
import * as env from './env.ts';
import { equalReset } from './equal.ts';
import { eventChunks, eventLength, eventsLost, eventsReset } from './events.ts';
import { dropFastcallSpills, markFastcallPatterns } from './fastcall.ts';
import { followReset, follows, stepsFollowed } from './follow.ts';
import { checkAllGlobalSubprogs, checkGlobalSubprogs, checkMain } from './function.ts';
import { historyReset } from './history.ts';
import { logFlush, logPosition, logReset, putSigned, putString, say } from './log.ts';
import * as M from './messages.ts';
import { pendingReset } from './pending.ts';
import { checkRewrites } from './post.ts';
import { precisionReset } from './precision.ts';
import { prepareReset, resolveImmediates } from './prepare.ts';
import { printReset } from './print.ts';
import { pruneReset } from './prune.ts';
import { clearScratched } from './scratched.ts';
import { sourceReset } from './source.ts';
import { checkStackDepth } from './stack-depth.ts';
import {
  checkSubprogs,
  findSubprogs,
  subprog,
  subprogCount,
  subprogReset,
  subprogsFound,
} from './subprog.ts';

const result: usize = memory.data(64, 8);

function reset(): void {
  historyReset();
  precisionReset();
  printReset();
  sourceReset();
  pendingReset();
  pruneReset();
  eventsReset();
  equalReset();
  clearScratched();
  subprogReset();
  prepareReset();
  followReset();
}

/** Everything before the first instruction is looked at as part of a path. */
function prepare(): i32 {
  let error = checkBtfInfoEarly();
  if (error === 0) error = findSubprogs();
  if (error === 0) error = checkSubprogs();
  if (error === 0) error = checkBtfInfo();
  const late = env.has(Feature.LateAttach);
  if (error === 0 && !late) error = checkAttach();
  if (error === 0) error = resolveImmediates();
  if (error === 0) error = checkCfg();
  if (error === 0 && late) error = checkAttach();
  if (error === 0) markFastcallPatterns();
  return error;
}

function printStats(): void {
  if ((env.logLevel & LogLevel.Stats) !== 0) {
    // The one thing a model has no honest number for; tools compare logs without it.
    say(M.VERIFICATION_TIME, 0);
    putString('stack depth ');
    for (let i: u32 = 0; i < subprogCount(); i++) {
      if (i !== 0) putString('+');
      putSigned(subprog(i).stackDepth);
    }
    putString('\n');
  }
  say(M.PROCESSED_HEAD, env.insnsProcessed, env.insnLimit, env.maxStatesPerInsn);
  say(M.PROCESSED_TAIL, env.totalStates, env.peakStates, env.longestMarkRead);
}

function writeResult(error: i32): void {
  store<u32>(result, -error, Result.Errno);
  store<i32>(result, env.insnIndex, Result.Insn);
  store<u32>(result, env.insnsProcessed, Result.InsnsProcessed);
  store<u32>(result, env.maxStatesPerInsn, Result.MaxStatesPerInsn);
  store<u32>(result, env.totalStates, Result.TotalStates);
  store<u32>(result, env.peakStates, Result.PeakStates);
  store<u32>(result, env.longestMarkRead, Result.MarkRead);
  store<u32>(result, subprogCount(), Result.SubprogCount);
  store<u32>(result, subprogsFound(), Result.SubprogsFound);
  store<u32>(result, stepsFollowed(), Result.PathSteps);
  store<u64>(result, logPosition(), Result.LogLength);
  store<u32>(result, eventLength(), Result.EventLength);
  store<u32>(result, <u32>eventChunks(), Result.EventChunks);
  store<u32>(result, eventsLost() ? 1 : 0, Result.EventsLost);
}

/** Readies the arena for a request: the host allocates its parts behind this. */
export function beginRequest(): void {
  arenaReset();
  effortReset();
}

/** Verifies the request at an address; the log leaves through stdout. The result record's address. */
export function verify(request: usize): usize {
  env.beginVerification(request);
  logReset(env.logLevel !== 0, (env.logLevel & LogLevel.Fixed) !== 0);
  reset();
  let error = prepare();
  const called = env.has(Feature.CalledGlobals);
  if (error === 0 && !called && !follows()) error = checkAllGlobalSubprogs();
  if (error === 0) error = checkMain();
  if (follows()) return end(error);
  if (error === 0 && called) error = checkGlobalSubprogs();
  if (error === 0) dropFastcallSpills();
  if (error === 0) error = checkStackDepth();
  if (error === 0) error = checkRewrites();
  return end(error);
}

function end(error: i32): usize {
  printStats();
  writeResult(error);
  logFlush();
  return result;
}

/** The end of a verification that was given up (effort.ts). The result record's address. */
export function endAbandoned(): usize {
  const errno = abandoned();
  effortReset();
  arenaOpenReserve();
  say(errno === Errno.ENOMEM ? M.OUT_OF_MEMORY : M.TOO_MUCH_EFFORT);
  return end(-errno);
}

/** Base types of the pointers that the load or store at slot `index` of the last request goes through, bits by `Reg`. */
export function pointersAt(index: i32): u32 {
  return env.aux(index).pointers;
}

/** Bytes of the object that the kfunc call at slot `index` of the last request allocates; else 0. */
export function objectSizeAt(index: i32): u32 {
  return env.aux(index).objectSize;
}

/** Type of that object in the program's BTF. */
export function objectTypeAt(index: i32): u32 {
  return env.aux(index).objectType;
}

/** Offset of the node in the object that the kfunc call at slot `index` puts into a list or tree; -1 for no such call. */
export function nodeOffsetAt(index: i32): i32 {
  return <i32>env.aux(index).nodePlace - 1;
}

/** Whether the helper call at slot `index` is about an object that has a copy for each CPU. */
export function isPercpuObjectAt(index: i32): bool {
  return env.auxHas(index, env.AuxFlag.PercpuAlloc);
}

/** Bytes of stack that subprogram `index` of the last request uses. */
export function stackDepthOf(index: u32): u32 {
  return index < subprogCount() ? subprog(index).stackDepth : 0;
}
