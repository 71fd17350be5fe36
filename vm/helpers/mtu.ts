/** bpf_check_mtu: whether a packet fits through a device. The only one is the loopback device. */
import { Errno } from '../../bpf/errno.ts';
import { ETH_HLEN } from '../context/ethernet.ts';
import { SKB } from '../context/record.ts';
import type { HelperCall } from '../helper-call.ts';
import type { HelperContext, HelperGroup } from './context.ts';
import { numberOf, readArgument, writeArgument, wrongContext } from './packet.ts';

/** Largest packet of the loopback device, without its link-level header. */
const MTU = 65_536;
const LOOPBACK = 1;
/** BPF_MTU_CHK_SEGS */
const SEGMENTS = 1n;
/** BPF_MTU_CHK_RET_* */
const FITS = 0;
const FRAGMENTATION_NEEDED = 1;

export function mtuHelpers(context: HelperContext): HelperGroup {
  return [[numberOf('bpf_check_mtu'), (call) => checkMtu(context, call)]];
}

/** `long bpf_check_mtu(ctx, u32 ifindex, u32 *mtu_len, s32 len_diff, u64 flags)`: 0, 1; -EINVAL, -ENODEV */
function checkMtu(context: HelperContext, call: HelperCall): number {
  const { skbs, xdps } = context.vm.contexts;
  const skb = skbs.get(call.arg(1));
  const xdp = xdps.get(call.arg(1));
  if (!skb && !xdp) return wrongContext(call);
  const flags = call.arg(5);
  const difference = call.arg32(4) | 0;
  const argument = readArgument(call, call.arg(3), 4).slice();
  const view = new DataView(argument.buffer);
  const given = view.getUint32(0, true);
  if ((flags & ~(skb ? SEGMENTS : 0n)) !== 0n) return -Errno.EINVAL;
  if (flags !== 0n && (difference !== 0 || given !== 0)) return -Errno.EINVAL;
  const device = call.arg32(2);
  if (device !== 0 && device !== LOOPBACK) return -Errno.ENODEV;
  const length = given !== 0 ? given + ETH_HLEN : (skb?.length ?? xdp?.linear ?? 0);
  const isGso = skb !== undefined && skb.record.u32(SKB.gso_size) !== 0;
  const fits = length + difference <= MTU + ETH_HLEN;
  // The packet of a test run has no transport header, which the check of segments needs.
  if (!fits && isGso && flags !== 0n) return -Errno.EINVAL;
  view.setUint32(0, MTU, true);
  writeArgument(call, call.arg(3), argument);
  return fits || isGso ? FITS : FRAGMENTATION_NEEDED;
}
