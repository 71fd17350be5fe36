/** Target bpf_map: all BPF maps, ascending by id. */
import type { SeqFile } from '../seq-file.ts';
import type { BpfMapView } from '../services.ts';
import type { SeqOperations, Step } from './read.ts';
import type { IterSession } from './session.ts';
import type { IterTarget } from './target.ts';

/** `struct bpf_iter_seq_map_info`: the id to go on at. */
const PRIVATE_SIZE = 8;

export const bpfMap: IterTarget = {
  name: 'bpf_map',
  mayReschedule: false,
  attach: () => ({
    privateData: PRIVATE_SIZE,
    seqOps: 'bpf_map_seq_ops',
    open: (session) => new MapWalk(session),
    detach: () => undefined,
  }),
};

class MapWalk implements SeqOperations {
  private readonly session: IterSession;
  private readonly mapAt: number;

  constructor(session: IterSession) {
    this.session = session;
    this.mapAt = session.context.offset + session.context.layout.offset('map');
  }

  start(seq: SeqFile): Step {
    const map = this.find();
    if (map && seq.index === 0) seq.index = 1;
    return map?.address ?? 0n;
  }

  next(_object: bigint, seq: SeqFile): Step {
    seq.index += 1;
    this.id += 1;
    return this.find()?.address ?? 0n;
  }

  show(object: bigint): number {
    return this.run(object, false);
  }

  stop(object: Step): void {
    if (object === 0n) this.run(0n, true);
  }

  /** The map with the remembered id or the next larger one, which is remembered then. */
  private find(): BpfMapView | undefined {
    const { id } = this;
    const map = this.session.machine.maps.all.find((each) => each.id >= id);
    if (map) this.id = map.id;
    return map;
  }

  private run(map: bigint, inStop: boolean): number {
    this.session.ram.view.setBigUint64(this.mapAt, map, true);
    return this.session.run(inStop);
  }

  private get id(): number {
    return this.session.ram.view.getUint32(this.session.privateOffset, true);
  }

  private set id(value: number) {
    this.session.ram.view.setUint32(this.session.privateOffset, value, true);
  }
}
