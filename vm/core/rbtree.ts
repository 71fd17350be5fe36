/**
 * Red-black trees of objects (bpf_rb_root, bpf_rb_node; kernel docs, core-api/rbtree.rst). A root is two addresses,
 * of the topmost node and of the leftmost; a node has that of its parent, with its colour in the lowest bit, those
 * of its right and its left child, and that of the root whose tree it is in.
 *
 * The shape of the tree can be observed: it decides which nodes `less` gets to see. It is that of the textbook's
 * insertion and removal (Cormen et al., Introduction to Algorithms, chapter 13), where a node with two children
 * gives way to its successor.
 *
 * Links stand in memory that a misbehaving program can overwrite: each is checked before it is followed, and no
 * walk is longer than the tallest tree. Where a link leads out of the model a fault is raised, and what remains of
 * the operation works on a node of zeros.
 */
import { FaultKind } from '../../bpf/abi.ts';
import { GraphNode } from '../../bpf/object-abi.ts';
import { writable } from './args.ts';
import { raiseFault } from './fault.ts';

const PARENT: usize = 0;
const OWNER: usize = 24;
const LEFTMOST: usize = 8;

/** Where a child stands in its parent. */
export const RIGHT: usize = 8;
export const LEFT: usize = 16;

const BLACK: u64 = 1;
const COLOUR: u64 = 3;

/** Twice the logarithm of how many nodes there is memory for, rounded up. */
export const MAX_HEIGHT: u32 = 64;

/** Owner of a node that is on its way into a tree: no root, and not nothing. */
const PENDING: u64 = 0xdead_0000_0000_eb9f;

const nowhere: usize = memory.data(GraphNode.TreeSize, 8);

/** Whether a node is in a tree, or on its way into one. */
export function isInTree(node: u64): bool {
  return load<u64>(links(node), OWNER) !== 0;
}

/** The node is on its way into a tree. */
export function claimNode(node: u64): void {
  store<u64>(links(node), PENDING, OWNER);
}

/** The topmost node; 0 in an empty tree. */
export function topmost(root: u64): u64 {
  return load<u64>(rootAt(root));
}

/** The first node in order; 0 in an empty tree. */
export function leftmost(root: u64): u64 {
  return load<u64>(rootAt(root), LEFTMOST);
}

export function childOf(node: u64, side: usize): u64 {
  return load<u64>(links(node) + side);
}

/** Makes a claimed node a leaf below another on a side where that has none, or with `parent` 0 the only node. */
export function linkNode(root: u64, node: u64, parent: u64, side: usize, first: bool): void {
  const at = links(node);
  store<u64>(at, parent, PARENT);
  store<u64>(at, 0, LEFT);
  store<u64>(at, 0, RIGHT);
  store<u64>(at, root, OWNER);
  if (parent === 0) store<u64>(rootAt(root), node);
  else setChild(parent, side, node);
  if (first) store<u64>(rootAt(root), node, LEFTMOST);
  balanceAdded(root, node);
}

/** Takes a node out of a tree. @returns false when it is not in that one. */
export function unlinkNode(root: u64, node: u64): bool {
  if (load<u64>(links(node), OWNER) !== root) return false;
  if (leftmost(root) === node) store<u64>(rootAt(root), nextNode(node), LEFTMOST);
  removeNode(root, node);
  const at = links(node);
  initTreeLinks(<u32>at, node);
  store<u64>(at, 0, OWNER);
  return true;
}

/** The next node in order; 0 after the last. */
export function nextNode(node: u64): u64 {
  const right = childOf(node, RIGHT);
  if (right !== 0) return lowest(right);
  let below = node;
  let above = parentOf(node);
  for (let steps: u32 = 0; steps <= MAX_HEIGHT; steps++) {
    if (above === 0 || childOf(above, RIGHT) !== below) return above;
    below = above;
    above = parentOf(above);
  }
  return tooTall(node);
}

/** Makes the links at a linear offset, whose address is `self`, those of a node that is in no tree. */
export function initTreeLinks(at: u32, self: u64): void {
  store<u64>(at, self, PARENT);
}

/** Raises the fault of a tree that cannot be one. */
export function tooTall(node: u64): u64 {
  raiseFault(FaultKind.BadArgument, node);
  return 0;
}

function balanceAdded(root: u64, added: u64): void {
  let node = added;
  for (let steps: u32 = 0; steps <= MAX_HEIGHT; steps++) {
    const parent = parentOf(node);
    if (parent === 0) {
      blacken(node);
      return;
    }
    if (!isRed(parent)) return;
    const grandparent = parentOf(parent);
    const side = sideOf(grandparent, parent);
    const uncle = childOf(grandparent, other(side));
    if (!isRed(uncle)) {
      rotateAdded(root, node, parent, grandparent, side);
      return;
    }
    blacken(uncle);
    blacken(parent);
    redden(grandparent);
    node = grandparent;
  }
  tooTall(added);
}

/** A red node with a red parent on a side of a black grandparent. */
function rotateAdded(root: u64, node: u64, parent: u64, grandparent: u64, side: usize): void {
  const inner = childOf(parent, other(side)) === node;
  if (inner) rotate(root, parent, side);
  blacken(inner ? node : parent);
  redden(grandparent);
  rotate(root, grandparent, other(side));
}

