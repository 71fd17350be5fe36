/** Arguments of global subprograms, from BTF: what their types and "arg:" tags say any caller hands them. */

import { BtfKind } from '../../bpf/btf-kind.ts';
import { Errno } from '../../bpf/errno.ts';
import { Request } from '../abi.ts';
import { BtfFacts, ContextName, KernelType } from '../btf-abi.ts';
import { Feature } from '../feature-abi.ts';
import { Arg, Flag, VerifierLimit } from '../types.ts';
import { AttachType } from './attach.ts';
import {
  isEnumAt,
  isModifierKind,
  isStructAt,
  isText,
  kindAt,
  kindName,
  kindOf,
  nameAt,
  nextDeclTag,
  paramType,
  refAt,
  refOf,
  resolveSize,
  sameString,
  sizeAt,
  skipModifiers,
  typeAt,
  typeNameBytes,
  vlenAt,
} from './btf.ts';
import { btfFact } from './btf-facts.ts';
import { funcLinkage, funcTypeId, hasFuncInfo } from './btf-info.ts';
import * as env from './env.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { SubprogFlag, setArg, subprog, subprogHas, subprogSet } from './subprog.ts';

/** BPF_PROG_TYPE_* */
const enum ProgType {
  Kprobe = 2,
  Tracepoint = 5,
  PerfEvent = 7,
  RawTracepoint = 17,
  RawTracepointWritable = 24,
  Tracing = 26,
  StructOps = 27,
  Ext = 28,
  Lsm = 29,
  Syscall = 31,
}

/** Declaration tags "arg:...". */
const enum Tag {
  Ctx = 1,
  Trusted = 2,
  Nonnull = 4,
  Nullable = 8,
  Arena = 16,
}

const LINKAGE_GLOBAL: i32 = 1;
const TAG_PREFIX: string = 'arg:';
const USER_REGS: string = 'bpf_user_pt_regs_t';

/* The parameter being read. */
let btf: u32 = 0;
let index: u32 = 0;
let argument: u32 = 0;
let isGlobal: bool = false;
/** Pointer type of the parameter, without modifiers. */
let pointer: usize = 0;

function refuse(message: string, errno: i32): i32 {
  say(message, argument);
  return -errno;
}

function tagBit(name: usize): u32 {
  if (isText(name, 'ctx')) return Tag.Ctx;
  if (isText(name, 'trusted')) return Tag.Trusted;
  if (isText(name, 'nonnull')) return Tag.Nonnull;
  if (isText(name, 'nullable')) return Tag.Nullable;
  return isText(name, 'arena') ? <u32>Tag.Arena : 0;
}

/** Tag bits of the parameter, or a negative errno. */
function readTags(func: u32): i32 {
  if (!env.has(Feature.ArgumentTags)) return 0;
  let tags: u32 = 0;
  let id = nextDeclTag(btf, func, argument, TAG_PREFIX, 0);
  while (id !== 0) {
    if (!isGlobal) return refuse(M.TAG_STATIC, Errno.EOPNOTSUPP);
    const bit = tagBit(typeNameBytes(btf, id) + TAG_PREFIX.length);
    if (bit === 0) return refuse(M.TAG_UNKNOWN, Errno.EOPNOTSUPP);
    tags |= bit;
    id = nextDeclTag(btf, func, argument, TAG_PREFIX, id);
  }
  return <i32>tags;
}

/* Contexts. */

/** Row (`ContextName`) that tells how a program type's context is called, 0 for none. */
export function contextRow(progType: u32): usize {
  const rows = <usize>btfFact(BtfFacts.Contexts);
  const count = btfFact(BtfFacts.ContextCount);
  for (let i: u32 = 0; i < count; i++) {
    const row = rows + i * ContextName.Size;
    if (load<u32>(row, ContextName.ProgType) === progType) return row;
  }
  return 0;
}

/** The pointee is the typedef that probes of functions take their registers by. */
function isUserRegs(): bool {
  let id = refAt(pointer);
  while (isModifierKind(kindOf(btf, id)) && kindOf(btf, id) !== BtfKind.Typedef) id = refOf(btf, id);
  return kindOf(btf, id) === BtfKind.Typedef && isText(typeNameBytes(btf, id), USER_REGS);
}

/** A name that stands for the context although it is not its name. */
function isView(context: usize, name: usize): bool {
  if (!env.has(Feature.ArgumentTags)) return false;
  if (isText(context, '__sk_buff')) return isText(name, 'sk_buff');
  return isText(context, 'xdp_md') && isText(name, 'xdp_buff');
}

