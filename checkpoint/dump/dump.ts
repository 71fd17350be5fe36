/** Takes a checkpoint: runs all passes over a modelled kernel and puts together what they say. */

import type { Session } from '../../session/session.ts';
import type {
  CheckpointState,
  CredState,
  FdTableState,
  Limit,
  RequestState,
  RingState,
  TaskState,
} from '../state.ts';
import { type Census, takeCensus } from './census.ts';
import { Dumper } from './dumper.ts';
import { Files } from './files.ts';
import { MemoryDump } from './memory.ts';
import type { ObjectSource } from './programs.ts';
import { CheckpointPrograms } from './programs.ts';
import type { RawCred, RawTask } from './raw.ts';
import { type Refusal, Refusals } from './refusal.ts';
import { checkRings } from './ring-checks.ts';
import { findRings, type KnownBuffers, type RingContext, readRing, ringState } from './rings.ts';

export interface DumpOptions {
  /** The process to dump with its descendants; all children of process 1 when absent. */
  readonly root?: number;
}

export interface Dump {
  readonly state: CheckpointState;
  /** What would be lost; a checkpoint is only good without any. */
  readonly refusals: readonly Refusal[];
}

/** Looks at a kernel that nobody else uses meanwhile. @throws {InputError} when it cannot be looked at. */
export function dump(session: Session, source: ObjectSource, options: DumpOptions = {}): Dump {
  const programs = new CheckpointPrograms(session, source);
  try {
    return new Dumping(session, programs, options).run();
  } finally {
    programs.close();
  }
}

class Dumping {
  private readonly session: Session;
  private readonly programs: CheckpointPrograms;
  private readonly census: Census;
  private readonly refusals = new Refusals();
  private readonly creds: CredTable;
  private readonly orphans = new Orphans();

  constructor(session: Session, programs: CheckpointPrograms, { root }: DumpOptions) {
    this.session = session;
    this.programs = programs;
    this.census = takeCensus(programs, { root, except: session.reader.pid });
    this.creds = new CredTable(this.census, this.refusals);
  }

  run(): Dump {
    const { census, refusals, programs, creds, orphans } = this;
    const dumper = new Dumper(this.session.machine, this.session.reader);
    const files = new Files(census);
    const memory = new MemoryDump(census, dumper, files, refusals);
    const tables = new FdTables(census, files, refusals);
    const tasks = census.tasks.map((task) => this.taskOf(task, memory, tables, files));
    const context: RingContext = { census, dumper, programs, refusals, memory, files, creds, orphans };
    const found = findRings(census, files);
    const threads = new Map<bigint, number>();
    const clones: KnownBuffers = new Map();
    const read = found.map((ring, index) => readRing(context, ring, index));
    const rings = read.map(({ ring, records }) => ringState(ring, records, threads, clones));
    refuseHidden(census, rings, refusals);
    for (const pid of census.headless)
      refusals.add(undefined, `process ${pid}`, 'goes on without its first thread, and cannot be reached');
    const ringOf = (file: bigint) => {
      const index = found.findIndex((ring) => ring.file === file);
      return index < 0 ? undefined : index;
    };
    const states = files.states({
      census,
      dumper,
      programs,
      refusals,
      objectOf: (file) => memory.objectOf(file),
      ringOf,
    });
    const { profile } = this.session.machine;
    const state: CheckpointState = {
      kernel: profile.name,
      hz: profile.dialect.hz,
      tasks,
      creds: creds.all,
      fdTables: tables.all,
      mms: memory.mms,
      objects: memory.objects(),
      files: states,
      rings,
      orphans: orphans.all,
    };
    checkRings(
      state,
      profile.dialect.versionCode,
      refusals,
      (index) => read[index]?.ring.subject ?? `ring ${index}`,
    );
    return { state, refusals: refusals.all };
  }

  private taskOf(task: RawTask, memory: MemoryDump, tables: FdTables, files: Files): TaskState {
    const limit = (soft: bigint, hard: bigint): Limit => [soft, hard];
    const ringFds = this.census.ringFds.filter(({ tid }) => tid === task.tid);
    return {
      tid: task.tid,
      tgid: task.tgid,
      parent: task.parent,
      comm: task.comm,
      cred: this.creds.id(task.cred),
      mm: memory.mm(task.mm),
      fdTable: tables.id(task.files),
      limits: {
        nofile: limit(task.nofile, task.nofile_max),
        memlock: limit(task.memlock, task.memlock_max),
      },
      ringFds: ringFds.flatMap(({ index, file }) => {
        const id = files.id(file);
        if (id === undefined)
          this.refusals.add(24, `registered ring ${index} of task ${task.tid}`, 'has no descriptor');
        return id === undefined ? [] : [{ index, file: id }];
      }),
      workers: workersOf(task),
    };
  }
}

