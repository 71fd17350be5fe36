/** BPF_OBJ_GET_INFO_BY_FD of an iterator link: `struct bpf_link_info`. */
import { PAGE_SIZE } from '../../bpf/address.ts';
import { Errno } from '../../bpf/errno.ts';
import type { Machine } from '../machine.ts';
import type { Task } from '../task.ts';
import { type CallerMemory, callerMemory, readUser, type UserPointer, writeUser } from '../user-pointer.ts';
import { type IterLink, linkAt } from './link.ts';

/** BPF_LINK_TYPE_ITER */
const LINK_TYPE_ITER = 4;

/** Offsets of what is the same in all kernels. */
const TYPE = 0;
const ID = 4;
const PROG_ID = 8;
const TARGET_NAME = 16;
const TARGET_NAME_LENGTH = 24;

/**
 * Where the members of the target's part stand, and the size of it all.
 *
 * The series put a 64-bit inode number into the union of the map id, which moves that from byte 28 to 32. Later
 * kernels have a second union at 32 instead, where the overlay puts the inode number.
 */
interface InfoLayout {
  size: number;
  members: { readonly [path: string]: { offset: number; size: number } };
}

function infoLayout(machine: Machine): InfoLayout {
  const series = machine.profile.dialect.pageToPfn === 'helper';
  return {
    size: series ? 40 : machine.profile.layout('bpf_link_info').size,
    members: {
      'iter.map.map_id': { offset: series ? 32 : 28, size: 4 },
      'iter.io_uring.inode': { offset: 32, size: 8 },
      'iter.task.tid': { offset: 32, size: 4 },
      'iter.task.pid': { offset: 36, size: 4 },
    },
  };
}

/**
 * @param info the caller's `struct bpf_link_info`, with `iter.target_name` and `target_name_len` filled in or 0.
 * @param length bytes of it that the caller knows.
 * @returns bytes filled in; -EBADF, -E2BIG, -EFAULT, -EINVAL (only one of target_name and its length), -ENOSPC (the
 * name was cut to fit; the struct is then not written).
 */
export function linkInfo(
  machine: Machine,
  task: Task,
  linkFd: number,
  info: UserPointer,
  length: number,
): number {
  const link = linkAt(task, linkFd);
  if (typeof link === 'number') return link;
  const memory = callerMemory(task);
  const layout = infoLayout(machine);
  const bytes = importInfo(memory, info, length, layout.size);
  if (typeof bytes === 'number') return bytes;
  const view = new DataView(bytes.buffer);
  view.setUint32(TYPE, LINK_TYPE_ITER, true);
  view.setUint32(ID, link.id, true);
  view.setUint32(PROG_ID, link.program.id, true);
  const error = giveName(memory, view, link.target.name);
  if (error !== 0) return error;
  fillTarget(view, layout, link);
  const known = Math.min(length, layout.size);
  return writeUser(memory, info, 0, bytes.subarray(0, known)) ? known : -Errno.EFAULT;
}

/** The caller's struct; what the kernel does not know of it must be zero. */
function importInfo(
  memory: CallerMemory,
  info: UserPointer,
  length: number,
  size: number,
): Uint8Array | number {
  if (length > PAGE_SIZE) return -Errno.E2BIG;
  const known = Math.min(length, size);
  const tail = readUser(memory, info, known, length - known);
  if (!tail) return -Errno.EFAULT;
  if (tail.some((byte) => byte !== 0)) return -Errno.E2BIG;
  const given = readUser(memory, info, 0, known);
  if (!given) return -Errno.EFAULT;
  const bytes = new Uint8Array(size);
  bytes.set(given);
  return bytes;
}

function giveName(memory: CallerMemory, view: DataView, name: string): number {
  const pointer = view.getBigUint64(TARGET_NAME, true);
  const room = view.getUint32(TARGET_NAME_LENGTH, true);
  if ((pointer === 0n) !== (room === 0)) return -Errno.EINVAL;
  view.setUint32(TARGET_NAME_LENGTH, name.length + 1, true);
  if (pointer === 0n) return 0;
  const text = new Uint8Array(Math.min(room, name.length + 1));
  new TextEncoder().encodeInto(name, text.subarray(0, text.length - 1));
  if (!memory.write(pointer, text)) return -Errno.EFAULT;
  return room > name.length ? 0 : -Errno.ENOSPC;
}

function fillTarget(view: DataView, layout: InfoLayout, link: IterLink): void {
  for (const [path, value] of Object.entries(link.attachment.linkInfo?.() ?? {})) {
    const member = layout.members[path];
    if (!member) throw new Error(`bpf_link_info has no ${path}`);
    if (member.size === 8) view.setBigUint64(member.offset, BigInt(value), true);
    else view.setUint32(member.offset, Number(value), true);
  }
}
