/** Processes and threads: the tree, what each is called, whose rights it has, which tables it uses. */
import type { EntryInit, MessageInit, MessageValue } from '../image/index.ts';
import type { CheckpointState, CredState, Limit, TaskState } from '../state.ts';
import type { AddedFiles } from './added-files.ts';
import { criuCreds } from './creds.ts';
import { nothingLeft } from './exhaustive.ts';
import { type ImageReader, Place } from './image-reader.ts';
import type { ImageWriter } from './image-writer.ts';
import { idOf, indexOf } from './numbers.ts';

/** Who takes in processes that lose their parent; CRIU says 0 for a parent outside of the tree. */
const INIT = 1;
/** As a shell has it; the model keeps none. */
const UMASK = 0o022;
const RLIM_NLIMITS = 16;
const RLIMIT_NOFILE = 7;
const RLIMIT_MEMLOCK = 8;
const RLIM_INFINITY = (1n << 64n) - 1n;
/** task_core_entry.task_state */
const ALIVE = 1;
const DEAD = 3;

export function taskExtra({ tid, cred }: TaskState): MessageInit<'drydock_task_entry'> {
  return { pid: tid, creds_id: idOf(cred) };
}

/** pstree.img, core-TID.img, ids-PID.img and fs-PID.img. */
export function writeTasks(state: CheckpointState, added: AddedFiles, out: ImageWriter): void {
  const processes = state.tasks.filter(({ tid, tgid }) => tid === tgid);
  const numbers = new Map(processes.map(({ tid }, index) => [tid, idOf(index)]));
  out.put('PSTREE', 'pstree.img', treeEntries(state.tasks, processes));
  for (const task of state.tasks) {
    const ids = idsOf(task, numbers.get(task.tgid) ?? 0);
    out.put('CORE', `core-${task.tid}.img`, [coreEntry(state.creds, task, ids)]);
    if (task.tid !== task.tgid) continue;
    out.put('IDS', `ids-${task.tid}.img`, [ids]);
    out.put('FS', `fs-${task.tid}.img`, [{ cwd_id: added.root, root_id: added.root, umask: UMASK }]);
  }
}

/** A parent stands before its children. Each tree is a session of its root: the model has no sessions. */
function treeEntries(tasks: readonly TaskState[], processes: readonly TaskState[]): EntryInit<'PSTREE'>[] {
  const threads = grouped(tasks, ({ tgid }) => tgid);
  const known = new Set(processes.map(({ tid }) => tid));
  const isRoot = ({ tid, parent }: TaskState) => parent === INIT && (tid === INIT || !known.has(parent));
  const children = grouped(
    processes.filter((task) => !isRoot(task)),
    ({ parent }) => parent,
  );
  const entries: EntryInit<'PSTREE'>[] = [];
  const waiting = processes.filter(isRoot).map((task) => ({ task, root: task.tid }));
  waiting.reverse();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { task, root } = next;
    entries.push({
      pid: task.tid,
      ppid: task.tid === root ? 0 : task.parent,
      pgid: root,
      sid: root,
      threads: (threads.get(task.tid) ?? []).map(({ tid }) => tid),
    });
    for (const child of [...(children.get(task.tid) ?? [])].reverse()) waiting.push({ task: child, root });
  }
  return entries;
}

function grouped(tasks: readonly TaskState[], key: (task: TaskState) => number): Map<number, TaskState[]> {
  const groups = new Map<number, TaskState[]>();
  for (const task of tasks) {
    const group = groups.get(key(task));
    if (group) group.push(task);
    else groups.set(key(task), [task]);
  }
  return groups;
}

/** Of a thread they are in its own core: they differ when it has left its process's table of descriptors. */
function idsOf({ mm, fdTable }: TaskState, process: number): MessageInit<'task_kobj_ids_entry'> {
  return {
    vm_id: mm === undefined ? 0 : idOf(mm),
    files_id: fdTable === undefined ? 0 : idOf(fdTable),
    fs_id: process,
    sighand_id: process,
  };
}

function coreEntry(
  creds: readonly CredState[],
  task: TaskState,
  ids: MessageInit<'task_kobj_ids_entry'>,
): EntryInit<'CORE'> {
  const { tid, tgid, parent: _parent, comm, cred, mm, fdTable: _fdTable, limits, ...rest } = task;
  const { ringFds: _ringFds, workers: _workers, ...left } = rest;
  nothingLeft(left);
  const state = creds[cred];
  const thread = {
    futex_rla: 0n,
    futex_rla_len: 0,
    ...(state && { creds: criuCreds(state) }),
  };
  if (tid !== tgid) return { mtype: 'X86_64', ids, thread_core: { ...thread, comm } };
  const tc = {
    task_state: mm === undefined ? DEAD : ALIVE,
    exit_code: 0,
    personality: 0,
    flags: 0,
    blk_sigset: 0n,
    comm,
    rlimits: { rlimits: limitEntries(limits) },
  };
  return { mtype: 'X86_64', tc, thread_core: thread };
}

