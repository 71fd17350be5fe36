/** Subprograms: where they begin, and what the passes learn about each. */

import { Errno } from '../../bpf/errno.ts';
import { CallKind, Class, Jmp, Mode, Pseudo, Size } from '../../bpf/isa.ts';
import { SubprogFact } from '../abi.ts';
import { VerifierLimit } from '../types.ts';
import { allocate } from './arena.ts';
import { exceptionCallback, funcLinkage } from './btf-info.ts';
import * as env from './env.ts';
import { addKfunc } from './kfunc-table.ts';
import { say } from './log.ts';
import * as M from './messages.ts';

const HELPER_TAIL_CALL: i32 = 12;
const LINKAGE_GLOBAL: i32 = 1;

/** One subprogram. Flags are `SubprogFlag` bits. */
@unmanaged
export class Subprog {
  start: i32;
  flags: u32;
  /** Bytes of stack it uses, before rounding. */
  stackDepth: u32;
  /** Lowest stack offset that only fastcall spills use; i16.MIN_VALUE when the contract is broken. */
  fastcallOffset: i32;
  /** Arguments of a global subprogram, filled by its first use. */
  argCount: u32;
  /** Kind of each argument (`Arg` with flags), and its size or type id. */
  arg0: u32;
  arg1: u32;
  arg2: u32;
  arg3: u32;
  arg4: u32;
  detail0: u32;
  detail1: u32;
  detail2: u32;
  detail3: u32;
  detail4: u32;
  /** Verified on its own, or called by something that was (global subprograms). */
  called: bool;
  verified: bool;
  pad: u16;
}

const SUBPROG_SIZE: u32 = 64;
const ARG_KINDS: u32 = 20;
const ARG_DETAILS: u32 = 40;

export const enum SubprogFlag {
  HasTailCall = 1,
  TailCallReachable = 2,
  HasLdAbs = 4,
  Callback = 8,
  AsyncCallback = 16,
  ExceptionCallback = 32,
  ArgsCached = 64,
  KeepFastcallStack = 128,
  ChangesPacket = 256,
  /** Its BTF is not reliable: arguments do not match, so it cannot be called as global. */
  Unreliable = 512,
}

let table: usize = 0;
let count: u32 = 0;
let exceptionSubprog: u32 = 0;
/** A path throws and no callback of the program catches it. */
let throwsUncaught: bool = false;
/** What was known of the subprograms before some were dropped: `SubprogFact` bits, a byte each. */
const foundFacts: usize = memory.data(256, 1);
let found: u32 = 0;

export function subprogCount(): u32 {
  return count;
}

/** Subprogram of the exception callback, 0 for none. */
export function exceptionCallbackSubprog(): u32 {
  return exceptionSubprog;
}

export function subprog(index: u32): Subprog {
  return changetype<Subprog>(table + index * SUBPROG_SIZE);
}

/** Kind (`Arg` with flags) of argument 0..4 of a global subprogram. */
export function argKind(index: u32, argument: u32): u32 {
  return load<u32>(table + index * SUBPROG_SIZE + ARG_KINDS + argument * 4);
}

/** Size or type id of argument 0..4. */
export function argDetail(index: u32, argument: u32): u32 {
  return load<u32>(table + index * SUBPROG_SIZE + ARG_DETAILS + argument * 4);
}

export function setArg(index: u32, argument: u32, kind: u32, detail: u32): void {
  const at = table + index * SUBPROG_SIZE + argument * 4;
  store<u32>(at + ARG_KINDS, kind);
  store<u32>(at + ARG_DETAILS, detail);
}

export function subprogReset(): void {
  count = 0;
  exceptionSubprog = 0;
  throwsUncaught = false;
}

export function subprogHas(index: u32, flag: u32): bool {
  return (subprog(index).flags & flag) !== 0;
}

export function subprogSet(index: u32, flag: u32): void {
  const record = subprog(index);
  record.flags |= flag;
}

/** End of a subprogram: start of the next one. */
export function subprogEnd(index: u32): i32 {
  return index + 1 < count ? subprog(index + 1).start : <i32>env.insnCount;
}

