/**
 * A verification that can be gone through forwards and backwards: the event stream with an index, so that any step
 * is shown as fast as any other. A step is one processed instruction; its state is what held before it.
 */
import { BranchEvent, EventHead, EventKind, InsnEvent, PreciseEvent, StateEvent } from '../event-abi.ts';
import { type EventLog, readEvent, type VerifierEvent } from '../event-reader.ts';
import { type Coverage, compareStates } from './coverage.ts';
import { Growing } from './growing.ts';
import { Keyframes } from './keyframes.ts';
import { Needs } from './needs.ts';
import { PathEnd, type Paths, PathsBuilder } from './paths.ts';
import { readState, type TraceState } from './trace-state.ts';

/** Counts for each instruction slot. */
export interface Heat {
  /** How often it was processed. */
  readonly visits: Uint32Array;
  /** States kept there. */
  readonly states: Uint32Array;
  /** Paths that ended there because a kept state covers them. */
  readonly prunes: Uint32Array;
  /** Registers whose exact value was needed there, a bit each. */
  readonly precise: Uint16Array;
}

export class Trace {
  /** Earlier steps are missing: there were more events than the core keeps. */
  readonly lost: boolean;
  readonly paths: Paths;
  readonly heat: Heat;
  /** Instruction of each step. */
  readonly insns: Int32Array;
  /** Index into `paths` of each step. */
  readonly pathOf: Int32Array;
  private readonly view: DataView;
  /** Where each step's event stands. */
  private readonly positions: Uint32Array;
  private readonly keyframes: Keyframes;
  private readonly needs: Needs;

  /** @param slots of the program. */
  constructor(log: EventLog, slots: number) {
    const { bytes } = log;
    this.lost = log.lost;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const index = new Indexer(this.view, slots);
    for (let at = 0; at < bytes.length; at += this.view.getUint32(at + EventHead.Length, true))
      index.take(at);
    this.paths = index.paths.finish(index.insns.length);
    this.heat = index.heat;
    this.insns = index.insns.values(Int32Array);
    this.pathOf = index.pathOf.values(Int32Array);
    this.positions = index.positions.values(Uint32Array);
    this.keyframes = index.keyframes;
    this.needs = index.needs;
  }

  get steps(): number {
    return this.insns.length;
  }

  /** Bytes of log before what is logged of a step. */
  logPosition(step: number): number {
    return this.view.getUint32(this.position(step) + InsnEvent.LogPosition, true);
  }

  /** What is known before a step. */
  stateAt(step: number): TraceState {
    const position = this.position(step);
    const places = this.keyframes.before(step, this.view, position);
    const previous =
      step > 0 && this.pathOf[step - 1] === this.pathOf[step] ? this.position(step - 1) : position;
    return readState(this.view, places, previous);
  }

  /** Why a path was not followed any further; undefined for one that was not covered by a state that is known. */
  coverageOf(path: number): Coverage | undefined {
    const { paths } = this;
    const state = paths.covered[path] ?? 0;
    const kept = this.stepOfState(state);
    if (paths.end[path] !== PathEnd.Pruned || kept < 0) return undefined;
    const position = paths.endPosition[path] as number;
    const before = Math.max(0, (paths.last[path] as number) - 1);
    const here = readState(this.view, this.keyframes.before(before, this.view, position), position);
    return { state, kept, rows: compareStates(here, this.stateAt(kept), this.needs.of(path)) };
  }

  /** What happened at a step and behind it, up to the next: branches, kept states, ends of paths, precision. */
  *eventsOf(step: number): Generator<VerifierEvent> {
    const end = step + 1 < this.steps ? this.position(step + 1) : this.view.byteLength;
    for (let at = this.position(step); at < end; at += this.view.getUint32(at + EventHead.Length, true)) {
      if (!isState(this.view.getUint8(at + EventHead.Kind))) yield readEvent(this.view, at);
    }
  }

  /** Step at which a state was kept; -1 when that is lost. */
  stepOfState(state: number): number {
    return this.paths.keptAt[state] ?? -1;
  }

  /** Steps from the start of the function to a step, along the paths that lead there. */
  pathTo(step: number): number[] {
    const steps: number[] = [];
    let last = step;
    for (let path = this.pathOf[step] ?? -1; path >= 0; ) {
      for (let at = last; at >= (this.paths.first[path] as number); at--) steps.push(at);
      last = this.paths.parentStep[path] as number;
      path = this.paths.parent[path] as number;
    }
    return steps.reverse();
  }

