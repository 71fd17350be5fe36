/**
 * Runs the programs of programs/checkpoint over a modelled kernel: each pass is one iterator attached to one thing and
 * read to its end. Nothing else of the kernel is looked into.
 */
import { errnoName } from '../../bpf/errno-name.ts';
import { InputError } from '../../bpf/input-error.ts';
import type { LoadedIterator, LoadedObject, Session } from '../../session/session.ts';
import type { IterChoice } from '../../session/targets.ts';
import { loadOnce } from './object-cache.ts';
import { type DumpRecord, RecordLayouts } from './records.ts';

/** The objects, by name: "tasks" for programs/checkpoint/tasks.bpf.o. Who gives the same bytes again has them loaded once. */
export type ObjectSource = (name: string) => Uint8Array;

const OBJECTS = ['tasks', 'files', 'vmas', 'epolls', 'rings', 'ring_lists', 'bvec_pages'] as const;
export type ObjectName = (typeof OBJECTS)[number];

export { OBJECTS as CHECKPOINT_OBJECTS };

/** One read(2) of the dumper: as much as an iterator's buffer holds. */
const READ_SIZE = 1 << 20;
/** Runs that one list may take: with 64 entries each, more than any kernel object has. */
const MAX_RUNS = 1 << 16;

/** Where a list goes on, as `struct cursor` of ring_lists.bpf.c. */
export interface Cursor {
  next?: bigint;
  list?: bigint;
  listIsBuffer?: bigint;
  more?: bigint;
}

interface Loaded {
  readonly object: LoadedObject;
  readonly layouts: RecordLayouts;
}

export class CheckpointPrograms {
  private readonly session: Session;
  private readonly objects = new Map<ObjectName, Loaded>();

  constructor(session: Session, source: ObjectSource) {
    this.session = session;
    for (const name of OBJECTS) {
      const object = session.load(source(name), `${name}.bpf.o`, undefined, loadOnce);
      if (!object.btf) throw new InputError('the object has no BTF', { file: object.file });
      this.objects.set(name, { object, layouts: new RecordLayouts(object.btf) });
    }
  }

  /** @throws {InputError} when attaching or reading fails. */
  run(name: ObjectName, program: string, choice: IterChoice): Generator<DumpRecord> {
    const { object, layouts } = this.loaded(name);
    return layouts.decode(this.read(object, program, choice));
  }

  /** Runs a program of ring_lists until its list has ended. */
  *runList(program: string, ring: IterChoice, start: Cursor = {}): Generator<DumpRecord> {
    const { object, layouts } = this.loaded('ring_lists');
    const cursor = object.vmObject.maps.get('cursor');
    if (!cursor) throw new InputError('ring_lists.bpf.o has no map "cursor"');
    const key = new Uint8Array(4);
    cursor.update(key, encodeCursor(start));
    for (let run = 0; run < MAX_RUNS; run++) {
      yield* layouts.decode(this.read(object, program, ring));
      const value = cursor.get(key);
      const view = value && new DataView(value.buffer, value.byteOffset, value.byteLength);
      if (!view || (view.getBigUint64(0, true) === 0n && view.getBigUint64(24, true) === (start.more ?? 0n)))
        return;
    }
    throw new InputError(`${program} does not end: the ring's list is damaged`);
  }

  close(): void {
    for (const { object } of this.objects.values()) object.vmObject.close();
  }

  private loaded(name: ObjectName): Loaded {
    return this.objects.get(name) as Loaded;
  }

  private read(object: LoadedObject, program: string, choice: IterChoice): Uint8Array {
    const iterator = object.iterators.find(({ name }) => name === program) as LoadedIterator;
    const open = this.session.open(iterator, choice);
    if (typeof open === 'number') {
      throw new InputError(`${program}: attaching to ${choice.label} fails with ${errnoName(open)}`);
    }
    try {
      const { bytes, errno, stopped } = open.readAll(READ_SIZE);
      if (stopped !== undefined) throw new InputError(`${program} over ${choice.label} ${stopped}`);
      if (errno !== 0) {
        throw new InputError(`${program}: reading over ${choice.label} fails with ${errnoName(errno)}`);
      }
      return bytes;
    } finally {
      open.close();
    }
  }
}

function encodeCursor({ next = 0n, list = 0n, listIsBuffer = 0n, more = 0n }: Cursor): Uint8Array {
  return new Uint8Array(BigUint64Array.of(next, list, listIsBuffer, more).buffer);
}
