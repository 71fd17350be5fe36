/**
 * Dynptrs: `struct bpf_dynptr_kern` in the program's memory is 16 bytes: u64 data, u32 size with the kind and
 * a read-only bit on top, u32 offset. data == 0 is the null dynptr. Those of packets have the context's address as
 * data: the packet may move while they are there.
 */
import { Errno } from '../../bpf/errno.ts';
import { PacketRecord } from '../../bpf/vm-call.ts';
import { readable, writable } from './args.ts';
import { ringbufFinish, ringbufReserveHelper } from './map-helpers.ts';

const BYTES: u32 = 16;
const SIZE_MASK: u32 = 0xff_ffff;
const KIND_SHIFT: u32 = 28;
const READ_ONLY: u32 = 0x8000_0000;

export const enum DynptrKind {
  Local = 1,
  Ringbuf = 2,
  Skb = 3,
  Xdp = 4,
}

/** Offset of `hash` in a `struct __sk_buff`. */
const SKB_HASH: u32 = 68;
/** BPF_F_INVALIDATE_HASH, and BPF_F_RECOMPUTE_CSUM with it: what writes to a packet may ask for. */
const INVALIDATE_HASH: u64 = 2;
const SKB_FLAGS: u64 = 3;

/** Fills a dynptr at a linear offset. */
export function makeDynptr(at: u32, data: u64, size: u32, kind: u32): void {
  store<u64>(at, data);
  store<u32>(at, size | (kind << KIND_SHIFT), 8);
  store<u32>(at, 0, 12);
}

/** bpf_dynptr_from_mem: 0, -E2BIG (16 MiB and more), -EINVAL (flags). */
export function dynptrFromMem(data: u64, size: u32, flags: u64, dynptr: u64): i64 {
  const at = writable(dynptr, BYTES);
  if (at === 0) return 0;
  makeDynptr(at, 0, 0, 0);
  if (size > SIZE_MASK) return -Errno.E2BIG;
  if (flags !== 0) return -Errno.EINVAL;
  makeDynptr(at, data, size, DynptrKind.Local);
  return 0;
}

/** bpf_ringbuf_reserve_dynptr: 0, -EINVAL (flags, no room), -E2BIG. */
export function ringbufReserveDynptr(map: u64, size: u32, flags: u64, dynptr: u64): i64 {
  const at = writable(dynptr, BYTES);
  if (at === 0) return 0;
  makeDynptr(at, 0, 0, 0);
  if (flags !== 0) return -Errno.EINVAL;
  if (size > SIZE_MASK) return -Errno.E2BIG;
  const sample = ringbufReserveHelper(map, size, 0);
  if (sample === 0) return -Errno.EINVAL;
  makeDynptr(at, sample, size, DynptrKind.Ringbuf);
  return 0;
}

/** bpf_ringbuf_submit_dynptr, bpf_ringbuf_discard_dynptr: a null dynptr is left alone. */
export function ringbufFinishDynptr(dynptr: u64, discard: bool): void {
  const at = writable(dynptr, BYTES);
  if (at === 0 || load<u64>(at) === 0) return;
  ringbufFinish(load<u64>(at), discard);
  makeDynptr(at, 0, 0, 0);
}

/** bpf_dynptr_read: 0, -EINVAL (null, flags), -E2BIG (out of its bounds). */
export function dynptrRead(to: u64, length: u32, dynptr: u64, offset: u32, flags: u64): i64 {
  const at = readable(dynptr, BYTES);
  if (at === 0) return 0;
  if (load<u64>(at) === 0 || flags !== 0) return -Errno.EINVAL;
  if (!isInside(at, offset, length)) return -Errno.E2BIG;
  if (!isInPacket(at, offset, length)) return outOfPacket(at);
  return copy(to, bytesAt(at, offset), length);
}

/** bpf_dynptr_write: 0, -EINVAL (null, read-only, flags), -E2BIG (out of its bounds). */
export function dynptrWrite(dynptr: u64, offset: u32, from: u64, length: u32, flags: u64): i64 {
  const at = readable(dynptr, BYTES);
  if (at === 0) return 0;
  if (load<u64>(at) === 0 || isReadOnly(at)) return -Errno.EINVAL;
  if (!isInside(at, offset, length)) return -Errno.E2BIG;
  if ((flags & ~(kindAt(at) === DynptrKind.Skb ? SKB_FLAGS : 0)) !== 0) return -Errno.EINVAL;
  if (!isInPacket(at, offset, length)) return outOfPacket(at);
  if ((flags & INVALIDATE_HASH) !== 0) clearHash(at);
  return copy(bytesAt(at, offset), from, length);
}

/** bpf_dynptr_data: address of a part; 0 when it is not all inside, and for packets. */
export function dynptrData(dynptr: u64, offset: u32, length: u32): u64 {
  const at = readable(dynptr, BYTES);
  if (at === 0 || load<u64>(at) === 0 || isReadOnly(at) || isPacket(at)) return 0;
  return isInside(at, offset, length) ? bytesAt(at, offset) : 0;
}

/**
 * bpf_dynptr_slice (with `readOnly`), bpf_dynptr_slice_rdwr: address of a part, or of the buffer with a copy of it
 * where it is not contiguous; 0 when it is not all inside, or needs a buffer that is not given.
 */
