/** Target task: all tasks, ascending by thread id. */
import type { SeqFile } from '../seq-file.ts';
import type { Task } from '../task.ts';
import type { SeqOperations, Step } from './read.ts';
import type { IterSession } from './session.ts';
import type { Attachment, AttachRequest, IterTarget } from './target.ts';
import {
  choiceFdinfo,
  choiceLinkInfo,
  chooseTasks,
  nextTask,
  type TaskChoice,
  writeCommon,
} from './task-choice.ts';

export const taskTarget: IterTarget = {
  name: 'task',
  mayReschedule: true,
  attach: (request) =>
    attachTasks(
      request,
      'bpf_iter_seq_task_info',
      'task_seq_ops',
      (session, choice) => new TaskWalk(session, choice),
    ),
};

/** Attaching is the same for the three targets that visit tasks. */
export function attachTasks(
  request: AttachRequest,
  privateData: string,
  seqOps: string,
  walk: (session: IterSession, choice: TaskChoice) => SeqOperations,
): Attachment | number {
  const choice = chooseTasks(request);
  if (typeof choice === 'number') return choice;
  const shows = request.machine.profile.dialect.taskLinkInfo;
  return {
    privateData,
    seqOps,
    open: (session) => walk(session, choice),
    fdinfo: () => (shows ? choiceFdinfo(choice) : ''),
    linkInfo: () => choiceLinkInfo(choice),
    detach: () => undefined,
  };
}

class TaskWalk implements SeqOperations {
  private readonly session: IterSession;
  private readonly choice: TaskChoice;
  private readonly tidAt: number;
  private readonly taskAt: number;

  constructor(session: IterSession, choice: TaskChoice) {
    this.session = session;
    this.choice = choice;
    writeCommon(session, choice);
    this.tidAt = session.privateOffset + session.profile.layout('bpf_iter_seq_task_info').offset('tid');
    this.taskAt = session.context.offset + session.context.layout.offset('task');
  }

  start(seq: SeqFile): Step {
    const task = this.find();
    if (task && seq.index === 0) seq.index = 1;
    return task?.address ?? 0n;
  }

  next(_object: bigint, seq: SeqFile): Step {
    seq.index += 1;
    this.tid += 1;
    return this.find()?.address ?? 0n;
  }

  show(object: bigint): number {
    return this.run(object, false);
  }

  stop(object: Step): void {
    if (object === 0n) this.run(0n, true);
  }

  /** The task at the remembered id, or the next one, whose id is remembered then. */
  private find(): Task | undefined {
    const task = nextTask(this.session.machine.tasks, this.choice, this.tid, false);
    if (task) this.tid = task.pid;
    return task;
  }

  private run(task: bigint, inStop: boolean): number {
    this.session.ram.view.setBigUint64(this.taskAt, task, true);
    return this.session.run(inStop);
  }

  private get tid(): number {
    return this.session.ram.view.getUint32(this.tidAt, true);
  }

  private set tid(value: number) {
    this.session.ram.view.setUint32(this.tidAt, value, true);
  }
}