  /**
   * The step that gave a place what it holds before a step; -1 when it was so from the beginning.
   * @param place "R1", or "fp-8" for a stack slot
   */
  lastChange(step: number, frame: number, place: string): number {
    const wanted = place.startsWith('R') ? EventKind.Reg : EventKind.Slot;
    const index = wanted === EventKind.Reg ? Number(place.slice(1)) : Number(place.slice(3)) / 8 - 1;
    let last = step - 1;
    for (let path = this.pathOf[step] ?? -1; path >= 0; ) {
      // The first step of a path is told everything anew: what it has changed shows behind it.
      for (let at = last; at >= (this.paths.first[path] as number); at--) {
        if (this.changes(at, wanted, frame, index)) return at;
      }
      last = this.paths.parentStep[path] as number;
      path = this.paths.parent[path] as number;
    }
    return -1;
  }

  /** Whether a step changes a place, on the path that goes on behind it. */
  private changes(step: number, wanted: EventKind, frame: number, index: number): boolean {
    const end = step + 1 < this.steps ? this.position(step + 1) : this.view.byteLength;
    for (let at = this.position(step); at < end; at += this.view.getUint32(at + EventHead.Length, true)) {
      const kind: EventKind = this.view.getUint8(at + EventHead.Kind);
      if (kind === EventKind.Resume || kind === EventKind.Function) return false;
      if (kind !== wanted || this.view.getUint8(at + EventHead.Frame) !== frame) continue;
      if (this.view.getUint16(at + EventHead.Index, true) === index) return true;
    }
    return false;
  }

  /** The next step from `from` on, or the one before, at which an instruction is processed; -1 for none. */
  findInsn(insn: number, from: number, direction: 1 | -1): number {
    for (let step = from; step >= 0 && step < this.steps; step += direction) {
      if (this.insns[step] === insn) return step;
    }
    return -1;
  }

  private position(step: number): number {
    const position = this.positions[step];
    if (position === undefined) throw new RangeError(`there is no step ${step}, only ${this.steps}`);
    return position;
  }
}

/** Kinds that say what the state is, not what happened. */
function isState(kind: EventKind): boolean {
  return kind === EventKind.Insn || (kind >= EventKind.Frame && kind <= EventKind.Held);
}

/** Goes through the stream once. */
class Indexer {
  readonly insns = new Growing();
  readonly pathOf = new Growing();
  readonly positions = new Growing();
  readonly keyframes = new Keyframes();
  readonly paths = new PathsBuilder();
  readonly needs = new Needs();
  readonly heat: Heat;
  private readonly view: DataView;

  constructor(view: DataView, slots: number) {
    this.view = view;
    this.heat = {
      visits: new Uint32Array(slots),
      states: new Uint32Array(slots),
      prunes: new Uint32Array(slots),
      precise: new Uint16Array(slots),
    };
  }

  take(at: number): void {
    const { view, paths, heat } = this;
    const kind: EventKind = view.getUint8(at + EventHead.Kind);
    const step = this.insns.length - 1;
    const i32 = (field: number) => view.getInt32(at + field, true);
    switch (kind) {
      case EventKind.Insn:
        this.step(at, i32(InsnEvent.Insn));
        return;
      case EventKind.Function:
        paths.begin(step + 1);
        break;
      case EventKind.Resume:
        paths.resume(i32(BranchEvent.Path), step + 1);
        break;
      case EventKind.Branch:
        paths.queue(i32(BranchEvent.Path), step);
        return;
      case EventKind.Exit:
        paths.end(PathEnd.Exit, 0, at);
        return;
      case EventKind.Prune:
        count(heat.prunes, i32(StateEvent.Insn));
        paths.end(PathEnd.Pruned, i32(StateEvent.State), at);
        this.needs.settle(paths.length - 1, i32(StateEvent.State));
        return;
      case EventKind.Checkpoint:
        count(heat.states, i32(StateEvent.Insn));
        // The state is kept before the instruction's own event.
        paths.keep(i32(StateEvent.State), step + 1);
        return;
      case EventKind.Precise:
        this.precise(i32(PreciseEvent.At), view.getUint32(at + PreciseEvent.Registers, true));
        return;
      case EventKind.PreciseState:
        this.needs.add(i32(PreciseEvent.At), view, at);
        return;
      default:
    }
    this.keyframes.take(view, at);
  }

  private step(at: number, insn: number): void {
    const { paths } = this;
    if (paths.length === 0) paths.begin(0);
    this.keyframes.step(this.insns.length, at);
    this.insns.push(insn);
    this.pathOf.push(paths.length - 1);
    this.positions.push(at);
    count(this.heat.visits, insn);
  }

  private precise(insn: number, registers: number): void {
    const { precise } = this.heat;
    if (insn >= 0 && insn < precise.length) precise[insn] = (precise[insn] as number) | registers;
  }
}

function count(counts: Uint32Array, index: number): void {
  if (index >= 0 && index < counts.length) counts[index] = (counts[index] as number) + 1;
}
