/** What a program attaches to, as the profile's tables know it: facts for the core to judge. */
import { type Btf, BtfKind, type BtfType, type TypeId } from '../bpf/btf.ts';
import { VMLINUX } from '../kernel-model/kfunc-table.ts';
import type { ProgramFacts } from '../kernel-model/program-facts.ts';
import type { CtxArg } from '../kernel-model/verifier-data.ts';
import { AttachFact, AttachFlag, CtxArgFact } from './btf-abi.ts';
import type { VerifierKernel } from './kernel.ts';
import { KfuncFlag } from './kfunc-abi.ts';
import type { LoadRequest } from './load-request.ts';
import type { OpenBtf, RequestBtfs } from './pack-btf.ts';
import type { Packer } from './packer.ts';
import { Flag, Reg } from './types.ts';

/** Sets of the profile that say something about a function by its name. */
const FUNCTION_SETS: readonly [set: string, flag: AttachFlag][] = [
  ['bpf_lsm_hooks', AttachFlag.LsmHook],
  ['bpf_lsm_disabled_hooks', AttachFlag.LsmDisabled],
  ['untrusted_lsm_hooks', AttachFlag.LsmUntrusted],
  ['sleepable_lsm_hooks', AttachFlag.LsmSleepable],
  ['error_injection', AttachFlag.ErrorInjection],
  ['btf_non_sleepable_error_inject', AttachFlag.NonSleepable],
  ['btf_id_deny', AttachFlag.Denied],
  ['noreturn_deny', AttachFlag.NoReturn],
];
const ITER_PREFIX = 'bpf_iter_';
const TRACE_PREFIX = 'btf_trace_';
const NULLABLE = '__nullable';
const SLOT = 8;

interface Attachment {
  flags: number;
  structName: string;
  template: TypeId;
  args: readonly (CtxArg & { address?: number })[];
  promote: readonly [from: TypeId, to: TypeId];
  nullArgs: bigint;
}

/** Packs the record; its address, 0 when the program attaches to nothing that the kernel's BTF describes. */
export function packAttach(
  packer: Packer,
  kernel: VerifierKernel,
  btfs: RequestBtfs,
  load: LoadRequest,
  facts: ProgramFacts,
): number {
  const types = btfs.attachTypes;
  const id = load.attachBtfId;
  if (load.target || !types || id === 0 || id >= types.btf.typeCount) return 0;
  const attachment = describe(kernel, types, types.btf.type(id), load, facts);
  const at = packer.alloc(AttachFact.Size);
  const args = packer.alloc(Math.max(attachment.args.length, 1) * CtxArgFact.Size);
  packer.u32(at + AttachFact.Flags, attachment.flags);
  packer.u32(at + AttachFact.StructName, packer.text(attachment.structName));
  packer.u32(at + AttachFact.Template, attachment.template);
  packer.u32(at + AttachFact.Args, args);
  packer.u32(at + AttachFact.ArgCount, attachment.args.length);
  packer.u32(at + AttachFact.PromoteFrom, attachment.promote[0]);
  packer.u32(at + AttachFact.PromoteTo, attachment.promote[1]);
  packer.u64(at + AttachFact.NullArgs, attachment.nullArgs);
  attachment.args.forEach((arg, i) => {
    const row = args + i * CtxArgFact.Size;
    packer.u32(row + CtxArgFact.Offset, arg.offset);
    packer.u32(row + CtxArgFact.Type, arg.reg);
    packer.u32(row + CtxArgFact.Btf, arg.address ?? btfs.vmlinux.address);
    packer.u32(row + CtxArgFact.BtfId, arg.btfId);
  });
  return at;
}

