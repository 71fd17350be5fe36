/**
 * Structured control flow from the dominator tree (Ramsey, "Beyond Relooper", ICFP 2022): a loop header opens a
 * loop, a merge block a WebAssembly block that ends in front of it, and every other block stands where its one
 * predecessor goes on. Without recursion: functions may be nested thousands of levels deep.
 */
import { NONE } from './blocks.ts';
import type { Code } from './code.ts';
import type { Flow } from './flow.ts';
import { Wasm } from './wasm-op.ts';

/** What stands in the blocks. Blocks are numbered as in `Flow`. */
export interface Content {
  /** What stands in front of the loop that a block is the header of. */
  beforeLoop(block: number): void;
  /** Instructions of a block, without a jump at its end. */
  body(block: number): void;
  /** After the body: what must be done in front of a block that other ways lead to, too. */
  beforeJoin(): void;
  /** The same for one of two ways, which ends here: the other one goes on without. Says whether there is anything. */
  hasToJoin(): boolean;
  joinHere(): void;
  /** After the body, the way on to a block that no other way leads to. */
  goOn(block: number, next: number): void;
  /** Leaves whether the jump at the end of a block is taken, or with `inverted` whether it is not. */
  condition(block: number, inverted: boolean): void;
}

const enum Task {
  /** A block and all that it dominates. */
  Tree,
  /** The block itself, then the way on. */
  Body,
  Else,
  End,
}

export function emitStructure(code: Code, flow: Flow, content: Content): void {
  new Structure(code, flow, content).emit();
}

class Structure {
  private readonly code: Code;
  private readonly flow: Flow;
  private readonly content: Content;
  /** What is left to do, the next last: pairs of a task and its block. */
  private readonly tasks: number[] = [];
  /** Open WebAssembly blocks: the block that each stands for, NONE for an `if`. */
  private readonly open: number[] = [];
  /** How many were open when that of a loop or a merge block was opened. */
  private readonly loopAt: Int32Array;
  private readonly mergeAt: Int32Array;

  constructor(code: Code, flow: Flow, content: Content) {
    this.code = code;
    this.flow = flow;
    this.content = content;
    this.loopAt = new Int32Array(flow.count);
    this.mergeAt = new Int32Array(flow.count);
  }

  emit(): void {
    this.later(Task.Tree, 0);
    while (this.tasks.length > 0) {
      const block = this.tasks.pop() as number;
      this.run(this.tasks.pop() as Task, block);
    }
    this.code.op(Wasm.Unreachable);
  }

  private run(task: Task, block: number): void {
    switch (task) {
      case Task.Tree:
        this.tree(block);
        return;
      case Task.Body:
        this.body(block);
        return;
      case Task.Else:
        this.code.op(Wasm.Else);
        return;
      default:
        this.open.pop();
        this.code.end();
    }
  }

  private later(task: Task, block: number): void {
    this.tasks.push(task, block);
  }

  private tree(block: number): void {
    if (this.flow.isHeader[block]) {
      this.content.beforeLoop(block);
      this.loopAt[block] = this.open.push(block) - 1;
      this.code.open(Wasm.Loop);
      this.later(Task.End, block);
    }
    for (const merge of this.flow.merges[block] ?? []) {
      this.mergeAt[merge] = this.open.push(merge) - 1;
      this.code.open(Wasm.Block);
      this.later(Task.Tree, merge);
      this.later(Task.End, merge);
    }
    this.later(Task.Body, block);
  }

  private body(block: number): void {
    const { graph } = this.flow;
    this.content.body(block);
    const [first, second] = [graph.taken[block], graph.fall[block]].filter((way) => way !== NONE);
    if (first === undefined) return;
    if (second !== undefined) this.twoWays(block, first, second);
    else {
      if (this.isLabel(block, first)) this.content.beforeJoin();
      this.branch(block, first);
    }
  }

  private twoWays(block: number, taken: number, fall: number): void {
    const { code, content } = this;
    if (this.isLabel(block, taken)) {
      const both = this.isLabel(block, fall);
      this.branchIf(block, false, taken, both);
      this.branch(block, fall);
    } else if (this.isLabel(block, fall)) {
      this.branchIf(block, true, fall, false);
      this.branch(block, taken);
    } else {
      content.condition(block, false);
      code.open(Wasm.If);
      this.open.push(NONE);
      this.later(Task.End, block);
      this.branch(block, fall);
      this.later(Task.Else, block);
      this.branch(block, taken);
    }
  }

  /** Branches to a block on a condition; `both` when the other way is a branch, too. */
  private branchIf(block: number, inverted: boolean, to: number, both: boolean): void {
    const { code, content } = this;
    // A forward branch pays for itself. Back edges are what a loop takes most: there, both ways pay.
    const apart = to > block && !both && content.hasToJoin();
    if (!apart) content.beforeJoin();
    content.condition(block, inverted);
    if (!apart) {
      code.brIf(this.depth(block, to));
      return;
    }
    code.open(Wasm.If);
    content.joinHere();
    code.br(this.depth(block, to) + 1);
    code.end();
  }

  /** The way on from a block: a branch, or the next block itself. */
  private branch(from: number, to: number): void {
    if (!this.isLabel(from, to)) {
      this.content.goOn(from, to);
      this.later(Task.Tree, to);
      return;
    }
    const depth = this.depth(from, to);
    // The end of the innermost block comes next anyway.
    if (depth === 0 && to > from) return;
    this.code.br(depth);
  }

  /** Whether a WebAssembly block or loop is open to branch to. */
  private isLabel(from: number, to: number): boolean {
    return to <= from || this.flow.isMerge[to] === 1;
  }

  private depth(from: number, to: number): number {
    const at = (to <= from ? this.loopAt[to] : this.mergeAt[to]) as number;
    return this.open.length - 1 - at;
  }
}
