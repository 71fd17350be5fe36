/** Helpers that read and write a packet's bytes and checksums (`__sk_buff` programs). */
import { Errno } from '../../bpf/errno.ts';
import { replace16, replace32, replaceByDifference } from '../context/checksum.ts';
import type { Skb } from '../context/skb.ts';
import type { HelperCall } from '../helper-call.ts';
import type { HelperContext, HelperGroup } from './context.ts';
import { INT_MAX, numberOf, onMovingSkb, onSkb, readArgument, writeArgument } from './packet.ts';

/** BPF_F_RECOMPUTE_CSUM, BPF_F_INVALIDATE_HASH */
const RECOMPUTE_CSUM = 1n;
const INVALIDATE_HASH = 2n;
/** BPF_F_HDR_FIELD_MASK: bytes of the field that has changed */
const FIELD_MASK = 0xfn;
/** BPF_F_PSEUDO_HDR, BPF_F_MARK_MANGLED_0, BPF_F_MARK_ENFORCE, BPF_F_IPV6 */
const PSEUDO_HEADER = 0x10n;
const MANGLED_ZERO = 0x20n;
const ENFORCE = 0x40n;
const IPV6 = 0x80n;
const L4_FLAGS = FIELD_MASK | PSEUDO_HEADER | MANGLED_ZERO | ENFORCE | IPV6;
/** BPF_HDR_START_* */
const START_MAC = 0;
const START_NET = 1;
/** BPF_CSUM_LEVEL_* */
const LEVEL_QUERY = 0n;
const LEVEL_INC = 1n;
const LEVEL_DEC = 2n;
const LEVEL_RESET = 3n;
const MAX_LEVEL = 3;

export function skbByteHelpers(context: HelperContext): HelperGroup {
  return [
    [numberOf('bpf_skb_load_bytes'), onSkb(context, loadBytes)],
    [numberOf('bpf_skb_load_bytes_relative'), onSkb(context, loadRelative)],
    [numberOf('bpf_skb_store_bytes'), onMovingSkb(context, storeBytes)],
    [numberOf('bpf_skb_pull_data'), onMovingSkb(context, pullData)],
    [numberOf('bpf_l3_csum_replace'), onMovingSkb(context, replaceL3)],
    [numberOf('bpf_l4_csum_replace'), onMovingSkb(context, replaceL4)],
    // The packet of a test run has no sum of the device that could be updated.
    [numberOf('bpf_csum_update'), onSkb(context, () => -Errno.ENOTSUPP)],
    [numberOf('bpf_csum_level'), onSkb(context, checksumLevel)],
  ];
}

/** `long bpf_skb_load_bytes(skb, u32 offset, void *to, u32 len)`: 0; -EFAULT, and zeros */
function loadBytes(skb: Skb, call: HelperCall): number {
  return load(skb, call, call.arg32(2));
}

function load(skb: Skb, call: HelperCall, at: number): number {
  const length = call.arg32(4);
  const there = at <= INT_MAX && skb.packet.has(at, length);
  writeArgument(call, call.arg(3), there ? skb.packet.bytes(at, length).slice() : new Uint8Array(length));
  return there ? 0 : -Errno.EFAULT;
}

/** `long bpf_skb_load_bytes_relative(skb, u32 offset, void *to, u32 len, u32 start_header)`: 0; -EFAULT */
function loadRelative(skb: Skb, call: HelperCall): number {
  const start = call.arg32(5);
  const offset = call.arg32(2);
  const length = call.arg32(4);
  const header = start === START_MAC ? skb.macHeader : start === START_NET ? skb.networkHeader : undefined;
  // Headers before the packet's first byte are there, too.
  const there = header !== undefined && offset <= 0xffff && header + offset + length <= skb.length;
  const bytes = there ? skb.packet.bytes(header + offset, length).slice() : new Uint8Array(length);
  writeArgument(call, call.arg(3), bytes);
  return there ? 0 : -Errno.EFAULT;
}

/** `long bpf_skb_store_bytes(skb, u32 offset, const void *from, u32 len, u64 flags)`: 0; -EINVAL, -EFAULT */
function storeBytes(skb: Skb, call: HelperCall): number {
  const flags = call.arg(5);
  const bytes = readArgument(call, call.arg(3), call.arg32(4));
  return storeInto(skb, call.arg32(2), bytes, flags);
}

