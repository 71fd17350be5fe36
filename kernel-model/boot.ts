/** What stands in the machine before the first task: symbols that programs refer to, device files, file kinds. */
import { DIRECT_MAP, VMEMMAP } from '../bpf/address.ts';
import { deviceAt } from './devices.ts';
import { FileType } from './inode.ts';
import { listInit } from './list.ts';
import type { KernelProfile } from './profile.ts';
import type { Record } from './record.ts';
import { CACHED_FILES, CHARACTER_DEVICES } from './regular-file.ts';
import type { SymbolTable } from './symbols.ts';
import type { Vfs } from './vfs.ts';

/** Operations tables that programs compare `file->f_op` with, whether or not such a file exists. */
const OPERATIONS = [
  'bpf_iter_fops',
  'bpf_link_fops',
  'bpf_map_fops',
  'bpf_prog_fops',
  'def_chr_fops',
  'eventfd_fops',
  'eventpoll_fops',
  'ext4_dir_operations',
  'ext4_file_operations',
  'hugetlbfs_file_operations',
  'inotify_fops',
  'io_uring_fops',
  'io_wake_function',
  'null_fops',
  'pidfd_fops',
  'pipefifo_fops',
  'shmem_file_operations',
  'signalfd_fops',
  'simple_dir_operations',
  'socket_file_ops',
  'timerfd_fops',
  'tty_fops',
  'userfaultfd_fops',
  'zero_fops',
];

/** Defines the symbols; the record of init_task. */
export function bootSymbols(symbols: SymbolTable, profile: KernelProfile): Record {
  for (const name of OPERATIONS) symbols.opaque(name);
  symbols.word('page_offset_base', DIRECT_MAP);
  symbols.word('vmemmap_base', VMEMMAP);
  const task = symbols.object('init_task', profile.layout('task_struct'));
  task.setText('comm', 'swapper/0').assign({ usage: 2, flags: PF_KTHREAD });
  for (const link of ['real_parent', 'parent', 'group_leader']) task.point(link, task);
  for (const list of ['tasks', 'children', 'sibling']) listInit(task.ram, task.addressOf(list));
  return task;
}

const PF_KTHREAD = 0x0020_0000;

/** Says what the built-in kinds of files do, and makes /dev/null, /dev/zero and /dev/tty. */
export function bootFiles(vfs: Vfs): void {
  for (const ops of [...CACHED_FILES, ...CHARACTER_DEVICES]) vfs.register(ops);
  for (const path of ['/dev/null', '/dev/zero', '/dev/tty']) {
    const device = deviceAt(path);
    if (device)
      vfs.create({ path, type: FileType.CharDevice, mode: 0o666, ops: device.ops, device: device.number });
  }
}