export function dynptrSlice(dynptr: u64, offset: u32, buffer: u64, length: u32, readOnly: bool): u64 {
  const at = readable(dynptr, BYTES);
  if (at === 0 || load<u64>(at) === 0 || (isReadOnly(at) && !readOnly)) return 0;
  if (!isInside(at, offset, length) || !isInPacket(at, offset, length)) return 0;
  const from = bytesAt(at, offset);
  if (!isPacket(at)) return from;
  const end = packetWord(at, PacketRecord.DataEnd);
  // Behind the linear part come fragments, elsewhere in memory on Linux.
  if (kindAt(at) === DynptrKind.Skb || from >= end || from + length <= end) return from;
  if (buffer === 0) return 0;
  copy(buffer, from, length);
  return buffer;
}

/** bpf_dynptr_from_skb, bpf_dynptr_from_xdp: 0, or -EINVAL (flags), and the null dynptr. */
export function dynptrFromPacket(context: u64, flags: u64, dynptr: u64, kind: u32, readOnly: bool): i64 {
  const at = writable(dynptr, BYTES);
  if (at === 0) return 0;
  makeDynptr(at, 0, 0, 0);
  if (flags !== 0) return -Errno.EINVAL;
  makeDynptr(at, context, 0, kind);
  const size = <u32>packetWord(at, PacketRecord.Length);
  makeDynptr(at, context, min<u32>(size, SIZE_MASK), kind);
  if (readOnly) store<u32>(at, load<u32>(at, 8) | READ_ONLY, 8);
  return 0;
}

/** bpf_dynptr_size: bytes, or -EINVAL for the null dynptr. */
export function dynptrSize(dynptr: u64): i64 {
  const at = readable(dynptr, BYTES);
  if (at === 0) return 0;
  return load<u64>(at) === 0 ? -Errno.EINVAL : sizeAt(at);
}

export function dynptrIsNull(dynptr: u64): bool {
  const at = readable(dynptr, BYTES);
  return at !== 0 && load<u64>(at) === 0;
}

export function dynptrIsReadOnly(dynptr: u64): bool {
  const at = readable(dynptr, BYTES);
  return at !== 0 && load<u64>(at) !== 0 && isReadOnly(at);
}

/** bpf_dynptr_adjust: narrows to [start, end): 0, -EINVAL (null, start > end), -ERANGE. */
export function dynptrAdjust(dynptr: u64, start: u32, end: u32): i64 {
  const at = writable(dynptr, BYTES);
  if (at === 0) return 0;
  if (load<u64>(at) === 0 || start > end) return -Errno.EINVAL;
  if (end > sizeAt(at)) return -Errno.ERANGE;
  store<u32>(at, (load<u32>(at, 8) & ~SIZE_MASK) | (end - start), 8);
  store<u32>(at, load<u32>(at, 12) + start, 12);
  return 0;
}

/** bpf_dynptr_clone: 0, or -EINVAL for the null dynptr, whose clone is null. */
export function dynptrClone(dynptr: u64, clone: u64): i64 {
  const from = readable(dynptr, BYTES);
  const to = from === 0 ? 0 : writable(clone, BYTES);
  if (to === 0) return 0;
  memory.copy(to, from, BYTES);
  if (load<u64>(from) !== 0) return 0;
  makeDynptr(to, 0, 0, 0);
  return -Errno.EINVAL;
}

function sizeAt(at: u32): u32 {
  return load<u32>(at, 8) & SIZE_MASK;
}

function isReadOnly(at: u32): bool {
  return (load<u32>(at, 8) & READ_ONLY) !== 0;
}

function isInside(at: u32, offset: u32, length: u32): bool {
  const size = sizeAt(at);
  return length <= size && offset <= size - length;
}

function bytesAt(at: u32, offset: u32): u64 {
  const begin = isPacket(at) ? packetWord(at, PacketRecord.Data) : load<u64>(at);
  return begin + load<u32>(at, 12) + offset;
}

function kindAt(at: u32): u32 {
  return (load<u32>(at, 8) & ~READ_ONLY) >> KIND_SHIFT;
}

function isPacket(at: u32): bool {
  return kindAt(at) >= <u32>DynptrKind.Skb;
}

/** A word of the record of the packet that a dynptr is over; 0, with a fault raised, when it is not there. */
function packetWord(at: u32, field: u32): u64 {
  const begin: u32 = kindAt(at) === DynptrKind.Skb ? PacketRecord.OfSkb : PacketRecord.OfXdp;
  const from = readable(load<u64>(at) + begin + field, 8);
  return from === 0 ? 0 : load<u64>(from);
}

/** Whether the packet still has what the dynptr was made over. */
function isInPacket(at: u32, offset: u32, length: u32): bool {
  if (!isPacket(at)) return true;
  return <u64>load<u32>(at, 12) + offset + length <= packetWord(at, PacketRecord.Length);
}

function outOfPacket(at: u32): i64 {
  return kindAt(at) === DynptrKind.Skb ? -Errno.EFAULT : -Errno.EINVAL;
}

function clearHash(at: u32): void {
  const hash = writable(load<u64>(at) + SKB_HASH, 4);
  if (hash !== 0) store<u32>(hash, 0);
}

function copy(to: u64, from: u64, length: u32): i64 {
  const source = readable(from, length);
  const target = source === 0 ? 0 : writable(to, length);
  if (target !== 0) memory.copy(target, source, length);
  return 0;
}