/** Subprogram that contains an instruction. */
export function subprogOf(insn: i32): u32 {
  let low: u32 = 0;
  let high = count - 1;
  while (low < high) {
    const middle = low + (high - low + 1) / 2;
    if (subprog(middle).start <= insn) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Subprogram that begins at an instruction, or -1. */
export function subprogAt(insn: i32): i32 {
  if (insn < 0 || insn >= <i32>env.insnCount || count === 0) return -1;
  const index = subprogOf(insn);
  return subprog(index).start === insn ? <i32>index : -1;
}

export function isGlobalSubprog(index: u32): bool {
  return funcLinkage(index) === LINKAGE_GLOBAL;
}

/** Adds a subprogram that begins at `start`, keeping the table sorted. 0 or a negative errno. */
function addSubprog(start: i32): i32 {
  if (start < 0 || start >= <i32>env.insnCount) {
    say(M.CALL_DESTINATION);
    return -Errno.EINVAL;
  }
  if (subprogAt(start) >= 0) return 0;
  if (count >= <u32>VerifierLimit.Subprogs) {
    say(M.TOO_MANY_SUBPROGS);
    return -Errno.E2BIG;
  }
  let at = count++;
  for (; at > 0 && subprog(at - 1).start > start; at--) subprog(at).start = subprog(at - 1).start;
  subprog(at).start = start;
  return 0;
}

function isFuncRef(index: i32): bool {
  const code = env.insnCode(index);
  return code === (Class.Ld | Mode.Imm | Size.Dw) && env.insnSrc(index) === Pseudo.Func;
}

function addReferenced(index: i32): i32 {
  const local = isFuncRef(index) || env.isCall(index, CallKind.Local);
  if (!local && !env.isCall(index, CallKind.Kfunc)) return 0;
  if (!env.bpfCapable) {
    say(M.CALLS_NEED_CAPABILITY);
    return -Errno.EPERM;
  }
  return local
    ? addSubprog(index + env.insnImm(index) + 1)
    : addKfunc(env.insnImm(index), env.insnOff(index));
}

function addExceptionCallback(): i32 {
  const insn = exceptionCallback();
  if (insn <= 0) return insn;
  const error = addSubprog(insn);
  if (error !== 0) return error;
  exceptionSubprog = <u32>subprogAt(insn);
  subprogSet(
    exceptionSubprog,
    SubprogFlag.Callback | SubprogFlag.AsyncCallback | SubprogFlag.ExceptionCallback,
  );
  return 0;
}

export function setThrowsUncaught(): void {
  throwsUncaught = true;
}

function isReached(index: u32): bool {
  for (let i = subprog(index).start, end = subprogEnd(index); i < end; i++) {
    if (env.auxHas(i, env.AuxFlag.Seen)) return true;
  }
  return false;
}

function factsOf(index: u32): u32 {
  let facts: u32 = 0;
  if (subprogHas(index, SubprogFlag.Unreliable)) facts |= SubprogFact.Unreliable;
  if (subprogHas(index, SubprogFlag.ExceptionCallback)) facts |= SubprogFact.ExceptionCallback;
  if (subprogHas(index, SubprogFlag.ChangesPacket)) facts |= SubprogFact.ChangesPacket;
  if (!env.auxHas(subprog(index).start, env.AuxFlag.Seen)) facts |= SubprogFact.Dead;
  return facts;
}

/** Notes what is known of each subprogram, before some are dropped. */
export function noteSubprogFacts(): void {
  found = count;
  for (let i: u32 = 0; i < count; i++) store<u8>(foundFacts + i, <u8>factsOf(i));
}

/** How many subprograms the program had; 0 when it was not verified to the end. */
export function subprogsFound(): u32 {
  return found;
}

/** `SubprogFact` bits of subprogram `index` of those found. */
export function subprogFacts(index: u32): u32 {
  return index < found ? load<u8>(foundFacts + index) : 0;
}

/** Subprograms that no path reaches go with their code; each later one moves up. */
export function dropUnreachedSubprogs(): void {
  let kept: u32 = 1;
  for (let i: u32 = 1; i < count; i++) {
    if (!isReached(i)) continue;
    if (kept !== i) memory.copy(table + kept * SUBPROG_SIZE, table + i * SUBPROG_SIZE, SUBPROG_SIZE);
    kept++;
  }
  // The code of those dropped now counts to the one before: nothing in it is ever reached.
  count = kept;
}

/** Uncaught exceptions end in a subprogram that is added behind all others. */
export function addDefaultCatcher(): void {
  if (!throwsUncaught) return;
  memory.fill(table + count * SUBPROG_SIZE, 0, SUBPROG_SIZE);
  subprog(count).start = <i32>env.insnCount;
  count++;
}

/** Finds all subprograms and kfuncs of the program. 0 or a negative errno. */
export function findSubprogs(): i32 {
  table = allocate((VerifierLimit.Subprogs + 2) * SUBPROG_SIZE);
  count = 0;
  exceptionSubprog = 0;
  found = 0;
  let error = addSubprog(0);
  for (let i: i32 = 0; i < <i32>env.insnCount && error === 0; i++) error = addReferenced(i);
  if (error === 0) error = addExceptionCallback();
  if (error !== 0) return error;
  if (env.logsFully()) {
    for (let i: u32 = 0; i < count; i++) say(M.FUNC_AT, i, subprog(i).start);
  }
  return 0;
}

function noteInsn(index: i32, owner: u32): void {
  const code = env.insnCode(index);
  const mode = code & Mode.Mask;
  if (env.isCall(index, CallKind.Helper) && env.insnImm(index) === HELPER_TAIL_CALL) {
    subprogSet(owner, SubprogFlag.HasTailCall | SubprogFlag.TailCallReachable);
  }
  if ((code & Class.Mask) === Class.Ld && (mode === Mode.Abs || mode === Mode.Ind)) {
    subprogSet(owner, SubprogFlag.HasLdAbs);
  }
}

function checkTarget(index: i32, start: i32, end: i32): i32 {
  const code = env.insnCode(index);
  const cls = code & Class.Mask;
  const op = code & Jmp.Mask;
  if (cls !== Class.Jmp && cls !== Class.Jmp32) return 0;
  if (op === Jmp.Exit || op === Jmp.Call) return 0;
  const distance = code === (Class.Jmp32 | Jmp.Ja) ? env.insnImm(index) : env.insnOff(index);
  const target = index + distance + 1;
  if (target >= start && target < end) return 0;
  say(M.JUMP_OUT_OF_RANGE, index, target);
  return -Errno.EINVAL;
}

/** Jumps stay inside their subprogram, and none runs off its end. 0 or a negative errno. */
export function checkSubprogs(): i32 {
  for (let owner: u32 = 0; owner < count; owner++) {
    const start = subprog(owner).start;
    const end = subprogEnd(owner);
    for (let i = start; i < end; i++) {
      noteInsn(i, owner);
      const error = checkTarget(i, start, end);
      if (error !== 0) return error;
    }
    const last = env.insnCode(end - 1);
    const ends =
      last === (Class.Jmp | Jmp.Exit) || last === (Class.Jmp | Jmp.Ja) || last === (Class.Jmp32 | Jmp.Ja);
    if (!ends) {
      say(M.LAST_INSN);
      return -Errno.EINVAL;
    }
  }
  return 0;
}
