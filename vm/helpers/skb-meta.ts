/** Helpers about what stands beside a packet: its hash, type, sockets, cgroup, and where it is to go. */
import { Errno } from '../../bpf/errno.ts';
import { PacketType } from '../context/ethernet.ts';
import { SKB } from '../context/record.ts';
import type { Skb } from '../context/skb.ts';
import type { HelperCall, HelperFunction } from '../helper-call.ts';
import type { HelperContext, HelperGroup } from './context.ts';
import { numberOf, onMovingSkb, onSkb } from './packet.ts';

const TC_ACT_SHOT = 2;
const TC_ACT_REDIRECT = 7;
const XDP_ABORTED = 0;
const XDP_REDIRECT = 4;
/** BPF_F_INGRESS */
const INGRESS = 1n;
/** The only device there is. */
const LOOPBACK = 1;
/** Linux hashes with a random key: any number is as good, but 0 means none. */
const HASH = 0x5bd1_e995;
/** Realms and classes of routes and cgroups that nobody has set. */
const NONE = 0;
/** Owner of the socket that a test run makes. */
const ROOT = 0;

export function skbMetaHelpers(context: HelperContext): HelperGroup {
  const always =
    (value: number): HelperFunction =>
    () =>
      value;
  return [
    [numberOf('bpf_get_hash_recalc'), onSkb(context, hash)],
    [numberOf('bpf_set_hash_invalid'), onSkb(context, (skb) => setHash(skb, 0))],
    [numberOf('bpf_set_hash'), onSkb(context, (skb, call) => setHash(skb, call.arg32(2)))],
    [numberOf('bpf_skb_change_type'), onSkb(context, changeType)],
    [numberOf('bpf_clone_redirect'), onMovingSkb(context, cloneRedirect)],
    [numberOf('bpf_redirect'), (call) => redirect(context, call)],
    [numberOf('bpf_redirect_peer'), (call) => (call.arg(2) === 0n ? TC_ACT_REDIRECT : TC_ACT_SHOT)],
    [numberOf('bpf_get_cgroup_classid'), always(NONE)],
    [numberOf('bpf_get_route_realm'), always(NONE)],
    [numberOf('bpf_skb_cgroup_classid'), always(NONE)],
    [numberOf('bpf_get_socket_uid'), always(ROOT)],
    [numberOf('bpf_skb_set_tstamp'), onSkb(context, setTimestamp)],
    [numberOf('bpf_skb_ecn_set_ce'), onMovingSkb(context, () => 0)],
    [numberOf('bpf_skb_get_tunnel_key'), always(-Errno.EINVAL)],
  ];
}

/** `u32 bpf_get_hash_recalc(skb)` */
function hash(skb: Skb): number {
  if (skb.hash === 0) skb.hash = HASH;
  return skb.hash;
}

function setHash(skb: Skb, value: number): number {
  skb.hash = value;
  return 0;
}

/** `long bpf_skb_change_type(skb, u32 type)`: 0 or -EINVAL */
function changeType(skb: Skb, call: HelperCall): number {
  const type = call.arg32(2);
  if (skb.record.u32(SKB.pkt_type) > PacketType.OtherHost || type > PacketType.OtherHost)
    return -Errno.EINVAL;
  skb.record.setU32(SKB.pkt_type, type);
  return 0;
}

/**
 * `long bpf_clone_redirect(skb, u32 ifindex, u64 flags)`: 0; -EINVAL (flags, no such device), -EBADMSG (a GSO
 * packet without a type). The clone goes nowhere.
 */
function cloneRedirect(skb: Skb, call: HelperCall): number {
  if ((call.arg(3) & ~INGRESS) !== 0n) return -Errno.EINVAL;
  if (skb.record.u32(SKB.gso_size) !== 0) return -EBADMSG;
  return call.arg32(2) === LOOPBACK ? 0 : -Errno.EINVAL;
}

const EBADMSG = 74;

/** `long bpf_redirect(u32 ifindex, u64 flags)`: the verdict to return; a test run does not follow it. */
function redirect(context: HelperContext, call: HelperCall): number {
  const flags = call.arg(2);
  if (context.vm.contexts.current === 'xdp') return flags === 0n ? XDP_REDIRECT : XDP_ABORTED;
  return (flags & ~INGRESS) === 0n ? TC_ACT_REDIRECT : TC_ACT_SHOT;
}

/** `long bpf_skb_set_tstamp(skb, u64 tstamp, u32 tstamp_type)`: 0; -EINVAL, -EOPNOTSUPP (neither IPv4 nor IPv6) */
function setTimestamp(skb: Skb, call: HelperCall): number {
  if (skb.networkBaseLength === undefined) return -Errno.EOPNOTSUPP;
  const type = call.arg32(3);
  const time = call.arg(2);
  if (type > LAST_CLOCK) return -Errno.EINVAL;
  if (type === REALTIME ? time !== 0n : time === 0n) return -Errno.EINVAL;
  skb.record.setU64(SKB.tstamp, time);
  skb.record.setU32(SKB.tstamp_type, type);
  return 0;
}

/** BPF_SKB_CLOCK_* */
const REALTIME = 0;
const LAST_CLOCK = 2;