function describe(
  kernel: VerifierKernel,
  types: OpenBtf,
  target: BtfType,
  load: LoadRequest,
  facts: ProgramFacts,
): Attachment {
  const none: Attachment = {
    flags: 0,
    structName: '',
    template: 0,
    args: [],
    promote: [0, 0],
    nullArgs: 0n,
  };
  switch (target.kind) {
    case BtfKind.Func:
      return { ...none, ...functionFacts(kernel, load.attachBtf, target) };
    case BtfKind.Typedef:
      return { ...none, ...tracepointFacts(kernel, types.btf, target) };
    case BtfKind.Struct:
      return facts.structOps ? { ...none, ...structOpsFacts(kernel, types, target, load) } : none;
    default:
      return none;
  }
}

function functionFacts(
  kernel: VerifierKernel,
  module: string | undefined,
  target: BtfType,
): Partial<Attachment> {
  const { data } = kernel;
  let flags = 0;
  if (module === undefined) {
    for (const [set, flag] of FUNCTION_SETS) if (data.sets.get(set)?.has(target.name)) flags |= flag;
  }
  const modify = data.kfuncs.modifyReturnFlags(module ?? VMLINUX, target.name);
  if (modify !== undefined) flags |= AttachFlag.ModifyReturn;
  if (modify !== undefined && (modify & KfuncFlag.Sleepable) !== 0) flags |= AttachFlag.ModifySleepable;
  if (!data.withoutAddress.has(target.name)) flags |= AttachFlag.HasAddress;
  const iter = target.name.startsWith(ITER_PREFIX)
    ? data.iters.get(target.name.slice(ITER_PREFIX.length))
    : undefined;
  return iter ? { flags: flags | AttachFlag.Iterator, args: iter.args } : { flags };
}

function tracepointFacts(kernel: VerifierKernel, btf: Btf, target: BtfType): Partial<Attachment> {
  const name = target.name.startsWith(TRACE_PREFIX) ? target.name.slice(TRACE_PREFIX.length) : '';
  const tracepoint = kernel.data.tracepoints.get(name);
  if (!tracepoint) return {};
  const func = btf.find(tracepoint.template, BtfKind.Func);
  const known = tracepoint.nullArgsKnown ? AttachFlag.NullArgsKnown : 0;
  return {
    flags: AttachFlag.Tracepoint | known,
    template: func === 0 ? 0 : btf.type(func).type,
    nullArgs: tracepoint.nullArgs,
  };
}

function structOpsFacts(
  kernel: VerifierKernel,
  types: OpenBtf,
  target: BtfType,
  load: LoadRequest,
): Partial<Attachment> {
  const { btf } = types;
  const ops = kernel.data.structOps.get(target.name);
  if (!ops) return {};
  const member = target.members[load.expectedAttachType]?.name ?? '';
  let flags: number = AttachFlag.StructOps;
  if (ops.members.includes(member)) flags |= AttachFlag.Member;
  if (ops.sleepable.includes(member)) flags |= AttachFlag.MemberSleepable;
  if (ops.epilogue.includes(member)) flags |= AttachFlag.Epilogue;
  const [from, to] = [...ops.promote][0] ?? ['', ''];
  const struct = (name: string) => (name === '' ? 0 : kernel.btf.find(name, BtfKind.Struct));
  return {
    flags,
    structName: target.name,
    args: nullableArgs(btf, types.address, `${target.name}__${member}`),
    promote: [struct(from), struct(to)],
  };
}

/** Arguments that the kernel's stub for a member names as nullable. */
function nullableArgs(btf: Btf, address: number, stub: string): (CtxArg & { address: number })[] {
  const func = btf.find(stub, BtfKind.Func);
  if (func === 0) return [];
  const args: (CtxArg & { address: number })[] = [];
  let offset = 0;
  for (const param of btf.type(btf.type(func).type).params) {
    const pointer = btf.resolve(param.type);
    if (param.name.endsWith(NULLABLE) && pointer.kind === BtfKind.Ptr) {
      const reg = Reg.BtfId | Flag.Trusted | Flag.MaybeNull;
      args.push({ offset, reg, btfId: btf.resolve(pointer.type).id, address });
    }
    offset += Math.ceil(btf.sizeOf(param.type) / SLOT) * SLOT;
  }
  return args;
}
