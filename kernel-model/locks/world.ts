/** The components of a scene: locks, references, tables, iterators. */
import { InputError } from '../../bpf/input-error.ts';
import { type Call, type IteratorDef, type LockScene, POSTED, type RingDef, type Variant } from './scene.ts';
import { newSeq, type SeqState, type Walk } from './seq.ts';
import type { Component, State, StateSpace } from './state.ts';
import type { Lock } from './system.ts';
import { compareItems, type EpollTable, epollWalk, listWalk, type RingTable, ringWalk } from './walk.ts';

/** Steps of all programs of a scene. */
const MOST_STEPS = 100_000;

/** Owner of a mutex or spinlock: an actor's id, -1 for nobody. */
export type MutexValue = number;

export interface RwsemValue {
  readonly writer: number;
  readonly readers: readonly number[];
  /** Writers that wait: new readers queue behind them. */
  readonly queue: readonly number[];
}

/** References to something that is freed with the last of them. */
export interface RefValue {
  readonly count: number;
  readonly freed: boolean;
}

/** `ctx->refs` and what has become of the ring. */
export interface LifeValue {
  readonly refs: number;
  /** Killed: no new references but by tryget. */
  readonly dying: boolean;
  /** The ring's file is gone. */
  readonly closed: boolean;
  readonly freed: boolean;
}

export interface EventValue {
  readonly happened: boolean;
  /** Actors that have queued themselves and not been woken. */
  readonly sleepers: readonly number[];
}

export interface Ring {
  readonly name: string;
  readonly lock: Component<MutexValue>;
  readonly life: Component<LifeValue>;
  readonly files: Component<RingTable>;
  readonly buffers: Component<RingTable>;
  /** Requests that use an entry of the table now. */
  readonly users: { readonly files: Component<number>; readonly buffers: Component<number> };
  /** Names of iterators whose reads wait for a worker. */
  readonly work: Component<readonly string[]>;
  /** Submissions that the SQPOLL thread has not taken. */
  readonly submissions: Component<readonly string[]>;
  readonly sqd: Component<MutexValue> | undefined;
}

export interface Epoll {
  readonly name: string;
  readonly mtx: Component<MutexValue>;
  readonly items: Component<EpollTable>;
  readonly freed: Component<boolean>;
}

export interface Link {
  readonly name: string;
  readonly to: string;
  readonly attached: Component<boolean>;
}

export interface Iterator {
  readonly def: IteratorDef;
  readonly lock: Component<MutexValue>;
  readonly seq: Component<SeqState<unknown>>;
  readonly walk: Walk<unknown, unknown>;
}

export class World {
  readonly variant: Variant;
  readonly scene: LockScene;
  readonly space: StateSpace;
  readonly mutexes = new Map<string, Component<MutexValue>>();
  readonly rwsems = new Map<string, Component<RwsemValue>>();
  readonly events = new Map<string, Component<EventValue>>();
  /** Files by name, rings' and epoll instances' among them, and objects of the scene. */
  readonly refs = new Map<string, Component<RefValue>>();
  readonly rings = new Map<string, Ring>();
  readonly epolls = new Map<string, Epoll>();
  readonly links = new Map<string, Link>();
  readonly iterators = new Map<string, Iterator>();
  /** Faults of copies, by the reading actor: whether one is pending. */
  readonly faults = new Map<string, Component<boolean>>();
  /** Place of each file's address among all. */
  readonly addresses = new Map<string, number>();
  /** Global lock of epoll closes and nested adds. */
  readonly epmutex: Component<MutexValue>;
  /** Every lock of the scene. */
  readonly locks: Lock[] = [];
  readonly mmapLock: Component<RwsemValue>;
  /** Pages locked by the user. */
  readonly locked: Component<number>;
  private steps = 0;

