/** How each iterator target walks its table, as pure functions: see the targets in `iter/`. */
import { InputError } from '../../bpf/input-error.ts';
import type { Step, Visited, Walk } from './seq.ts';

/** A table of a ring. */
export interface RingTable {
  /** What each slot holds, null for nothing; null when there is no table. */
  readonly slots: readonly (string | null)[] | null;
  /** The number of slots that the ring's record gives: 0 while a table is on its way out. */
  readonly shown: number;
  /** Which table it is: counts changes. */
  readonly version: number;
  /** What the slots held at each version. */
  readonly history: readonly (readonly (string | null)[])[];
}

/** Changes of one table, and requests in one queue, that a scene may come to. */
const MOST_KEPT = 64;

/** A history or queue with one more entry. @throws {InputError} when a scene goes on adding to it for ever. */
export function appended<T>(all: readonly T[], entry: T, what: string): readonly T[] {
  if (all.length >= MOST_KEPT)
    throw new InputError(`the scene changes ${what} more than ${MOST_KEPT} times on one way through it`);
  return [...all, entry];
}

/** The table of a ring with other slots. */
export function withSlots(table: RingTable, slots: RingTable['slots'], what: string): RingTable {
  return {
    slots,
    shown: slots?.length ?? 0,
    version: table.version + 1,
    history: appended(table.history, slots ?? [], what),
  };
}

/** The table of an epoll instance with other items. */
export function withItems(table: EpollTable, items: readonly EpollItem[], what: string): EpollTable {
  return { items, version: table.version + 1, history: appended(table.history, items, what) };
}

/** What an iterator shows for an empty slot. */
export const HOLE = '<none>';

/** @param emptyEnds an empty slot ends the walk, rather than being shown. */
export function ringWalk(emptyEnds: boolean): Walk<RingTable, number> {
  const take = (table: RingTable, index: number): Step<number> => {
    if (index >= table.shown) return { object: null, cursor: index };
    const item = table.slots?.[index] ?? null;
    const object = item === null && emptyEnds ? null : { slot: index, item: item ?? HOLE };
    return { object, cursor: index + 1 };
  };
  return {
    start: 0,
    first: take,
    next: take,
    putBack: (index) => Math.max(index - 1, 0),
    ended: (index) => index,
    endIndex: (index) => index,
  };
}

/** A file under a descriptor number, as an epoll instance watches it. */
export interface EpollItem {
  readonly file: string;
  /** Place of the file's address among all files. */
  readonly address: number;
  readonly fd: number;
  /** Number of the addition that made it. */
  readonly serial: number;
  /** The file has no references left. */
  readonly dead?: boolean;
}

export interface EpollTable {
  /** In tree order. */
  readonly items: readonly EpollItem[];
  readonly version: number;
  readonly history: readonly (readonly EpollItem[])[];
}

/** Where the walk goes on: at the start, nowhere, at a descriptor number, or at a place in the order. */
export type EpollCursor = 'start' | 'done' | number | { readonly address: number; readonly fd: number };

/** The tree's order: by address of the file, then by descriptor number. */
export function compareItems(
  a: { readonly address: number; readonly fd: number },
  b: { readonly address: number; readonly fd: number },
): number {
  return a.address - b.address || a.fd - b.fd;
}

export function epollWalk(restart: 'fd' | 'key'): Walk<EpollTable, EpollCursor> {
  const at = (table: EpollTable, index: number, cursor: EpollCursor): Step<EpollCursor> => {
    const item = index < 0 ? undefined : table.items[index];
    return { object: item ? visited(item) : null, cursor };
  };
  return {
    start: 'start',
    first(table, cursor) {
      if (cursor === 'start') return at(table, 0, cursor);
      if (cursor === 'done') return at(table, -1, cursor);
      const place =
        typeof cursor === 'number'
          ? table.items.findIndex(({ fd }) => fd === cursor)
          : table.items.findIndex((item) => compareItems(item, cursor) >= 0);
      return at(table, place, cursor);
    },
    next(table, cursor, after) {
      const index = table.items.findIndex(({ serial }) => serial === after.slot);
      return at(table, index + 1, cursor);
    },
    putBack(cursor, table, object) {
      const item = table.items.find(({ serial }) => serial === object.slot);
      if (!item) return cursor;
      return restart === 'fd' ? item.fd : { address: item.address, fd: item.fd };
    },
    ended: () => 'done',
    endIndex: () => null,
  };
}

function visited({ serial, file, fd, dead }: EpollItem): Visited {
  return { slot: serial, item: `${file}:${fd}`, ...(dead ? { dead } : {}) };
}

/** Objects that nobody changes. */
export const listWalk: Walk<readonly string[], number> = {
  start: 0,
  first: (list, index) => element(list, index),
  next: (list, index) => element(list, index + 1),
  putBack: (index) => index,
  ended: (index) => index,
  endIndex: () => null,
};

function element(list: readonly string[], index: number): Step<number> {
  const item = list[index];
  return { object: item === undefined ? null : { slot: index, item }, cursor: index };
}
