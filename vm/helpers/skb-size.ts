/** Helpers that make a packet longer or shorter, and change its protocol and VLAN tags. */
import { Errno } from '../../bpf/errno.ts';
import {
  ETH_HLEN,
  EtherType,
  IPV4_HLEN,
  IPV6_HLEN,
  isVlan,
  protocolOf,
  setU16,
  swap16,
  u16,
  VLAN_HLEN,
} from '../context/ethernet.ts';
import { SKB } from '../context/record.ts';
import type { Skb } from '../context/skb.ts';
import type { HelperCall } from '../helper-call.ts';
import type { HelperContext, HelperGroup } from './context.ts';
import { numberOf, onMovingSkb } from './packet.ts';

/** SKB_MAX_ALLOC: four pages without what Linux keeps at a buffer's end. */
const MAX_LENGTH = 16_064;
/** Largest change of room at once. */
const MAX_ROOM = 0xfff;
/** BPF_ADJ_ROOM_* */
const ROOM_NET = 0;
const ROOM_MAC = 1;
/** Bytes of the Ethernet header's addresses. */
const ADDRESSES = 12;

/** BPF_F_ADJ_ROOM_* */
const FIXED_GSO = 1n << 0n;
const ENCAP_IPV4 = 1n << 1n;
const ENCAP_IPV6 = 1n << 2n;
const ENCAP_GRE = 1n << 3n;
const ENCAP_UDP = 1n << 4n;
const NO_CSUM_RESET = 1n << 5n;
const ENCAP_ETH = 1n << 6n;
const DECAP_IPV4 = 1n << 7n;
const DECAP_IPV6 = 1n << 8n;
const DECAP = DECAP_IPV4 | DECAP_IPV6;
/** Bytes of the inner link-level header. */
const ENCAP_L2_SHIFT = 56n;
const ROOM_FLAGS =
  FIXED_GSO |
  ENCAP_IPV4 |
  ENCAP_IPV6 |
  ENCAP_GRE |
  ENCAP_UDP |
  NO_CSUM_RESET |
  ENCAP_ETH |
  DECAP |
  (0xffn << ENCAP_L2_SHIFT);

export function skbSizeHelpers(context: HelperContext): HelperGroup {
  return [
    [numberOf('bpf_skb_change_head'), onMovingSkb(context, changeHead)],
    [numberOf('bpf_skb_change_tail'), onMovingSkb(context, changeTail)],
    [numberOf('bpf_skb_change_proto'), onMovingSkb(context, changeProtocol)],
    [numberOf('bpf_skb_adjust_room'), onMovingSkb(context, adjustRoom)],
    [numberOf('bpf_skb_vlan_push'), onMovingSkb(context, pushVlan)],
    [numberOf('bpf_skb_vlan_pop'), onMovingSkb(context, popVlan)],
  ];
}

/** `long bpf_skb_change_head(skb, u32 len, u64 flags)`: zeros in front of the packet; 0 or -EINVAL */
function changeHead(skb: Skb, call: HelperCall): number {
  const count = call.arg32(2);
  if (call.arg(3) !== 0n || skb.length + count > MAX_LENGTH) return -Errno.EINVAL;
  skb.push(count);
  skb.packet.bytes(0, count).fill(0);
  skb.macHeader = 0;
  return 0;
}

/** `long bpf_skb_change_tail(skb, u32 len, u64 flags)`: the packet has then `len` bytes; 0, -EINVAL, -ENOTSUPP */
function changeTail(skb: Skb, call: HelperCall): number {
  const length = call.arg32(2);
  const shortest = Math.max(0, skb.networkHeader);
  if (call.arg(3) !== 0n || length > MAX_LENGTH || length < shortest) return -Errno.EINVAL;
  if (skb.encapsulation) return -Errno.ENOTSUPP;
  skb.packet.resize(length);
  skb.record.setU32(SKB.gso_size, 0);
  return 0;
}

/** `long bpf_skb_change_proto(skb, __be16 proto, u64 flags)`: IPv4 <-> IPv6; 0; -EINVAL, -ENOTSUPP, -ENOMEM */
function changeProtocol(skb: Skb, call: HelperCall): number {
  if (call.arg(3) !== 0n) return -Errno.EINVAL;
  const to = swap16(call.arg32(2));
  const more = IPV6_HLEN - IPV4_HLEN;
  const at = skb.macLength;
  if (skb.protocol === EtherType.Ip && to === EtherType.Ipv6) skb.insert(at, more);
  else if (skb.protocol === EtherType.Ipv6 && to === EtherType.Ip) {
    if (!skb.packet.has(at, more)) return -Errno.ENOMEM;
    skb.remove(at, more);
  } else return -Errno.ENOTSUPP;
  skb.protocol = to;
  skb.hash = 0;
  return 0;
}

/** `long bpf_skb_adjust_room(skb, s32 len_diff, u32 mode, u64 flags)`: 0; -EINVAL, -EFAULT, -ENOTSUPP, ... */
function adjustRoom(skb: Skb, call: HelperCall): number {
  const change = call.arg32(2) | 0;
  const mode = call.arg32(3);
  const flags = call.arg(4);
  if ((flags & ~ROOM_FLAGS) !== 0n) return -Errno.EINVAL;
  if (Math.abs(change) > MAX_ROOM) return -Errno.EFAULT;
  const base = skb.networkBaseLength;
  if (base === undefined || mode > ROOM_MAC) return -Errno.ENOTSUPP;
  const at = skb.macLength + (mode === ROOM_NET ? base : 0);
  const result = change < 0 ? shrink(skb, at, -change, base, flags) : grow(skb, at, change, flags);
  if (result === 0 && (flags & NO_CSUM_RESET) === 0n) skb.checksumLevel = undefined;
  return result;
}

