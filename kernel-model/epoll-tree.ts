/**
 * A red-black tree of the kernel (`struct rb_root_cached`, `struct rb_node`) in model memory, linked so that a
 * program can walk it: left and right child, and the parent with the colour in its lowest bit.
 *
 * Nodes are linear offsets of the embedded rb_node; 0 is NULL.
 */
import type { KernelProfile } from './profile.ts';
import type { Ram } from './ram.ts';
import { setLowPointer } from './words.ts';

const RED = 0;
const BLACK = 1;

export class RbTree {
  private readonly ram: Ram;
  /** Linear offset of the root pointer and of the pointer to the leftmost node. */
  private readonly root: number;
  private readonly leftmost: number;
  private readonly left: number;
  private readonly right: number;
  private readonly parentColor: number;
  private readonly precedes: (a: number, b: number) => boolean;

  /**
   * @param root linear offset of a zeroed `struct rb_root_cached`.
   * @param precedes the order of two nodes; equal ones follow in the order they were inserted.
   */
  constructor(ram: Ram, profile: KernelProfile, root: number, precedes: (a: number, b: number) => boolean) {
    this.ram = ram;
    const rootLayout = profile.layout('rb_root_cached');
    this.root = root + rootLayout.offset('rb_root.rb_node');
    this.leftmost = root + rootLayout.offset('rb_leftmost');
    const node = profile.layout('rb_node');
    this.left = node.offset('rb_left');
    this.right = node.offset('rb_right');
    this.parentColor = node.offset('__rb_parent_color');
    this.precedes = precedes;
  }

  /** Leftmost node, 0 when the tree is empty. */
  get first(): number {
    return this.ram.view.getUint32(this.leftmost, true);
  }

  /** In-order successor, 0 after the last. */
  next(node: number): number {
    let at = this.child(node, this.right);
    if (at !== 0) return this.minimum(at);
    at = node;
    let parent = this.parent(at);
    while (parent !== 0 && this.child(parent, this.right) === at) {
      at = parent;
      parent = this.parent(at);
    }
    return parent;
  }

  /** Nodes in order. The tree must not change meanwhile. */
  *nodes(): Generator<number> {
    for (let node = this.first; node !== 0; node = this.next(node)) yield node;
  }

  insert(node: number): void {
    let parent = 0;
    let side = this.left;
    let leftmost = true;
    for (let at = this.pointer(this.root); at !== 0; at = this.child(at, side)) {
      parent = at;
      side = this.precedes(node, at) ? this.left : this.right;
      if (side === this.right) leftmost = false;
    }
    this.link(node + this.left, 0);
    this.link(node + this.right, 0);
    this.setParent(node, parent, RED);
    this.link(parent === 0 ? this.root : parent + side, node);
    if (leftmost) this.link(this.leftmost, node);
    this.recolourAfterInsert(node);
  }

  remove(node: number): void {
    if (this.first === node) this.link(this.leftmost, this.next(node));
    const left = this.child(node, this.left);
    const right = this.child(node, this.right);
    let colour = this.colour(node);
    let hole: number;
    let holeParent: number;
    if (left === 0 || right === 0) {
      hole = left === 0 ? right : left;
      holeParent = this.parent(node);
      this.replace(node, hole);
    } else {
      const heir = this.minimum(right);
      colour = this.colour(heir);
      hole = this.child(heir, this.right);
      holeParent = this.parent(heir) === node ? heir : this.parent(heir);
      if (holeParent !== heir) {
        this.replace(heir, hole);
        this.adopt(heir, this.right, right);
      }
      this.replace(node, heir);
      this.adopt(heir, this.left, left);
      this.setParent(heir, this.parent(heir), this.colour(node));
    }
    if (colour === BLACK) this.recolourAfterRemove(hole, holeParent);
  }

