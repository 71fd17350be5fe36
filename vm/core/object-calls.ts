/**
 * Kfuncs on objects, lists and trees (kernel docs, bpf/graph_ds_impl.rst; signatures in the kernel's
 * bpf_experimental.h). Programs that no verifier has seen call them, too: what is no object is a fault.
 */
import { FaultKind } from '../../bpf/abi.ts';
import { Errno } from '../../bpf/errno.ts';
import { ObjectCall } from '../../bpf/object-abi.ts';
import { local, requestCallback, setLocal } from './callback.ts';
import { raiseFault } from './fault.ts';
import { isListed, listPop, listPush } from './list.ts';
import { acquireObject, dropObject, newObject, newPercpuObject } from './objects.ts';
import {
  childOf,
  claimNode,
  isInTree,
  LEFT,
  linkNode,
  MAX_HEIGHT,
  RIGHT,
  tooTall,
  topmost,
  unlinkNode,
} from './rbtree.ts';

/** Answers an `ObjectCall`. */
export function callObject(id: i32, r1: u64, r2: u64, r3: u64): u64 {
  const operand: u32 = id & ObjectCall.Operand;
  switch (id & ObjectCall.Operation) {
    case ObjectCall.New:
      return newObject(operand);
    case ObjectCall.PercpuNew:
      return newPercpuObject(operand);
    case ObjectCall.PushFront:
      return push(r1, r2, operand, false);
    case ObjectCall.PushBack:
      return push(r1, r2, operand, true);
    default:
      return addToTree(r1, r2, r3, operand);
  }
}

/** `void bpf_obj_drop(void *object)`, the same for one of each CPU */
export function drop(object: u64): u64 {
  if (!dropObject(object)) raiseFault(FaultKind.BadArgument, object);
  return 0;
}

/** `void *bpf_refcount_acquire(void *object)`: the object, NULL when its last reference is gone. */
export function acquire(object: u64): u64 {
  return acquireObject(object) ? object : 0;
}

/** `struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head)`, and from the back. */
export function pop(head: u64, back: bool): u64 {
  return listPop(head, back);
}

/** `struct bpf_rb_node *bpf_rbtree_remove(root, node)`: the node; NULL when it is not in this tree. */
export function removeFromTree(root: u64, node: u64): u64 {
  return unlinkNode(root, node) ? node : 0;
}

/**
 * `int bpf_list_push_front(head, node)`, and to the back.
 * @returns 0; -EINVAL, and a reference less, when the node is on a list already
 */
function push(head: u64, node: u64, offset: u32, back: bool): u64 {
  if (isListed(node)) return refuse(node, offset);
  listPush(head, node, back);
  return 0;
}

/** What bpf_rbtree_add keeps between its callbacks. */
const enum Local {
  Root = 0,
  Node = 1,
  Less = 2,
  /** The node that `less` compares with. */
  Parent = 3,
  /** The way there went to the left only. */
  Leftmost = 4,
  Height = 5,
}

/**
 * `int bpf_rbtree_add(root, node, less)`: goes down from the top, to the left where `less(node, other)`.
 * @returns 0; -EINVAL, and a reference less, when the node is in a tree already
 */
function addToTree(root: u64, node: u64, less: u64, offset: u32): u64 {
  if (isInTree(node)) return refuse(node, offset);
  claimNode(node);
  const top = topmost(root);
  if (top === 0) {
    linkNode(root, node, 0, LEFT, true);
    return 0;
  }
  setLocal(Local.Root, root);
  setLocal(Local.Node, node);
  setLocal(Local.Less, less);
  setLocal(Local.Parent, top);
  setLocal(Local.Leftmost, 1);
  setLocal(Local.Height, 0);
  return requestCallback(less, node, top, 0, 0);
}

/** After each call of `less`. */
export function continueAdd(isLess: u64): u64 {
  const parent = local(Local.Parent);
  const side = isLess !== 0 ? LEFT : RIGHT;
  if (side === RIGHT) setLocal(Local.Leftmost, 0);
  const next = childOf(parent, side);
  if (next === 0) {
    linkNode(local(Local.Root), local(Local.Node), parent, side, local(Local.Leftmost) !== 0);
    return 0;
  }
  const height = local(Local.Height) + 1;
  if (height > MAX_HEIGHT) return tooTall(next);
  setLocal(Local.Height, height);
  setLocal(Local.Parent, next);
  return requestCallback(local(Local.Less), local(Local.Node), next, 0, 0);
}

function refuse(node: u64, offset: u32): u64 {
  drop(node - offset);
  return <u64>-Errno.EINVAL;
}
