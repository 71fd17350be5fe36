/** The kernel functions a program calls, with what the profile's kfunc sets and the functions' BTF say of them. */
import { type Btf, BtfKind, type BtfType, type TypeId } from '../bpf/btf.ts';
import { CallKind, Class, Jmp } from '../bpf/isa.ts';
import { VMLINUX } from '../kernel-model/kfunc-table.ts';
import type { ProgramFacts } from '../kernel-model/program-facts.ts';
import type { VerifierData } from '../kernel-model/verifier-data.ts';
import { Request } from './abi.ts';
import { KfuncArg, KfuncFacts, KfuncField, KfuncFlag, KfuncState, Special } from './kfunc-abi.ts';
import {
  kindName,
  type ParamContext,
  packParam,
  resolved,
  returnOf,
  withoutModifiers,
} from './kfunc-params.ts';
import type { Packer } from './packer.ts';
import { ProgFlag } from './types.ts';

/** BTF that kfunc calls refer to, by the calls' slot: 0 is the kernel's own. */
export interface KfuncModule {
  /** VMLINUX, or the module's name. */
  name: string;
  btf: Btf;
  /** Address of the Btf in the core. */
  address: number;
}

export interface KfuncRequest {
  /** 8-byte slots, little-endian. */
  insns: Uint8Array;
  progFlags: number;
  facts: ProgramFacts;
  modules: readonly (KfuncModule | undefined)[];
}

/** Functions one program may call. */
const MAX_KFUNCS = 256;
/** Parameters that fit in registers. */
const MAX_ARGS = 5;
/** Functions whose kinds the kernel lists but whose result is plain. */
const PLAIN_SPECIALS: ReadonlySet<Special> = new Set([
  Special.RcuReadLock,
  Special.RcuReadUnlock,
  Special.PreemptDisable,
  Special.PreemptEnable,
  Special.SessionCookie,
]);
const TYPES_FOR_CSS_TASK = ['lsm'];

/** Writes the records and enters them in the request record at `request`. */
export function packKfuncs(packer: Packer, request: number, data: VerifierData, what: KfuncRequest): void {
  const vmlinux = what.modules[0];
  if (!vmlinux) return;
  const calls = kfuncCalls(what.insns);
  const at = packer.alloc(Math.max(calls.length, 1) * KfuncField.Size);
  calls.forEach(({ slot, id }, i) => {
    packKfunc(packer, at + i * KfuncField.Size, data, what, vmlinux.btf, slot, id);
  });
  packer.u32(request + Request.Kfuncs, at);
  packer.u32(request + Request.KfuncCount, calls.length);
  packer.u32(request + Request.KfuncFacts, packFacts(packer, data, what.facts, vmlinux.btf));
}

/** Distinct functions called, in the order of their first calls: all that may be called, and one more. */
function kfuncCalls(insns: Uint8Array): { slot: number; id: TypeId }[] {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  const calls = new Map<string, { slot: number; id: TypeId }>();
  for (let at = 0; at + 8 <= insns.length && calls.size <= MAX_KFUNCS; at += 8) {
    const isCall =
      view.getUint8(at) === (Class.Jmp | Jmp.Call) && view.getUint8(at + 1) >> 4 === CallKind.Kfunc;
    if (!isCall) continue;
    const slot = view.getInt16(at + 2, true);
    const id = view.getUint32(at + 4, true);
    if (id !== 0 || slot !== 0) calls.set(`${slot}/${id}`, { slot, id });
  }
  return [...calls.values()];
}

function packFacts(packer: Packer, data: VerifierData, facts: ProgramFacts, vmlinux: Btf): number {
  const at = packer.alloc(KfuncFacts.Size);
  const struct = (name: string) => vmlinux.find(name, BtfKind.Struct);
  packer.u32(at + KfuncFacts.SockId, struct('sock'));
  packer.u32(at + KfuncFacts.SockCommonId, struct('sock_common'));
  packer.u32(at + KfuncFacts.TcpSockId, struct('tcp_sock'));
  packer.u32(at + KfuncFacts.MapId, struct('bpf_map'));
  const context = contextTypes(data, facts.resolvedType, vmlinux);
  const kernel = context === undefined ? undefined : vmlinux.type(context.kernel);
  packer.u32(at + KfuncFacts.KernCtxId, kernel?.kind === BtfKind.Struct ? kernel.id : 0);
  const byType = TYPES_FOR_CSS_TASK.some((type) => data.progType(type) === facts.resolvedType);
  const iterator =
    facts.resolvedType === data.progType('tracing') && facts.attachType === data.attachType('trace_iter');
  packer.u32(at + KfuncFacts.CssTaskAllowed, byType || iterator ? 1 : 0);
  return at;
}

/** The context's types as programs and as the kernel see it. */
function contextTypes(
  data: VerifierData,
  progType: number,
  vmlinux: Btf,
): { program: TypeId; kernel: TypeId } | undefined {
  const { members } = vmlinux.type(vmlinux.find('bpf_ctx_convert', BtfKind.Struct));
  const index = members.findIndex(({ name }) => {
    const type = /^BPF_PROG_TYPE_(.*)_prog$/.exec(name)?.[1];
    return type !== undefined && data.progType(type.toLowerCase()) === progType;
  });
  const program = members[index];
  const kernel = members[index + 1];
  return program && kernel ? { program: program.type, kernel: kernel.type } : undefined;
}

