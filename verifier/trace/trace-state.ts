/** What the verifier knows at a step. */
import { type Reference, type RegisterState, readEvent } from '../event-reader.ts';
import { Slot } from '../types.ts';
import { type Places, REGISTERS, SLOTS } from './places.ts';

export interface TraceRegister {
  /** "R0" */
  readonly name: string;
  readonly state: RegisterState;
  /** The step before has changed it. */
  readonly changed: boolean;
}

export interface TraceSlot {
  /** "fp-8" */
  readonly name: string;
  readonly state: RegisterState;
  /** `Slot` of each of the eight bytes, highest address first. */
  readonly bytes: readonly number[];
  readonly changed: boolean;
}

export interface TraceFrame {
  readonly subprog: number;
  /** Instruction that called it, -1 for none. */
  readonly callsite: number;
  readonly callback: boolean;
  /** Those that something is known of. */
  readonly registers: readonly TraceRegister[];
  readonly slots: readonly TraceSlot[];
  readonly refs: readonly Reference[];
}

export interface TraceState {
  /** Outermost first. */
  readonly frames: readonly TraceFrame[];
  readonly spinLock: boolean;
  readonly rcu: boolean;
  readonly preempt: number;
  /** On a path that only speculative execution takes. */
  readonly speculative: boolean;
}

const FREE = { spinLock: false, rcu: false, preempt: 0, speculative: false };

const LETTERS: { readonly [kind: number]: string } = {
  [Slot.Spill]: 'r',
  [Slot.Misc]: 'm',
  [Slot.Zero]: '0',
  [Slot.Dynptr]: 'd',
  [Slot.Iter]: 'i',
};

/** As the log words it, else a letter for each byte. */
export function slotText({ state, bytes }: TraceSlot): string {
  return state.text === '' ? bytes.map((byte) => LETTERS[byte] ?? '?').join('') : state.text;
}

/** @param since events behind this position are changes of the step before. */
export function readState(view: DataView, places: Places, since: number): TraceState {
  const held = places.held > 0 ? readEvent(view, places.held - 1) : undefined;
  const { spinLock, rcu, preempt, speculative } = held?.kind === 'held' ? held : FREE;
  const frames = Array.from({ length: places.frames }, (_, frame) => readFrame(view, places, frame, since));
  return { frames, spinLock, rcu, preempt, speculative };
}

function readFrame(view: DataView, places: Places, frame: number, since: number): TraceFrame {
  const at = places.frameEvent(frame);
  const told = at < 0 ? undefined : readEvent(view, at);
  const refs = places.refsEvent(frame);
  const references = refs < 0 ? undefined : readEvent(view, refs);
  return {
    subprog: told?.kind === 'frame' ? told.subprog : 0,
    callsite: told?.kind === 'frame' ? told.callsite : -1,
    callback: told?.kind === 'frame' && (told.callback || told.asyncCallback || told.exceptionCallback),
    registers: readRegisters(view, places, frame, since),
    slots: readSlots(view, places, frame, since),
    refs: references?.kind === 'refs' ? references.refs : [],
  };
}

function readRegisters(view: DataView, places: Places, frame: number, since: number): TraceRegister[] {
  const registers: TraceRegister[] = [];
  for (let register = 0; register < REGISTERS; register++) {
    const at = places.registerEvent(frame, register);
    const event = at < 0 ? undefined : readEvent(view, at);
    if (event?.kind === 'reg')
      registers.push({ name: `R${register}`, state: event.state, changed: at > since });
  }
  return registers;
}

function readSlots(view: DataView, places: Places, frame: number, since: number): TraceSlot[] {
  const slots: TraceSlot[] = [];
  for (let slot = 0; slot < SLOTS; slot++) {
    const at = places.slotEvent(frame, slot);
    const event = at < 0 ? undefined : readEvent(view, at);
    if (event?.kind !== 'slot' || event.bytes.every((byte) => byte === 0)) continue;
    const { state, bytes } = event;
    slots.push({ name: `fp-${(slot + 1) * 8}`, state, bytes, changed: at > since });
  }
  return slots;
}
