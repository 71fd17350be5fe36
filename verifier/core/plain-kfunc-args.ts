/**
 * Arguments of kfunc calls in kernels without trusted pointers (before 6.2): a pointer is matched by the register that
 * is given; what wants a trusted one wants it with a reference.
 */
import { BtfKind } from '../../bpf/btf-kind.ts';
import { Errno } from '../../bpf/errno.ts';
import { RecordField } from '../btf-abi.ts';
import { ArgKind, ArgMark, KfuncArg, KfuncField, KfuncFlag } from '../kfunc-abi.ts';
import { Arg, DynptrKind, Field, Flag, Reg } from '../types.ts';
import { kindAt, kindName, kindOf, refAt, skipModifiers, typeAt, typeNameBytes } from './btf.ts';
import { structIdsMatch } from './btf-walk.ts';
import * as env from './env.ts';
import { checkSharedMemory, checkSharedSizedMemory } from './helper-mem.ts';
import { argHas, argWord, call, callHas, callName, callWord, isSizeArg } from './kfunc-call.ts';
import { structOfBase } from './kfunc-type.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { typeName } from './names.ts';
import { checkPlainDynptrArg } from './plain-dynptr.ts';
import { fieldAt, fieldWord, recordOf } from './record.ts';
import { RegState } from './reg.ts';
import { checkArgOffset } from './reg-type.ts';

function refuse(message: string, argument: i64): i32 {
  say(message, argument);
  return -Errno.EINVAL;
}

/** struct that a register stands for without being a BTF pointer, 0 for none. */
function structOf(reg: RegState): u32 {
  const base = reg.type & Reg.BaseMask;
  return base === Reg.MapPtr ? 0 : structOfBase(base);
}

/** Objects of the kernel: their references and offsets matter. */
function isObject(reg: RegState): bool {
  return reg.type === Reg.Ctx || reg.type === Reg.BtfId || structOf(reg) !== 0;
}

function wantsReference(reg: RegState): bool {
  return callHas(KfuncFlag.TrustedArgs) || (callHas(KfuncFlag.Release) && reg.refId !== 0);
}

function noteReference(register: u32, reg: RegState): i32 {
  if (reg.refId === 0) return 0;
  if (call.refId !== 0) {
    say(M.KFUNC_TWO_REFS, register, reg.refId, call.refId);
    return -Errno.EFAULT;
  }
  call.refId = reg.refId;
  if (callHas(KfuncFlag.Release)) call.released = register;
  return 0;
}

/** The first parameter of functions that take a pointer out of a map: a place of a pointer with a reference. */
function checkKptrPlace(reg: RegState): i32 {
  if (reg.type !== Reg.MapValue) return refuse(M.KPTR_GET_VALUE, 0);
  if (reg.mask !== 0) return refuse(M.KPTR_GET_OFFSET, 0);
  const at = reg.off + <i32>reg.value;
  const field = fieldAt(recordOf(reg), at, Field.Kptr);
  const referenced = field !== 0 && fieldWord(field, RecordField.Type) === Field.KptrRef;
  if (!referenced) return refuse(M.KPTR_GET_PLACE, at);
  const btf = callWord(KfuncField.Btf);
  const pointer = typeAt(btf, argWord(0, KfuncArg.RefId));
  if (kindAt(pointer) !== BtfKind.Ptr) return refuse(M.KPTR_GET_DOUBLE, 0);
  const struct = skipModifiers(btf, refAt(pointer));
  const fieldBtf = fieldWord(field, RecordField.Btf);
  if (structIdsMatch(btf, struct, 0, fieldBtf, fieldWord(field, RecordField.TypeId), true, true)) return 0;
  say(M.KPTR_GET_TYPE, callName(), 0, text(kindName(kindOf(btf, struct))), <i64>typeNameBytes(btf, struct));
  return -Errno.EINVAL;
}

