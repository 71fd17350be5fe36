/** Target task_file: the open files of all tasks, by task and ascending descriptor. */
import type { File } from '../file.ts';
import type { SeqFile } from '../seq-file.ts';
import type { Task } from '../task.ts';
import type { SeqOperations, Step } from './read.ts';
import type { IterSession } from './session.ts';
import type { IterTarget } from './target.ts';
import { attachTasks } from './task.ts';
import { nextTask, type TaskChoice, TaskChoiceType, writeCommon } from './task-choice.ts';

export const taskFileTarget: IterTarget = {
  name: 'task_file',
  mayReschedule: true,
  attach: (request) =>
    attachTasks(
      request,
      'bpf_iter_seq_task_file_info',
      'task_file_seq_ops',
      (session, choice) => new TaskFileWalk(session, choice),
    ),
};

class TaskFileWalk implements SeqOperations {
  private readonly session: IterSession;
  private readonly choice: TaskChoice;
  private readonly at: { tid: number; fd: number; task: number };
  private readonly context: { task: number; fd: number; file: number };
  /** The task and file shown now; both with a reference of ours. */
  private task: Task | undefined;
  private file: File | undefined;

  constructor(session: IterSession, choice: TaskChoice) {
    this.session = session;
    this.choice = choice;
    writeCommon(session, choice);
    const info = session.profile.layout('bpf_iter_seq_task_file_info');
    const member = (name: string) => session.privateOffset + info.offset(name);
    this.at = { tid: member('tid'), fd: member('fd'), task: member('task') };
    const { context } = session;
    const argument = (name: string) => context.offset + context.layout.offset(name);
    this.context = { task: argument('task'), fd: argument('fd'), file: argument('file') };
  }

  start(seq: SeqFile): Step {
    this.setTask(undefined);
    const file = this.find();
    if (file && seq.index === 0) seq.index = 1;
    return file?.address ?? 0n;
  }

  next(_object: bigint, seq: SeqFile): Step {
    seq.index += 1;
    this.set(this.at.fd, this.get(this.at.fd) + 1);
    this.dropFile();
    return this.find()?.address ?? 0n;
  }

  show(object: bigint): number {
    return this.run(object, false);
  }

  stop(object: Step): void {
    if (object === 0n) this.run(0n, true);
    this.dropFile();
    this.setTask(undefined);
  }

  /** The file at the remembered task and descriptor, or the next one. */
  private find(): File | undefined {
    const { tasks } = this.session.machine;
    for (;;) {
      if (!this.task) {
        const tid = this.get(this.at.tid);
        const task = nextTask(tasks, this.choice, tid, true);
        if (!task) return undefined;
        if (task.pid !== tid) this.set(this.at.fd, 0);
        this.set(this.at.tid, task.pid);
        this.setTask(task);
      }
      const file = this.findInTask();
      if (file) return file;
      this.setTask(undefined);
      this.set(this.at.fd, 0);
      if (this.choice.type === TaskChoiceType.Tid) return undefined;
      this.set(this.at.tid, this.get(this.at.tid) + 1);
    }
  }

  private findInTask(): File | undefined {
    const files = this.task?.files;
    if (!files) return undefined;
    for (let fd = this.get(this.at.fd); fd < files.maxFds; fd++) {
      const file = files.get(fd);
      if (!file) continue;
      this.set(this.at.fd, fd);
      this.file = file.get();
      return file;
    }
    return undefined;
  }

  private run(file: bigint, inStop: boolean): number {
    const { view } = this.session.ram;
    view.setBigUint64(this.context.task, this.task?.address ?? 0n, true);
    view.setUint32(this.context.fd, this.get(this.at.fd), true);
    view.setBigUint64(this.context.file, file, true);
    return this.session.run(inStop);
  }

  private dropFile(): void {
    this.file?.put();
    this.file = undefined;
  }

  private setTask(task: Task | undefined): void {
    this.task = task;
    this.session.ram.view.setBigUint64(this.at.task, task?.address ?? 0n, true);
  }

  private get(at: number): number {
    return this.session.ram.view.getUint32(at, true);
  }

  private set(at: number, value: number): void {
    this.session.ram.view.setUint32(at, value, true);
  }
}