/** Kernel structs that a program's view of the context stands for. */
const PROJECTIONS: { readonly [view: string]: string } = { __sk_buff: 'sk_buff', xdp_md: 'xdp_buff' };

function contextTest(
  data: VerifierData,
  facts: ProgramFacts,
  btf: Btf,
  vmlinux: Btf,
): (pointee: TypeId) => boolean {
  const context = contextTypes(data, facts.resolvedType, vmlinux);
  const kprobe = facts.resolvedType === data.progType('kprobe');
  const program = context === undefined ? undefined : vmlinux.type(context.program);
  const names = new Set<string>();
  if (program) names.add(program.name).add(resolved(vmlinux, program.id)?.name ?? '');
  if (data.features.has('typedKfuncArgs'))
    for (const name of [...names]) names.add(PROJECTIONS[name] ?? name);
  names.delete('');
  return (pointee) => {
    if (kprobe && withoutModifiers(btf, pointee).name === 'bpf_user_pt_regs_t') return true;
    const struct = resolved(btf, pointee);
    if (!struct || (struct.kind !== BtfKind.Struct && struct.kind !== BtfKind.Union)) return false;
    return names.has(struct.name);
  };
}

function packKfunc(
  packer: Packer,
  at: number,
  data: VerifierData,
  what: KfuncRequest,
  vmlinux: Btf,
  slot: number,
  id: TypeId,
): void {
  const set = (field: KfuncField, value: number) => packer.u32(at + field, value >>> 0);
  set(KfuncField.Slot, slot);
  set(KfuncField.Id, id);
  const module = what.modules[slot];
  const found = module === undefined ? KfuncState.NoBtf : findFunction(module.btf, id);
  if (module === undefined || typeof found === 'number') {
    set(KfuncField.State, found as KfuncState);
    return;
  }
  const { func, proto } = found;
  const flags = data.kfuncs.flagsFor(module.name, func.name, what.facts);
  const special = module.name === VMLINUX ? specialOf(data, func.name) : Special.None;
  set(KfuncField.State, stateOf(data, module.name, func.name, what.progFlags));
  set(KfuncField.Allowed, flags === undefined ? 0 : 1);
  set(KfuncField.Flags, flags ?? 0);
  set(KfuncField.Special, special);
  set(KfuncField.Dynamic, special !== Special.None && !PLAIN_SPECIALS.has(special) ? 1 : 0);
  set(KfuncField.Btf, module.address);
  set(KfuncField.Name, packer.text(func.name));
  set(KfuncField.ArgCount, proto.params.length);
  packReturn(packer, at, module.btf, proto);
  const context: ParamContext = {
    btf: module.btf,
    vmlinux,
    iterates: ((flags ?? 0) & KfuncFlag.Iter) !== 0,
    isCtx: contextTest(data, what.facts, module.btf, vmlinux),
  };
  proto.params.slice(0, MAX_ARGS).forEach((param, i) => {
    packParam(packer, at + KfuncField.Args + i * KfuncArg.Bytes, context, param, i);
  });
}

function packReturn(packer: Packer, at: number, btf: Btf, proto: BtfType): void {
  const { kind, size, pointee } = returnOf(btf, proto.type);
  packer.u32(at + KfuncField.RetKind, kind);
  packer.u32(at + KfuncField.RetSize, size);
  packer.u32(at + KfuncField.RetId, pointee?.id ?? 0);
  packer.u32(at + KfuncField.RetKindName, packer.text(kindName(pointee?.kind ?? BtfKind.Void)));
  packer.u32(at + KfuncField.RetName, packer.text(pointee?.name ?? ''));
}

function findFunction(btf: Btf, id: TypeId): { func: BtfType; proto: BtfType } | KfuncState {
  if (id >= btf.typeCount || btf.kind(id) !== BtfKind.Func) return KfuncState.NotFunction;
  const func = btf.type(id);
  if (func.type >= btf.typeCount || btf.kind(func.type) !== BtfKind.FuncProto) return KfuncState.NoPrototype;
  return { func, proto: btf.type(func.type) };
}

/** What makes a function that exists uncallable before its arguments are looked at. */
function stateOf(data: VerifierData, module: string, func: string, progFlags: number): KfuncState {
  if (module !== VMLINUX) return KfuncState.Found;
  if (data.withoutAddress.has(func)) return KfuncState.NoAddress;
  const bound = (progFlags & ProgFlag.XdpDevBoundOnly) !== 0;
  return !bound && metadataKfuncs(data).has(func) ? KfuncState.DeviceOnly : KfuncState.Found;
}

const METADATA_SET = 'xdp_metadata_kfunc_ids';
const metadata = new WeakMap<VerifierData, ReadonlySet<string>>();

/** Functions that read what a network device knows of a packet. */
function metadataKfuncs(data: VerifierData): ReadonlySet<string> {
  let names = metadata.get(data);
  if (!names) {
    names = new Set(
      [...data.kfuncs.all()].filter(({ set }) => set === METADATA_SET).map(({ kfunc }) => kfunc),
    );
    metadata.set(data, names);
  }
  return names;
}

function specialOf(data: VerifierData, name: string): Special {
  return ((data.lists.get('special_kfunc_list') ?? []).indexOf(name) + 1) as Special;
}