function shrink(skb: Skb, at: number, count: number, base: number, flags: bigint): number {
  if ((flags & DECAP) === DECAP) return -Errno.EINVAL;
  const least = flags & DECAP_IPV4 ? IPV4_HLEN : flags & DECAP_IPV6 ? IPV6_HLEN : base;
  const length = skb.length - skb.networkHeader;
  if (count >= length || length - count < least) return -Errno.ENOTSUPP;
  if ((flags & ~(FIXED_GSO | DECAP | NO_CSUM_RESET)) !== 0n) return -Errno.EINVAL;
  if (isGso(skb)) return -Errno.ENOTSUPP;
  if (!skb.packet.has(at, count)) return -Errno.ENOMEM;
  skb.remove(at, count);
  if ((flags & DECAP_IPV6) !== 0n) skb.protocol = EtherType.Ipv6;
  else if ((flags & DECAP_IPV4) !== 0n) skb.protocol = EtherType.Ip;
  return 0;
}

function grow(skb: Skb, at: number, count: number, flags: bigint): number {
  if ((flags & DECAP) !== 0n) return -Errno.EINVAL;
  if (skb.length + count > MAX_LENGTH && !isGso(skb)) return -Errno.ENOTSUPP;
  if (isGso(skb)) return -Errno.ENOTSUPP;
  const encapsulates = (flags & (ENCAP_IPV4 | ENCAP_IPV6)) !== 0n;
  if (encapsulates) {
    const error = encapsulationError(skb, count, flags);
    if (error !== 0) return error;
  }
  skb.insert(at, count);
  if (!encapsulates) return 0;
  skb.encapsulation = true;
  skb.protocol = (flags & ENCAP_IPV6) !== 0n ? EtherType.Ipv6 : EtherType.Ip;
  return 0;
}

function encapsulationError(skb: Skb, count: number, flags: bigint): number {
  const both = (a: bigint, b: bigint) => (flags & (a | b)) === (a | b);
  const inner = Number(flags >> ENCAP_L2_SHIFT);
  if (both(ENCAP_IPV4, ENCAP_IPV6) || both(ENCAP_GRE, ENCAP_UDP)) return -Errno.EINVAL;
  if ((flags & ENCAP_ETH) !== 0n && inner < ETH_HLEN) return -Errno.EINVAL;
  if (skb.encapsulation) return -Errno.EALREADY;
  return inner > count ? -Errno.EINVAL : 0;
}

/** What test runs can make are GSO packets without a type, which almost nothing is allowed for. */
function isGso(skb: Skb): boolean {
  return skb.record.u32(SKB.gso_size) !== 0;
}

/**
 * `long bpf_skb_vlan_push(skb, __be16 vlan_proto, u16 vlan_tci)`: the tag goes beside the packet, one that was
 * there into it. 0, or -EINVAL when the packet does not begin with its link-level header.
 */
function pushVlan(skb: Skb, call: HelperCall): number {
  const asked = swap16(call.arg32(2));
  if (skb.vlanProtocol !== 0 || skb.vlanTci !== 0) {
    if (skb.macHeader !== 0) return -Errno.EINVAL;
    skb.insert(ADDRESSES, VLAN_HLEN);
    const tag = skb.packet.bytes(ADDRESSES, VLAN_HLEN);
    setU16(tag, 0, skb.vlanProtocol);
    setU16(tag, 2, skb.vlanTci);
    skb.protocol = skb.vlanProtocol;
  }
  skb.vlanProtocol = isVlan(asked) ? asked : EtherType.Vlan;
  skb.vlanTci = call.arg32(3) & 0xffff;
  return 0;
}

/** `long bpf_skb_vlan_pop(skb)`: takes the outer tag off and puts the next one beside the packet. */
function popVlan(skb: Skb): number {
  if (skb.vlanProtocol !== 0 || skb.vlanTci !== 0) {
    skb.vlanProtocol = 0;
    skb.vlanTci = 0;
  } else {
    if (!isVlan(skb.protocol)) return 0;
    const removed = removeTag(skb);
    if (removed < 0) return removed;
  }
  if (!isVlan(skb.protocol)) return 0;
  const { protocol } = skb;
  const tci = removeTag(skb);
  if (tci < 0) return tci;
  skb.vlanProtocol = protocol;
  skb.vlanTci = tci;
  return 0;
}

/** TCI of the tag in the packet, taken out; -EINVAL, or -ENOMEM when there is not that much packet. */
function removeTag(skb: Skb): number {
  if (skb.macHeader !== 0) return -Errno.EINVAL;
  if (skb.length < ETH_HLEN + VLAN_HLEN) return -Errno.ENOMEM;
  const tci = u16(skb.packet.bytes(), ETH_HLEN);
  skb.remove(ADDRESSES, VLAN_HLEN);
  skb.protocol = protocolOf(skb.packet.bytes(), ETH_HLEN);
  skb.networkHeader = Math.max(skb.networkHeader, ETH_HLEN);
  return tci;
}
