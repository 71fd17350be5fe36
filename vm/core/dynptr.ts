/**
 * Dynptrs: `struct bpf_dynptr_kern` in the program's memory is 16 bytes: u64 data, u32 size with the kind and
 * a read-only bit on top, u32 offset. data == 0 is the null dynptr.
 */
import { Errno } from '../../bpf/errno.ts';
import { readable, writable } from './args.ts';
import { ringbufFinish, ringbufReserveHelper } from './map-helpers.ts';

const BYTES: u32 = 16;
const SIZE_MASK: u32 = 0xff_ffff;
const KIND_SHIFT: u32 = 28;
const READ_ONLY: u32 = 0x8000_0000;

export const enum DynptrKind {
  Local = 1,
  Ringbuf = 2,
}

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
  return copy(to, bytesAt(at, offset), length);
}

/** bpf_dynptr_write: 0, -EINVAL (null, read-only, flags), -E2BIG (out of its bounds). */
export function dynptrWrite(dynptr: u64, offset: u32, from: u64, length: u32, flags: u64): i64 {
  const at = readable(dynptr, BYTES);
  if (at === 0) return 0;
  if (load<u64>(at) === 0 || isReadOnly(at) || flags !== 0) return -Errno.EINVAL;
  if (!isInside(at, offset, length)) return -Errno.E2BIG;
  return copy(bytesAt(at, offset), from, length);
}

/** bpf_dynptr_data, bpf_dynptr_slice (with `readOnly`): address of a part; 0 when it is not all inside. */
export function dynptrPart(dynptr: u64, offset: u32, length: u32, readOnly: bool): u64 {
  const at = readable(dynptr, BYTES);
  if (at === 0 || load<u64>(at) === 0 || (isReadOnly(at) && !readOnly)) return 0;
  return isInside(at, offset, length) ? bytesAt(at, offset) : 0;
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
  return load<u64>(at) + load<u32>(at, 12) + offset;
}

function copy(to: u64, from: u64, length: u32): i64 {
  const source = readable(from, length);
  const target = source === 0 ? 0 : writable(to, length);
  if (target !== 0) memory.copy(target, source, length);
  return 0;
}
