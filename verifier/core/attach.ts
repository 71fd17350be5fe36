/** What the program attaches to, and whether it may. */

import { BtfKind } from '../../bpf/btf-kind.ts';
import { Errno } from '../../bpf/errno.ts';
import { Request } from '../abi.ts';
import { AttachFact, AttachFlag, TargetFact } from '../btf-abi.ts';
import { ProgFlag } from '../types.ts';
import {
  hasType,
  isText,
  kindAt,
  kindName,
  memberName,
  memberType,
  nameAt,
  paramType,
  refAt,
  sizeAt,
  skipModifiers,
  typeAt,
  vlenAt,
} from './btf.ts';
import { attachFact, attachHas } from './btf-facts.ts';
import * as env from './env.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { checkTargetProgram, hasTarget, targetFact, targetIsUnreliable } from './target-program.ts';
import { checkTypeMatch } from './type-match.ts';

/** BPF_PROG_TYPE_* with attach targets of their own. */
const enum ProgType {
  Kprobe = 2,
  Tracing = 26,
  StructOps = 27,
  Ext = 28,
  Lsm = 29,
  Syscall = 31,
}

/** BPF_* attach types. */
export const enum AttachType {
  RawTp = 23,
  Fentry = 24,
  Fexit = 25,
  ModifyReturn = 26,
  LsmMac = 27,
  Iter = 28,
  LsmCgroup = 43,
}

const TRACE_PREFIX: string = 'btf_trace_';
const MAX_ARGS: u32 = 12;
const MAX_ARG_BYTES: i32 = 16;
const NO_SIZE: i32 = -1;

/* What the context's accesses are checked against (btf-ctx.ts). */
/** FUNC_PROTO of the target in `Request.AttachBtf`, 0 for none. */
export let attachProto: u32 = 0;
/** Name of the target, NUL-terminated. */
export let attachName: usize = 0;

function refuse(message: string): i32 {
  say(message);
  return -Errno.EINVAL;
}

function attachBtf(): u32 {
  return env.requestWord(Request.AttachBtf);
}

function attachId(): u32 {
  return env.requestWord(Request.AttachBtfId);
}

function isSleepable(): bool {
  return (env.progFlags & ProgFlag.Sleepable) !== 0;
}

/** Whether programs of this kind may sleep at all. */
function maySleep(): bool {
  switch (env.progType) {
    case ProgType.Tracing:
      return (
        env.attachType === AttachType.Fentry ||
        env.attachType === AttachType.Fexit ||
        env.attachType === AttachType.ModifyReturn ||
        env.attachType === AttachType.Iter
      );
    case ProgType.Lsm:
      return env.attachType !== AttachType.LsmCgroup;
    default:
      return env.progType === ProgType.Kprobe || env.progType === ProgType.StructOps;
  }
}

/* struct_ops */

/** FUNC_PROTO that a member points to, 0 for other members. */
function functionOf(btf: u32, member: u32): u32 {
  const pointer = typeAt(btf, skipModifiers(btf, member));
  if (kindAt(pointer) !== BtfKind.Ptr) return 0;
  const target = skipModifiers(btf, refAt(pointer));
  return kindAt(typeAt(btf, target)) === BtfKind.FuncProto ? target : 0;
}

function checkStructOps(): i32 {
  if (env.requestWord(Request.Gpl) === 0) return refuse(M.STRUCT_OPS_LICENCE);
  if (attachId() === 0) return -Errno.ENOTSUPP;
  if (!attachHas(AttachFlag.StructOps)) {
    say(M.STRUCT_OPS_STRUCT, attachId());
    return -Errno.ENOTSUPP;
  }
  const btf = attachBtf();
  const struct = typeAt(btf, attachId());
  const name = <i64>attachFact(AttachFact.StructName);
  const index = env.attachType;
  if (index >= vlenAt(struct)) {
    say(M.STRUCT_OPS_INDEX, index, name);
    return -Errno.EINVAL;
  }
  const member = memberName(btf, struct, index);
  const proto = functionOf(btf, memberType(struct, index));
  if (proto === 0) {
    say(M.STRUCT_OPS_MEMBER, <i64>member, index, name);
    return -Errno.EINVAL;
  }
  const implementable = attachHas(AttachFlag.Member);
  if (!implementable || (isSleepable() && !attachHas(AttachFlag.MemberSleepable))) {
    say(M.STRUCT_OPS_UNSUPPORTED, <i64>member, name);
    return implementable ? -Errno.EINVAL : -Errno.ENOTSUPP;
  }
  attachProto = proto;
  attachName = member;
  return 0;
}

/* Functions. */

