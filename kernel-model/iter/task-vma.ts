/**
 * Target task_vma: the mappings of all tasks, by task and ascending address, under the task's mmap_lock.
 *
 * The lock is given up between reads, so the traversal remembers where the last mapping ended and looks up from
 * there: what has changed meanwhile is seen as it then is.
 */
import { Blocked } from '../lock.ts';
import type { Mm } from '../mm.ts';
import { rwsemReadUnlock, rwsemTryRead } from '../mutex.ts';
import type { SeqFile } from '../seq-file.ts';
import type { Task } from '../task.ts';
import type { Vma } from '../vma.ts';
import type { SeqOperations, Step } from './read.ts';
import type { IterSession } from './session.ts';
import type { IterTarget } from './target.ts';
import { attachTasks } from './task.ts';
import { nextTask, type TaskChoice, TaskChoiceType, writeCommon } from './task-choice.ts';

/** Start of no mapping: the mapping found at the remembered end has not been shown. */
const NOT_SHOWN = 0xffff_ffff_ffff_ffffn;

export const taskVmaTarget: IterTarget = {
  name: 'task_vma',
  mayReschedule: true,
  attach: (request) =>
    attachTasks(
      request,
      'bpf_iter_seq_task_vma_info',
      'task_vma_seq_ops',
      (session, choice) => new TaskVmaWalk(session, choice),
    ),
};

/** A task whose mmap_lock is held for reading, and the mapping to show. */
interface Place {
  task: Task;
  mm: Mm;
  vma: Vma;
}

class TaskVmaWalk implements SeqOperations {
  private readonly session: IterSession;
  private readonly choice: TaskChoice;
  private readonly at: { tid: number; task: number; vma: number; start: number; end: number };
  private readonly context: { task: number; vma: number };
  private place: Place | undefined;

  constructor(session: IterSession, choice: TaskChoice) {
    this.session = session;
    this.choice = choice;
    writeCommon(session, choice);
    const info = session.profile.layout('bpf_iter_seq_task_vma_info');
    const member = (name: string) => session.privateOffset + info.offset(name);
    this.at = {
      tid: member('tid'),
      task: member('task'),
      vma: member('vma'),
      start: member('prev_vm_start'),
      end: member('prev_vm_end'),
    };
    const { context } = session;
    this.context = {
      task: context.offset + context.layout.offset('task'),
      vma: context.offset + context.layout.offset('vma'),
    };
  }

  start(seq: SeqFile): Step | Blocked {
    const found = this.findTask(this.tid, true);
    if (found instanceof Blocked) return found;
    if (found !== 0n && seq.index === 0) seq.index = 1;
    return found;
  }

  next(_object: bigint, seq: SeqFile): Step | Blocked {
    const { place } = this;
    if (place) {
      const vma = place.mm.find(place.vma.end);
      if (vma) {
        seq.index += 1;
        return this.arrive({ ...place, vma });
      }
      this.leave();
    }
    // Called again after a wait: the mappings of the task at `tid` are done.
    const found = this.findTask(this.tid + 1, false);
    if (!(found instanceof Blocked)) seq.index += 1;
    return found;
  }

  show(object: bigint): number {
    return this.run(object, false);
  }

  stop(object: Step): void {
    try {
      if (object === 0n) {
        this.run(0n, true);
      } else if (this.place) {
        this.setBig(this.at.start, NOT_SHOWN);
        this.setBig(this.at.end, BigInt(this.place.vma.end));
      }
    } finally {
      this.leave();
    }
  }

  /**
   * The first mapping of the task at an id, or of a later one.
   * @param resume the task at exactly that id was left in the middle.
   */
  private findTask(tid: number, resume: boolean): Step | Blocked {
    const { tasks } = this.session.machine;
    const single = this.choice.type === TaskChoiceType.Tid;
    for (let from = tid; ; ) {
      const task = nextTask(tasks, this.choice, from, true);
      if (!task || (single && from > this.choice.pid)) {
        this.tid = from + 1;
        this.leave();
        return 0n;
      }
      const { mm } = task;
      if (mm) {
        if (!rwsemTryRead(mm.lock)) return this.wait(mm);
        const vma = resume && task.pid === tid && tid !== 0 ? this.resumeAt(mm) : mm.mappings[0];
        this.tid = task.pid;
        if (vma) return this.arrive({ task, mm, vma });
        rwsemReadUnlock(mm.lock);
      }
      from = task.pid + 1;
    }
  }

  /** What now stands at or behind the last byte of the mapping that was left. */
  private resumeAt(mm: Mm): Vma | undefined {
    const end = Number(this.big(this.at.end));
    const vma = mm.find(end - 1);
    const shown = vma && BigInt(vma.start) === this.big(this.at.start) && vma.end === end;
    return shown ? mm.find(vma.end) : vma;
  }

  private wait(mm: Mm): Blocked {
    return new Blocked('mm_struct.mmap_lock', BigInt.asUintN(64, mm.lock.big('owner')) & ~7n);
  }

  private arrive(place: Place): bigint {
    this.place = place;
    this.setBig(this.at.task, place.task.address);
    this.setBig(this.at.vma, place.vma.record.address);
    return place.vma.record.address;
  }

  private leave(): void {
    if (this.place) rwsemReadUnlock(this.place.mm.lock);
    this.place = undefined;
    this.setBig(this.at.task, 0n);
    this.setBig(this.at.vma, 0n);
  }

  private run(vma: bigint, inStop: boolean): number {
    const { view } = this.session.ram;
    view.setBigUint64(this.context.task, this.place?.task.address ?? 0n, true);
    view.setBigUint64(this.context.vma, vma, true);
    return this.session.run(inStop);
  }

  private get tid(): number {
    return this.session.ram.view.getUint32(this.at.tid, true);
  }

  private set tid(value: number) {
    this.session.ram.view.setUint32(this.at.tid, value, true);
  }

  private big(at: number): bigint {
    return this.session.ram.view.getBigUint64(at, true);
  }

  private setBig(at: number, value: bigint): void {
    this.session.ram.view.setBigUint64(at, value, true);
  }
}
