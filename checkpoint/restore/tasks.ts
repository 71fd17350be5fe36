/** The process tree: every task with its id, its place in the tree and what it shares; at the very end who it is. */
import { InputError } from '../../bpf/input-error.ts';
import { Prctl } from '../../kernel-model/prctl.ts';
import { Rlimit, type Task, UNLIMITED } from '../../kernel-model/task.ts';
import { Clone } from '../../kernel-model/task-table.ts';
import type { Limit, TaskState } from '../state.ts';
import { becomeCred } from './creds.ts';
import type { RestoreWorld } from './world.ts';

const RLIM_INFINITY = (1n << 64n) - 1n;
/** More descriptors than any table has, while the restore needs some of its own. */
const MANY_FILES = 1 << 20;

/** It has all files open for a while. */
const RESTORER = 'restorer';

export function addTasks(world: RestoreWorld): void {
  const { graph, state, calls } = world;
  const many = { soft: MANY_FILES, hard: MANY_FILES };
  graph.add(RESTORER, [], () => prlimit(world, calls.restorer, Rlimit.NoFile, many));
  for (const task of state.tasks) {
    const before = task.tid === task.tgid ? task.parent : task.tgid;
    graph.add(taskNode(task.tid), [RESTORER, taskNode(before)], () => create(world, task));
  }
}

/** After everything else that a task has to do. */
export function addTaskEnds(world: RestoreWorld, after: readonly string[]): void {
  const { graph, state } = world;
  // Threads first: their process's limits hold for them too.
  for (const task of [...state.tasks].sort((a, b) => Number(a.tid === a.tgid) - Number(b.tid === b.tgid)))
    graph.add(`${taskNode(task.tid)} done`, [taskNode(task.tid), ...after], () => finish(world, task));
}

export function taskNode(tid: number): string {
  return `task ${tid}`;
}

function create(world: RestoreWorld, task: TaskState): void {
  const { calls, state } = world;
  const { machine, restorer } = calls;
  const isThread = task.tid !== task.tgid;
  const parent = state.tasks.find(({ tid }) => tid === (isThread ? task.tgid : task.parent));
  const maker = parent ? world.task(parent.tid) : restorer;
  const flags = sharing(world, task, parent) | (parent ? 0 : Clone.Parent);
  const names = [`CLONE flags 0x${flags.toString(16)}`, `set_tid ${task.tid}`];
  calls.done(maker, 'clone3', names, machine.sys.clone(maker, flags, task.tid));
  const made = world.task(task.tid);
  if (isThread) return;
  prlimit(world, made, Rlimit.NoFile, { soft: MANY_FILES, hard: MANY_FILES });
  if ((flags & Clone.Files) === 0) closeInherited(world, made);
}

/** CLONE_* of what a task has in common with who makes it. */
function sharing(world: RestoreWorld, task: TaskState, parent: TaskState | undefined): number {
  const isThread = task.tid !== task.tgid;
  let flags = isThread ? Clone.Vm | Clone.Fs | Clone.Sighand | Clone.Thread : 0;
  if (parent && task.mm !== undefined && task.mm === parent.mm) flags |= Clone.Vm;
  if (parent && task.fdTable !== undefined && task.fdTable === parent.fdTable) flags |= Clone.Files;
  for (const what of ['mm', 'fdTable'] as const) {
    const sharer = world.state.tasks.find((other) => other.tid < task.tid && other[what] === task[what]);
    const inherits = parent?.[what] === task[what];
    if (sharer && task[what] !== undefined && !inherits)
      throw new InputError(
        `tasks ${sharer.tid} and ${task.tid} share ${what === 'mm' ? 'memory' : 'descriptors'} without being parent and child`,
      );
  }
  return flags;
}

/** What the maker has open is a copy here, and not wanted. */
function closeInherited(world: RestoreWorld, task: Task): void {
  for (const [fd] of [...(task.files?.entries() ?? [])]) world.close(task, fd);
}

function finish(world: RestoreWorld, task: TaskState): void {
  const { calls, state } = world;
  const made = world.task(task.tid);
  calls.done(
    made,
    'prctl',
    ['PR_SET_NAME', task.comm],
    calls.machine.sys.prctl(made, Prctl.SetName, task.comm),
  );
  if (task.tid === task.tgid) {
    prlimit(world, made, Rlimit.NoFile, limitOf(task.limits.nofile));
    prlimit(world, made, Rlimit.MemLock, limitOf(task.limits.memlock));
  }
  const cred = state.creds[task.cred];
  if (cred) becomeCred(calls, made, cred);
}

/** Made by the restorer, which may raise limits. */
function prlimit(
  world: RestoreWorld,
  task: Task,
  which: Rlimit,
  limit: { soft: number; hard: number },
): void {
  const { machine, restorer } = world.calls;
  const result = machine.sys.prlimit64(restorer, task.pid, which, limit);
  const name = which === Rlimit.NoFile ? 'RLIMIT_NOFILE' : 'RLIMIT_MEMLOCK';
  world.calls.done(
    restorer,
    'prlimit64',
    [task.pid, name, limit.soft, limit.hard],
    typeof result === 'number' ? result : 0,
  );
}

function limitOf([soft, hard]: Limit): { soft: number; hard: number } {
  const number = (value: bigint) => (value === RLIM_INFINITY ? UNLIMITED : Number(value));
  return { soft: number(soft), hard: number(hard) };
}