/** Bytes of a value of the type as a trampoline passes it, -1 when it cannot. */
function passedSize(btf: u32, id: u32): i32 {
  const type = typeAt(btf, skipModifiers(btf, id));
  switch (kindAt(type)) {
    case BtfKind.Void:
      return 0;
    case BtfKind.Ptr:
      return 8;
    case BtfKind.Int:
    case BtfKind.Enum:
    case BtfKind.Enum64:
    case BtfKind.Struct:
      return <i32>sizeAt(type);
    default:
      return NO_SIZE;
  }
}

function typeKindName(btf: u32, id: u32): i64 {
  return text(kindName(kindAt(typeAt(btf, skipModifiers(btf, id)))));
}

function checkParam(btf: u32, proto: usize, index: u32): i32 {
  const name = <i64>attachName;
  const id = paramType(proto, index);
  if (id === 0 && index === vlenAt(proto) - 1) {
    say(M.TARGET_VARIADIC, name);
    return -Errno.EINVAL;
  }
  const size = passedSize(btf, id);
  if (size < 0 || size > MAX_ARG_BYTES) {
    say(M.TARGET_ARG, name, index, typeKindName(btf, id));
    return -Errno.EINVAL;
  }
  if (size !== 0) return 0;
  say(M.TARGET_VOID_ARG, name);
  return -Errno.EINVAL;
}

/** Whether a trampoline can pass the target's arguments and result. */
function checkPrototype(btf: u32, proto: usize): i32 {
  const name = <i64>attachName;
  if (vlenAt(proto) > MAX_ARGS) {
    say(M.TARGET_ARGS, name, vlenAt(proto));
    return -Errno.EINVAL;
  }
  const result = refAt(proto);
  const size = passedSize(btf, result);
  if (size < 0 || kindAt(typeAt(btf, skipModifiers(btf, result))) === BtfKind.Struct) {
    say(M.TARGET_RETURN, name, typeKindName(btf, result));
    return -Errno.EINVAL;
  }
  for (let i: u32 = 0; i < vlenAt(proto); i++) {
    const error = checkParam(btf, proto, i);
    if (error !== 0) return error;
  }
  const usesResult = env.attachType === AttachType.ModifyReturn || env.attachType === AttachType.Fexit;
  if (size <= 8 || !usesResult) return 0;
  say(M.TARGET_LARGE_RETURN, name);
  return -Errno.EOPNOTSUPP;
}

/** Whether the target is one that sleeping programs may run at. */
function targetMaySleep(): bool {
  if (env.progType === ProgType.Lsm) return attachHas(AttachFlag.LsmSleepable);
  if (env.progType !== ProgType.Tracing) return false;
  if (attachHas(AttachFlag.ErrorInjection) && !attachHas(AttachFlag.NonSleepable)) return true;
  return attachHas(AttachFlag.ModifySleepable);
}

function checkSleepOrModify(): i32 {
  if (isSleepable()) {
    if (targetMaySleep()) return 0;
    say(M.TARGET_NOT_SLEEPABLE, <i64>attachName);
    return -Errno.EINVAL;
  }
  if (env.attachType !== AttachType.ModifyReturn) return 0;
  if (hasTarget()) return refuse(M.MODIFIES_PROGRAM);
  const security = isText(attachName, 'security_', true);
  if (attachHas(AttachFlag.ModifyReturn | AttachFlag.ErrorInjection) || security) return 0;
  say(M.TARGET_NOT_MODIFIABLE, <i64>attachName);
  return -Errno.EINVAL;
}

function isFunctionAttach(): bool {
  switch (env.attachType) {
    case AttachType.ModifyReturn:
    case AttachType.LsmMac:
    case AttachType.LsmCgroup:
    case AttachType.Fentry:
    case AttachType.Fexit:
      return true;
    default:
      return false;
  }
}

/** Prototype of a FUNC; 0 (and said so) for other types. */
function prototypeOf(btf: u32, type: usize): u32 {
  if (kindAt(type) !== BtfKind.Func) {
    say(M.TARGET_NOT_FUNCTION, attachId());
    return 0;
  }
  const proto = refAt(type);
  return kindAt(typeAt(btf, proto)) === BtfKind.FuncProto ? proto : 0;
}

function checkFunction(btf: u32, type: usize): i32 {
  const proto = prototypeOf(btf, type);
  if (proto === 0) return -Errno.EINVAL;
  let error = env.progType === ProgType.Ext ? checkTypeMatch(btf, type) : 0;
  if (error !== 0) return error;
  // Nothing is known then but that arguments are words.
  const isUnknown = env.attachType !== AttachType.Iter && hasTarget() && targetIsUnreliable();
  if (!isUnknown) {
    error = checkPrototype(btf, typeAt(btf, proto));
    if (error !== 0) return error;
    attachProto = proto;
  }
  if (env.attachType === AttachType.Iter) return 0;
  if (!hasTarget() && !attachHas(AttachFlag.HasAddress)) {
    say(M.TARGET_ADDRESS, <i64>attachName);
    return -Errno.ENOENT;
  }
  return checkSleepOrModify();
}

