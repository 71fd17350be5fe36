/** Guesses the type of a program from its context, for programs whose section does not say one. */
import { type Btf, BtfKind, isModifier } from '../../../bpf/btf.ts';
import { AttachType, ProgType } from '../../../loader/prog-type.ts';

export interface GuessedType {
  type: number;
  attachType: number;
}

/** Names of a context, for programs and in the kernel, and the program type that has it. */
const CONTEXTS: readonly [names: string[], type: number, attachType: number][] = [
  [['__sk_buff', 'sk_buff'], ProgType.SchedCls, 0],
  [['bpf_sock', 'sock'], ProgType.CgroupSock, AttachType.CgroupInet4PostBind],
  [['bpf_sock_addr', 'bpf_sock_addr_kern'], ProgType.CgroupSockAddr, AttachType.CgroupInet4Bind],
  [['bpf_sock_ops', 'bpf_sock_ops_kern'], ProgType.SockOps, AttachType.CgroupSockOps],
  [['sk_msg_md', 'sk_msg'], ProgType.SkMsg, AttachType.SkMsgVerdict],
  [['bpf_cgroup_dev_ctx'], ProgType.CgroupDevice, AttachType.CgroupDevice],
  [['bpf_sysctl', 'bpf_sysctl_kern'], ProgType.CgroupSysctl, AttachType.CgroupSysctl],
  [['bpf_sockopt', 'bpf_sockopt_kern'], ProgType.CgroupSockopt, AttachType.CgroupSetsockopt],
  [['sk_reuseport_md', 'sk_reuseport_kern'], ProgType.SkReuseport, AttachType.SkReuseportSelectOrMigrate],
  [['bpf_sk_lookup', 'bpf_sk_lookup_kern'], ProgType.SkLookup, AttachType.SkLookup],
  [['xdp_md', 'xdp_buff'], ProgType.Xdp, AttachType.Xdp],
  [['bpf_user_pt_regs_t', 'pt_regs'], ProgType.Kprobe, 0],
  [['bpf_perf_event_data', 'bpf_perf_event_data_kern'], ProgType.PerfEvent, 0],
  [['bpf_raw_tracepoint_args'], ProgType.RawTracepoint, 0],
];

/** @param program name of a function in the object's BTF; undefined when its first argument says nothing. */
export function guessType(btf: Btf, program: string): GuessedType | undefined {
  const func = btf.find(program, BtfKind.Func);
  const first = func === 0 ? undefined : btf.type(btf.type(func).type).params[0];
  const pointer = first && withoutModifiers(btf, first.type);
  if (pointer?.kind !== BtfKind.Ptr) return undefined;
  const { name } = withoutModifiers(btf, pointer.type);
  const found = CONTEXTS.find(([names]) => names.includes(name));
  return found && { type: found[1], attachType: found[2] };
}

/** Behind const, volatile and the like; a typedef keeps its name. */
function withoutModifiers(btf: Btf, id: number) {
  let type = btf.type(id);
  while (isModifier(type.kind) && type.kind !== BtfKind.Typedef) type = btf.type(type.type);
  return type;
}