  private recolourAfterInsert(inserted: number): void {
    let node = inserted;
    for (;;) {
      const parent = this.parent(node);
      if (parent === 0) {
        this.setColour(node, BLACK);
        return;
      }
      if (this.colour(parent) === BLACK) return;
      const grand = this.parent(parent);
      const side = this.sideOf(parent, grand);
      const other = this.opposite(side);
      const uncle = this.child(grand, other);
      if (this.isRed(uncle)) {
        this.setColour(parent, BLACK);
        this.setColour(uncle, BLACK);
        this.setColour(grand, RED);
        node = grand;
        continue;
      }
      if (this.sideOf(node, parent) === other) this.rotate(parent, side);
      this.setColour(this.child(grand, side), BLACK);
      this.setColour(grand, RED);
      this.rotate(grand, other);
      return;
    }
  }

  /** The paths through `hole` (perhaps NULL) lack one black node. */
  private recolourAfterRemove(hole: number, holeParent: number): void {
    let node = hole;
    let parent = holeParent;
    while (parent !== 0 && !this.isRed(node)) {
      const side = this.child(parent, this.left) === node ? this.left : this.right;
      const other = this.opposite(side);
      let sibling = this.child(parent, other);
      if (this.isRed(sibling)) {
        this.setColour(sibling, BLACK);
        this.setColour(parent, RED);
        this.rotate(parent, side);
        sibling = this.child(parent, other);
      }
      const near = this.child(sibling, side);
      const far = this.child(sibling, other);
      if (!this.isRed(near) && !this.isRed(far)) {
        this.setColour(sibling, RED);
        node = parent;
        parent = this.parent(node);
        continue;
      }
      if (!this.isRed(far)) {
        this.setColour(near, BLACK);
        this.setColour(sibling, RED);
        this.rotate(sibling, other);
        sibling = near;
      }
      this.setColour(sibling, this.colour(parent));
      this.setColour(parent, BLACK);
      this.setColour(this.child(sibling, other), BLACK);
      this.rotate(parent, side);
      return;
    }
    if (node !== 0) this.setColour(node, BLACK);
  }

  /** Moves `node` down to `side`; its child of the other side takes its place. */
  private rotate(node: number, side: number): void {
    const other = this.opposite(side);
    const riser = this.child(node, other);
    const inner = this.child(riser, side);
    this.link(node + other, inner);
    if (inner !== 0) this.setParent(inner, node, this.colour(inner));
    this.replace(node, riser);
    this.adopt(riser, side, node);
  }

  /** Puts `heir` (perhaps NULL) where `node` hangs on its parent. */
  private replace(node: number, heir: number): void {
    const parent = this.parent(node);
    this.link(parent === 0 ? this.root : parent + this.sideOf(node, parent), heir);
    if (heir !== 0) this.setParent(heir, parent, this.colour(heir));
  }

  private adopt(parent: number, side: number, child: number): void {
    this.link(parent + side, child);
    if (child !== 0) this.setParent(child, parent, this.colour(child));
  }

  private minimum(node: number): number {
    let at = node;
    for (let left = this.child(at, this.left); left !== 0; left = this.child(at, this.left)) at = left;
    return at;
  }

  private sideOf(node: number, parent: number): number {
    return this.child(parent, this.left) === node ? this.left : this.right;
  }

  private opposite(side: number): number {
    return side === this.left ? this.right : this.left;
  }

  private child(node: number, side: number): number {
    return this.pointer(node + side);
  }

  private parent(node: number): number {
    return (this.pointer(node + this.parentColor) & ~3) >>> 0;
  }

  private colour(node: number): number {
    return this.pointer(node + this.parentColor) & BLACK;
  }

  private isRed(node: number): boolean {
    return node !== 0 && this.colour(node) === RED;
  }

  private setColour(node: number, colour: number): void {
    this.setParent(node, this.parent(node), colour);
  }

  private setParent(node: number, parent: number, colour: number): void {
    const at = node + this.parentColor;
    if (parent !== 0) setLowPointer(this.ram.view, at, parent + colour);
    else this.ram.view.setBigUint64(at, BigInt(colour), true);
  }

  private link(at: number, node: number): void {
    if (node !== 0) setLowPointer(this.ram.view, at, node);
    else this.ram.view.setBigUint64(at, 0n, true);
  }

  /** Low word of a pointer: the linear offset, as the direct map begins at a multiple of 4 GiB. */
  private pointer(at: number): number {
    return this.ram.view.getUint32(at, true);
  }
}