/** Whether a pointer to this struct is the context without any tag. */
function isContext(progType: u32): bool {
  if (progType === ProgType.Kprobe && isUserRegs()) return true;
  const target = typeAt(btf, skipModifiers(btf, refAt(pointer)));
  const row = contextRow(progType);
  if (!isStructAt(target) || row === 0) return false;
  const name = nameAt(btf, target);
  const context = <usize>load<u32>(row, ContextName.Name);
  if (load<u8>(context) === 0) return false;
  const struct = <usize>load<u32>(row, ContextName.Struct);
  return isView(context, name) || sameString(context, name) || sameString(struct, name);
}

/** As `isContext`, of any pointer type (its record) of a BTF. */
export function isContextPointer(btfOfType: u32, type: usize, progType: u32): bool {
  btf = btfOfType;
  pointer = type;
  return isContext(progType);
}

/** Types that a program type takes for its context when the tag says so. */
function isSpecialContext(progType: u32, target: usize): bool {
  const name = nameAt(btf, target);
  const isStruct = kindAt(target) === BtfKind.Struct || kindAt(target) === BtfKind.Union;
  const isWord = kindAt(target) === BtfKind.Int && sizeAt(target) === 8;
  switch (progType) {
    case ProgType.Kprobe:
    case ProgType.PerfEvent:
      return isStruct && isText(name, 'pt_regs');
    case ProgType.RawTracepoint:
    case ProgType.RawTracepointWritable:
    case ProgType.Lsm:
    case ProgType.StructOps:
      return isWord;
    case ProgType.Tracing:
      if (env.attachType === AttachType.Iter) return isStruct && isText(name, 'bpf_iter__', true);
      return isWord || (env.attachType === AttachType.RawTp && isText(name, 'bpf_raw_tracepoint_args'));
    case ProgType.Tracepoint:
    case ProgType.Syscall:
    case ProgType.Ext:
      return true;
    default:
      return false;
  }
}

/** Whether the pointee can be the context that a tag says it is. 0 or -EINVAL. */
function checkTaggedContext(progType: u32): i32 {
  const probes = progType === ProgType.Kprobe || progType === ProgType.PerfEvent;
  if (probes && isUserRegs()) return 0;
  const target = typeAt(btf, skipModifiers(btf, refAt(pointer)));
  if (kindAt(target) === BtfKind.Void) return 0;
  const name = nameAt(btf, target);
  if (load<u8>(name) === 0) return refuse(M.CONTEXT_NAMELESS, Errno.EINVAL);
  if (isSpecialContext(progType, target)) return 0;
  const row = contextRow(progType);
  if (row === 0 || load<u32>(row, ContextName.IsStruct) === 0) {
    return refuse(M.CONTEXT_VOID, Errno.EINVAL);
  }
  const struct = <usize>load<u32>(row, ContextName.Struct);
  if (isStructAt(target) && sameString(struct, name)) return 0;
  say(M.CONTEXT_STRUCT, argument, <i64>struct);
  return -Errno.EINVAL;
}

/* Pointers to other things. */

function isDynptr(): bool {
  if (!env.has(Feature.ArgumentTags)) return false;
  const target = typeAt(btf, skipModifiers(btf, refAt(pointer)));
  const named = isStructAt(target) || kindAt(target) === BtfKind.Fwd;
  return named && isText(nameAt(btf, target), 'bpf_dynptr');
}

function sayReference(message: string, target: u32): void {
  const kind = text(kindName(kindOf(btf, target)));
  say(message, argument, kind, <i64>typeNameBytes(btf, target));
}

/** Type id of the kernel's struct that a trusted pointer points to, or a negative errno. */
function kernelType(): i32 {
  const target = skipModifiers(btf, refAt(pointer));
  const rows = <usize>btfFact(BtfFacts.KernelTypes);
  const count = btfFact(BtfFacts.KernelTypeCount);
  let row: usize = 0;
  for (let i: u32 = 0; i < count && row === 0; i++) {
    const candidate = rows + i * KernelType.Size;
    if (load<u32>(candidate, KernelType.Local) === target) row = candidate;
  }
  const matches: u32 = row === 0 ? 0 : load<u32>(row, KernelType.Matches);
  if (matches !== 1) {
    sayReference(matches === 0 ? M.NO_MATCHES : M.AMBIGUOUS, target);
    return matches === 0 ? -Errno.ENOENT : -Errno.ESRCH;
  }
  if (load<u32>(row, KernelType.IsModule) !== 0) {
    sayReference(M.MODULE_TYPE, target);
    return -Errno.EOPNOTSUPP;
  }
  return <i32>load<u32>(row, KernelType.TypeId);
}

function takeTrusted(tags: u32): i32 {
  if ((tags & Tag.Nonnull) !== 0) return refuse(M.TAG_COMBINATION, Errno.EINVAL);
  const id = kernelType();
  if (id < 0) return id;
  const nullable: u32 = (tags & Tag.Nullable) !== 0 ? Flag.MaybeNull : 0;
  setArg(index, argument, Arg.BtfId | Flag.Trusted | nullable, id);
  return 0;
}

