/**
 * What the name of a program's section says: program type, attach type, whether it sleeps, and what it
 * attaches to (kernel docs, bpf/libbpf/program_types.rst).
 */
import { AttachType as A, ProgType as P, ProgFlag } from './prog-type.ts';

export interface SectionDef {
  /** Section name; with a trailing "+" it may be followed by "/" and a target. */
  pattern: string;
  type: P;
  attachType: A;
  /** BPF_F_* program flags. */
  flags: number;
  /** Attaches to something that has a BTF id: the part after the first "/" names it. */
  attachBtf: boolean;
  /** User space tracepoint: attaches through a uprobe_multi link where the kernel has it. */
  usdt: boolean;
}

const SLEEPABLE = 1;
const ATTACH_BTF = 2;
const FRAGS = 4;
const USDT = 8;

type Row = readonly [pattern: string, type: P, attachType: A, traits?: number];

const TABLE: readonly Row[] = [
  ['socket', P.SocketFilter, A.None],
  ['sk_reuseport/migrate', P.SkReuseport, A.SkReuseportSelectOrMigrate],
  ['sk_reuseport', P.SkReuseport, A.SkReuseportSelect],
  ['kprobe+', P.Kprobe, A.None],
  ['uprobe+', P.Kprobe, A.None],
  ['uprobe.s+', P.Kprobe, A.None, SLEEPABLE],
  ['kretprobe+', P.Kprobe, A.None],
  ['uretprobe+', P.Kprobe, A.None],
  ['uretprobe.s+', P.Kprobe, A.None, SLEEPABLE],
  ['kprobe.multi+', P.Kprobe, A.TraceKprobeMulti],
  ['kretprobe.multi+', P.Kprobe, A.TraceKprobeMulti],
  ['kprobe.session+', P.Kprobe, A.TraceKprobeSession],
  ['uprobe.multi+', P.Kprobe, A.TraceUprobeMulti],
  ['uretprobe.multi+', P.Kprobe, A.TraceUprobeMulti],
  ['uprobe.multi.s+', P.Kprobe, A.TraceUprobeMulti, SLEEPABLE],
  ['uretprobe.multi.s+', P.Kprobe, A.TraceUprobeMulti, SLEEPABLE],
  ['ksyscall+', P.Kprobe, A.None],
  ['kretsyscall+', P.Kprobe, A.None],
  ['usdt+', P.Kprobe, A.None, USDT],
  ['usdt.s+', P.Kprobe, A.None, USDT | SLEEPABLE],
  ['tc/ingress', P.SchedCls, A.TcxIngress],
  ['tc/egress', P.SchedCls, A.TcxEgress],
  ['tcx/ingress', P.SchedCls, A.TcxIngress],
  ['tcx/egress', P.SchedCls, A.TcxEgress],
  ['tc', P.SchedCls, A.None],
  ['classifier', P.SchedCls, A.None],
  ['action', P.SchedAct, A.None],
  ['netkit/primary', P.SchedCls, A.NetkitPrimary],
  ['netkit/peer', P.SchedCls, A.NetkitPeer],
  ['tracepoint+', P.Tracepoint, A.None],
  ['tp+', P.Tracepoint, A.None],
  ['raw_tracepoint+', P.RawTracepoint, A.None],
  ['raw_tp+', P.RawTracepoint, A.None],
  ['raw_tracepoint.w+', P.RawTracepointWritable, A.None],
  ['raw_tp.w+', P.RawTracepointWritable, A.None],
  ['tp_btf+', P.Tracing, A.TraceRawTp, ATTACH_BTF],
  ['fentry+', P.Tracing, A.TraceFentry, ATTACH_BTF],
  ['fmod_ret+', P.Tracing, A.ModifyReturn, ATTACH_BTF],
  ['fexit+', P.Tracing, A.TraceFexit, ATTACH_BTF],
  ['fentry.s+', P.Tracing, A.TraceFentry, ATTACH_BTF | SLEEPABLE],
  ['fmod_ret.s+', P.Tracing, A.ModifyReturn, ATTACH_BTF | SLEEPABLE],
  ['fexit.s+', P.Tracing, A.TraceFexit, ATTACH_BTF | SLEEPABLE],
  ['freplace+', P.Ext, A.None, ATTACH_BTF],
  ['lsm+', P.Lsm, A.LsmMac, ATTACH_BTF],
  ['lsm.s+', P.Lsm, A.LsmMac, ATTACH_BTF | SLEEPABLE],
  ['lsm_cgroup+', P.Lsm, A.LsmCgroup, ATTACH_BTF],
  ['iter+', P.Tracing, A.TraceIter, ATTACH_BTF],
  ['iter.s+', P.Tracing, A.TraceIter, ATTACH_BTF | SLEEPABLE],
  ['syscall', P.Syscall, A.None, SLEEPABLE],
  ['xdp.frags/devmap', P.Xdp, A.XdpDevmap, FRAGS],
  ['xdp/devmap', P.Xdp, A.XdpDevmap],
  ['xdp.frags/cpumap', P.Xdp, A.XdpCpumap, FRAGS],
  ['xdp/cpumap', P.Xdp, A.XdpCpumap],
  ['xdp.frags', P.Xdp, A.Xdp, FRAGS],
  ['xdp', P.Xdp, A.Xdp],
  ['perf_event', P.PerfEvent, A.None],
  ['lwt_in', P.LwtIn, A.None],
  ['lwt_out', P.LwtOut, A.None],
  ['lwt_xmit', P.LwtXmit, A.None],
  ['lwt_seg6local', P.LwtSeg6local, A.None],
  ['sockops', P.SockOps, A.CgroupSockOps],
  ['sk_skb/stream_parser', P.SkSkb, A.SkSkbStreamParser],
  ['sk_skb/stream_verdict', P.SkSkb, A.SkSkbStreamVerdict],
  ['sk_skb/verdict', P.SkSkb, A.SkSkbVerdict],
  ['sk_skb', P.SkSkb, A.None],
  ['sk_msg', P.SkMsg, A.SkMsgVerdict],
  ['lirc_mode2', P.LircMode2, A.LircMode2],
  ['flow_dissector', P.FlowDissector, A.FlowDissector],
  ['cgroup_skb/ingress', P.CgroupSkb, A.CgroupInetIngress],
  ['cgroup_skb/egress', P.CgroupSkb, A.CgroupInetEgress],
  ['cgroup/skb', P.CgroupSkb, A.None],
  ['cgroup/sock_create', P.CgroupSock, A.CgroupInetSockCreate],
  ['cgroup/sock_release', P.CgroupSock, A.CgroupInetSockRelease],
  ['cgroup/sock', P.CgroupSock, A.CgroupInetSockCreate],
  ['cgroup/post_bind4', P.CgroupSock, A.CgroupInet4PostBind],
  ['cgroup/post_bind6', P.CgroupSock, A.CgroupInet6PostBind],
  ['cgroup/bind4', P.CgroupSockAddr, A.CgroupInet4Bind],
  ['cgroup/bind6', P.CgroupSockAddr, A.CgroupInet6Bind],
  ['cgroup/connect4', P.CgroupSockAddr, A.CgroupInet4Connect],
  ['cgroup/connect6', P.CgroupSockAddr, A.CgroupInet6Connect],
  ['cgroup/connect_unix', P.CgroupSockAddr, A.CgroupUnixConnect],
  ['cgroup/sendmsg4', P.CgroupSockAddr, A.CgroupUdp4Sendmsg],
  ['cgroup/sendmsg6', P.CgroupSockAddr, A.CgroupUdp6Sendmsg],
  ['cgroup/sendmsg_unix', P.CgroupSockAddr, A.CgroupUnixSendmsg],
  ['cgroup/recvmsg4', P.CgroupSockAddr, A.CgroupUdp4Recvmsg],
  ['cgroup/recvmsg6', P.CgroupSockAddr, A.CgroupUdp6Recvmsg],
  ['cgroup/recvmsg_unix', P.CgroupSockAddr, A.CgroupUnixRecvmsg],
  ['cgroup/getpeername4', P.CgroupSockAddr, A.CgroupInet4Getpeername],
  ['cgroup/getpeername6', P.CgroupSockAddr, A.CgroupInet6Getpeername],
  ['cgroup/getpeername_unix', P.CgroupSockAddr, A.CgroupUnixGetpeername],
  ['cgroup/getsockname4', P.CgroupSockAddr, A.CgroupInet4Getsockname],
  ['cgroup/getsockname6', P.CgroupSockAddr, A.CgroupInet6Getsockname],
  ['cgroup/getsockname_unix', P.CgroupSockAddr, A.CgroupUnixGetsockname],
  ['cgroup/sysctl', P.CgroupSysctl, A.CgroupSysctl],
  ['cgroup/getsockopt', P.CgroupSockopt, A.CgroupGetsockopt],
  ['cgroup/setsockopt', P.CgroupSockopt, A.CgroupSetsockopt],
  ['cgroup/dev', P.CgroupDevice, A.CgroupDevice],
  ['struct_ops+', P.StructOps, A.None],
  ['struct_ops.s+', P.StructOps, A.None, SLEEPABLE],
  ['sk_lookup', P.SkLookup, A.SkLookup],
  ['netfilter', P.Netfilter, A.Netfilter],
];

