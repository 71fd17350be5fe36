/**
 * Linked lists of objects (bpf_list_head, bpf_list_node; kernel docs, bpf/graph_ds_impl.rst). A head is two
 * addresses, of the first node and of the last; a node has those of its neighbours and of the head that it is on.
 * An empty head points to itself, or is zero when it has never been used.
 *
 * Links stand in memory that a misbehaving program can overwrite: each is checked before it is followed.
 */
import { GraphNode } from '../../bpf/object-abi.ts';
import { writable } from './args.ts';

const NEXT: usize = 0;
const PREVIOUS: usize = 8;
const OWNER: usize = 16;
const LINKS: u32 = 16;

/** Whether a node is on a list; false, with a fault raised, when it is outside of the model. */
export function isListed(node: u64): bool {
  const at = writable(node, GraphNode.ListSize);
  return at !== 0 && load<u64>(at, OWNER) !== 0;
}

/** Puts a node that is on no list to the front of one, or to its back. */
export function listPush(head: u64, node: u64, back: bool): void {
  const at = writable(node, GraphNode.ListSize);
  const headAt = headOffset(head);
  if (at === 0 || headAt === 0) return;
  const before = back ? load<u64>(headAt, PREVIOUS) : head;
  const after = back ? head : load<u64>(headAt, NEXT);
  const beforeAt = writable(before, LINKS);
  const afterAt = writable(after, LINKS);
  if (beforeAt === 0 || afterAt === 0) return;
  store<u64>(at, after, NEXT);
  store<u64>(at, before, PREVIOUS);
  store<u64>(at, head, OWNER);
  store<u64>(beforeAt, node, NEXT);
  store<u64>(afterAt, node, PREVIOUS);
}

/** Takes the first node from a list, or the last; 0 when it is empty. */
export function listPop(head: u64, back: bool): u64 {
  const headAt = headOffset(head);
  if (headAt === 0) return 0;
  const node = load<u64>(<usize>headAt + (back ? PREVIOUS : NEXT));
  if (node === head) return 0;
  const at = writable(node, GraphNode.ListSize);
  if (at === 0 || load<u64>(at, OWNER) !== head) return 0;
  const before = load<u64>(at, PREVIOUS);
  const after = load<u64>(at, NEXT);
  const beforeAt = writable(before, LINKS);
  const afterAt = writable(after, LINKS);
  if (beforeAt === 0 || afterAt === 0) return 0;
  store<u64>(beforeAt, after, NEXT);
  store<u64>(afterAt, before, PREVIOUS);
  initListLinks(at, node);
  store<u64>(at, 0, OWNER);
  return node;
}

/** Makes the links at a linear offset, whose address is `self`, those of nothing: a node's or a head's. */
export function initListLinks(at: u32, self: u64): void {
  store<u64>(at, self, NEXT);
  store<u64>(at, self, PREVIOUS);
}

/** The node after the one at a linear offset; of a head its first. */
export function nextListed(at: u32): u64 {
  return load<u64>(at, NEXT);
}

/** Linear offset of a head, one of zeros made that of an empty list; 0, with a fault raised, outside of the model. */
function headOffset(head: u64): u32 {
  const at = writable(head, LINKS);
  if (at === 0) return 0;
  if (load<u64>(at, NEXT) === 0) initListLinks(at, head);
  return at;
}
