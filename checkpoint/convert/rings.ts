/** Rings, and what tasks have of io_uring that belongs to no ring. A ring has the id of its file. */
import type { Entry, EntryInit, MessageInit } from '../image/index.ts';
import type { CheckpointState, FileState, MemoryObject, RingState, TaskState } from '../state.ts';
import { NO_OWNER } from './added-files.ts';
import { nothingLeft } from './exhaustive.ts';
import { type ImageReader, Place } from './image-reader.ts';
import type { ImageWriter } from './image-writer.ts';
import { idOf, indexOf, setOf, wide } from './numbers.ts';
import { writePages } from './pages.ts';
import { type BufferTargets, bufferCount, bufferEntries, buffersOf, orphanPages } from './ring-buffers.ts';
import { requestEntries, requestsOf } from './ring-requests.ts';
import {
  fileTableEntry,
  fileTableOf,
  groupFields,
  groupsOf,
  limitsOf,
  personalitiesOf,
  personalityEntries,
  plainRestrictions,
  restrictionEntry,
  restrictionsOf,
  workerLimitsEntry,
  workersEntry,
} from './ring-resources.ts';
import {
  countersEntry,
  dataEntry,
  overflowEntry,
  plainQueues,
  plainSetup,
  queuesOf,
  ringMm,
  setupEntry,
  setupOf,
  sqpollEntry,
} from './ring-setup.ts';
import type { PlainTask } from './tasks.ts';

const RINGS = 'io_uring.img';
const DATA = 'io_uring-data.img';
const TASKS = 'io_uring-task.img';
export const ORPHANS = 'pagemap-iouring-1.img';

/** io_uring.img, io_uring-data.img, io_uring-task.img, and the pages that only rings have. */
export function writeRings(state: CheckpointState, out: ImageWriter): void {
  const open = new Set(state.fdTables.flatMap(({ fds }) => fds.map(({ file }) => file)));
  const writer = new RingWriter(state, (file) => open.has(file));
  out.put(
    'IO_URING',
    RINGS,
    state.rings.map((ring) => writer.entry(ring)),
  );
  out.put(
    'IO_URING_DATA',
    DATA,
    state.rings.map(({ file, queues }) => dataEntry(queues, idOf(file))),
  );
  out.put('IO_URING_TASK', TASKS, state.tasks.flatMap(taskEntries));
  if (state.orphans.length > 0) writePages(out, ORPHANS, orphanPages(state.orphans));
}

class RingWriter {
  private readonly state: CheckpointState;
  private readonly isOpen: (file: number) => boolean;

  constructor(state: CheckpointState, isOpen: (file: number) => boolean) {
    this.state = state;
    this.isOpen = isOpen;
  }

  entry(ring: RingState): EntryInit<'IO_URING'> {
    const { files, creds } = this.state;
    const { file, setup, queues, restrictions, personalities, requests } = ring;
    const { flags, position, inode } = files[file] ?? NO_FILE;
    return {
      id: idOf(file),
      flags,
      pos: position,
      fown: NO_OWNER,
      ...plainSetup(setup),
      ...plainQueues(queues),
      ...plainRestrictions(restrictions),
      inode: idOf(inode.first),
      nr_user_bufs: BigInt(ring.buffers?.length ?? 0),
      nr_user_files: BigInt(ring.files?.slots.length ?? 0),
      setup: setupEntry(setup, ring.mm),
      counters: countersEntry(queues),
      overflow: queues.overflow.map(overflowEntry),
      personalities: personalityEntries(personalities, creds),
      pers_next: personalities.next,
      requests: requestEntries(requests, creds),
      ...this.resources(ring),
    };
  }