const DEFS: readonly SectionDef[] = TABLE.map(([pattern, type, attachType, traits = 0]) => ({
  pattern,
  type,
  attachType,
  flags: (traits & SLEEPABLE ? ProgFlag.Sleepable : 0) | (traits & FRAGS ? ProgFlag.XdpHasFrags : 0),
  attachBtf: (traits & ATTACH_BTF) !== 0,
  usdt: (traits & USDT) !== 0,
}));

/** As `SectionDef.pattern`, in the order in which they are tried. */
export const SECTION_PATTERNS: readonly string[] = DEFS.map((def) => def.pattern);

/**
 * The definition that a section name (without "?") matches; undefined when it says no program type.
 * @param legacy as `LoadOptions.legacy`
 */
export function findSectionDef(name: string, legacy = false): SectionDef | undefined {
  return DEFS.find((def) => matches(def.pattern, name)) ?? (legacy ? findByPrefix(name) : undefined);
}

/** The longest known name that a section's name begins with; where a target has to follow, nothing else may. */
function findByPrefix(name: string): SectionDef | undefined {
  return DEFS.filter(({ pattern }) => !pattern.endsWith('+') && name.startsWith(pattern)).reduce<
    SectionDef | undefined
  >((best, def) => (best && best.pattern.length >= def.pattern.length ? best : def), undefined);
}

function matches(pattern: string, name: string): boolean {
  if (!pattern.endsWith('+')) return name === pattern;
  const stem = pattern.slice(0, -1);
  return name === stem || name.startsWith(`${stem}/`);
}
