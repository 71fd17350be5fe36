/** Where in the stream what is known stands: the last event of every register, slot and frame that is there. */
import { EventHead, EventKind } from '../event-abi.ts';

export const REGISTERS = 11;
export const SLOTS = 64;
const MOST_FRAMES = 8;

/** Fields of a frame: its own event, its references, its registers, its slots. 0: nothing is told. */
const FRAME = 0;
const REFS = 1;
const FIRST_REGISTER = 2;
const FIRST_SLOT = FIRST_REGISTER + REGISTERS;
const FRAME_SIZE = FIRST_SLOT + SLOTS;

/** Positions are kept plus one, so that 0 is none. */
export class Places {
  /** Live frames. */
  frames = 0;
  held = 0;
  private readonly table: Uint32Array;

  constructor(from?: Places) {
    this.table = new Uint32Array(MOST_FRAMES * FRAME_SIZE);
    if (from) this.copy(from);
  }

  private copy({ frames, held, table }: Places): void {
    this.frames = frames;
    this.held = held;
    this.table.set(table.subarray(0, frames * FRAME_SIZE));
  }

  /** As few numbers as hold it. */
  pack(): Uint32Array {
    const packed = new Uint32Array(2 + this.frames * FRAME_SIZE);
    packed[0] = this.frames;
    packed[1] = this.held;
    packed.set(this.table.subarray(0, this.frames * FRAME_SIZE), 2);
    return packed;
  }

  static unpack(packed: Uint32Array): Places {
    const places = new Places();
    places.frames = packed[0] as number;
    places.held = packed[1] as number;
    places.table.set(packed.subarray(2));
    return places;
  }

  /** Position of an event, -1 for none. */
  frameEvent(frame: number): number {
    return this.get(frame, FRAME);
  }

  refsEvent(frame: number): number {
    return this.get(frame, REFS);
  }

  registerEvent(frame: number, register: number): number {
    return this.get(frame, FIRST_REGISTER + register);
  }

  slotEvent(frame: number, slot: number): number {
    return this.get(frame, FIRST_SLOT + slot);
  }

  private get(frame: number, field: number): number {
    return (this.table[frame * FRAME_SIZE + field] ?? 0) - 1;
  }

  /** Takes up what an event changes; others change nothing. */
  take(view: DataView, at: number): void {
    const kind: EventKind = view.getUint8(at + EventHead.Kind);
    const frame = view.getUint8(at + EventHead.Frame);
    const index = view.getUint16(at + EventHead.Index, true);
    switch (kind) {
      case EventKind.Function:
      case EventKind.Resume:
        this.leave(0);
        this.held = 0;
        break;
      case EventKind.Frame:
        this.leave(frame);
        this.frames = frame + 1;
        this.set(frame, FRAME, at);
        break;
      case EventKind.Leave:
        this.leave(frame);
        break;
      case EventKind.Refs:
        this.set(frame, REFS, at);
        break;
      case EventKind.Reg:
        this.set(frame, FIRST_REGISTER + index, at);
        break;
      case EventKind.Slot:
        this.set(frame, FIRST_SLOT + index, at);
        break;
      case EventKind.Held:
        this.held = at + 1;
        break;
      default:
    }
  }

  private set(frame: number, field: number, at: number): void {
    this.table[frame * FRAME_SIZE + field] = at + 1;
  }

  /** Frames from this one on are gone. */
  private leave(frame: number): void {
    this.table.fill(0, frame * FRAME_SIZE, this.frames * FRAME_SIZE);
    this.frames = Math.min(this.frames, frame);
  }
}