  private resources(ring: RingState): Partial<EntryInit<'IO_URING'>> {
    const { file: _1, mm, setup, queues: _2, buffers, files, eventfd, personalities: _3, ...more } = ring;
    const { restrictions, groups, workerLimits, napi, clock, requests: _4, waiters, ...rest } = more;
    nothingLeft(rest);
    const mappings = mm === undefined ? [] : (this.state.mms[mm]?.mappings ?? []);
    const sqpoll = sqpollEntry(setup, this.state.creds, this.fileOf);
    return {
      ...(files && { files: fileTableEntry(files, this.isOpen) }),
      buffers: bufferEntries(buffers ?? [], mappings, this.fileOf),
      ...(eventfd && { eventfd: eventfdEntry(eventfd) }),
      ...(restrictions && { restriction: restrictionEntry(restrictions) }),
      ...groupFields(groups),
      ...(workerLimits && { iowq: workerLimitsEntry(workerLimits) }),
      ...(napi && { napi: napiEntry(napi) }),
      ...(clock !== undefined && { clockid: clock }),
      ...(sqpoll && { sqpoll }),
      waiters: waiters.map(({ tid, completions, time, minimum, ...others }) => {
        nothingLeft(others);
        return {
          pid: tid,
          completions,
          ...(time === undefined ? {} : { time }),
          ...(minimum === undefined ? {} : { minimum }),
        };
      }),
    };
  }

  private readonly fileOf = (ring: number): number => {
    const file = this.state.rings[ring]?.file;
    return file === undefined ? 0 : idOf(file);
  };
}

const NO_FILE = { flags: 0, position: 0n, inode: { first: 0 } } as const;

function eventfdEntry({ file, async, lastTail, ...rest }: NonNullable<RingState['eventfd']>) {
  nothingLeft(rest);
  return { file_id: idOf(file), async, ...(lastTail !== undefined && { last_cq_tail: lastTail }) };
}

function napiEntry({ microseconds, prefer, ...rest }: NonNullable<RingState['napi']>) {
  nothingLeft(rest);
  return { enabled: true, busy_poll_us: wide(microseconds, 'time to poll'), prefer_busy_poll: prefer };
}

function taskEntries({ tid, ringFds, workers }: TaskState): EntryInit<'IO_URING_TASK'>[] {
  if (ringFds.length === 0 && !workers) return [];
  const ring_fds = ringFds.map(({ index, file, ...rest }): MessageInit<'io_uring_ring_fd_entry'> => {
    nothingLeft(rest);
    return { index, ring_id: idOf(file) };
  });
  return [{ pid: tid, ring_fds, ...(workers && { iowq: workersEntry(workers) }) }];
}

/** The rings as they are read at first: enough to know which there are. */
export class RingImages {
  readonly entries: readonly Entry<'IO_URING'>[];
  /** Index of a ring by the id of its file. */
  readonly byFile = new Map<number, number>();
  private readonly source: ImageReader;
  private readonly bufferCounts: number[];

  constructor(source: ImageReader) {
    this.source = source;
    this.entries = source.entries('IO_URING', RINGS);
    this.bufferCounts = this.entries.map(({ id, nr_user_bufs }, index) => {
      const place = Place.entry(RINGS, index);
      if (this.byFile.has(id)) throw place.field('id').wrong(`there is a ring ${id} already`);
      this.byFile.set(id, index);
      return bufferCount(nr_user_bufs, source, place.field('nr_user_bufs'));
    });
  }

  states(targets: RingTargets): RingState[] {
    const data = this.source.entries('IO_URING_DATA', DATA);
    return this.entries.map((entry, index) => {
      const place = Place.entry(RINGS, index);
      const memory = data[index];
      const at = Place.entry(DATA, index);
      if (memory?.id !== entry.id) throw at.wrong(`is not of ring ${entry.id}, as in ${RINGS}`);
      const file = indexOf(entry.id, targets.files.length, place.field('id'), 'file');
      if (targets.files[file]?.ring !== index) throw place.field('id').wrong(`file ${entry.id} is no ring`);
      const sizes = [memory.sqe_bytes, memory.cqe_bytes, memory.sq_arr_bytes];
      const queues = queuesOf(entry, { place: at, bytes: memory.extra, sizes }, place);
      return this.state(entry, index, file, queues, targets);
    });
  }

