/** A checkpoint's state, as the view lists it. */
import { summary } from '../../checkpoint/compare/item-report.ts';
import { FLAGS } from '../../checkpoint/image/show.ts';
import type { CheckpointState, FileState, MappingState, RingState } from '../../checkpoint/state.ts';
import type { Dumped, DumpedFile, DumpedMapping, DumpedRing, DumpedTask } from './protocol.ts';

const VM_READ = 1;
const VM_WRITE = 2;
const VM_EXEC = 4;
const VM_SHARED = 8;

export function dumpedOf(state: CheckpointState): Dumped {
  return {
    summary: summary(state),
    tasks: state.tasks.map((task) => taskOf(state, task)),
    rings: state.rings.map(ringOf),
    files: state.files.map((file, id) => fileOf(state, file, id)),
    mappings: state.mms.flatMap(({ mappings }, mm) =>
      mappings.map((mapping) => mappingOf(state, mapping, mm)),
    ),
  };
}

function taskOf(state: CheckpointState, task: CheckpointState['tasks'][number]): DumpedTask {
  const { tid, tgid, parent, comm, cred, fdTable } = task;
  const descriptors = fdTable === undefined ? 0 : (state.fdTables[fdTable]?.fds.length ?? 0);
  return { tid, tgid, parent, comm, uid: state.creds[cred]?.uid ?? 0, descriptors };
}

function ringOf({ file, setup, queues, buffers, files, requests, ...ring }: RingState): DumpedRing {
  const bits = BigInt(setup.flags);
  const flags = (FLAGS.get('iou.setup') ?? []).filter(([, bit]) => (bits & bit) !== 0n).map(([name]) => name);
  const there = <T>(slots: readonly (T | undefined)[] | undefined) =>
    slots?.filter((slot) => slot !== undefined).length ?? 0;
  const holds = [
    counted(there(files?.slots), 'registered file', ` in ${files?.slots.length ?? 0} slots`),
    counted(there(buffers), 'registered buffer', ` in ${buffers?.length ?? 0} slots`),
    counted(ring.groups.length, 'buffer group'),
    counted(ring.personalities.ids.length, 'personality'),
    counted(ring.eventfd ? 1 : 0, 'eventfd'),
    counted(requests.length, 'request', ' in progress'),
    counted(ring.waiters.length, 'waiting task'),
    counted((queues.sqTail - queues.sqHead) >>> 0, 'submission', ' not taken'),
    counted((queues.cqTail - queues.cqHead) >>> 0, 'completion', ' not taken'),
    counted(queues.overflow.length, 'completion', ' in the overflow list'),
  ];
  return {
    file,
    sqEntries: setup.sqEntries,
    cqEntries: setup.cqEntries,
    flags,
    holds: holds.filter((text) => text !== ''),
  };
}

/** "3 registered files in 5 slots"; nothing for none. */
function counted(count: number, what: string, more = ''): string {
  if (count === 0) return '';
  const many = what.endsWith('y') ? `${what.slice(0, -1)}ies` : `${what}s`;
  return `${count} ${count === 1 ? what : many}${more}`;
}

function fileOf(state: CheckpointState, { kind, path, inode }: FileState, id: number): DumpedFile {
  const descriptors = state.fdTables.flatMap(({ fds }, table) => {
    const own = fds.filter(({ file }) => file === id).map(({ fd }) => fd);
    const owner = state.tasks.find(({ fdTable }) => fdTable === table)?.tid;
    return own.length === 0 ? [] : [`task ${owner ?? '?'}: ${own.join(', ')}`];
  });
  return { id, kind, path: `${path}${inode.deleted ? ' (deleted)' : ''}`, descriptors };
}

function mappingOf(
  state: CheckpointState,
  { start, end, flags, backing, pages }: MappingState,
  mm: number,
): DumpedMapping {
  const access = [flags & VM_READ ? 'r' : '-', flags & VM_WRITE ? 'w' : '-', flags & VM_EXEC ? 'x' : '-'];
  return {
    mm,
    range: `${start.toString(16)}-${end.toString(16)}`,
    access: `${access.join('')}${flags & VM_SHARED ? 's' : 'p'}`,
    backing: backingOf(state, backing),
    pages: pages.size,
  };
}

function backingOf(state: CheckpointState, backing: MappingState['backing']): string {
  if (backing.kind === 'file') return state.files[backing.file]?.path ?? '?';
  if (backing.kind === 'object') {
    const object = state.objects[backing.object];
    return object?.name === undefined ? 'shared memory' : `memfd ${object.name}`;
  }
  return backing.kind === 'huge' ? 'huge pages' : 'anonymous';
}