/** Undefined where the kernel's types do not tell. */
function workersOf({ has_context, workers, worker_cpus }: RawTask): TaskState['workers'] {
  const known = has_context !== 0 && (workers[0] !== 0 || workers[1] !== 0);
  return known ? { limits: workers, cpus: worker_cpus } : undefined;
}

/** Requests that no list shows: workers execute them, or they wait for a device to be done with memory. */
function refuseHidden(census: Census, rings: readonly RingState[], refusals: Refusals): void {
  const listed = new Map<number, number>();
  const count = ({ task, chain }: RequestState): void => {
    listed.set(task, (listed.get(task) ?? 0) + 1);
    chain.forEach(count);
  };
  for (const { requests } of rings) requests.forEach(count);
  const check = (tasks: readonly RawTask[], task: number, subject: string): void => {
    const used = tasks.reduce((sum, { inflight, cached_refs }) => sum + Number(inflight) - cached_refs, 0);
    const hidden = used - (listed.get(task) ?? 0);
    if (hidden > 0)
      refusals.add(78, subject, `has ${hidden} requests in progress that workers execute or devices hold up`);
  };
  for (const task of census.tasks) check([task], task.tid, `task ${task.tid}`);
  // Requests of submission threads have no task that a restore knows.
  check(census.workers, 0, 'a submission thread');
}

/** Descriptor tables, each once, however many tasks share it. */
class FdTables {
  readonly all: FdTableState[] = [];
  private readonly ids = new Map<bigint, number>();

  constructor(census: Census, files: Files, refusals: Refusals) {
    for (const { files: table } of census.tasks) {
      if (table === 0n || this.ids.has(table)) continue;
      this.ids.set(table, this.all.length);
      const owner = census.fds.find((fd) => fd.files === table)?.tid;
      const own = census.fds.filter((fd) => fd.files === table && fd.tid === owner);
      const fds = own.flatMap(({ fd, file, close_on_exec }) => {
        const id = files.id(file);
        if (id === undefined) {
          refusals.add(undefined, `descriptor ${fd} of task ${owner}`, 'is of a kind that cannot be dumped');
          return [];
        }
        return [{ fd, file: id, closeOnExec: close_on_exec !== 0 }];
      });
      this.all.push({ fds });
    }
  }

  id(table: bigint): number | undefined {
    return this.ids.get(table);
  }
}

/** Credentials by value: who has the same can do the same. */
class CredTable {
  readonly all: CredState[] = [];
  private readonly census: Census;
  private readonly refusals: Refusals;
  private readonly ids = new Map<string, number>();

  constructor(census: Census, refusals: Refusals) {
    this.census = census;
    this.refusals = refusals;
  }

  id(address: bigint): number {
    const raw = this.census.creds.get(address);
    if (!raw) throw new Error(`no record of the credentials at 0x${address.toString(16)}`);
    const state = credOf(raw);
    if (state.groups.length < raw.groups)
      this.refusals.add(60, `user ${raw.uid}`, `has more than ${state.groups.length} supplementary groups`);
    const key = JSON.stringify(state, (_name, value: unknown) =>
      typeof value === 'bigint' ? `${value}n` : value,
    );
    const known = this.ids.get(key);
    if (known !== undefined) return known;
    this.ids.set(key, this.all.length);
    this.all.push(state);
    return this.all.length - 1;
  }
}

function credOf(raw: RawCred): CredState {
  const { uid, gid, suid, sgid, euid, egid, fsuid, fsgid, securebits } = raw;
  const { inheritable, permitted, effective, bounding, ambient } = raw;
  const view = new DataView(raw.tail.buffer, raw.tail.byteOffset, raw.tail.byteLength);
  const count = Math.min(raw.groups, raw.tail.length / 4);
  const groups = Array.from({ length: count }, (_, i) => view.getUint32(4 * i, true));
  return {
    uid,
    gid,
    suid,
    sgid,
    euid,
    egid,
    fsuid,
    fsgid,
    securebits,
    groups,
    inheritable,
    permitted,
    effective,
    bounding,
    ambient,
  };
}

/** Contents of pages that only rings hold, by frame. */
class Orphans {
  readonly all: Uint8Array[] = [];
  private readonly byFrame = new Map<number, number>();

  add(frame: number, content: Uint8Array): number {
    const known = this.byFrame.get(frame);
    if (known !== undefined) return known;
    this.byFrame.set(frame, this.all.length);
    this.all.push(content);
    return this.all.length - 1;
  }
}