  private state(
    entry: Entry<'IO_URING'>,
    index: number,
    file: number,
    queues: RingState['queues'],
    targets: RingTargets,
  ): RingState {
    const place = Place.entry(RINGS, index);
    const { creds, mms, files, objects, orphans, tasks } = targets;
    const setups = { creds, mms, rings: this.byFile };
    const memory: BufferTargets = { objects, orphans, rings: this.byFile, buffers: this.bufferCounts };
    const { iowq, napi, restriction } = entry;
    return {
      file,
      mm: ringMm(entry, setups, place),
      setup: setupOf(entry, setups, place),
      queues,
      buffers: buffersOf(this.source, this.bufferCounts[index] ?? 0, entry.buffers, memory, place),
      files: fileTableOf(this.source, entry, files.length, place),
      eventfd: eventfdOf(entry, files, place),
      personalities: personalitiesOf(entry, creds, place),
      restrictions: restriction && restrictionsOf(restriction, place.field('restriction')),
      groups: groupsOf(entry, place),
      workerLimits: iowq && limitsOf(iowq, place.field('iowq')),
      napi: napi && { microseconds: Number(napi.busy_poll_us), prefer: napi.prefer_busy_poll === true },
      clock: entry.clockid,
      requests: requestsOf(entry.requests, { creds, files: files.length, tasks }, place),
      waiters: entry.waiters.map(({ pid, completions = 0, time, minimum }, number) => {
        if (!tasks.has(pid)) throw place.field('waiters', number).wrong(`there is no task ${pid}`);
        return {
          tid: pid,
          completions,
          ...(time === undefined ? {} : { time }),
          ...(minimum === undefined ? {} : { minimum }),
        };
      }),
    };
  }
}

/** What rings refer to. */
export interface RingTargets {
  readonly creds: number;
  readonly mms: number;
  readonly files: readonly FileState[];
  readonly objects: readonly MemoryObject[];
  readonly orphans: number;
  readonly tasks: ReadonlySet<number>;
}

function eventfdOf(
  { eventfd }: Entry<'IO_URING'>,
  files: readonly FileState[],
  place: Place,
): RingState['eventfd'] {
  if (!eventfd) return undefined;
  const at = place.field('eventfd').field('file_id');
  const file = indexOf(eventfd.file_id, files.length, at, 'file');
  if (files[file]?.kind !== 'eventfd') throw at.wrong(`file ${eventfd.file_id} is no eventfd`);
  return { file, async: eventfd.async === true, lastTail: eventfd.last_cq_tail };
}

/** Adds to tasks what io_uring-task.img has of them. */
export function withRingTasks(
  source: ImageReader,
  tasks: readonly PlainTask[],
  rings: ReadonlyMap<number, number>,
): TaskState[] {
  const entries = new Map<number, { readonly entry: Entry<'IO_URING_TASK'>; readonly place: Place }>();
  for (const [index, entry] of source.entries('IO_URING_TASK', TASKS).entries()) {
    const place = Place.entry(TASKS, index);
    if (entries.has(entry.pid)) throw place.field('pid').wrong(`task ${entry.pid} has an entry already`);
    entries.set(entry.pid, { entry, place });
  }
  return tasks.map((task) => {
    const found = entries.get(task.tid);
    entries.delete(task.tid);
    if (!found) return { ...task, ringFds: [], workers: undefined };
    const { entry, place } = found;
    return {
      ...task,
      ringFds: ringFdsOf(entry, rings, place),
      workers: workersOf(entry, place.field('iowq')),
    };
  });
}

function ringFdsOf(
  { ring_fds }: Entry<'IO_URING_TASK'>,
  rings: ReadonlyMap<number, number>,
  place: Place,
): TaskState['ringFds'] {
  let free = 0;
  return ring_fds.map(({ index, ring_id }, number) => {
    const at = place.field('ring_fds', number);
    if (index < free) throw at.field('index').wrong(`${index} does not come after the one before`);
    free = index + 1;
    if (!rings.has(ring_id)) throw at.field('ring_id').wrong(`there is no ring ${ring_id}`);
    return { index, file: ring_id - 1 };
  });
}

function workersOf({ iowq }: Entry<'IO_URING_TASK'>, place: Place): TaskState['workers'] {
  return iowq && { limits: limitsOf(iowq, place), cpus: setOf(iowq.cpus, place.field('cpus')) };
}
