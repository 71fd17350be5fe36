/** Contexts that are the arguments of a kernel function, typed by its BTF. */

import { BtfKind } from '../../bpf/btf-kind.ts';
import { Request } from '../abi.ts';
import { AttachFact, AttachFlag, ContextName, CtxArgFact, TargetFact } from '../btf-abi.ts';
import { Feature } from '../feature-abi.ts';
import { Flag, Reg } from '../types.ts';
import { AttachType, attachName, attachProto } from './attach.ts';
import {
  hasSuffix,
  isEnumAt,
  isModuleBtf,
  isSmallIntAt,
  isStructAt,
  isText,
  kindAt,
  kindName,
  kindOf,
  nameAt,
  paramName,
  paramType,
  refAt,
  shownName,
  sizeAt,
  skipModifiers,
  typeAt,
  typeNameBytes,
  vlenAt,
} from './btf.ts';
import { attachFact, attachHas, attachRecord } from './btf-facts.ts';
import { setCtxResult } from './ctx.ts';
import * as env from './env.ts';
import { contextRow, isContextPointer } from './global-args.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { hasTarget, targetFact } from './target-program.ts';

const SLOT: u32 = 8;
/** Arguments a target without a known prototype has. */
const DEFAULT_ARGS: u32 = 5;
const PROG_TYPE_TRACING: u32 = 26;
const PROG_TYPE_STRUCT_OPS: u32 = 27;
const PROG_TYPE_EXT: u32 = 28;
const PROG_TYPE_LSM: u32 = 29;
/** Bits of `AttachFact.NullArgs`, four for each argument. */
const MAY_BE_NULL: u64 = 1;
const MAY_BE_ERROR: u64 = 2;

function slotBytes(btf: u32, id: u32): u32 {
  const type = typeAt(btf, skipModifiers(btf, id));
  return kindAt(type) === BtfKind.Ptr ? SLOT : (sizeAt(type) + SLOT - 1) & ~(SLOT - 1);
}

/** Index of the argument at an offset; the number of arguments for the result, one more behind it. */
function argumentAt(btf: u32, proto: usize, off: u32): u32 {
  let end: u32 = 0;
  const count = vlenAt(proto);
  for (let i: u32 = 0; i < count; i++) {
    end += slotBytes(btf, paramType(proto, i));
    if (off < end) return i;
  }
  end += slotBytes(btf, refAt(proto));
  return off < end ? count : count + 1;
}

function noArgument(index: u32): bool {
  say(M.NO_ARGUMENT, <i64>attachName, index + 1);
  return false;
}

/** The traced function's result: who sees it, and its type id (-1: refused, 0: an unknown scalar). */
function resultType(btf: u32, proto: usize, index: u32): i64 {
  switch (env.attachType) {
    case AttachType.LsmMac:
    case AttachType.LsmCgroup:
    case AttachType.Fexit:
      return proto === 0 ? 0 : refAt(proto);
    case AttachType.ModifyReturn: {
      if (proto === 0) return -1;
      const id = skipModifiers(btf, refAt(proto));
      if (isSmallIntAt(typeAt(btf, id))) return id;
      say(M.TRACED_RETURN_TYPE, text(kindName(kindOf(btf, id))));
      return -1;
    }
    default:
      noArgument(index);
      return -1;
  }
}

/** Record of an argument that has a register type of its own, 0 for none. */
function ownArgument(off: u32): usize {
  const rows = <usize>attachFact(AttachFact.Args);
  const count = attachFact(AttachFact.ArgCount);
  for (let i: u32 = 0; i < count; i++) {
    const row = rows + i * CtxArgFact.Size;
    if (load<u32>(row, CtxArgFact.Offset) === off) return row;
  }
  return 0;
}

function isNullableBuffer(row: usize): bool {
  if (row === 0) return false;
  const type = load<u32>(row, CtxArgFact.Type);
  return (type & Reg.BaseMask) === Reg.Buf && (type & Flag.MaybeNull) !== 0;
}

function argumentsAreTrusted(): bool {
  if (!env.has(Feature.TrustedPointers)) return false;
  switch (env.progType) {
    case PROG_TYPE_TRACING:
      return env.attachType === AttachType.RawTp || env.attachType === AttachType.Iter;
    case PROG_TYPE_LSM:
      return attachHas(AttachFlag.LsmHook) && !attachHas(AttachFlag.LsmUntrusted);
    default:
      return env.progType === PROG_TYPE_STRUCT_OPS;
  }
}

function nullArgs(): u64 {
  const record = attachRecord();
  return record === 0 ? 0 : load<u64>(record, AttachFact.NullArgs);
}

function tracepointSays(index: u32, bit: u64): bool {
  if (env.attachType !== AttachType.RawTp || index > 15) return false;
  return ((nullArgs() >> (index * 4)) & bit) !== 0;
}

/** Flags of a pointer argument, before its type tags. */
function argumentFlags(btf: u32, proto: usize, index: u32, nameIndex: u32): u32 {
  let flags: u32 = argumentsAreTrusted() ? Flag.Trusted : 0;
  if (nameIndex < vlenAt(proto) && hasSuffix(paramName(btf, proto, nameIndex), '__nullable')) {
    flags |= Flag.MaybeNull;
  }
  if (tracepointSays(index, MAY_BE_NULL)) flags |= Flag.MaybeNull;
  if (!env.has(Feature.NullTracepointArgs)) return flags;
  const unknown = env.attachType === AttachType.RawTp && !attachHas(AttachFlag.NullArgsKnown);
  if (unknown && isModuleBtf(btf)) flags |= Flag.MaybeNull;
  return flags;
}

