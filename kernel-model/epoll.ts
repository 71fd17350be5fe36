/** epoll instances: `struct eventpoll`, its items in their tree, and the back links of the files watched. */
import { kernelAddress } from '../bpf/address.ts';
import type { User } from './cred.ts';
import { RbTree } from './epoll-tree.ts';
import type { File } from './file.ts';
import { hlistAddHead, hlistDel, listInit } from './list.ts';
import { Mutex } from './lock.ts';
import type { Machine } from './machine.ts';
import type { Record } from './record.ts';

/** "Not on the overflow list", where NULL would mean its end. */
const UNACTIVE = -1n;

/** What a caller asks to be told about one file. */
export interface EpollEvent {
  /** EPOLL* bits. */
  events: number;
  data: bigint;
}

/** `struct epitem`: one file under one descriptor number. */
export interface EpollItem {
  readonly record: Record;
  readonly ep: EventPoll;
  readonly file: File;
  /** Descriptor number at the time it was added; it says nothing about what that number means now. */
  readonly fd: number;
}

export class EventPoll {
  readonly machine: Machine;
  readonly record: Record;
  readonly lock: Mutex;
  readonly tree: RbTree;
  file: File | undefined;
  private readonly items = new Map<number, EpollItem>();
  private readonly byKey = new Map<number, EpollItem>();
  /** Mostly one: a number that was closed and opened again may have several. */
  private readonly byFd = new Map<number, EpollItem[]>();
  /** Whose watches are counted. */
  readonly user: User;

  constructor(machine: Machine, user: User) {
    this.machine = machine;
    this.user = user;
    this.record = machine.heap.allocate('eventpoll');
    this.lock = new Mutex(this.record.sub('mtx'), 'eventpoll.mtx');
    for (const list of ['wq.head', 'poll_wait.head', 'rdllist']) {
      listInit(machine.ram, this.record.addressOf(list));
    }
    this.record.set('ovflist', UNACTIVE).point('user', user.record);
    if (this.record.has('refcount')) this.record.set('refcount', 1);
    this.tree = new RbTree(
      machine.ram,
      machine.profile,
      this.record.offset + this.record.layout.offset('rbr'),
      (a, b) => compareItems(this.item(a), this.item(b)) < 0,
    );
  }

  get size(): number {
    return this.items.size;
  }

  /** The item whose rb_node (its first member) stands at a linear offset. */
  item(node: number): EpollItem {
    return this.items.get(node) as EpollItem;
  }

  /** Items in the order of the tree: by address of the file, then by descriptor number. */
  *inOrder(): Generator<EpollItem> {
    for (const node of this.tree.nodes()) yield this.item(node);
  }

  find(file: File, fd: number): EpollItem | undefined {
    return this.byKey.get(itemKey(file, fd));
  }

  /** The first item in the order of the tree that was added under a number. */
  firstWith(fd: number): EpollItem | undefined {
    const items = this.byFd.get(fd) ?? [];
    return items.reduce<EpollItem | undefined>(
      (first, item) => (first && compareItems(first, item) < 0 ? first : item),
      undefined,
    );
  }

  insert(file: File, fd: number, event: EpollEvent): EpollItem {
    const { machine } = this;
    const record = machine.heap.allocate('epitem');
    const item: EpollItem = { record, ep: this, file, fd };
    this.items.set(record.offset, item);
    this.byKey.set(itemKey(file, fd), item);
    this.byFd.set(fd, [...(this.byFd.get(fd) ?? []), item]);
    listInit(machine.ram, record.addressOf('rdllink'));
    record.set(record.has('ovflist_next') ? 'ovflist_next' : 'next', UNACTIVE);
    record.point('ffd.file', file.record).set('ffd.fd', fd).point('ep', this.record);
    this.modify(item, event);
    watch(item);
    this.tree.insert(record.offset);
    this.countItems(1);
    return item;
  }

  modify(item: EpollItem, event: EpollEvent): void {
    item.record.set('event.events', event.events).set('event.data', event.data);
  }

  /** Takes an item out; the file is not watched by it any more. */
  remove(item: EpollItem): void {
    unwatch(item);
    this.tree.remove(item.record.offset);
    this.items.delete(item.record.offset);
    this.byKey.delete(itemKey(item.file, item.fd));
    const others = (this.byFd.get(item.fd) ?? []).filter((other) => other !== item);
    if (others.length > 0) this.byFd.set(item.fd, others);
    else this.byFd.delete(item.fd);
    this.countItems(-1);
    this.machine.heap.free(item.record);
  }

  /** The last reference to the epoll file is gone. */
  release(): void {
    for (const item of [...this.items.values()]) this.remove(item);
    this.machine.heap.free(this.record);
  }

  /** Watches of the user; newer kernels also count each item as a reference to the instance. */
  private countItems(delta: number): void {
    this.user.record.add('epoll_watches.count', delta);
    if (this.record.has('refcount')) this.record.add('refcount', delta);
  }
}

/** Watches of a user in all instances. */
export function userWatches(user: User): number {
  return user.record.get('epoll_watches.count');
}

/** Items that watch a file, in any instance. */
export function itemsWatching(file: File): EpollItem[] {
  return [...(watchers.get(file)?.items ?? [])];
}

/** The epoll instance behind a file, if it is one. */
export function epollOf(file: File): EventPoll | undefined {
  return file.object instanceof EventPoll ? file.object : undefined;
}

interface Watchers {
  items: Set<EpollItem>;
  /** Kernel address of the list head, and its linear offset when it was allocated for the file. */
  head: bigint;
  allocated: number;
}

/** `struct epitems_head`: the list head of a file that is no epoll file itself. */
const HEAD_SIZE = 16;

const watchers = new WeakMap<File, Watchers>();

function watch(item: EpollItem): void {
  const { ram } = item.ep.machine;
  let list = watchers.get(item.file);
  if (!list) {
    list = newWatchers(item);
    watchers.set(item.file, list);
    item.file.record.set('f_ep', list.head);
    item.file.beforeRelease = () => {
      for (const each of itemsWatching(item.file)) each.ep.remove(each);
    };
  }
  list.items.add(item);
  hlistAddHead(ram, item.record.addressOf('fllink'), list.head);
}

function unwatch(item: EpollItem): void {
  const { heap, ram } = item.ep.machine;
  const list = watchers.get(item.file);
  if (!list) return;
  list.items.delete(item);
  hlistDel(ram, item.record.addressOf('fllink'));
  if (list.items.size > 0) return;
  watchers.delete(item.file);
  item.file.record.set('f_ep', 0);
  item.file.beforeRelease = undefined;
  if (list.allocated !== 0) heap.freeBytes(list.allocated, HEAD_SIZE);
}

/** Epoll files have a list head of their own; other files get one when they are first watched. */
function newWatchers(item: EpollItem): Watchers {
  const watched = epollOf(item.file);
  if (watched) return { items: new Set(), head: watched.record.addressOf('refs'), allocated: 0 };
  const allocated = item.ep.machine.heap.allocateBytes(HEAD_SIZE);
  return { items: new Set(), head: kernelAddress(allocated), allocated };
}

function compareItems(a: EpollItem, b: EpollItem): number {
  return a.file.record.offset - b.file.record.offset || a.fd - b.fd;
}

/** Unique: offsets are below 2^32, descriptors below 2^20. */
function itemKey(file: File, fd: number): number {
  return file.record.offset * 2 ** 20 + fd;
}
