/** IORING_REGISTER_PBUF_RING, UNREGISTER_PBUF_RING and PBUF_STATUS. */
import { PAGE_SHIFT, PAGE_SIZE } from '../../bpf/address.ts';
import { Errno } from '../../bpf/errno.ts';
import { isNull, readStruct, writeUser } from '../user-pointer.ts';
import { BUF_SIZE, BufferRing } from './buffer-ring.ts';
import { pinBuffer } from './pin.ts';
import type { RegisterCall } from './register-ops.ts';
import { UserSize } from './uapi.ts';

/** IOU_PBUF_RING_* */
const MMAP = 1;
const INCREMENTAL = 2;
/** Versions that brought them. */
const MMAP_VERSION = 0x6_0400;
const INCREMENTAL_VERSION = 0x6_0c00;
/** Head and tail have 16 bits: a ring this large could not be told full from empty. */
const TOO_MANY = 65536;
const STATUS_SIZE = 40;

/** `struct io_uring_buf_reg` */
interface Wanted {
  address: bigint;
  entries: number;
  id: number;
  flags: number;
  minLeft: number;
}

/** @returns 0, -EINVAL, -EFAULT, -EEXIST (the group has a ring, or buffers), -ENOMEM. */
export function registerBufferRing(call: RegisterCall): number {
  const wanted = readWanted(call);
  if (typeof wanted === 'number') return wanted;
  const { ring } = call;
  const { versionCode } = ring.machine.profile.dialect;
  let known = 0;
  if (versionCode >= MMAP_VERSION) known |= MMAP;
  if (versionCode >= INCREMENTAL_VERSION) known |= INCREMENTAL;
  if ((wanted.flags & ~known) !== 0) return -Errno.EINVAL;
  const mapped = (wanted.flags & MMAP) !== 0;
  if (!mapped && wanted.address === 0n) return -Errno.EFAULT;
  if (mapped ? wanted.address !== 0n : wanted.address % BigInt(PAGE_SIZE) !== 0n) return -Errno.EINVAL;
  const { entries, id } = wanted;
  if (entries === 0 || (entries & (entries - 1)) !== 0 || entries >= TOO_MANY) return -Errno.EINVAL;
  const incremental = (wanted.flags & INCREMENTAL) !== 0;
  if (!incremental && wanted.minLeft !== 0) return -Errno.EINVAL;
  const old = ring.provided.group(id);
  if (old instanceof BufferRing || (old && old.size > 0)) return -Errno.EEXIST;
  const memory = mapped ? allocate(call, entries) : pin(call, wanted);
  if (typeof memory === 'number') return memory;
  ring.provided.delete(id);
  const { minLeft } = wanted;
  const at = ring.provided.placeOf(id);
  ring.provided.addRing(
    new BufferRing(ring.machine, { id, entries, mapped, incremental, minLeft, at, ...memory }),
  );
  return 0;
}

/** @returns 0, -EINVAL (a group that is no ring), -ENOENT, -EFAULT. */
export function unregisterBufferRing(call: RegisterCall): number {
  const wanted = readWanted(call);
  if (typeof wanted === 'number') return wanted;
  if (wanted.flags !== 0 || wanted.minLeft !== 0) return -Errno.EINVAL;
  const { provided } = call.ring;
  if (!provided.exists(wanted.id)) return -Errno.ENOENT;
  if (!(provided.group(wanted.id) instanceof BufferRing)) return -Errno.EINVAL;
  provided.delete(wanted.id);
  return 0;
}

/** Fills in how many buffers have been taken. @returns 0, -EINVAL, -ENOENT, -EFAULT. */
export function bufferRingStatus({ ring, memory, argument, count }: RegisterCall): number {
  if (isNull(argument) || count !== 1) return -Errno.EINVAL;
  const status = readStruct(memory, argument, STATUS_SIZE);
  if (!status) return -Errno.EFAULT;
  for (let at = 8; at < STATUS_SIZE; at += 4) if (status.getUint32(at, true) !== 0) return -Errno.EINVAL;
  const id = status.getUint32(0, true);
  const group = ring.provided.group(id);
  if (!ring.provided.exists(id)) return -Errno.ENOENT;
  if (!(group instanceof BufferRing)) return -Errno.EINVAL;
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, group.head, true);
  return writeUser(memory, argument, 4, head) ? 0 : -Errno.EFAULT;
}

function readWanted({ ring, memory, argument, count }: RegisterCall): Wanted | number {
  if (isNull(argument) || count !== 1) return -Errno.EINVAL;
  const view = readStruct(memory, argument, UserSize.BufReg);
  if (!view) return -Errno.EFAULT;
  const hasMinimum = ring.machine.profile.dialect.versionCode >= INCREMENTAL_VERSION;
  for (let at = hasMinimum ? 20 : 16; at < UserSize.BufReg; at += 4) {
    if (view.getUint32(at, true) !== 0) return -Errno.EINVAL;
  }
  return {
    address: view.getBigUint64(0, true),
    entries: view.getUint32(8, true),
    id: view.getUint16(12, true),
    flags: view.getUint16(14, true),
    minLeft: hasMinimum ? view.getUint32(16, true) : 0,
  };
}

interface Memory {
  frames: number[];
  release: () => void;
}

/** Memory of the kernel, which user space maps. */
function allocate({ ring }: RegisterCall, entries: number): Memory {
  const { heap } = ring.machine;
  const pages = Math.ceil((entries * BUF_SIZE) / PAGE_SIZE);
  const offset = heap.allocateBytes(pages * PAGE_SIZE, PAGE_SIZE);
  const first = offset >>> PAGE_SHIFT;
  return {
    frames: Array.from({ length: pages }, (_, i) => first + i),
    release: () => heap.freeBytes(offset, pages * PAGE_SIZE),
  };
}

/** Memory of the task. */
function pin({ ring, task }: RegisterCall, { address, entries }: Wanted): Memory | number {
  const frames = pinBuffer(ring.machine, task, address, entries * BUF_SIZE);
  if (typeof frames === 'number') return frames;
  return {
    frames: [...frames],
    release: () => {
      for (const frame of frames) ring.machine.pages.unpin(frame);
    },
  };
}
