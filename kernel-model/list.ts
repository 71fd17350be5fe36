/**
 * The kernel's intrusive lists in model memory: `struct list_head` rings and `struct hlist_head` chains. Nodes
 * are kernel addresses of the embedded list_head or hlist_node; low memory only.
 */
import type { Ram } from './ram.ts';
import { lowOffset } from './record.ts';

const NEXT = 0;
const PREV = 8;

/** Makes a list head empty, or a node its own list. */
export function listInit(ram: Ram, node: bigint): void {
  put(ram, node, NEXT, node);
  put(ram, node, PREV, node);
}

/** Adds a node at the end of a list. */
export function listAddTail(ram: Ram, node: bigint, head: bigint): void {
  const last = get(ram, head, PREV);
  put(ram, node, NEXT, head);
  put(ram, node, PREV, last);
  put(ram, last, NEXT, node);
  put(ram, head, PREV, node);
}

/** Adds a node at the front of a list, or behind a node of it. */
export function listAdd(ram: Ram, node: bigint, head: bigint): void {
  listAddTail(ram, node, get(ram, head, NEXT));
}

/** Takes a node out; it becomes its own list. */
export function listDel(ram: Ram, node: bigint): void {
  const next = get(ram, node, NEXT);
  const prev = get(ram, node, PREV);
  put(ram, prev, NEXT, next);
  put(ram, next, PREV, prev);
  listInit(ram, node);
}

export function listEmpty(ram: Ram, head: bigint): boolean {
  return get(ram, head, NEXT) === head;
}

/** Nodes of a list, first to last; the current one may be removed meanwhile. */
export function* listNodes(ram: Ram, head: bigint): Generator<bigint> {
  let node = get(ram, head, NEXT);
  while (node !== head) {
    const next = get(ram, node, NEXT);
    yield node;
    node = next;
  }
}

/** Adds a node at the front of an hlist. */
export function hlistAddHead(ram: Ram, node: bigint, head: bigint): void {
  const first = get(ram, head, NEXT);
  put(ram, node, NEXT, first);
  put(ram, node, PREV, head);
  if (first !== 0n) put(ram, first, PREV, node);
  put(ram, head, NEXT, node);
}

/** Takes a node out of its hlist; nothing happens when it is in none. */
export function hlistDel(ram: Ram, node: bigint): void {
  const next = get(ram, node, NEXT);
  const previous = get(ram, node, PREV);
  if (previous === 0n) return;
  put(ram, previous, NEXT, next);
  if (next !== 0n) put(ram, next, PREV, previous);
  put(ram, node, NEXT, 0n);
  put(ram, node, PREV, 0n);
}

/** Nodes of an hlist, first to last. */
export function* hlistNodes(ram: Ram, head: bigint): Generator<bigint> {
  let node = get(ram, head, NEXT);
  while (node !== 0n) {
    const next = get(ram, node, NEXT);
    yield node;
    node = next;
  }
}

function get(ram: Ram, node: bigint, field: number): bigint {
  return ram.view.getBigUint64(low(node) + field, true);
}

function put(ram: Ram, node: bigint, field: number, value: bigint): void {
  ram.view.setBigUint64(low(node) + field, value, true);
}

function low(node: bigint): number {
  const offset = lowOffset(node);
  if (offset < 0) throw new RangeError(`list node 0x${node.toString(16)} is not in low memory`);
  return offset;
}