/** Shared with `bpf_dynptr_write`. */
export function storeInto(skb: Skb, offset: number, bytes: Uint8Array, flags: bigint): number {
  if ((flags & ~(RECOMPUTE_CSUM | INVALIDATE_HASH)) !== 0n) return -Errno.EINVAL;
  if (offset > INT_MAX || !skb.packet.has(offset, bytes.length)) return -Errno.EFAULT;
  skb.packet.bytes(offset, bytes.length).set(bytes);
  if ((flags & INVALIDATE_HASH) !== 0n) skb.hash = 0;
  return 0;
}

/** `long bpf_skb_pull_data(skb, u32 len)`: 0; -ENOMEM when the packet has not so many bytes */
function pullData(skb: Skb, call: HelperCall): number {
  return call.arg32(2) <= skb.length ? 0 : -Errno.ENOMEM;
}

/** `long bpf_l3_csum_replace(skb, u32 offset, u64 from, u64 to, u64 size)`: 0; -EINVAL, -EFAULT */
function replaceL3(skb: Skb, call: HelperCall): number {
  const flags = call.arg(5);
  if ((flags & ~FIELD_MASK) !== 0n) return -Errno.EINVAL;
  return replaceChecksum(skb, call, (checksum) => replaced(checksum, call, flags));
}

/** `long bpf_l4_csum_replace(skb, u32 offset, u64 from, u64 to, u64 flags)`: 0; -EINVAL, -EFAULT */
function replaceL4(skb: Skb, call: HelperCall): number {
  const flags = call.arg(5);
  if ((flags & ~L4_FLAGS) !== 0n) return -Errno.EINVAL;
  const mangles = (flags & MANGLED_ZERO) !== 0n;
  return replaceChecksum(skb, call, (checksum) => {
    if (mangles && (flags & ENFORCE) === 0n && checksum === 0) return checksum;
    // Two changed bytes go into the sum as a word of four.
    const size = flags & FIELD_MASK;
    const result = replaced(checksum, call, size === 2n ? 4n : size);
    return mangles && result === 0 ? 0xffff : result;
  });
}

/** Undefined for sizes that are none, or an old value where a difference is meant. */
function replaced(checksum: number, call: HelperCall, flags: bigint): number | undefined {
  switch (flags & FIELD_MASK) {
    case 0n:
      return call.arg(3) === 0n ? replaceByDifference(checksum, call.arg32(4)) : undefined;
    case 2n:
      return replace16(checksum, call.arg32(3), call.arg32(4));
    case 4n:
      return replace32(checksum, call.arg32(3), call.arg32(4));
    default:
      return undefined;
  }
}

function replaceChecksum(
  skb: Skb,
  call: HelperCall,
  change: (checksum: number) => number | undefined,
): number {
  const offset = call.arg32(2);
  if (offset > 0xffff || offset % 2 === 1 || !skb.packet.has(offset, 2)) return -Errno.EFAULT;
  const field = skb.packet.bytes(offset, 2);
  const result = change((field[0] as number) | ((field[1] as number) << 8));
  if (result === undefined) return -Errno.EINVAL;
  field[0] = result & 0xff;
  field[1] = result >> 8;
  return 0;
}

/** `long bpf_csum_level(skb, u64 level)`: 0, or the level; -EACCES (no checksum is verified), -EINVAL */
function checksumLevel(skb: Skb, call: HelperCall): number {
  const level = skb.checksumLevel;
  switch (call.arg(2)) {
    case LEVEL_QUERY:
      return level ?? -Errno.EACCES;
    case LEVEL_INC:
      skb.checksumLevel = level === undefined ? 0 : Math.min(level + 1, MAX_LEVEL);
      return 0;
    case LEVEL_DEC:
      skb.checksumLevel = level === undefined || level === 0 ? undefined : level - 1;
      return 0;
    case LEVEL_RESET:
      skb.checksumLevel = undefined;
      return 0;
    default:
      return -Errno.EINVAL;
  }
}
