/** Packs the helpers that a program calls with the prototypes it gets, and what its exit demands. */
import { BtfKind } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import type { HelperProto, RegisterRules } from '../kernel-model/helper-protos.ts';
import type { ProgramFacts } from '../kernel-model/program-facts.ts';
import type { VerifierData } from '../kernel-model/verifier-data.ts';
import { Request } from './abi.ts';
import {
  Accepts,
  CallFacts,
  Helper,
  HelperArg,
  HelperField,
  HelperFlag,
  HelperState,
  type MapFit,
  ReturnKind,
} from './helper-abi.ts';
import type { VerifierKernel } from './kernel.ts';
import type { Packer } from './packer.ts';
import { Reg } from './types.ts';

const CALL = 0x85;
const MAP_TYPES = 64;
const BASE_TYPES = 32;
/** Arguments in registers. */
const ARGS = 5;
/** CPUs of the modelled machine: what bpf_get_smp_processor_id() can return. */
const CPUS = 1;

/** Helpers after which pointers into the packet are void (a tail-called program could do the same: `changesPacket`). */
const CHANGES_PACKET = new Set([
  'clone_redirect',
  'l3_csum_replace',
  'l4_csum_replace',
  'lwt_push_encap',
  'lwt_seg6_action',
  'lwt_seg6_adjust_srh',
  'lwt_seg6_store_bytes',
  'msg_pop_data',
  'msg_pull_data',
  'msg_push_data',
  'skb_adjust_room',
  'skb_change_head',
  'skb_change_proto',
  'skb_change_tail',
  'skb_pull_data',
  'skb_store_bytes',
  'skb_vlan_pop',
  'skb_vlan_push',
  'store_hdr_opt',
  'xdp_adjust_head',
  'xdp_adjust_meta',
  'xdp_adjust_tail',
]);

function changesPacket(name: string, data: VerifierData): boolean {
  return CHANGES_PACKET.has(name) || (name === 'tail_call' && data.features.has('packetEffects'));
}

/** Fills in the request at `at`. */
export function packHelpers(
  packer: Packer,
  at: number,
  kernel: VerifierKernel,
  facts: ProgramFacts,
  insns: Uint8Array,
): void {
  const ids = calledHelpers(insns, kernel.data.helperCount);
  const records = packer.alloc(Math.max(ids.length, 1) * HelperField.Size);
  ids.forEach((id, i) => {
    packHelper(packer, records + i * HelperField.Size, id, kernel.data, facts);
  });
  packer.u32(at + Request.Helpers, records);
  packer.u32(at + Request.HelperCount, ids.length);
  packer.u32(at + Request.CallFacts, packFacts(packer, kernel, facts));
}

/** Numbers of the helpers that occur in the program, ascending; Helper.None for those that are none. */
function calledHelpers(insns: Uint8Array, count: number): number[] {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  const ids = new Set<number>();
  for (let slot = 0; slot + 8 <= insns.length; slot += 8) {
    const isHelper = insns[slot] === CALL && ((insns[slot + 1] as number) & 0xf0) === 0;
    const id = isHelper ? view.getInt32(slot + 4, true) : 0;
    if (isHelper) ids.add(id >= 0 && id < count ? id : Helper.None);
  }
  return [...ids].sort((a, b) => a - b);
}

function packHelper(
  packer: Packer,
  record: number,
  id: number,
  data: VerifierData,
  facts: ProgramFacts,
): void {
  const set = (field: HelperField, value: number) => packer.u32(record + field, value);
  const name = data.helperName(id);
  const short = (name ?? '').replace(/^bpf_/, '');
  set(HelperField.Id, id >>> 0);
  set(HelperField.Name, packer.text(name ?? 'unknown'));
  const proto = data.helperProto(id, facts);
  const known = id >= 0 && id < data.helperCount;
  if (!proto) {
    set(HelperField.State, known ? HelperState.Refused : HelperState.Unknown);
    set(HelperField.Flags, changesPacket(short, data) ? HelperFlag.ChangesPacket : 0);
    return;
  }
  set(HelperField.Flags, flagsOf(proto, short, data, facts));
  set(HelperField.Ret, proto.ret);
  set(HelperField.RetBtfId, proto.retBtfId);
  proto.args.slice(0, ARGS).forEach((arg, i) => {
    const at = record + HelperField.Args + i * HelperArg.Size;
    packer.u32(at + HelperArg.Type, arg.type);
    packer.u32(at + HelperArg.BtfId, arg.btfId);
    packer.u32(at + HelperArg.Bytes, arg.size);
  });
  const fits = Uint8Array.from({ length: MAP_TYPES }, (_, type) => {
    const fit: number = data.maps.fit(type, short, facts);
    return fit satisfies MapFit;
  });
  set(HelperField.MapFits, packer.bytes(fits));
}

