/**
 * The first mainline release that has each helper, map type, program type, attach type and flag. Facts from the
 * tables of docs.ebpf.io and of iovisor/bcc's kernel-versions.md, and from include/uapi/linux/bpf.h of the releases,
 * whose numbers only ever grow: so a release is told by the last number that it has. Distributions take some of it
 * back to older kernels.
 */
import type { Release } from './release.ts';

/** A release and what came with it, in the order of their numbers. */
type Row = readonly [release: Release, names: string];

/** One of them: its number in the uapi, its name in lower case without its prefix. */
export interface FirstRelease {
  readonly number: number;
  readonly name: string;
  readonly since: Release;
}

/** Number of the last helper of each release that added some. */
const LAST_HELPERS: readonly (readonly [release: Release, last: number])[] = [
  ['3.19', 3],
  ['4.1', 11],
  ['4.2', 16],
  ['4.3', 22],
  ['4.4', 25],
  ['4.5', 26],
  ['4.6', 30],
  ['4.8', 36],
  ['4.9', 41],
  ['4.10', 44],
  ['4.11', 45],
  ['4.12', 47],
  ['4.13', 50],
  ['4.14', 53],
  ['4.15', 57],
  ['4.16', 59],
  ['4.17', 64],
  ['4.18', 80],
  ['4.19', 83],
  ['4.20', 90],
  ['5.0', 92],
  ['5.1', 98],
  ['5.2', 108],
  ['5.3', 109],
  ['5.4', 110],
  ['5.5', 115],
  ['5.6', 118],
  ['5.7', 124],
  ['5.8', 135],
  ['5.9', 141],
  ['5.10', 155],
  ['5.11', 162],
  ['5.12', 163],
  ['5.13', 165],
  ['5.14', 168],
  ['5.15', 175],
  ['5.16', 179],
  ['5.17', 185],
  ['5.18', 193],
  ['5.19', 203],
  ['6.0', 207],
  ['6.1', 209],
  ['6.2', 211],
];

/** BPF_MAP_TYPE_*, from 1 on. */
const MAP_TYPES: readonly Row[] = [
  ['3.19', 'hash array'],
  ['4.2', 'prog_array'],
  ['4.3', 'perf_event_array'],
  ['4.6', 'percpu_hash percpu_array stack_trace'],
  ['4.8', 'cgroup_array'],
  ['4.10', 'lru_hash lru_percpu_hash'],
  ['4.11', 'lpm_trie'],
  ['4.12', 'array_of_maps hash_of_maps'],
  ['4.14', 'devmap sockmap'],
  ['4.15', 'cpumap'],
  ['4.18', 'xskmap sockhash'],
  ['4.19', 'cgroup_storage reuseport_sockarray'],
  ['4.20', 'percpu_cgroup_storage queue stack'],
  ['5.2', 'sk_storage'],
  ['5.4', 'devmap_hash'],
  ['5.6', 'struct_ops'],
  ['5.8', 'ringbuf'],
  ['5.10', 'inode_storage'],
  ['5.11', 'task_storage'],
  ['5.16', 'bloom_filter'],
  ['6.1', 'user_ringbuf'],
  ['6.2', 'cgrp_storage'],
  ['6.9', 'arena'],
];

/** BPF_PROG_TYPE_*, from 1 on. */
const PROGRAM_TYPES: readonly Row[] = [
  ['3.19', 'socket_filter'],
  ['4.1', 'kprobe sched_cls sched_act'],
  ['4.7', 'tracepoint'],
  ['4.8', 'xdp'],
  ['4.9', 'perf_event'],
  ['4.10', 'cgroup_skb cgroup_sock lwt_in lwt_out lwt_xmit'],
  ['4.13', 'sock_ops'],
  ['4.14', 'sk_skb'],
  ['4.15', 'cgroup_device'],
  ['4.17', 'sk_msg raw_tracepoint cgroup_sock_addr'],
  ['4.18', 'lwt_seg6local lirc_mode2'],
  ['4.19', 'sk_reuseport'],
  ['4.20', 'flow_dissector'],
  ['5.2', 'cgroup_sysctl raw_tracepoint_writable'],
  ['5.3', 'cgroup_sockopt'],
  ['5.5', 'tracing'],
  ['5.6', 'struct_ops ext'],
  ['5.7', 'lsm'],
  ['5.9', 'sk_lookup'],
  ['5.14', 'syscall'],
  ['6.4', 'netfilter'],
];

