/** The paths of a verification: a tree in which each path begins where its parent queued it. */
import { Growing } from './growing.ts';

export const enum PathEnd {
  /** Nothing ended it: the verification did. */
  Stopped = 0,
  /** Its function, or the program, is at its end. */
  Exit = 1,
  /** A kept state covers it. */
  Pruned = 2,
}

/** Parallel arrays, in the order in which the paths were followed: a tree's preorder. */
export interface Paths {
  readonly count: number;
  /** First step, and the one behind the last. */
  readonly first: Int32Array;
  readonly last: Int32Array;
  /** Path that queued it, and the step it was queued at; -1 for the beginning of a function. */
  readonly parent: Int32Array;
  readonly parentStep: Int32Array;
  /** Distance from the beginning of its function. */
  readonly depth: Int32Array;
  /** `PathEnd` */
  readonly end: Int32Array;
  /** Number of the kept state that covers it. */
  readonly covered: Int32Array;
  /** Where in the stream it ended. */
  readonly endPosition: Int32Array;
  /** Step before which each kept state was kept, by the state's number. */
  readonly keptAt: Int32Array;
}

const NONE = -1;

export class PathsBuilder {
  private readonly first = new Growing();
  private readonly last = new Growing();
  private readonly parent = new Growing();
  private readonly parentStep = new Growing();
  private readonly depth = new Growing();
  private readonly ends = new Growing();
  private readonly covered = new Growing();
  private readonly endPositions = new Growing();
  private readonly keptAt = new Growing();
  /** By the verifier's number of a queued path: path and step that queued it. */
  private readonly queuedBy = new Growing();
  private readonly queuedAt = new Growing();

  get length(): number {
    return this.first.length;
  }

  /** A function begins. */
  begin(step: number): void {
    this.open(step, NONE, NONE);
  }

  /** A queued path goes on. */
  resume(number: number, step: number): void {
    this.open(step, this.queuedBy.at(number), this.queuedAt.at(number));
  }

  queue(number: number, step: number): void {
    this.queuedBy.set(number, this.length - 1);
    this.queuedAt.set(number, step);
  }

  keep(state: number, step: number): void {
    this.keptAt.set(state, step);
  }

  end(how: PathEnd, state: number, position: number): void {
    const path = this.length - 1;
    if (path < 0) return;
    this.endPositions.set(path, position);
    this.ends.set(path, how);
    this.covered.set(path, state);
  }

  private open(step: number, parent: number, parentStep: number): void {
    if (this.length > 0) this.last.set(this.length - 1, step);
    this.first.push(step);
    this.last.push(step);
    this.parent.push(parent);
    this.parentStep.push(parentStep);
    this.depth.push(parent < 0 ? 0 : this.depth.at(parent) + 1);
    this.ends.push(PathEnd.Stopped);
    this.covered.push(0);
    this.endPositions.push(0);
  }

  /** @param steps of the whole verification. */
  finish(steps: number): Paths {
    if (this.length > 0) this.last.set(this.length - 1, steps);
    return {
      count: this.length,
      first: this.first.values(Int32Array),
      last: this.last.values(Int32Array),
      parent: this.parent.values(Int32Array),
      parentStep: this.parentStep.values(Int32Array),
      depth: this.depth.values(Int32Array),
      end: this.ends.values(Int32Array),
      covered: this.covered.values(Int32Array),
      endPosition: this.endPositions.values(Int32Array),
      keptAt: this.keptAt.values(Int32Array),
    };
  }
}
