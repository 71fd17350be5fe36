/**
 * One function from its entry: the main program, or a global subprogram verified on its own for any arguments
 * that match its prototype.
 */
import { Errno } from '../../bpf/errno.ts';
import { Arg, DynptrKind, Flag, Reg } from '../types.ts';
import { hasFuncInfo, subprogName } from './btf-info.ts';
import { checkPaths } from './check.ts';
import * as env from './env.ts';
import { noteFunction } from './events.ts';
import { prepareArgs } from './global-args.ts';
import { logCut, say } from './log.ts';
import * as M from './messages.ts';
import { dropPending } from './pending.ts';
import { pruneNewFunction } from './prune.ts';
import { LIVE_NONE, NO_SUBREG_DEF, RegState, setKnown, setNotInit, setUnknown } from './reg.ts';
import { markAllScratched } from './scratched.ts';
import { sourceReset } from './source.ts';
import { FuncState, freeState, newFrame, newState } from './state.ts';
import {
  argDetail,
  argKind,
  exceptionCallbackSubprog,
  isGlobalSubprog,
  SubprogFlag,
  subprog,
  subprogCount,
  subprogHas,
  subprogSet,
} from './subprog.ts';

/** BPF_PROG_TYPE_EXT */
const PROG_TYPE_EXT: u32 = 28;

/** A frame as a call finds it: nothing readable but the frame pointer. */
export function initFrame(func: FuncState, callsite: i32, frame: u32, subprogIndex: u32): void {
  func.callsite = callsite;
  func.frame = frame;
  func.subprog = subprogIndex;
  func.returnMin = 0;
  func.returnMax = 0;
  for (let i: u32 = 0; i < 11; i++) {
    const reg = func.reg(i);
    setNotInit(reg, !env.bpfCapable);
    reg.live = LIVE_NONE;
    reg.parent = 0;
    reg.subregDef = NO_SUBREG_DEF;
  }
  const pointer = func.reg(10);
  pointer.type = Reg.Stack;
  setKnown(pointer, 0);
  pointer.frame = frame;
  markAllScratched();
}

/** A register that points to something whose offset is zero. */
function setPointer(reg: RegState, type: u32): void {
  reg.type = type;
  setKnown(reg, 0);
}

/** The register of an argument of a global subprogram. */
function setArgument(reg: RegState, kind: u32, detail: u32): i32 {
  const nullable = kind & Flag.MaybeNull;
  switch (kind & 0xff) {
    case Arg.Ctx:
      setPointer(reg, Reg.Ctx);
      return 0;
    case Arg.Anything:
      setUnknown(reg, !env.bpfCapable);
      return 0;
    case Arg.Dynptr:
      setPointer(reg, Reg.ConstDynptr);
      reg.id = env.newId();
      reg.word0 = DynptrKind.Local;
      reg.word1 = 1;
      return 0;
    case Arg.Mem:
      setPointer(reg, Reg.Mem | nullable);
      reg.word0 = detail;
      reg.id = env.newId();
      return 0;
    case Arg.BtfId:
      setPointer(reg, Reg.BtfId | nullable | (kind & (Flag.Untrusted | Flag.Trusted)));
      reg.word0 = env.vmlinuxBtf;
      reg.word2 = detail;
      reg.id = env.newId();
      return 0;
    case Arg.Arena:
      setUnknown(reg, !env.bpfCapable);
      return 0;
    default:
      return -Errno.EFAULT;
  }
}

function setArguments(func: FuncState, index: u32): i32 {
  say(M.VALIDATING, subprogName(index), index);
  let error = prepareArgs(index);
  if (error !== 0) return error;
  const count = subprog(index).argCount;
  if (subprogHas(index, SubprogFlag.ExceptionCallback)) {
    func.inExceptionCallback = true;
    if (count !== 1 || argKind(index, 0) !== Arg.Anything) {
      say(M.EXCEPTION_ARGUMENT);
      return -Errno.EINVAL;
    }
  }
  for (let i: u32 = 0; i < count; i++) {
    error = setArgument(func.reg(i + 1), argKind(index, i), argDetail(index, i));
    if (error !== 0) return error;
  }
  return 0;
}

/** The main program gets its context, whatever its BTF says; BTF that disagrees is not relied on. */
function setContext(func: FuncState): void {
  if (hasFuncInfo()) {
    const error = prepareArgs(0);
    if (error !== 0 || subprog(0).argCount !== 1 || argKind(0, 0) !== Arg.Ctx) {
      subprogSet(0, SubprogFlag.Unreliable);
    }
  }
  setPointer(func.reg(1), Reg.Ctx);
}

/** Verifies one function on its own. 0 or a negative errno. */
function checkFunction(index: u32): i32 {
  sourceReset();
  const state = newState();
  state.branches = 1;
  state.setFrame(0, newFrame());
  state.firstInsn = subprog(index).start;
  state.lastInsn = -1;
  const func = state.frame(0);
  initFrame(func, -1, 0, index);
  env.setState(state);
  env.setInsnIndex(subprog(index).start);
  noteFunction(index, subprog(index).start);
  let error = 0;
  if (index !== 0 || env.progType === PROG_TYPE_EXT) error = setArguments(func, index);
  else setContext(func);
  if (error === 0) error = checkPaths();
  freeState(state);
  dropPending();
  if (error === 0 && !env.logsFully()) logCut(0);
  pruneNewFunction();
  return error;
}

/** Verifies the main program. */
export function checkMain(): i32 {
  return checkFunction(0);
}

/** Verifies every global subprogram, whether it is called or not. */
export function checkAllGlobalSubprogs(): i32 {
  if (!hasFuncInfo()) return 0;
  for (let i: u32 = 1; i < subprogCount(); i++) {
    if (!isGlobalSubprog(i)) continue;
    const error = checkFunction(i);
    if (error !== 0) return error;
    if (env.logsPath()) say(M.SAFE_FOR_ANY_PLAIN, i);
  }
  return 0;
}

/** Verifies each global subprogram that something verified calls. */
export function checkGlobalSubprogs(): i32 {
  if (!hasFuncInfo()) return 0;
  const exception = exceptionCallbackSubprog();
  if (exception !== 0) subprog(exception).called = true;
  let more = true;
  while (more) {
    more = false;
    for (let i: u32 = 1; i < subprogCount(); i++) {
      const record = subprog(i);
      if (!isGlobalSubprog(i) || !record.called || record.verified) continue;
      const error = checkFunction(i);
      if (error !== 0) return error;
      if (env.logsPath()) say(M.SAFE_FOR_ANY, i, subprogName(i));
      subprog(i).verified = true;
      more = true;
    }
  }
  return 0;
}
