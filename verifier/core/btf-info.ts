/** func_info and line_info of the program: names and types of its functions, and whether they fit its code. */

import { BtfKind } from '../../bpf/btf-kind.ts';
import { Errno } from '../../bpf/errno.ts';
import { LineField, Request } from '../abi.ts';
import {
  findByName,
  hasString,
  isEnumAt,
  isSmallIntAt,
  kindAt,
  nextDeclTag,
  refAt,
  skipModifiers,
  typeAt,
  typeNameBytes,
  vlenAt,
} from './btf.ts';
import * as env from './env.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { SubprogFlag, subprog, subprogCount, subprogHas } from './subprog.ts';

const NO_NAME: usize = memory.data<u8>([0]);
/** Bytes of a func_info record: instruction and type id. */
const RECORD: u32 = 8;
const LINKAGE_GLOBAL: u32 = 1;
const EXCEPTION_TAG: string = 'exception_callback:';

function progBtf(): u32 {
  return env.requestWord(Request.ProgBtf);
}

function funcInsn(index: u32): u32 {
  return load<u32>(<usize>env.requestWord(Request.FuncInfo) + index * RECORD);
}

/** Type id (a FUNC of the program's BTF) of a subprogram; 0 without func_info. */
export function funcTypeId(index: u32): u32 {
  if (index >= env.requestWord(Request.FuncInfoCount)) return 0;
  return load<u32>(<usize>env.requestWord(Request.FuncInfo) + index * RECORD, 4);
}

function funcType(index: u32): usize {
  return typeAt(progBtf(), funcTypeId(index));
}

/** Whether the program has func_info. */
export function hasFuncInfo(): bool {
  return env.requestWord(Request.FuncInfoCount) !== 0;
}

function hasInfo(): bool {
  return hasFuncInfo() || env.requestWord(Request.LineInfoCount) !== 0;
}

/** BTF_FUNC_* linkage of a subprogram, -1 without BTF. */
export function funcLinkage(index: u32): i32 {
  if (index >= env.requestWord(Request.FuncInfoCount)) return -1;
  return <i32>vlenAt(funcType(index));
}

/** Name of a subprogram, NUL-terminated; empty without func_info. */
export function subprogName(index: u32): usize {
  if (index >= env.requestWord(Request.FuncInfoCount)) return NO_NAME;
  return typeNameBytes(progBtf(), funcTypeId(index));
}

function refuse(message: string): i32 {
  say(message);
  return -Errno.EINVAL;
}

function checkFuncRecord(index: u32): i32 {
  const insn = funcInsn(index);
  if (index === 0 && insn !== 0) {
    say(M.FUNC_INFO_START, insn);
    return -Errno.EINVAL;
  }
  if (index !== 0 && insn <= funcInsn(index - 1)) {
    say(M.FUNC_INFO_ORDER, insn, funcInsn(index - 1));
    return -Errno.EINVAL;
  }
  const type = funcType(index);
  if (kindAt(type) !== BtfKind.Func) {
    say(M.FUNC_INFO_TYPE, funcTypeId(index));
    return -Errno.EINVAL;
  }
  return kindAt(typeAt(progBtf(), refAt(type))) === BtfKind.FuncProto ? 0 : -Errno.EINVAL;
}

/** Layout and order of func_info, before subprograms are known. 0 or a negative errno. */
export function checkBtfInfoEarly(): i32 {
  if (!hasInfo()) return 0;
  if (progBtf() === 0) return -Errno.EBADF;
  const count = env.requestWord(Request.FuncInfoCount);
  for (let i: u32 = 0; i < count; i++) {
    const error = checkFuncRecord(i);
    if (error !== 0) return error;
  }
  return 0;
}

/** Instruction at which func_info has the function `id` begin, or -EINVAL. */
function insnOfFunc(id: u32): i32 {
  let insn: u32 = 0;
  const count = env.requestWord(Request.FuncInfoCount);
  for (let i: u32 = 0; i < count; i++) {
    if (funcTypeId(i) !== id) continue;
    insn = funcInsn(i);
    if (insn === 0) say(M.EXCEPTION_AT_ZERO);
  }
  if (insn === 0) return refuse(M.EXCEPTION_WITHOUT_INFO);
  return insn < env.insnCount ? <i32>insn : refuse(M.CALL_DESTINATION);
}