/** The prototype of a raw tracepoint comes from the function that names its arguments. */
function checkTracepoint(btf: u32, type: usize): i32 {
  if (kindAt(type) !== BtfKind.Typedef) {
    say(M.TARGET_NOT_TYPEDEF, attachId());
    return -Errno.EINVAL;
  }
  if (!isText(attachName, TRACE_PREFIX, true)) {
    say(M.TARGET_WRONG_NAME, attachId(), <i64>attachName);
    return -Errno.EINVAL;
  }
  attachName += TRACE_PREFIX.length;
  if (!attachHas(AttachFlag.Tracepoint)) return -Errno.EINVAL;
  attachProto = attachFact(AttachFact.Template);
  if (attachProto === 0) {
    say(M.NO_TEMPLATE, text(TRACE_PREFIX), <i64>attachName);
    const pointer = typeAt(btf, refAt(type));
    if (kindAt(pointer) !== BtfKind.Ptr) return -Errno.EINVAL;
    attachProto = refAt(pointer);
  }
  return kindAt(typeAt(btf, attachProto)) === BtfKind.FuncProto ? 0 : -Errno.EINVAL;
}

function checkTarget(): i32 {
  const btf = attachBtf();
  const id = attachId();
  if (id === 0) return refuse(M.TARGET_MISSING);
  if (btf === 0) return refuse(M.TARGET_WITHOUT_BTF);
  if (!hasType(btf, id)) {
    say(M.TARGET_INVALID, id);
    return -Errno.EINVAL;
  }
  const type = typeAt(btf, id);
  attachName = nameAt(btf, type);
  if (hasTarget()) {
    const error = checkTargetProgram(id, attachName);
    if (error !== 0) return error;
  } else if (env.progType === ProgType.Ext) {
    return refuse(M.REPLACES_KERNEL);
  }
  if (env.attachType === AttachType.RawTp) {
    return hasTarget() ? refuse(M.TARGET_ONLY_TRACED) : checkTracepoint(btf, type);
  }
  const attaches = env.attachType === AttachType.Iter || isFunctionAttach();
  if (!attaches && env.progType !== ProgType.Ext) return -Errno.EINVAL;
  return checkFunction(btf, type);
}

/** From here on a replacement is what its target is. */
function inheritTarget(): void {
  if (env.progType === ProgType.Ext) env.setAttachType(targetFact(TargetFact.AttachType));
}

/* What is left once the target is known. */

function checkLsmHook(): i32 {
  if (env.requestWord(Request.Gpl) === 0) return refuse(M.LSM_LICENCE);
  const disabled = attachHas(AttachFlag.LsmDisabled);
  if (!disabled && attachHas(AttachFlag.LsmHook)) return 0;
  say(disabled ? M.LSM_DISABLED : M.TARGET_WRONG_NAME, attachId(), <i64>attachName);
  return -Errno.EINVAL;
}

function checkAllowed(): i32 {
  if (env.attachType === AttachType.RawTp) return 0;
  if (env.attachType === AttachType.Iter) return attachHas(AttachFlag.Iterator) ? 0 : -Errno.EINVAL;
  if (env.progType === ProgType.Lsm) return checkLsmHook();
  if (env.progType === ProgType.Tracing && attachHas(AttachFlag.Denied)) return -Errno.EINVAL;
  const afterwards = env.attachType === AttachType.Fexit || env.attachType === AttachType.ModifyReturn;
  return afterwards && attachHas(AttachFlag.NoReturn) ? refuse(M.TARGET_NO_RETURN) : 0;
}

/** Checks the attach target of BTF-based program types. 0 or a negative errno. */
export function checkAttach(): i32 {
  attachProto = 0;
  attachName = 0;
  if (env.progType === ProgType.Syscall) return isSleepable() ? 0 : refuse(M.SYSCALL_SLEEPS);
  if (isSleepable() && !maySleep()) return refuse(M.CANNOT_SLEEP);
  switch (env.progType) {
    case ProgType.StructOps:
      return checkStructOps();
    case ProgType.Tracing:
    case ProgType.Lsm:
    case ProgType.Ext: {
      const error = checkTarget();
      if (error !== 0) return error;
      inheritTarget();
      return checkAllowed();
    }
    default:
      return 0;
  }
}