  constructor(space: StateSpace, scene: LockScene) {
    this.space = space;
    this.scene = scene;
    this.variant = { ...POSTED, ...scene.variant };
    this.epmutex = this.mutex('epmutex');
    this.mmapLock = this.rwsem('mmap_lock');
    for (const { name, kind } of scene.locks ?? []) {
      if (kind === 'rwsem') this.rwsems.set(name, this.rwsem(name));
      else this.mutexes.set(name, this.mutex(name));
    }
    for (const name of scene.events ?? [])
      this.events.set(name, space.define<EventValue>(name, { happened: false, sleepers: [] }));
    for (const { name, refs = 1 } of scene.objects ?? []) this.defineRef(name, refs);
    for (const [address, { name, refs = 1 }] of (scene.files ?? []).entries()) {
      this.addresses.set(name, address);
      this.defineRef(name, refs + this.uses(name));
    }
    for (const { name } of scene.epolls ?? [])
      if (this.mayBeWatched(name)) this.addresses.set(name, this.addresses.size);
    for (const { name, to, attached = true } of scene.links ?? []) {
      this.defineRef(name, 1 + this.uses(name));
      this.links.set(name, { name, to, attached: space.define(`${name} attached`, attached) });
    }
    for (const def of scene.iterators ?? []) this.defineIterator(def);
    for (const def of scene.rings ?? []) this.defineRing(def);
    for (const { name } of scene.epolls ?? []) this.defineEpoll(name);
    for (const { name, does } of scene.actors)
      if (does.flatMap(flatten).some(({ faults }) => faults))
        this.faults.set(name, space.define(`fault of ${name}`, false));
    const pages = (scene.rings ?? []).reduce((sum, { buffers = [] }) => sum + buffers.length, 0);
    this.locked = space.define('locked pages', pages);
  }

  /** @throws {InputError} when all programs together become too long. */
  countStep(): void {
    if (++this.steps > MOST_STEPS)
      throw new InputError(`the calls of the scene come to more than ${MOST_STEPS} steps`);
  }

  /** All calls of the scene, nested ones too. */
  get calls(): readonly Call[] {
    return this.scene.actors.flatMap(({ does }) => does.flatMap(flatten));
  }

  /** Whether all output of an iterator goes to one reader, so that it can be judged as a whole. */
  soleReader(iterator: string): boolean {
    return this.calls.filter(({ read, reads }) => read === iterator || reads === iterator).length === 1;
  }

  /** What a file lets go of with its last reference. */
  heldBy(file: string): readonly string[] {
    return (this.scene.files ?? []).find(({ name }) => name === file)?.holds ?? [];
  }

  /** Whether a file may be closed while it is read. */
  mayClose(name: string): boolean {
    return this.closes(name) || this.uses(name) > 0;
  }

  /** Whether a ring may be closed while the scene runs. */
  mayEnd(ring: string): boolean {
    return [ring, ...(this.scene.links ?? []), ...(this.scene.iterators ?? [])].some((user) =>
      this.closes(typeof user === 'string' ? user : user.name),
    );
  }

  private closes(name: string): boolean {
    return this.calls.some(
      ({ close, put, to, files }) =>
        close === name || put === name || to === name || (files?.includes(name) ?? false),
    );
  }

  /** Files that can stand in a ring's table. */
  get registrable(): readonly string[] {
    return [...this.refs.keys()].filter(
      (name) => !this.rings.has(name) && !(this.scene.objects ?? []).some((object) => object.name === name),
    );
  }

  private mutex(name: string): Component<MutexValue> {
    const component = this.space.define<MutexValue>(name, -1);
    const holders = (state: State) => {
      const owner = this.space.get(state, component);
      return owner === -1 ? [] : [{ actor: owner, shared: false }];
    };
    this.locks.push({ name, holders });
    return component;
  }

  private rwsem(name: string): Component<RwsemValue> {
    const component = this.space.define<RwsemValue>(name, { writer: -1, readers: [], queue: [] });
    const holders = (state: State) => {
      const { writer, readers } = this.space.get(state, component);
      if (writer !== -1) return [{ actor: writer, shared: false }];
      return readers.map((actor) => ({ actor, shared: true }));
    };
    this.locks.push({ name, holders });
    return component;
  }

  private defineRef(name: string, count: number): void {
    this.refs.set(name, this.space.define<RefValue>(`f_count of ${name}`, { count, freed: false }));
  }

  /** Ring tables and files that hold a file from the start. */
  private uses(name: string): number {
    const tables = (this.scene.rings ?? []).flatMap(({ files = [] }) => files);
    const held = (this.scene.files ?? []).flatMap(({ holds = [] }) => holds);
    return [...tables, ...held].filter((file) => file === name).length;
  }

