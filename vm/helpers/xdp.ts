/** Helpers on XDP frames. */
import { Errno } from '../../bpf/errno.ts';
import type { XdpBuffer } from '../context/xdp.ts';
import { XDP_FRAME_RECORD } from '../context/xdp.ts';
import type { HelperCall } from '../helper-call.ts';
import type { HelperContext, HelperGroup } from './context.ts';
import { numberOf, onXdp, readArgument, writeArgument } from './packet.ts';

/** Most bytes of metadata, which come in words of four. */
const MAX_METADATA = 255;

export function xdpHelpers(context: HelperContext): HelperGroup {
  return [
    [numberOf('bpf_xdp_adjust_head'), onXdp(context, adjustHead)],
    [numberOf('bpf_xdp_adjust_tail'), onXdp(context, adjustTail)],
    [numberOf('bpf_xdp_adjust_meta'), onXdp(context, adjustMeta)],
    [numberOf('bpf_xdp_get_buff_len'), onXdp(context, (xdp) => xdp.length)],
    [numberOf('bpf_xdp_load_bytes'), onXdp(context, loadBytes)],
    [numberOf('bpf_xdp_store_bytes'), onXdp(context, storeBytes)],
  ];
}

/** `long bpf_xdp_adjust_head(xdp, int delta)`: 0 or -EINVAL */
function adjustHead(xdp: XdpBuffer, call: HelperCall): number {
  return xdp.moveHead(call.arg32(2) | 0) ? 0 : -Errno.EINVAL;
}

/** `long bpf_xdp_adjust_tail(xdp, int delta)`: 0 or -EINVAL */
function adjustTail(xdp: XdpBuffer, call: HelperCall): number {
  return xdp.moveTail(call.arg32(2) | 0) ? 0 : -Errno.EINVAL;
}

/** `long bpf_xdp_adjust_meta(xdp, int delta)`: 0; -EINVAL (no room), -EACCES (not a length of metadata) */
function adjustMeta(xdp: XdpBuffer, call: HelperCall): number {
  const meta = xdp.dataMeta + (call.arg32(2) | 0);
  if (meta < XDP_FRAME_RECORD || meta > xdp.data) return -Errno.EINVAL;
  if (!isMetadataLength(xdp.data - meta)) return -Errno.EACCES;
  xdp.dataMeta = meta;
  xdp.sync();
  return 0;
}

export function isMetadataLength(length: number): boolean {
  return length % 4 === 0 && length <= MAX_METADATA;
}

/** `long bpf_xdp_load_bytes(xdp, u32 offset, void *buf, u32 len)`: 0; -EFAULT (too large), -EINVAL (not there) */
function loadBytes(xdp: XdpBuffer, call: HelperCall): number {
  const offset = call.arg32(2);
  const length = call.arg32(4);
  const error = rangeError(xdp, offset, length);
  if (error === 0) writeArgument(call, call.arg(3), xdp.bytes(offset, length).slice());
  return error;
}

/** `long bpf_xdp_store_bytes(xdp, u32 offset, void *buf, u32 len)`: as `bpf_xdp_load_bytes` */
function storeBytes(xdp: XdpBuffer, call: HelperCall): number {
  return storeFrame(xdp, call.arg32(2), readArgument(call, call.arg(3), call.arg32(4)));
}

/** Shared with `bpf_dynptr_write`. */
export function storeFrame(xdp: XdpBuffer, offset: number, bytes: Uint8Array): number {
  const error = rangeError(xdp, offset, bytes.length);
  if (error === 0) xdp.bytes(offset, bytes.length).set(bytes);
  return error;
}

function rangeError(xdp: XdpBuffer, offset: number, length: number): number {
  if (offset > 0xffff || length > 0xffff) return -Errno.EFAULT;
  return offset + length > xdp.length ? -Errno.EINVAL : 0;
}
