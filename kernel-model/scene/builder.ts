/** What the parts of building a scene share: the machine, its tasks, and calls whose failure names the line. */
import { Errno } from '../../bpf/errno.ts';
import { errnoName } from '../../bpf/errno-name.ts';
import { InputError } from '../../bpf/input-error.ts';
import { Blocked } from '../lock.ts';
import type { Machine } from '../machine.ts';
import { Rlimit, type Task } from '../task.ts';
import type { ParsedScene } from './parsed-scene.ts';
import { type Call, explainFailure } from './reasons.ts';
import type { Quantity } from './scene.ts';
import { SceneError, type ScenePath } from './scene-error.ts';
import { Scope } from './scope.ts';

export class Builder {
  readonly machine: Machine;
  readonly source: ParsedScene;
  /** Names of mappings, for each process. */
  private readonly names = new Map<number, Map<string, bigint>>();
  private readonly root: Scope;

  constructor(machine: Machine, source: ParsedScene) {
    this.machine = machine;
    this.source = source;
    this.root = new Scope(source);
  }

  /** Quantities that belong to no task. */
  get scope(): Scope {
    return this.root;
  }

  /** Quantities as a task's part of the scene sees them. */
  scopeOf(task: Task): Scope {
    return this.root.with(this.namesOf(task));
  }

  /** Mapping names of a task's process. */
  namesOf(task: Task): Map<string, bigint> {
    let names = this.names.get(task.tgid);
    if (!names) {
      names = new Map();
      this.names.set(task.tgid, names);
    }
    return names;
  }

  /** The task of a pid or tid that stands at `path`. */
  task(pid: number, path: ScenePath): Task {
    const task = this.machine.tasks.get(pid);
    if (!task) throw this.source.error(path, `there is no task ${pid}`);
    return task;
  }

  /** Has what the model refuses to do (an InputError) point at the scene. */
  at<T>(path: ScenePath, call: () => T): T {
    try {
      return call();
    } catch (error) {
      if (error instanceof InputError && !(error instanceof SceneError))
        throw this.source.error(path, error.message);
      throw error;
    }
  }

  /** Result of a system call. @throws {SceneError} when it failed, or would have to wait for ever. */
  done(call: Call, task: Task, result: number | Blocked, path: ScenePath): number {
    if (result instanceof Blocked) {
      throw this.source.error(
        path,
        `${call} by task ${task.pid} waits for ${result.waitsFor}, which nobody lets go`,
      );
    }
    if (result < 0) throw this.source.error(path, explainFailure(call, task.pid, result), -result);
    return result;
  }

  /** The same for a call that the scene may declare to fail. */
  doneOrFails(
    call: Call,
    task: Task,
    result: number | Blocked,
    path: ScenePath,
    fails: string | undefined,
  ): number {
    if (fails === undefined) return this.done(call, task, result, path);
    const got = result instanceof Blocked ? 'to wait' : result < 0 ? errnoName(result) : 'success';
    if (got === fails) return -1;
    throw this.source.error(
      [...path, 'fails'],
      `${call} by task ${task.pid} was to fail with ${fails}, but the result is ${got}`,
    );
  }

  /** A descriptor that a file can be put at. @throws {SceneError} when it is taken or beyond the limit. */
  freeFd(task: Task, fd: number, path: ScenePath): number {
    if (fd < 0 || fd >= task.limit(Rlimit.NoFile)) {
      throw this.source.error(
        path,
        `descriptor ${fd} is beyond the nofile limit of task ${task.pid}`,
        Errno.EBADF,
      );
    }
    if (task.files?.get(fd)) throw this.source.error(path, `descriptor ${fd} of task ${task.pid} is taken`);
    return fd;
  }

  /** Moves a new descriptor where the scene wants it; gives the descriptor it then has. */
  place(task: Task, fd: number, wanted: Quantity | undefined, path: ScenePath, scope: Scope): number {
    const target = wanted === undefined ? fd : scope.int(wanted, path);
    if (target === fd) return fd;
    this.freeFd(task, target, path);
    const closeOnExec = task.files?.closesOnExec(fd) ?? false;
    const file = task.files?.remove(fd);
    if (file) task.files?.install(target, file, closeOnExec);
    return target;
  }
}