/** By number of the resource; what a state does not tell of is not limited. */
function limitEntries({ nofile, memlock, ...rest }: TaskState['limits']): MessageInit<'rlimit_entry'>[] {
  nothingLeft(rest);
  return Array.from({ length: RLIM_NLIMITS }, (_, resource) => {
    const none: Limit = [RLIM_INFINITY, RLIM_INFINITY];
    const [cur, max] = resource === RLIMIT_NOFILE ? nofile : resource === RLIMIT_MEMLOCK ? memlock : none;
    return { cur, max };
  });
}

/** What a task's images say; what it has of io_uring is read elsewhere. */
export type PlainTask = Omit<TaskState, 'ringFds' | 'workers'>;

export interface TaskCounts {
  readonly creds: number;
  readonly fdTables: number;
  readonly mms: number;
}

/** Ascending. */
export function readTasks(
  source: ImageReader,
  extras: readonly MessageValue<'drydock_task_entry'>[],
  place: Place,
  counts: TaskCounts,
): PlainTask[] {
  const creds = credsByTask(extras, place, counts.creds);
  const seen = new Set<number>();
  const tasks: PlainTask[] = [];
  for (const [index, entry] of source.entries('PSTREE', 'pstree.img').entries()) {
    const at = Place.entry('pstree.img', index);
    const { pid, ppid, threads } = entry;
    if (ppid !== 0 && !seen.has(ppid)) throw at.field('ppid').wrong(`no process ${ppid} stands before`);
    if (!threads.includes(pid)) throw at.field('threads').wrong(`thread ${pid} is not among them`);
    const process = readProcess(source, pid, ppid === 0 ? INIT : ppid, counts, creds);
    for (const [thread, tid] of threads.entries()) {
      if (seen.has(tid)) throw at.field('threads', thread).wrong(`there is a task ${tid} already`);
      seen.add(tid);
      tasks.push(tid === pid ? process : readThread(source, tid, process, counts, creds));
    }
  }
  return tasks.sort((a, b) => a.tid - b.tid);
}

function credsByTask(
  extras: readonly MessageValue<'drydock_task_entry'>[],
  place: Place,
  count: number,
): Map<number, number> {
  return new Map(
    extras.map(({ pid, creds_id }, index) => {
      const at = place.field('tasks', index).field('creds_id');
      return [pid, indexOf(creds_id, count, at, 'set of credentials')];
    }),
  );
}

function readProcess(
  source: ImageReader,
  pid: number,
  parent: number,
  counts: TaskCounts,
  creds: ReadonlyMap<number, number>,
): PlainTask {
  const file = `core-${pid}.img`;
  // The model knows of one directory only; that it is this one is seen at the end.
  source.bytes(`fs-${pid}.img`);
  const at = Place.entry(file, 0).field('tc');
  const tc = at.need(source.only('CORE', file).tc);
  const ids = source.only('IDS', `ids-${pid}.img`);
  const limit = (resource: number): Limit => {
    const found = at.field('rlimits').need(tc.rlimits?.rlimits[resource]);
    return [found.cur, found.max];
  };
  return {
    tid: pid,
    tgid: pid,
    parent,
    comm: tc.comm,
    cred: credOfTask(file, pid, creds),
    ...tablesOf(ids, Place.entry(`ids-${pid}.img`, 0), counts),
    limits: { nofile: limit(RLIMIT_NOFILE), memlock: limit(RLIMIT_MEMLOCK) },
  };
}

function readThread(
  source: ImageReader,
  tid: number,
  { tgid, parent, limits }: PlainTask,
  counts: TaskCounts,
  creds: ReadonlyMap<number, number>,
): PlainTask {
  const file = `core-${tid}.img`;
  const place = Place.entry(file, 0);
  const core = source.only('CORE', file);
  const ids = place.field('ids').need(core.ids);
  const comm = place.field('thread_core').field('comm').need(core.thread_core?.comm);
  const cred = credOfTask(file, tid, creds);
  return { tid, tgid, parent, comm, cred, ...tablesOf(ids, place.field('ids'), counts), limits };
}

function credOfTask(file: string, tid: number, creds: ReadonlyMap<number, number>): number {
  const cred = creds.get(tid);
  if (cred === undefined) throw Place.entry(file, 0).wrong(`drydock.img has no credentials of task ${tid}`);
  return cred;
}

function tablesOf(
  { vm_id, files_id }: MessageValue<'task_kobj_ids_entry'>,
  place: Place,
  { mms, fdTables }: TaskCounts,
): Pick<TaskState, 'mm' | 'fdTable'> {
  const index = (id: number, count: number, field: string, what: string) =>
    id === 0 ? undefined : indexOf(id, count, place.field(field), what);
  return {
    mm: index(vm_id, mms, 'vm_id', 'address space'),
    fdTable: index(files_id, fdTables, 'files_id', 'table of descriptors'),
  };
}

/** The task that each address space's images are named by. */
export function ownersOf(tasks: readonly PlainTask[], mms: number, place: Place): number[] {
  const owners = new Map<number, number>();
  for (const { tid, mm } of tasks) if (mm !== undefined && !owners.has(mm)) owners.set(mm, tid);
  return Array.from({ length: mms }, (_, index) => {
    const owner = owners.get(index);
    if (owner === undefined) throw place.field('mms', index).wrong('no task has this address space');
    return owner;
  });
}
