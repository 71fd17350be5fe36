/** Program types that are generated: their section, and what may be read from their context without harm. */

export interface ContextField {
  offset: number;
  width: 4 | 8;
  writable?: boolean;
}

export interface ContextType {
  section: string;
  /** The context's struct in C. */
  struct: string;
  fields: readonly ContextField[];
  /** Bytes around which accesses get interesting. */
  size: number;
  /** Offsets of the fields with the packet's start and end. */
  packet?: { start: number; end: number; meta?: number; writable: boolean };
  /** Values that may be returned; [0, 0] when only 0. */
  returns?: readonly [number, number];
  /** Has LD_ABS and LD_IND. */
  classic?: boolean;
  /** Kind of program, for helpers that not all have. */
  family: 'skb' | 'xdp' | 'tracing' | 'sock' | 'other' | 'typed';
  unprivileged?: boolean;
}

function words(from: number, to: number, writable = false): ContextField[] {
  const fields: ContextField[] = [];
  for (let offset = from; offset < to; offset += 4) fields.push({ offset, width: 4, writable });
  return fields;
}

function longs(count: number): ContextField[] {
  return Array.from({ length: count }, (_, index) => ({ offset: index * 8, width: 8 }));
}

const CB = words(48, 68, true);

/** A type of which little is used. */
function rare(section: string, struct: string, size: number): ContextType {
  return { section, struct, fields: [], size, returns: [1, 1], family: 'other' };
}