function flagsOf(proto: HelperProto, name: string, data: VerifierData, facts: ProgramFacts): number {
  let flags = 0;
  if (proto.gplOnly) flags |= HelperFlag.GplOnly;
  if (proto.packetAccess) flags |= HelperFlag.Packet;
  if (proto.mightSleep) flags |= HelperFlag.MightSleep;
  if (proto.fastcall) flags |= HelperFlag.Fastcall;
  if (changesPacket(name, data)) flags |= HelperFlag.ChangesPacket;
  if (!isAllowed(proto.allowed, data, facts)) flags |= HelperFlag.NotAllowed;
  return flags;
}

/** The tests that some prototypes bring along. @param test name of the kernel's function, "" for none. */
function isAllowed(test: string, data: VerifierData, facts: ProgramFacts): boolean {
  const target = facts.attachTarget ?? '';
  const isIn = (set: string) => data.sets.get(set)?.has(target) ?? false;
  const attached = (...types: string[]) => types.some((type) => facts.attachType === data.attachType(type));
  switch (test) {
    case '':
      return true;
    case 'bpf_d_path_allowed':
      if (facts.progType === data.progType('tracing') && attached('trace_iter')) return true;
      return isIn(facts.progType === data.progType('lsm') ? 'sleepable_lsm_hooks' : 'btf_allowlist_d_path');
    case 'bpf_ima_inode_hash_allowed':
      return isIn('sleepable_lsm_hooks');
    case 'bpf_sk_storage_tracing_allowed':
      if (facts.ofProgram) return false;
      if (attached('trace_iter', 'trace_raw_tp')) return true;
      return attached('trace_fentry', 'trace_fexit') && !target.startsWith('bpf_sk_storage');
    default:
      throw new InputError(`the profile names a test "${test}" that is not known here`);
  }
}

function packFacts(packer: Packer, kernel: VerifierKernel, facts: ProgramFacts): number {
  const { data } = kernel;
  const at = packer.alloc(CallFacts.Size);
  const set = (field: CallFacts, value: number) => packer.u32(at + field, value);
  set(CallFacts.Accepts, packAccepts(packer, data.registers));
  set(CallFacts.SockCommonId, data.registers.structs.get(Reg.SockCommon) ?? 0);
  set(CallFacts.VmaId, kernel.btf.find('vm_area_struct', BtfKind.Struct));
  set(CallFacts.Cpus, CPUS);
  const type = facts.resolvedType;
  const cgroupHook =
    type === data.progType('lsm') && facts.attachType === data.attachType('lsm_cgroup') && facts.voidTarget;
  set(CallFacts.VoidCgroupHook, cgroupHook ? 1 : 0);
  set(CallFacts.FuncIp, funcIp(data, facts));
  set(CallFacts.AnyPacket, type === data.progType('cgroup_sockopt') ? 1 : 0);
  packReturn(packer, at, data, facts);
  return at;
}

function funcIp(data: VerifierData, facts: ProgramFacts): number {
  if (facts.resolvedType === data.progType('kprobe')) return 1;
  if (facts.resolvedType !== data.progType('tracing')) return 0;
  const trampoline = ['trace_fentry', 'trace_fexit', 'modify_return'].map((type) => data.attachType(type));
  return facts.progType === facts.resolvedType && trampoline.includes(facts.attachType) ? 1 : 2;
}

function packReturn(packer: Packer, at: number, data: VerifierData, facts: ProgramFacts): void {
  const rule = data.programs.returnRule(facts);
  const set = (field: CallFacts, value: number) => packer.u32(at + field, value >>> 0);
  switch (rule.kind) {
    case 'range':
      set(CallFacts.ReturnKind, ReturnKind.Range);
      set(CallFacts.ReturnMin, rule.min);
      set(CallFacts.ReturnMax, rule.max);
      set(CallFacts.Return32, rule.bits === 32 ? 1 : 0);
      return;
    case 'none':
      set(CallFacts.ReturnKind, ReturnKind.None);
      return;
    case 'refused':
      set(CallFacts.ReturnKind, ReturnKind.Refused);
      return;
    default:
      set(CallFacts.ReturnKind, ReturnKind.Any);
  }
}

function packAccepts(packer: Packer, rules: RegisterRules): number {
  const at = packer.alloc(BASE_TYPES * Accepts.Size);
  for (const [arg, types] of rules.accepts) {
    const record = at + arg * Accepts.Size;
    packer.u32(record + Accepts.Count, types.length);
    types.forEach((type, i) => {
      packer.u32(record + Accepts.Types + i * 4, type);
    });
  }
  return at;
}