function removeNode(root: u64, node: u64): void {
  const left = childOf(node, LEFT);
  const right = childOf(node, RIGHT);
  if (left !== 0 && right !== 0) {
    removeInner(root, node, left, right);
    return;
  }
  const child = left !== 0 ? left : right;
  const parent = parentOf(node);
  const red = isRed(node);
  replace(root, node, child);
  if (!red) balanceRemoved(root, child, parent);
}

/** A node with two children: its successor, which has none to its left, takes its place. */
function removeInner(root: u64, node: u64, left: u64, right: u64): void {
  const successor = lowest(right);
  const child = childOf(successor, RIGHT);
  const red = isRed(successor);
  let parent = successor;
  if (successor !== right) {
    parent = parentOf(successor);
    replace(root, successor, child);
    setChild(successor, RIGHT, right);
    setParent(right, successor);
  }
  replace(root, node, successor);
  setChild(successor, LEFT, left);
  setParent(left, successor);
  copyColour(successor, node);
  if (!red) balanceRemoved(root, child, parent);
}

/** The paths through a child of `parent`, perhaps none, lack a black node. */
function balanceRemoved(root: u64, child: u64, parent: u64): void {
  let node = child;
  let above = parent;
  for (let steps: u32 = 0; steps <= MAX_HEIGHT; steps++) {
    if (isRed(node)) {
      blacken(node);
      return;
    }
    if (above === 0) return;
    const side = sideOf(above, node);
    const sibling = blackSibling(root, above, side);
    if (isRed(childOf(sibling, LEFT)) || isRed(childOf(sibling, RIGHT))) {
      rotateRemoved(root, above, sibling, side);
      return;
    }
    redden(sibling);
    node = above;
    above = parentOf(above);
  }
  tooTall(parent);
}

/** The child on the other side, after a rotation that brings a black one there. */
function blackSibling(root: u64, parent: u64, side: usize): u64 {
  const sibling = childOf(parent, other(side));
  if (!isRed(sibling)) return sibling;
  blacken(sibling);
  redden(parent);
  rotate(root, parent, side);
  return childOf(parent, other(side));
}

/** The sibling has a red child: one more black node comes to this side. */
function rotateRemoved(root: u64, parent: u64, sibling: u64, side: usize): void {
  let top = sibling;
  if (!isRed(childOf(sibling, other(side)))) {
    top = childOf(sibling, side);
    blacken(top);
    redden(sibling);
    rotate(root, sibling, other(side));
  }
  copyColour(top, parent);
  blacken(parent);
  blacken(childOf(top, other(side)));
  rotate(root, parent, side);
}

/** Turns a node down to a side; its child of the other side comes up. */
function rotate(root: u64, node: u64, side: usize): void {
  const up = childOf(node, other(side));
  const inner = childOf(up, side);
  setChild(node, other(side), inner);
  if (inner !== 0) setParent(inner, node);
  replace(root, node, up);
  setChild(up, side, node);
  setParent(node, up);
}

/** Puts a node, or none, to where another one hangs. */
function replace(root: u64, node: u64, by: u64): void {
  const parent = parentOf(node);
  if (parent === 0) store<u64>(rootAt(root), by);
  else setChild(parent, sideOf(parent, node), by);
  if (by !== 0) setParent(by, parent);
}

function lowest(top: u64): u64 {
  let node = top;
  for (let steps: u32 = 0; steps <= MAX_HEIGHT; steps++) {
    const left = childOf(node, LEFT);
    if (left === 0) return node;
    node = left;
  }
  return tooTall(top);
}

function sideOf(parent: u64, child: u64): usize {
  return childOf(parent, LEFT) === child ? LEFT : RIGHT;
}

function other(side: usize): usize {
  return LEFT + RIGHT - side;
}

function setChild(node: u64, side: usize, child: u64): void {
  store<u64>(links(node) + side, child);
}

function parentOf(node: u64): u64 {
  return load<u64>(links(node)) & ~COLOUR;
}

function setParent(node: u64, parent: u64): void {
  const at = links(node);
  store<u64>(at, parent | (load<u64>(at) & COLOUR));
}

/** What is no node is black. */
function isRed(node: u64): bool {
  return node !== 0 && (load<u64>(links(node)) & BLACK) === 0;
}

function blacken(node: u64): void {
  const at = links(node);
  store<u64>(at, load<u64>(at) | BLACK);
}

function redden(node: u64): void {
  const at = links(node);
  store<u64>(at, load<u64>(at) & ~BLACK);
}

function copyColour(to: u64, from: u64): void {
  if (isRed(from)) redden(to);
  else blacken(to);
}

function links(node: u64): usize {
  const at = writable(node, GraphNode.TreeSize);
  if (at !== 0) return at;
  memory.fill(nowhere, 0, GraphNode.TreeSize);
  return nowhere;
}

function rootAt(root: u64): usize {
  const at = writable(root, GraphNode.RootSize);
  if (at !== 0) return at;
  memory.fill(nowhere, 0, GraphNode.TreeSize);
  return nowhere;
}
