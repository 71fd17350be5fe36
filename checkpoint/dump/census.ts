/** One pass of each iterator that goes over all tasks: who is there, what is open, what is mapped. */
import { InputError } from '../../bpf/input-error.ts';
import type { IterChoice } from '../../session/targets.ts';
import type { CheckpointPrograms } from './programs.ts';
import type { RawCred, RawFd, RawFile, RawMm, RawRingFd, RawTask, RawVma } from './raw.ts';
import type { DumpRecord } from './records.ts';

const ALL: IterChoice = { kind: 'all', label: 'all tasks' };

/** PF_IO_WORKER and PF_KTHREAD: threads that run in the kernel only. */
const INIT = 1;
const KERNEL_ONLY = 0x10 | 0x20_0000;

/** Records of a tree of processes; addresses name objects. */
export interface Census {
  /** Ascending. */
  readonly tasks: readonly RawTask[];
  /** Threads that io_uring made in these processes. */
  readonly workers: readonly RawTask[];
  /** Processes whose first thread has exited: no pidfd leads to what the others have. */
  readonly headless: readonly number[];
  /** Of the processes and of the threads that have a table of their own, by task and descriptor. */
  readonly fds: readonly RawFd[];
  /** By process and address. */
  readonly vmas: readonly RawVma[];
  readonly ringFds: readonly RawRingFd[];
  readonly mms: ReadonlyMap<bigint, RawMm>;
  /** Also those that other passes come across. */
  readonly files: Map<bigint, RawFile>;
  readonly creds: Map<bigint, RawCred>;
  /** Lowest place where each file is open. */
  readonly holders: ReadonlyMap<bigint, RawFd>;
}

/** Which processes are meant. */
export interface Tree {
  /** The process with all its descendants; every process that is a child of process 1 when absent. */
  readonly root?: number | undefined;
  /** The dumper itself. */
  readonly except: number;
}

/** @throws {InputError} for a root that is no process. */
export function takeCensus(programs: CheckpointPrograms, tree: Tree): Census {
  const all = [...programs.run('tasks', 'dump_tasks', ALL)];
  const { tasks: members, workers } = treeOf(ofKind<RawTask>(all, 'task'), tree);
  const headless = members.filter(({ tid, tgid, files, mm }) => tid === tgid && files === 0n && mm === 0n);
  const tasks = members.filter(({ tgid }) => !headless.some((process) => process.tgid === tgid));
  const wanted = new Set(tasks.map(({ tid }) => tid));
  const files = new Map<bigint, RawFile>();
  const creds = new Map(ofKind<RawCred>(all, 'cred').map((cred) => [cred.address, cred]));
  const fds: RawFd[] = [];
  const vmas: RawVma[] = [];
  for (const record of programs.run('files', 'dump_files', ALL)) {
    if (isKind<RawFile>(record, 'file')) files.set(record.file, record);
    else if (isKind<RawFd>(record, 'fd') && wanted.has(record.tid)) fds.push(record);
  }
  for (const record of programs.run('vmas', 'dump_vmas', ALL)) {
    if (isKind<RawFile>(record, 'file')) files.set(record.file, record);
    else if (isKind<RawVma>(record, 'vma') && wanted.has(record.tid)) vmas.push(record);
  }
  const holders = new Map<bigint, RawFd>();
  for (const fd of fds) if (!holders.has(fd.file)) holders.set(fd.file, fd);
  return {
    tasks,
    workers,
    headless: headless.map(({ tgid }) => tgid),
    fds,
    vmas,
    ringFds: ofKind<RawRingFd>(all, 'ring_fd').filter(({ tid }) => wanted.has(tid)),
    mms: new Map(ofKind<RawMm>(all, 'mm').map((mm) => [mm.address, mm])),
    files,
    creds,
    holders,
  };
}

export function isKind<T extends DumpRecord>(record: DumpRecord, kind: string): record is T {
  return record.kind === kind;
}

export function ofKind<T extends DumpRecord>(records: readonly DumpRecord[], kind: string): T[] {
  return records.filter((record): record is T => record.kind === kind);
}

function treeOf(all: readonly RawTask[], { root, except }: Tree): { tasks: RawTask[]; workers: RawTask[] } {
  const inside = new Set<number>();
  for (const { tid, tgid, parent } of all) {
    if (tid !== tgid || tgid === except) continue;
    if (root === undefined ? parent === INIT : tgid === root) inside.add(tgid);
  }
  if (root !== undefined && inside.size === 0) throw new InputError(`there is no process ${root}`);
  for (let grew = true; grew; ) {
    grew = false;
    for (const { tgid, parent } of all) {
      if (!inside.has(parent) || inside.has(tgid)) continue;
      inside.add(tgid);
      grew = true;
    }
  }
  const members = all.filter(({ tgid }) => inside.has(tgid));
  const works = ({ flags }: RawTask) => (flags & KERNEL_ONLY) !== 0;
  const tasks = members.filter((task) => !works(task));
  return {
    tasks: tasks.map((task) => (inside.has(task.parent) ? task : { ...task, parent: INIT })),
    workers: members.filter(works),
  };
}