  /** Whether an epoll instance may come to watch a file. */
  private mayBeWatched(name: string): boolean {
    const items = (this.scene.epolls ?? []).flatMap((epoll) => epoll.items ?? []);
    return (
      items.some(({ file }) => file === name) ||
      this.calls.some((call) => call.epoll_add !== undefined && call.file === name)
    );
  }

  /** References of links and iterators to something. */
  private holders(name: string, how: 'refs' | 'file'): number {
    const { links = [], iterators = [] } = this.scene;
    const isRing = (this.scene.rings ?? []).some((ring) => ring.name === name);
    const byLink = isRing ? this.variant.link_holds : 'file';
    const held = isRing || this.variant.iterator_holds === 'nothing' ? this.variant.iterator_holds : 'file';
    const linking = links.filter(({ to, attached = true }) => to === name && attached && byLink === how);
    // fdinfo looks the file up anew with every read.
    const reading = iterators.filter(({ of, target }) => of === name && target !== 'fdinfo' && held === how);
    return linking.length + reading.length;
  }

  private defineRing({ name, files, buffers, sqpoll }: RingDef): void {
    const { space } = this;
    this.defineRef(name, 1 + this.holders(name, 'file'));
    this.rings.set(name, {
      name,
      lock: this.mutex(`${name}->uring_lock`),
      life: space.define<LifeValue>(`${name}->refs`, {
        refs: 1 + this.holders(name, 'refs'),
        dying: false,
        closed: false,
        freed: false,
      }),
      files: space.define(`files of ${name}`, table(files)),
      buffers: space.define(`buffers of ${name}`, table(buffers)),
      users: {
        files: space.define(`requests using files of ${name}`, 0),
        buffers: space.define(`requests using buffers of ${name}`, 0),
      },
      work: space.define<readonly string[]>(`io-wq of ${name}`, []),
      submissions: space.define<readonly string[]>(`submission queue of ${name}`, []),
      sqd: sqpoll ? this.mutex(`${name}->sqd->lock`) : undefined,
    });
  }

  private defineEpoll(name: string): void {
    const { space } = this;
    this.defineRef(name, 1 + this.holders(name, 'file'));
    const items = (this.scene.epolls ?? [])
      .filter((epoll) => epoll.name === name)
      .flatMap((epoll) => epoll.items ?? [])
      .map(({ file, fd }, serial) => ({ file, address: this.addresses.get(file) ?? 0, fd, serial }))
      .sort(compareItems);
    this.epolls.set(name, {
      name,
      mtx: this.mutex(`${name}->mtx`),
      items: space.define<EpollTable>(`items of ${name}`, { items, version: 0, history: [items] }),
      freed: space.define(`eventpoll of ${name}`, false),
    });
  }

  private defineIterator(def: IteratorDef): void {
    const walk = this.walkOf(def);
    this.defineRef(def.name, 1 + this.uses(def.name));
    this.iterators.set(def.name, {
      def,
      lock: this.mutex(`${def.name}->lock`),
      seq: this.space.define<SeqState<unknown>>(`state of ${def.name}`, newSeq(walk.start)),
      walk,
    });
  }

  /** The walk of a target; which types of table and cursor it is for, only the target's reader knows. */
  private walkOf({ target }: IteratorDef): Walk<unknown, unknown> {
    const { kernel, empty_slot, epoll_restart } = this.variant;
    if (target === 'io_uring_buf')
      return ringWalk(kernel === '6.13' && empty_slot === 'ends') as Walk<unknown, unknown>;
    if (target === 'io_uring_file') return ringWalk(false) as Walk<unknown, unknown>;
    if (target === 'epoll') return epollWalk(epoll_restart) as Walk<unknown, unknown>;
    return listWalk as Walk<unknown, unknown>;
  }
}

function flatten(call: Call): Call[] {
  return [call, ...[...(call.held ?? []), ...(call.forever ?? [])].flatMap(flatten)];
}

function table(slots: readonly string[] | undefined): RingTable {
  const held = slots ? slots.map(slotValue) : null;
  return { slots: held, shown: held?.length ?? 0, version: 0, history: [held ?? []] };
}

/** "none" is how a scene writes an empty slot. */
export function slotValue(text: string): string | null {
  return text === 'none' ? null : text;
}