function checkStruct(index: u32, reg: RegState): i32 {
  if (!argHas(index, ArgMark.ToStruct)) {
    const kind = <i64>argWord(index, KfuncArg.RefKindName);
    say(M.KFUNC_POINTER_TYPE, callName(), index, kind, <i64>argWord(index, KfuncArg.RefName));
    return -Errno.EINVAL;
  }
  const isBtf = reg.type === Reg.BtfId;
  const btf = isBtf ? reg.word0 : env.vmlinuxBtf;
  const id = skipModifiers(btf, isBtf ? reg.word2 : structOf(reg));
  const wanted = argWord(index, KfuncArg.RefId);
  const strict = wantsReference(reg);
  if (structIdsMatch(btf, id, reg.off, callWord(KfuncField.Btf), wanted, strict, true)) return 0;
  const kind = <i64>argWord(index, KfuncArg.RefKindName);
  const name = <i64>argWord(index, KfuncArg.RefName);
  say(M.KFUNC_WRONG_STRUCT, callName(), index, kind, name, index + 1);
  say(M.KFUNC_WRONG_STRUCT_TAIL, text(kindName(kindOf(btf, id))), <i64>typeNameBytes(btf, id));
  return -Errno.EINVAL;
}

/** A pair of memory and its size: 1, since the size is the next argument. */
function checkPair(index: u32): i32 {
  if (checkSharedSizedMemory(index + 2) === 0) return 1;
  say(M.KFUNC_PAIR, index, index + 1);
  return -Errno.EINVAL;
}

function checkDynptr(index: u32, reg: RegState): i32 {
  if (reg.type !== Reg.Stack) return refuse(M.DYNPTR_EXPECTED, index);
  return checkPlainDynptrArg(index + 1, env.insnIndex, Arg.Dynptr | Flag.DynptrLocal, DynptrKind.Local);
}

/** Memory of numbers, a dynptr, or memory with its size. */
function checkMemory(index: u32, reg: RegState): i32 {
  const next = index + 1;
  const sized =
    next < callWord(KfuncField.ArgCount) &&
    argWord(next, KfuncArg.Kind) === ArgKind.Scalar &&
    env.currentReg(next + 1).type === Reg.Scalar &&
    isSizeArg(next);
  const plain = argHas(index, ArgMark.ToScalar | ArgMark.ToScalarStruct);
  const dynptr = argHas(index, ArgMark.Dynptr);
  if (!plain && !dynptr && !(sized && argHas(index, ArgMark.ToVoid))) {
    if (argHas(index, ArgMark.TooDeep)) say(M.KFUNC_TOO_DEEP);
    const kind = <i64>argWord(index, KfuncArg.RefKindName);
    const also = text(sized ? 'void, ' : '');
    say(M.KFUNC_POINTEE, index, kind, <i64>argWord(index, KfuncArg.RefName), also);
    return -Errno.EINVAL;
  }
  if (dynptr) return checkDynptr(index, reg);
  if (sized) return checkPair(index);
  const size = <i32>argWord(index, KfuncArg.RefSize);
  return size >= 0 && checkSharedMemory(index + 1, size) === 0 ? 0 : -Errno.EINVAL;
}

/** A pointer. 1 when the next argument belongs to it; 0; or a negative errno. */
export function checkPlainPointer(index: u32): i32 {
  const register = index + 1;
  const reg = env.currentReg(register);
  const object = isObject(reg);
  const trusted = callHas(KfuncFlag.TrustedArgs) && object;
  if (trusted && reg.type !== Reg.Ctx && reg.refId === 0) return refuse(M.KFUNC_MUST_BE_REFERENCED, register);
  const released = trusted || (callHas(KfuncFlag.Release) && reg.refId !== 0);
  let error = checkArgOffset(register, released ? Flag.Release : 0);
  if (error === 0) error = noteReference(register, reg);
  if (error !== 0) return error;
  if (index === 0 && callHas(KfuncFlag.KptrGet)) return checkKptrPlace(reg);
  if (argHas(index, ArgMark.Ctx)) {
    if (reg.type === Reg.Ctx) return 0;
    say(M.KFUNC_NOT_CTX, index, typeName(reg.type));
    return -Errno.EINVAL;
  }
  const plainType = (reg.type & ~(<u32>Reg.BaseMask)) === 0;
  if (reg.type === Reg.BtfId || (structOf(reg) !== 0 && plainType)) return checkStruct(index, reg);
  return checkMemory(index, reg);
}