function takeMemory(tags: u32): i32 {
  if ((tags & Tag.Nullable) !== 0) return refuse(M.TAG_COMBINATION, Errno.EINVAL);
  const target = skipModifiers(btf, refAt(pointer));
  const size = resolveSize(btf, target);
  if (size < 0) {
    sayReference(M.REFERENCE_SIZE, target);
    say('%d\n', -Errno.EINVAL);
    return -Errno.EINVAL;
  }
  const nullable: u32 = (tags & Tag.Nonnull) !== 0 ? 0 : Flag.MaybeNull;
  setArg(index, argument, Arg.Mem | nullable, <u32>size);
  return 0;
}

/** A pointer: 0, a negative errno, or 1 when it is none that a static function can have. */
function takePointer(tags: u32, progType: u32): i32 {
  if ((tags & Tag.Ctx) !== 0 || isContext(progType)) {
    if ((tags & ~(<u32>Tag.Ctx)) !== 0) return refuse(M.TAG_COMBINATION, Errno.EINVAL);
    if ((tags & Tag.Ctx) !== 0 && checkTaggedContext(progType) !== 0) return -Errno.EINVAL;
    setArg(index, argument, Arg.Ctx, 0);
    return 0;
  }
  if (isDynptr()) {
    if (tags !== 0) return refuse(M.TAG_COMBINATION, Errno.EINVAL);
    setArg(index, argument, Arg.Dynptr | Flag.Rdonly, 0);
    return 0;
  }
  if ((tags & Tag.Trusted) !== 0) return takeTrusted(tags);
  if ((tags & Tag.Arena) !== 0) {
    if (tags !== Tag.Arena) return refuse(M.TAG_ARENA, Errno.EINVAL);
    setArg(index, argument, Arg.Arena, 0);
    return 0;
  }
  return isGlobal ? takeMemory(tags) : 1;
}

function readArgument(func: u32, proto: usize, progType: u32): i32 {
  const tags = readTags(func);
  if (tags < 0) return tags;
  const type = typeAt(btf, skipModifiers(btf, paramType(proto, argument)));
  if (kindAt(type) === BtfKind.Ptr) {
    pointer = type;
    const outcome = takePointer(tags, progType);
    if (outcome <= 0) return outcome;
  }
  if (tags !== 0) return refuse(M.TAG_NOT_POINTER, Errno.EINVAL);
  if (kindAt(type) === BtfKind.Int || isEnumAt(type)) {
    setArg(index, argument, Arg.Anything, 0);
    return 0;
  }
  if (isGlobal) {
    const kind = text(kindName(kindAt(type)));
    say(M.ARGUMENT_UNSUPPORTED, argument, kind, <i64>typeNameBytes(btf, func));
  }
  return -Errno.EINVAL;
}

function checkResult(func: u32, proto: usize): i32 {
  const result = typeAt(btf, skipModifiers(btf, refAt(proto)));
  if (kindAt(result) === BtfKind.Int || isEnumAt(result)) return 0;
  if (isGlobal) say(M.GLOBAL_RETURN, <i64>typeNameBytes(btf, func));
  return -Errno.EINVAL;
}

function readPrototype(func: u32): i32 {
  const proto = typeAt(btf, refOf(btf, func));
  const count = vlenAt(proto);
  if (count > <u32>VerifierLimit.FuncArgs) {
    if (isGlobal) say(M.GLOBAL_ARGS, <i64>typeNameBytes(btf, func), count, VerifierLimit.FuncArgs);
    return -Errno.EINVAL;
  }
  const error = checkResult(func, proto);
  if (error !== 0) return error;
  const progType = env.progType === ProgType.Ext ? env.requestWord(Request.ResolvedType) : env.progType;
  for (argument = 0; argument < count; argument++) {
    const failed = readArgument(func, proto, progType);
    if (failed !== 0) return failed;
  }
  subprog(index).argCount = count;
  return 0;
}

/** Derives the arguments of a subprogram (into its `Subprog` record). 0 or a negative errno. */
export function prepareArgs(subprogIndex: u32): i32 {
  if (subprogHas(subprogIndex, SubprogFlag.ArgsCached)) return 0;
  const func = funcTypeId(subprogIndex);
  btf = env.requestWord(Request.ProgBtf);
  index = subprogIndex;
  isGlobal = funcLinkage(subprogIndex) === LINKAGE_GLOBAL;
  if (!hasFuncInfo() || kindOf(btf, func) !== BtfKind.Func) {
    say(M.BUG_FUNC_INFO);
    return -Errno.EFAULT;
  }
  if (subprogHas(subprogIndex, SubprogFlag.Unreliable)) {
    say(M.BUG_UNRELIABLE, <i64>typeNameBytes(btf, func));
    return -Errno.EFAULT;
  }
  const error = readPrototype(func);
  if (error === 0) subprogSet(subprogIndex, SubprogFlag.ArgsCached);
  return error;
}
