/** Target bpf_map_elem: keys and values of one array or hash map. */
import { Errno } from '../../bpf/errno.ts';
import { type FileOperations, Open } from '../file.ts';
import type { Machine } from '../machine.ts';
import type { SeqFile } from '../seq-file.ts';
import type { BpfMapView, MapEntry, MapPlace } from '../services.ts';
import type { Task } from '../task.ts';
import type { IterProgram } from './program.ts';
import type { SeqOperations, Step } from './read.ts';
import type { IterSession } from './session.ts';
import type { Attachment, IterTarget } from './target.ts';

/** BPF_MAP_TYPE_* that can be walked. */
const HASH = 1;
const ARRAY = 2;
const PERCPU_HASH = 5;
const PERCPU_ARRAY = 6;
const LRU_HASH = 9;
const LRU_PERCPU_HASH = 10;
const ARRAYS = new Set([ARRAY, PERCPU_ARRAY]);
const PERCPU = new Set([PERCPU_HASH, PERCPU_ARRAY, LRU_PERCPU_HASH]);
const WALKABLE = new Set([HASH, ARRAY, LRU_HASH, ...PERCPU]);

/** Private data: the map's address first, then what the model keeps beside it. */
const PRIVATE_SIZE = 32;

export const bpfMapElem: IterTarget = {
  name: 'bpf_map_elem',
  mayReschedule: false,
  attach({ machine, task, info, program }): Attachment | number {
    const fd = info.getUint32(0, true);
    const file = fd === 0 ? undefined : task.files?.get(fd);
    if (!file) return -Errno.EBADF;
    if (file.ops !== mapOperations) return -Errno.EINVAL;
    const map = file.object as BpfMapView;
    if (!WALKABLE.has(map.type)) return -Errno.EINVAL;
    return accessFits(machine, map, program) ? attachMap(map) : -Errno.EACCES;
  },
};

/** A descriptor for a map. @returns -EMFILE when there is none. */
export function openMap(machine: Machine, task: Task, map: BpfMapView): number {
  const file = machine.vfs.openPseudo({
    kind: 'anon_inode',
    name: 'bpf-map',
    ops: mapOperations,
    flags: Open.RdWr,
    cred: task.cred,
  });
  file.object = map;
  machine.ram.view.setBigUint64(
    file.record.offset + file.record.layout.offset('private_data'),
    map.address,
    true,
  );
  return machine.sys.install(task, file, true);
}

const mapOperations: FileOperations = { symbol: 'bpf_map_fops', pollable: true };

/** What the program touches of key and value must be there. */
function accessFits(machine: Machine, map: BpfMapView, program: IterProgram): boolean {
  const valueSize = PERCPU.has(map.type) ? 8 * Math.ceil(map.valueSize / 8) * machine.cpus : map.valueSize;
  return program.maxKeyAccess <= map.keySize && program.maxValueAccess <= valueSize;
}

function attachMap(map: BpfMapView): Attachment {
  return {
    privateData: PRIVATE_SIZE,
    seqOps: ARRAYS.has(map.type) ? 'bpf_array_map_seq_ops' : 'bpf_hash_map_seq_ops',
    open: (session) => new ElementWalk(session, map),
    fdinfo: () => `map_id:\t${map.id}\n`,
    linkInfo: () => ({ 'iter.map.map_id': map.id }),
    detach: () => undefined,
  };
}

class ElementWalk implements SeqOperations {
  private readonly session: IterSession;
  private readonly map: BpfMapView;
  private readonly context: { key: number; value: number };
  /** The walk of one read. */
  private entries: Iterator<MapEntry> | undefined;
  private current: MapEntry | undefined;
  /**
   * Where the walk stands, for the next read: so many entries into a bucket, whatever has been put into it or
   * deleted meanwhile. undefined at the end.
   */
  private place: MapPlace | undefined = { bucket: 0, skip: 0 };

  constructor(session: IterSession, map: BpfMapView) {
    this.session = session;
    this.map = map;
    session.ram.view.setBigUint64(session.privateOffset, map.address, true);
    const { context } = session;
    context.set('map', map.address);
    this.context = {
      key: context.offset + context.layout.offset('key'),
      value: context.offset + context.layout.offset('value'),
    };
  }

  start(seq: SeqFile): Step {
    const { place } = this;
    this.entries = place ? this.map.entries(place)[Symbol.iterator]() : undefined;
    this.arrive(place);
    if (this.current && seq.index === 0) seq.index = 1;
    return this.current?.value ?? 0n;
  }

  next(_object: bigint, seq: SeqFile): Step {
    seq.index += 1;
    this.arrive(this.place && { bucket: this.place.bucket, skip: this.place.skip + 1 });
    return this.current?.value ?? 0n;
  }

  show(): number {
    return this.run(this.current, false);
  }

  stop(object: Step): void {
    if (object === 0n) this.run(undefined, true);
  }

  /** Goes to the next entry, at a place if its bucket has that many. */
  private arrive(expected: MapPlace | undefined): void {
    const step = this.entries?.next();
    this.current = step && !step.done ? step.value : undefined;
    if (!this.current) this.place = undefined;
    else if (this.current.bucket === expected?.bucket) this.place = expected;
    else this.place = { bucket: this.current.bucket, skip: 0 };
  }

  private run(element: MapEntry | undefined, inStop: boolean): number {
    const { view } = this.session.ram;
    view.setBigUint64(this.context.key, element?.key ?? 0n, true);
    view.setBigUint64(this.context.value, element?.value ?? 0n, true);
    return this.session.run(inStop);
  }
}