function tagFlag(btf: u32, id: u32): u32 {
  if (kindOf(btf, id) !== BtfKind.TypeTag) return 0;
  if (isText(typeNameBytes(btf, id), 'user')) return Flag.User;
  return isText(typeNameBytes(btf, id), 'percpu') ? <u32>Flag.Percpu : 0;
}

/** A struct of the kernel that programs of one struct_ops know more of. */
function promoted(id: u32, type: u32): u32 {
  const from = attachFact(AttachFact.PromoteFrom);
  const unsafe = type & ~(<u32>Reg.BaseMask | Flag.Alloc | Flag.Trusted | Flag.NonOwnRef);
  return from !== 0 && id === from && unsafe === 0 ? attachFact(AttachFact.PromoteTo) : id;
}

function takeStruct(btf: u32, pointer: usize, index: u32, flags: u32): bool {
  const type = Reg.BtfId | flags | tagFlag(btf, refAt(pointer));
  const id = skipModifiers(btf, refAt(pointer));
  const target = typeAt(btf, id);
  const kind = text(kindName(kindAt(target)));
  if (!isStructAt(target)) {
    say(M.ARGUMENT_NOT_STRUCT, <i64>attachName, index, kind);
    return false;
  }
  say(M.ARGUMENT_TYPE, <i64>attachName, index, id, kind, shownName(nameAt(btf, target)));
  if (tracepointSays(index, MAY_BE_ERROR)) {
    say(M.ARGUMENT_MAY_BE_ERROR, index);
    setCtxResult(Reg.Scalar, 0, 0, false);
    return true;
  }
  setCtxResult(type, btf, promoted(id, type), false);
  return true;
}

/** Functions of programs have one kind of struct that is known to be good: the kernel's side of their context. */
function takeTargetContext(btf: u32, pointer: usize, flags: u32): bool {
  const progType = targetFact(TargetFact.ContextType);
  if (!isContextPointer(btf, pointer, progType)) return false;
  setCtxResult(
    Reg.BtfId | flags,
    env.vmlinuxBtf,
    load<u32>(contextRow(progType), ContextName.KernelId),
    false,
  );
  return true;
}

function takePointer(btf: u32, proto: usize, pointer: usize, off: u32, index: u32, nameIndex: u32): bool {
  const own = ownArgument(off);
  if (isNullableBuffer(own)) {
    setCtxResult(load<u32>(own, CtxArgFact.Type), 0, 0, false);
    return true;
  }
  const target = refAt(pointer);
  // Pointers to nothing known are scalars as far as safety goes.
  if (target === 0 || kindOf(btf, skipModifiers(btf, target)) === BtfKind.Int) return true;
  if (own !== 0) {
    const id = load<u32>(own, CtxArgFact.BtfId);
    if (id === 0) {
      say(M.ARGUMENT_ID, off);
      return false;
    }
    setCtxResult(load<u32>(own, CtxArgFact.Type), load<u32>(own, CtxArgFact.Btf), id, false);
    return true;
  }
  const flags = argumentFlags(btf, proto, index, nameIndex);
  return hasTarget() ? takeTargetContext(btf, pointer, flags) : takeStruct(btf, pointer, index, flags);
}

/** Whether the access is a permitted argument of the attach target; sets what it gives (`setCtxResult`). */
export function checkBtfCtx(off: i32, size: u32): bool {
  const btf = env.requestWord(Request.AttachBtf);
  const proto: usize = attachProto === 0 ? 0 : typeAt(btf, attachProto);
  if (<u32>off % SLOT !== 0) {
    say(M.ARGUMENT_OFFSET, <i64>attachName, off);
    return false;
  }
  const index = proto === 0 ? <u32>off / SLOT : argumentAt(btf, proto, off);
  // The first parameter of a tracepoint's function is not handed to programs (nor to what replaces them).
  const types = env.progType === PROG_TYPE_TRACING || env.progType === PROG_TYPE_EXT;
  const traced = types && env.attachType === AttachType.RawTp;
  const hidden: u32 = traced && proto !== 0 ? 1 : 0;
  const count = (proto === 0 ? DEFAULT_ARGS : vlenAt(proto)) - hidden;
  if (index > count) return noArgument(index);
  let id: u32 = 0;
  if (index === count) {
    const result = resultType(btf, proto, index);
    if (result < 0) return false;
    if (env.attachType === AttachType.LsmMac) setCtxResult(Reg.Scalar, 0, 0, true);
    id = <u32>result;
  } else if (proto !== 0) {
    id = paramType(proto, index + hidden);
  }
  if (proto === 0) return true;
  const resolved = skipModifiers(btf, id);
  const type = typeAt(btf, resolved);
  if (isSmallIntAt(type) || isEnumAt(type) || kindAt(type) === BtfKind.Struct) return true;
  if (kindAt(type) !== BtfKind.Ptr) {
    const name = shownName(nameAt(btf, type));
    say(M.ARGUMENT_KIND, <i64>attachName, index, name, text(kindName(kindAt(type))));
    return false;
  }
  if (size !== SLOT && env.has(Feature.WholePointerArgs)) {
    say(M.ARGUMENT_SIZE, <i64>attachName, size);
    return false;
  }
  return takePointer(btf, proto, type, off, index, index + hidden);
}
