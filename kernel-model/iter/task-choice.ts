/** Which tasks the task, task_file and task_vma iterators visit, and in which order. */
import { Errno } from '../../bpf/errno.ts';
import type { Task } from '../task.ts';
import type { TaskTable } from '../task-table.ts';
import type { IterSession } from './session.ts';
import type { AttachRequest } from './target.ts';

/** enum bpf_iter_task_type: all tasks, one thread, the threads of one process. */
export const enum TaskChoiceType {
  All = 0,
  Tid = 1,
  Tgid = 2,
}

const TYPE_NAMES = ['ALL', 'TID', 'PID'];

export interface TaskChoice {
  type: TaskChoiceType;
  /** Thread or process id, 0 for all. */
  pid: number;
}

const ALL: TaskChoice = { type: TaskChoiceType.All, pid: 0 };

/**
 * Reads bpf_iter_link_info.task (tid, pid, pid_fd). Kernels before 6.1 ignore it.
 * @returns -EINVAL for more than one of them, -EBADF for a bad pidfd.
 */
export function chooseTasks({ machine, task, info }: AttachRequest): TaskChoice | number {
  if (!machine.profile.dialect.taskLinkInfo) return ALL;
  const [tid, pid, pidFd] = [0, 4, 8].map((at) => info.getUint32(at, true)) as [number, number, number];
  if ([tid, pid, pidFd].filter((value) => value !== 0).length > 1) return -Errno.EINVAL;
  if (tid !== 0) return { type: TaskChoiceType.Tid, pid: tid };
  if (pid !== 0) return { type: TaskChoiceType.Tgid, pid };
  if (pidFd === 0) return ALL;
  const file = task.files?.get(pidFd);
  if (file?.ops.symbol !== 'pidfd_fops') return -Errno.EBADF;
  return { type: TaskChoiceType.Tgid, pid: (file.object as Task).pid };
}

/** The target's lines of the link's fdinfo; none before 6.1. */
export function choiceFdinfo({ type, pid }: TaskChoice): string {
  const line = `task_type:\t${TYPE_NAMES[type]}\n`;
  if (type === TaskChoiceType.Tid) return `${line}tid:\t${pid}\n`;
  return type === TaskChoiceType.Tgid ? `${line}pid:\t${pid}\n` : line;
}

/** Members of bpf_link_info.iter. */
export function choiceLinkInfo({ type, pid }: TaskChoice): { [path: string]: number } {
  if (type === TaskChoiceType.Tid) return { 'iter.task.tid': pid };
  return type === TaskChoiceType.Tgid ? { 'iter.task.pid': pid } : {};
}

/** Writes `struct bpf_iter_seq_task_common` of the private data. */
export function writeCommon(session: IterSession, { type, pid }: TaskChoice): void {
  const info = session.privateRecord;
  if (!info) return;
  const namespace = session.machine.symbolAddress('init_pid_ns');
  if (namespace !== undefined) info.set('common.ns', namespace);
  if (info.has('common.type')) info.set('common.type', type).set('common.pid', pid);
}

/**
 * First task of the choice with this thread id or a later one.
 * @param skipSharers pass over threads that use their leader's files: those have been visited.
 */
export function nextTask(
  tasks: TaskTable,
  { type, pid }: TaskChoice,
  tid: number,
  skipSharers: boolean,
): Task | undefined {
  if (type === TaskChoiceType.Tid) return tid > pid ? undefined : tasks.get(pid);
  for (let task = tasks.next(tid); task; task = tasks.next(task.pid + 1)) {
    if (type === TaskChoiceType.Tgid && task.tgid !== pid) continue;
    if (skipSharers && !task.isLeader && task.files === task.leader.files) continue;
    return task;
  }
  return undefined;
}