export const CONTEXTS: readonly ContextType[] = [
  {
    section: 'socket',
    struct: '__sk_buff',
    fields: [...words(0, 8), ...words(12, 32), ...CB, ...words(68, 72)],
    size: 192,
    classic: true,
    family: 'skb',
    unprivileged: true,
  },
  {
    section: 'tc',
    struct: '__sk_buff',
    fields: [...words(0, 8), ...words(8, 12, true), ...words(12, 32), ...words(32, 36, true), ...CB],
    size: 192,
    packet: { start: 76, end: 80, meta: 140, writable: true },
    classic: true,
    family: 'skb',
  },
  {
    section: 'cgroup_skb/egress',
    struct: '__sk_buff',
    fields: [...words(0, 8), ...words(16, 32), ...CB],
    size: 192,
    packet: { start: 76, end: 80, writable: false },
    returns: [0, 3],
    classic: false,
    family: 'skb',
    unprivileged: true,
  },
  {
    section: 'cgroup_skb/ingress',
    struct: '__sk_buff',
    fields: [...words(0, 8), ...words(16, 32), ...CB],
    size: 192,
    packet: { start: 76, end: 80, writable: false },
    returns: [0, 1],
    family: 'skb',
    unprivileged: true,
  },
  {
    section: 'lwt_xmit',
    struct: '__sk_buff',
    fields: [...words(0, 32), ...CB],
    size: 192,
    packet: { start: 76, end: 80, writable: true },
    classic: false,
    family: 'skb',
  },
  {
    section: 'xdp',
    struct: 'xdp_md',
    fields: words(12, 20),
    size: 24,
    packet: { start: 0, end: 4, meta: 8, writable: true },
    family: 'xdp',
  },
  {
    section: 'xdp.frags',
    struct: 'xdp_md',
    fields: words(12, 20),
    size: 24,
    packet: { start: 0, end: 4, meta: 8, writable: true },
    family: 'xdp',
  },
  {
    section: 'tp/syscalls/sys_enter_openat',
    struct: 'trace',
    fields: longs(8).slice(1),
    size: 64,
    family: 'tracing',
  },
  {
    section: 'kprobe/do_exit',
    struct: 'bpf_user_pt_regs_t',
    fields: longs(21),
    size: 168,
    family: 'tracing',
  },
  {
    section: 'raw_tp/sys_enter',
    struct: 'bpf_raw_tracepoint_args',
    fields: longs(12),
    size: 96,
    family: 'tracing',
  },
  { section: 'perf_event', struct: 'bpf_perf_event_data', fields: longs(23), size: 184, family: 'tracing' },
  {
    section: 'syscall',
    struct: 'args',
    fields: [...longs(8), ...words(64, 128, true)],
    size: 256,
    family: 'other',
  },
  {
    section: 'cgroup/connect4',
    struct: 'bpf_sock_addr',
    fields: [...words(0, 8), ...words(24, 40)],
    size: 72,
    returns: [0, 1],
    family: 'sock',
  },
  {
    section: 'sockops',
    struct: 'bpf_sock_ops',
    fields: words(0, 96),
    size: 216,
    returns: [0, 1],
    family: 'sock',
  },
  {
    section: 'sk_lookup',
    struct: 'bpf_sk_lookup',
    fields: words(8, 20),
    size: 72,
    returns: [0, 1],
    family: 'sock',
  },
  {
    section: 'cgroup/dev',
    struct: 'bpf_cgroup_dev_ctx',
    fields: words(0, 12),
    size: 12,
    returns: [0, 1],
    family: 'other',
  },
  {
    section: 'cgroup/sysctl',
    struct: 'bpf_sysctl',
    fields: words(0, 8),
    size: 8,
    returns: [0, 1],
    family: 'other',
  },
  {
    section: 'cgroup/sock_create',
    struct: 'bpf_sock',
    fields: words(0, 24),
    size: 80,
    returns: [0, 1],
    family: 'sock',
  },
  { section: 'sk_skb/stream_verdict', struct: '__sk_buff', fields: words(0, 32), size: 192, family: 'skb' },
  { section: 'sk_msg', struct: 'sk_msg_md', fields: words(16, 60), size: 80, family: 'sock' },
  { section: 'flow_dissector', struct: '__sk_buff', fields: [], size: 192, returns: [0, 2], family: 'other' },
  { section: 'tp_btf/task_newtask', struct: 'args', fields: longs(2), size: 24, family: 'typed' },
  { section: 'tp_btf/sched_switch', struct: 'args', fields: longs(3), size: 32, family: 'typed' },
  {
    section: 'fentry/do_nanosleep',
    struct: 'args',
    fields: longs(1),
    size: 24,
    returns: [0, 0],
    family: 'typed',
  },
  {
    section: 'fexit/tcp_connect',
    struct: 'args',
    fields: longs(2),
    size: 24,
    returns: [0, 0],
    family: 'typed',
  },
  { section: 'lsm/file_open', struct: 'args', fields: longs(1), size: 16, returns: [0, 0], family: 'typed' },
  { section: 'iter/task', struct: 'args', fields: longs(2), size: 24, returns: [0, 1], family: 'typed' },
  {
    section: 'iter.s/task_file',
    struct: 'args',
    fields: longs(4),
    size: 40,
    returns: [0, 1],
    family: 'typed',
  },
  ...[
    ['lwt_in', '__sk_buff', 192],
    ['lwt_seg6local', '__sk_buff', 192],
    ['action', '__sk_buff', 192],
    ['sk_skb/stream_parser', '__sk_buff', 192],
    ['sk_reuseport', 'sk_reuseport_md', 64],
    ['cgroup/getsockopt', 'bpf_sockopt', 40],
    ['cgroup/setsockopt', 'bpf_sockopt', 40],
    ['cgroup/bind6', 'bpf_sock_addr', 72],
    ['cgroup/sendmsg4', 'bpf_sock_addr', 72],
    ['cgroup/recvmsg6', 'bpf_sock_addr', 72],
    ['cgroup/connect_unix', 'bpf_sock_addr', 72],
    ['cgroup/post_bind4', 'bpf_sock', 80],
    ['cgroup/sock_release', 'bpf_sock', 80],
    ['lirc_mode2', 'sample', 4],
    ['netfilter', 'bpf_nf_ctx', 16],
    ['raw_tp.w/sys_enter', 'bpf_raw_tracepoint_args', 96],
    ['xdp/devmap', 'xdp_md', 24],
    ['xdp/cpumap', 'xdp_md', 24],
  ].map(([section, struct, size]): ContextType => rare(String(section), String(struct), Number(size))),
];