/** First instruction of the exception callback, 0 for none, or a negative errno. */
export function exceptionCallback(): i32 {
  if (!hasFuncInfo()) return 0;
  const main = funcTypeId(0);
  const tag = nextDeclTag(progBtf(), main, -1, EXCEPTION_TAG, 0);
  if (tag === 0) return 0;
  if (nextDeclTag(progBtf(), main, -1, EXCEPTION_TAG, tag) !== 0) {
    say(M.EXCEPTION_TAGS);
    return -Errno.EEXIST;
  }
  const name = typeNameBytes(progBtf(), tag) + <u32>EXCEPTION_TAG.length;
  const id = findByName(progBtf(), name, BtfKind.Func);
  if (id === 0) {
    say(M.EXCEPTION_UNKNOWN, <i64>name);
    return -Errno.ENOENT;
  }
  if (vlenAt(typeAt(progBtf(), id)) !== LINKAGE_GLOBAL) {
    say(M.EXCEPTION_LINKAGE, <i64>name);
    return -Errno.EINVAL;
  }
  return insnOfFunc(id);
}

/** Without BTF nobody knows what a subprogram returns when such an instruction leaves it. */
function checkWithoutInfo(): i32 {
  for (let i: u32 = 1; i < subprogCount(); i++) {
    if (subprogHas(i, SubprogFlag.HasLdAbs)) return refuse(M.LD_ABS_WITHOUT_BTF);
    if (subprogHas(i, SubprogFlag.HasTailCall)) return refuse(M.TAIL_CALL_WITHOUT_BTF);
  }
  return 0;
}

function returnsInt(index: u32): bool {
  const proto = refAt(funcType(index));
  const result = typeAt(progBtf(), skipModifiers(progBtf(), refAt(typeAt(progBtf(), proto))));
  return isSmallIntAt(result) || isEnumAt(result);
}

function checkFuncInfo(): i32 {
  const count = env.requestWord(Request.FuncInfoCount);
  if (count === 0) return checkWithoutInfo();
  if (count !== subprogCount()) return refuse(M.FUNC_INFO_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    if (<u32>subprog(i).start !== funcInsn(i)) return refuse(M.FUNC_INFO_LAYOUT);
    if (i === 0 || returnsInt(i)) continue;
    if (subprogHas(i, SubprogFlag.HasLdAbs)) return refuse(M.LD_ABS_RETURN);
    if (subprogHas(i, SubprogFlag.HasTailCall)) return refuse(M.TAIL_CALL_RETURN);
  }
  return 0;
}

function lineInsn(index: u32): u32 {
  return load<u32>(<usize>env.requestWord(Request.LineInfo) + index * LineField.Size, LineField.Insn);
}

function checkLineRecord(index: u32): i32 {
  const insn = lineInsn(index);
  const previous: u32 = index === 0 ? 0 : lineInsn(index - 1);
  if ((index !== 0 && insn <= previous) || insn >= env.insnCount) {
    say(M.LINE_INFO_ORDER, index, insn, previous, env.insnCount);
    return -Errno.EINVAL;
  }
  if (env.insnCode(insn) === 0) {
    say(M.LINE_INFO_INSN, index);
    return -Errno.EINVAL;
  }
  const line = <usize>env.requestWord(Request.LineInfo) + index * LineField.Size;
  const source = hasString(progBtf(), load<u32>(line, LineField.Source));
  if (source && hasString(progBtf(), load<u32>(line, LineField.FileName))) return 0;
  say(M.LINE_INFO_STRING, index);
  return -Errno.EINVAL;
}

/** Every subprogram begins with a line of its own. */
function checkLineInfo(): i32 {
  const count = env.requestWord(Request.LineInfoCount);
  if (count === 0) return 0;
  let next: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const error = checkLineRecord(i);
    if (error !== 0) return error;
    if (next === subprogCount()) continue;
    const start = <u32>subprog(next).start;
    if (lineInsn(i) === start) next++;
    else if (start < lineInsn(i)) {
      say(M.LINE_INFO_MISSING, next);
      return -Errno.EINVAL;
    }
  }
  if (next === subprogCount()) return 0;
  say(M.LINE_INFO_MISSING_REST, subprogCount() - next, next);
  return -Errno.EINVAL;
}

/** func_info against the subprograms, then line_info. 0 or a negative errno. */
export function checkBtfInfo(): i32 {
  if (!hasInfo()) return checkWithoutInfo();
  const error = checkFuncInfo();
  return error !== 0 ? error : checkLineInfo();
}
