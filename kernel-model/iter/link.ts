/** Iterator links: BPF_LINK_CREATE, BPF_LINK_UPDATE and BPF_ITER_CREATE of bpf(2), and the link's fdinfo. */
import { PAGE_SIZE } from '../../bpf/address.ts';
import { Errno } from '../../bpf/errno.ts';
import { type File, type FileOperations, Open } from '../file.ts';
import type { Machine } from '../machine.ts';
import { Rlimit, type Task } from '../task.ts';
import { type CallerMemory, callerMemory, isNull, readUser, type UserPointer } from '../user-pointer.ts';
import { IterFile } from './iter-file.ts';
import type { IterProgram } from './program.ts';
import type { Attachment, IterTarget } from './target.ts';
import { findTarget } from './targets.ts';

/** Larger attributes are not looked at. */
const MAX_ATTRIBUTE = PAGE_SIZE;
/** union bpf_iter_link_info as the model reads it, whatever the kernel's size. */
const LINK_INFO_BYTES = 16;

/** Members of `union bpf_attr` for BPF_LINK_CREATE. */
export interface LinkCreateAttr {
  targetFd?: number;
  flags?: number;
  /** union bpf_iter_link_info */
  iterInfo?: UserPointer;
  iterInfoLength?: number;
}

export class IterLink {
  readonly id: number;
  readonly target: IterTarget;
  readonly attachment: Attachment;
  private current: IterProgram;

  constructor(id: number, target: IterTarget, attachment: Attachment, program: IterProgram) {
    this.id = id;
    this.target = target;
    this.attachment = attachment;
    this.current = program.get();
  }

  get program(): IterProgram {
    return this.current;
  }

  /** Iterators opened from now on run this program. */
  replace(program: IterProgram): void {
    const old = this.current;
    this.current = program.get();
    old.put();
  }

  release(): void {
    this.attachment.detach();
    this.current.put();
  }
}

/**
 * Attaches a program to the target that its attach type names.
 * @returns the link's descriptor; -EINVAL, -E2BIG, -EFAULT for bad attributes, -ENOENT for a program of no target,
 * -EMFILE, or what the target says (-EBADF, -EOPNOTSUPP, -ENXIO, -EACCES, ...).
 */
export function linkCreate(
  machine: Machine,
  task: Task,
  program: IterProgram,
  attr: LinkCreateAttr = {},
): number {
  if ((attr.targetFd ?? 0) !== 0 || (attr.flags ?? 0) !== 0) return -Errno.EINVAL;
  const info = readLinkInfo(machine, callerMemory(task), attr);
  if (typeof info === 'number') return info;
  const target = findTarget(machine, program.attachBtfId);
  if (!target) return -Errno.ENOENT;
  if (program.sleepable && !target.mayReschedule) return -Errno.EINVAL;
  const fd = task.files ? task.files.findFree(0, task.limit(Rlimit.NoFile)) : -Errno.EMFILE;
  if (fd < 0) return fd;
  const id = machine.nextId('bpf_link');
  const attachment = target.attach({ machine, task, program, info, given: (attr.iterInfoLength ?? 0) > 0 });
  if (typeof attachment === 'number') return attachment;
  const file = machine.vfs.openPseudo({
    kind: 'anon_inode',
    name: 'bpf_link',
    ops: linkOperations,
    flags: Open.RdWr,
    cred: task.cred,
  });
  file.object = new IterLink(id, target, attachment, program);
  return machine.sys.install(task, file, true);
}

/**
 * @param flags must be 0.
 * @returns the iterator's descriptor; -EINVAL for flags or a descriptor that is no iterator link, -EBADF, -EMFILE,
 * or what the target says.
 */
export function iterCreate(machine: Machine, task: Task, linkFd: number, flags = 0): number {
  if (flags !== 0) return -Errno.EINVAL;
  const link = linkAt(task, linkFd);
  if (typeof link === 'number') return link;
  const fd = task.files ? task.files.findFree(0, task.limit(Rlimit.NoFile)) : -Errno.EMFILE;
  if (fd < 0) return fd;
  const { target, program, attachment } = link;
  const file = IterFile.open(machine, task, { target: target.name, program, attachment });
  return typeof file === 'number' ? file : machine.sys.install(task, file, true);
}

/**
 * Replaces a link's program.
 * @param old when given, the program that must be attached now.
 * @returns 0; -EBADF, -EINVAL; -EPERM when another program is attached than `old`; -EINVAL for another target.
 */
export function linkUpdate(task: Task, linkFd: number, program: IterProgram, old?: IterProgram): number {
  const link = linkAt(task, linkFd);
  if (typeof link === 'number') return link;
  if (old && link.program !== old) return -Errno.EPERM;
  if (link.program.attachBtfId !== program.attachBtfId) return -Errno.EINVAL;
  link.replace(program);
  return 0;
}

/** BPF_LINK_DETACH: an iterator link detaches only with its last reference. */
export function linkDetach(task: Task, linkFd: number): number {
  const link = linkAt(task, linkFd);
  return typeof link === 'number' ? link : -Errno.EOPNOTSUPP;
}

/** The link behind a descriptor, -EBADF, or -EINVAL for another kind of file. */
export function linkAt(task: Task, fd: number): IterLink | number {
  const file = task.files?.get(fd);
  if (!file) return -Errno.EBADF;
  return file.object instanceof IterLink ? file.object : -Errno.EINVAL;
}

/** Lines of /proc/PID/fdinfo/FD that the link adds to those of any file. */
export function linkFdinfo(link: IterLink): string {
  const { id, program, target, attachment } = link;
  const common = `link_type:\titer\nlink_id:\t${id}\nprog_tag:\t${program.tag}\nprog_id:\t${program.id}\n`;
  return `${common}target_name:\t${target.name}\n${attachment.fdinfo?.() ?? ''}`;
}

const linkOperations: FileOperations = {
  symbol: 'bpf_link_fops',
  pollable: false,
  release(file: File) {
    if (file.object instanceof IterLink) file.object.release();
  },
};

/** The caller's link info, zero-extended. What this kernel does not know must be zero. */
function readLinkInfo(machine: Machine, memory: CallerMemory, attr: LinkCreateAttr): DataView | number {
  const { iterInfo = 0n, iterInfoLength = 0 } = attr;
  const info = new Uint8Array(LINK_INFO_BYTES);
  if (isNull(iterInfo) !== (iterInfoLength === 0)) return -Errno.EINVAL;
  if (isNull(iterInfo)) return new DataView(info.buffer);
  if (iterInfoLength > MAX_ATTRIBUTE) return -Errno.E2BIG;
  const known = Math.min(iterInfoLength, machine.profile.dialect.linkInfoSize);
  const tail = readUser(memory, iterInfo, known, iterInfoLength - known);
  if (!tail) return -Errno.EFAULT;
  if (tail.some((byte) => byte !== 0)) return -Errno.E2BIG;
  const bytes = readUser(memory, iterInfo, 0, known);
  if (!bytes) return -Errno.EFAULT;
  info.set(bytes);
  return new DataView(info.buffer);
}