/** BPF_* attach types, from 0 on. */
const ATTACH_TYPES: readonly Row[] = [
  ['4.10', 'cgroup_inet_ingress cgroup_inet_egress cgroup_inet_sock_create'],
  ['4.13', 'cgroup_sock_ops'],
  ['4.14', 'sk_skb_stream_parser sk_skb_stream_verdict'],
  ['4.15', 'cgroup_device'],
  ['4.17', 'sk_msg_verdict cgroup_inet4_bind cgroup_inet6_bind cgroup_inet4_connect cgroup_inet6_connect'],
  ['4.17', 'cgroup_inet4_post_bind cgroup_inet6_post_bind'],
  ['4.18', 'cgroup_udp4_sendmsg cgroup_udp6_sendmsg lirc_mode2'],
  ['4.20', 'flow_dissector'],
  ['5.2', 'cgroup_sysctl cgroup_udp4_recvmsg cgroup_udp6_recvmsg'],
  ['5.3', 'cgroup_getsockopt cgroup_setsockopt'],
  ['5.5', 'trace_raw_tp trace_fentry trace_fexit'],
  ['5.7', 'modify_return lsm_mac'],
  ['5.8', 'trace_iter cgroup_inet4_getpeername cgroup_inet6_getpeername cgroup_inet4_getsockname'],
  ['5.8', 'cgroup_inet6_getsockname xdp_devmap'],
  ['5.9', 'cgroup_inet_sock_release xdp_cpumap sk_lookup xdp'],
  ['5.13', 'sk_skb_verdict'],
  ['5.14', 'sk_reuseport_select sk_reuseport_select_or_migrate'],
  ['5.15', 'perf_event'],
  ['5.18', 'trace_kprobe_multi'],
  ['6.0', 'lsm_cgroup'],
  ['6.4', 'struct_ops netfilter'],
  ['6.6', 'tcx_ingress tcx_egress trace_uprobe_multi'],
  ['6.7', 'cgroup_unix_connect cgroup_unix_sendmsg cgroup_unix_recvmsg cgroup_unix_getpeername'],
  ['6.7', 'cgroup_unix_getsockname netkit_primary netkit_peer'],
  ['6.10', 'trace_kprobe_session'],
];

/** BPF_F_* of maps, by bit, from the lowest on. */
const MAP_FLAGS: readonly Row[] = [
  ['4.6', 'no_prealloc'],
  ['4.10', 'no_common_lru'],
  ['4.14', 'numa_node'],
  ['4.15', 'rdonly wronly'],
  ['4.17', 'stack_build_id'],
  ['5.0', 'zero_seed'],
  ['5.2', 'rdonly_prog wronly_prog'],
  ['5.4', 'clone'],
  ['5.5', 'mmapable'],
  ['5.10', 'preserve_elems inner_map'],
  ['6.4', 'link'],
  ['6.5', 'path_fd'],
  ['6.9', 'vtype_btf_obj_fd token_fd segv_on_fault no_user_conv'],
];

const mapTypes = numbered(MAP_TYPES, 1);
const programTypes = numbered(PROGRAM_TYPES, 1);
const attachTypes = numbered(ATTACH_TYPES, 0);
const mapFlags = numbered(MAP_FLAGS, 0);

function numbered(rows: readonly Row[], first: number): ReadonlyMap<number, FirstRelease> {
  const all = rows.flatMap(([since, names]) => names.split(' ').map((name) => ({ name, since })));
  return new Map(
    all.map(({ name, since }, index) => [first + index, { number: first + index, name, since }]),
  );
}

/** First release of a helper; undefined for numbers that no release up to 6.12 gives. */
export function helperSince(id: number): Release | undefined {
  return id < 1 ? undefined : LAST_HELPERS.find(([, last]) => id <= last)?.[0];
}

export function mapTypeSince(number: number): FirstRelease | undefined {
  return mapTypes.get(number);
}

export function programTypeSince(number: number): FirstRelease | undefined {
  return programTypes.get(number);
}

export function attachTypeSince(number: number): FirstRelease | undefined {
  return attachTypes.get(number);
}

/** @param bit number of the bit. */
export function mapFlagSince(bit: number): FirstRelease | undefined {
  return mapFlags.get(bit);
}
