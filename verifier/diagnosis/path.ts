/** The path on which a program failed: its steps, and what each of them changed. */
import { lastIndex } from '../../bpf/last-index.ts';
import { EventHead, EventKind, FrameEvent, HeldEvent, InsnEvent } from '../event-abi.ts';
import { type EventLog, type RegisterState, readEvent } from '../event-reader.ts';

/** A register or a stack slot of a frame. */
export interface Place {
  frame: number;
  kind: 'reg' | 'slot';
  /** Register 0..10, or slot (0 is fp-8). */
  index: number;
}

export interface Change {
  /** Step that made it: index into `FailedPath.steps`, -1 for what holds at the start. */
  step: number;
  state: RegisterState;
  /** Slots: `Slot` of each byte. */
  bytes?: number[];
}

const PLACES_PER_FRAME = 128;
const FIRST_SLOT = 16;

function keyOf(place: Place): number {
  return place.frame * PLACES_PER_FRAME + (place.kind === 'reg' ? place.index : FIRST_SLOT + place.index);
}

/** Changes of one place: the steps that made them, and where in the stream they are told. */
interface Trail {
  steps: number[];
  offsets: number[];
}

export class FailedPath {
  /** Instruction and frame of each step. The last one is the one that failed. */
  readonly insns: number[] = [];
  readonly frames: number[] = [];
  /** Earlier steps are missing. */
  readonly lost: boolean;
  /** Step that last took a lock or began an RCU or non-preemptible section; -1 when nothing is held. */
  sectionStart = -1;
  private readonly view: DataView;
  private readonly trails = new Map<number, Trail>();
  /** Steps at which a frame of each depth began, and which frame was told last. */
  private readonly frameStarts = new Map<number, number[]>();
  private readonly frameTold = new Map<number, string>();

  constructor(log: EventLog) {
    const { bytes } = log;
    this.lost = log.lost;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; at += this.view.getUint32(at + EventHead.Length, true)) {
      this.take(at);
    }
  }

  private take(at: number): void {
    const kind: EventKind = this.view.getUint8(at + EventHead.Kind);
    const frame = this.view.getUint8(at + EventHead.Frame);
    const step = this.insns.length - 1;
    if (kind === EventKind.Insn) {
      this.insns.push(this.view.getInt32(at + InsnEvent.Insn, true));
      this.frames.push(frame);
    } else if (kind === EventKind.Frame) {
      this.startFrame(frame, at, step);
    } else if (kind === EventKind.Held) {
      this.sectionStart = this.holdsAnything(at) ? step : -1;
    } else if (kind === EventKind.Reg || kind === EventKind.Slot) {
      this.change(frame, kind, at, step);
    }
  }

  private holdsAnything(at: number): boolean {
    const fields = [HeldEvent.SpinLock, HeldEvent.Rcu, HeldEvent.Preempt];
    return fields.some((field) => this.view.getUint32(at + field, true) !== 0);
  }

  private startFrame(frame: number, at: number, step: number): void {
    const callsite = this.view.getInt32(at + FrameEvent.Callsite, true);
    const identity = `${callsite} ${this.view.getUint32(at + FrameEvent.Subprog, true)}`;
    const calledHere = step >= 0 && this.insns[step] === callsite;
    // After a branch was resumed, its frames are told again: they began where they were called.
    if (this.frameTold.get(frame) === identity && !calledHere) return;
    this.frameTold.set(frame, identity);
    this.frameStarts.set(frame, [...(this.frameStarts.get(frame) ?? []), step]);
  }

  private change(frame: number, kind: EventKind, at: number, step: number): void {
    const index = this.view.getUint16(at + EventHead.Index, true);
    const key = keyOf({ frame, kind: kind === EventKind.Reg ? 'reg' : 'slot', index });
    const trail = this.trails.get(key) ?? { steps: [], offsets: [] };
    const before = trail.offsets.at(-1);
    // What a resumed branch tells again is no change.
    if (before !== undefined && this.isFresh(frame, trail) && this.sameState(before, at)) return;
    trail.steps.push(step);
    trail.offsets.push(at);
    this.trails.set(key, trail);
  }

  /** Whether the trail's last change belongs to the frame that is there now. */
  private isFresh(frame: number, trail: Trail): boolean {
    return (trail.steps.at(-1) ?? -1) >= (this.frameStarts.get(frame)?.at(-1) ?? -1);
  }

  private sameState(a: number, b: number): boolean {
    const length = this.view.getUint32(a + EventHead.Length, true);
    if (length !== this.view.getUint32(b + EventHead.Length, true)) return false;
    for (let i = 0; i < length; i += 4) {
      if (this.view.getUint32(a + i, true) !== this.view.getUint32(b + i, true)) return false;
    }
    return true;
  }

  /** The last change of a place before a step; undefined when nothing is known of it. */
  lastChange(place: Place, before: number): Change | undefined {
    const trail = this.trails.get(keyOf(place));
    if (!trail) return undefined;
    const position = lastBelow(trail.steps, before);
    if (position < 0) return undefined;
    const step = trail.steps[position] ?? -1;
    const starts = this.frameStarts.get(place.frame) ?? [];
    const start = starts[lastBelow(starts, before)] ?? -1;
    return step < start ? undefined : this.read(step, trail.offsets[position] ?? 0);
  }

  private read(step: number, offset: number): Change | undefined {
    const event = readEvent(this.view, offset);
    if (event.kind === 'reg') return { step, state: event.state };
    if (event.kind === 'slot') return { step, state: event.state, bytes: event.bytes };
    return undefined;
  }
}

/** Index of the last number below a limit in an ascending list; -1 for none. */
function lastBelow(ascending: readonly number[], limit: number): number {
  return lastIndex(ascending.length, (index) => (ascending[index] ?? 0) < limit);
}
