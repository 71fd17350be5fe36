/** What was known at every hundredth step, and from there on the events: no step is far from a keyframe. */
import { EventHead } from '../event-abi.ts';
import { Places } from './places.ts';

/** Steps between keyframes: about 300 bytes each, and some 100 events to go through for one step. */
const EVERY = 128;

interface Keyframe {
  readonly places: Uint32Array;
  /** Where the event of its step stands. */
  readonly position: number;
}

export class Keyframes {
  private readonly now = new Places();
  private readonly frames: Keyframe[] = [];

  /** A state event of the stream, in order. */
  take(view: DataView, at: number): void {
    this.now.take(view, at);
  }

  /** A step begins at a position. */
  step(step: number, position: number): void {
    if (step % EVERY === 0) this.frames.push({ places: this.now.pack(), position });
  }

  /** What is known before a step, whose event stands at `position`. */
  before(step: number, view: DataView, position: number): Places {
    const frame = this.frames[Math.floor(step / EVERY)] as Keyframe;
    const places = Places.unpack(frame.places);
    for (let at = frame.position; at < position; at += view.getUint32(at + EventHead.Length, true)) {
      places.take(view, at);
    }
    return places;
  }
}
