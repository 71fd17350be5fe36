/**
 * Offsets of the context records that programs get in r1. A record has the ABI's own layout (uapi linux/bpf.h:
 * what stands at `__sk_buff.mark` for a compiler stands there in memory), so that most accesses are done as they
 * are compiled. Fields that are u32 in the ABI and give a 64-bit pointer have a place of their own behind it:
 * `rewriteContext` redirects their loads. (`vm/core/dynptr.ts` reads what stands there, too.)
 */
import { PacketRecord } from '../../bpf/vm-call.ts';

/** `struct __sk_buff`, 192 bytes; stable since each field was added (a test compares it with a kernel's BTF). */
export const SKB = {
  len: 0,
  pkt_type: 4,
  mark: 8,
  queue_mapping: 12,
  protocol: 16,
  vlan_present: 20,
  vlan_tci: 24,
  vlan_proto: 28,
  priority: 32,
  ingress_ifindex: 36,
  ifindex: 40,
  tc_index: 44,
  cb: 48,
  hash: 68,
  tc_classid: 72,
  data: 76,
  data_end: 80,
  napi_id: 84,
  family: 88,
  remote_ip4: 92,
  local_ip4: 96,
  remote_ip6: 100,
  local_ip6: 116,
  remote_port: 132,
  local_port: 136,
  data_meta: 140,
  flow_keys: 144,
  tstamp: 152,
  wire_len: 160,
  gso_segs: 164,
  sk: 168,
  gso_size: 176,
  tstamp_type: 180,
  hwtstamp: 184,
} as const;
export const SKB_SIZE = PacketRecord.OfSkb;
/** Bytes of `cb`. */
export const SKB_CB_SIZE = 20;

/** `struct xdp_md`, 24 bytes. */
export const XDP = {
  data: 0,
  data_end: 4,
  data_meta: 8,
  ingress_ifindex: 12,
  rx_queue_index: 16,
  egress_ifindex: 20,
} as const;
export const XDP_SIZE = PacketRecord.OfXdp;

/** What stands behind the ABI's part of both records, u64 each. */
export const POINTERS = {
  data: PacketRecord.Data,
  dataEnd: PacketRecord.DataEnd,
  dataMeta: PacketRecord.DataMeta,
  length: PacketRecord.Length,
} as const;
export const POINTERS_SIZE = PacketRecord.Size;

/** `struct bpf_sock`, 80 bytes. */
export const SOCK = {
  bound_dev_if: 0,
  family: 4,
  type: 8,
  protocol: 12,
  mark: 16,
  priority: 20,
  src_ip4: 24,
  src_ip6: 28,
  src_port: 44,
  dst_port: 48,
  dst_ip4: 52,
  dst_ip6: 56,
  state: 72,
  rx_queue_mapping: 76,
} as const;
export const SOCK_SIZE = 80;
