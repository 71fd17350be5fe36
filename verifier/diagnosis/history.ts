/** Where a value came from: the steps that made it what it is, in the order in which they happened. */
import type { Insn } from '../../bpf/decode.ts';
import { Alu, Atomic, CallKind, Class, Jmp, Mode, Source } from '../../bpf/isa.ts';
import type { RegisterState } from '../event-reader.ts';
import { Reg } from '../types.ts';
import type { Change, FailedPath, Place } from './path.ts';

/** What a step did to the value. */
export type HistoryAction =
  /** There from the start: the context, the frame pointer, an argument of a function verified on its own. */
  | 'entry'
  /** A constant, an address of a map, a function. */
  | 'constant'
  /** Result of a helper or a kernel function. */
  | 'returned'
  /** Read out of memory. */
  | 'loaded'
  /** The same value, from another register or place. */
  | 'copied'
  | 'computed'
  /** A branch told something about it. */
  | 'refined'
  /** A reference, a lock or a section begins. */
  | 'acquired'
  /** Lost or changed by something that was done to something else. */
  | 'invalidated';

export interface HistoryEntry {
  /** Instructions of the failed path before it; -1 for what holds at the start. */
  step: number;
  /** -1 for what holds at the start. */
  insn: number;
  action: HistoryAction;
  /** "R2", "fp-16". */
  place: string;
  /** What was known of the place after it, as the log words it. */
  state: string;
}

/** Steps looked back: a loop's rounds may be many. */
const MAX_STEPS = 4096;
const SLOT_BYTES = 8;
const FRAME_POINTER = 10;

export function placeName(place: Place): string {
  return place.kind === 'reg' ? `R${place.index}` : `fp-${(place.index + 1) * SLOT_BYTES}`;
}

/** What one step says about where to look next. */
interface Origin {
  action: HistoryAction;
  /** Where the value was before; undefined where it began here. */
  from?: Place;
}

export class History {
  private readonly path: FailedPath;
  private readonly insns: ReadonlyMap<number, Insn>;

  /** @param insns instructions by slot. */
  constructor(path: FailedPath, insns: ReadonlyMap<number, Insn>) {
    this.path = path;
    this.insns = insns;
  }

  /** How a place came to what it holds before a step, first cause first. */
  of(place: Place, before: number): HistoryEntry[] {
    const entries: HistoryEntry[] = [];
    let at: Place | undefined = place;
    let limit = before;
    for (let i = 0; at && i < MAX_STEPS; i++) {
      const change: Change | undefined = this.path.lastChange(at, limit);
      if (!change) break;
      const origin: Origin = change.step < 0 ? { action: 'entry' } : this.originOf(at, change);
      const insn = change.step < 0 ? -1 : (this.path.insns[change.step] ?? -1);
      const { step } = change;
      entries.push({ step, insn, action: origin.action, place: placeName(at), state: describe(change) });
      at = origin.from;
      limit = change.step;
    }
    return withoutRounds(entries.reverse());
  }

  /** The instruction that acquired a reference, and what it gave. */
  ofAcquisition(insn: number, id: number): HistoryEntry[] {
    const step = this.path.insns.lastIndexOf(insn);
    const frame = this.path.frames[step];
    if (frame === undefined) return [];
    const result: Place = { frame, kind: 'reg', index: 0 };
    const change = this.path.lastChange(result, step + 1);
    // What an iterator acquires stands on the stack, not in R0.
    const returned = change?.state.refId === id;
    const place = returned ? placeName(result) : '';
    return [{ step, insn, action: 'acquired', place, state: returned ? describe(change) : '' }];
  }

  /** The instruction that took the lock or began the section that is still open. */
  ofSection(): HistoryEntry[] {
    const step = this.path.sectionStart;
    const insn = this.path.insns[step];
    return insn === undefined ? [] : [{ step, insn, action: 'acquired', place: '', state: '' }];
  }

  /** What the step did that changed a place. */
  private originOf(place: Place, change: Change): Origin {
    const insn = this.insns.get(this.path.insns[change.step] ?? -1);
    if (!insn) return { action: 'invalidated', from: place };
    const frame = this.path.frames[change.step] ?? 0;
    const cls = insn.code & Class.Mask;
    if (cls === Class.Jmp || cls === Class.Jmp32) return this.originOfJump(insn, place, frame);
    if (place.frame !== frame) return this.originOfStore(insn, place, change.step, frame);
    if (place.kind === 'slot') return this.originOfStore(insn, place, change.step, frame);
    if (cls === Class.Alu || cls === Class.Alu64) return this.originOfAlu(insn, place, change.step);
    if (cls === Class.Ldx && insn.dst === place.index) return this.originOfLoad(insn, change.step, frame);
    if (cls === Class.Ld) {
      return insn.dst === place.index && insn.slots === 2 ? { action: 'constant' } : { action: 'loaded' };
    }
    return fetches(insn, place.index) ? { action: 'loaded' } : { action: 'invalidated', from: place };
  }

  private originOfJump(insn: Insn, place: Place, frame: number): Origin {
    const op = insn.code & Jmp.Mask;
    if (op === Jmp.Exit) {
      const fromCallee = place.kind === 'reg' && place.index === 0 && place.frame === frame - 1;
      if (fromCallee) return { action: 'copied', from: { ...place, frame } };
      return { action: 'invalidated', from: place };
    }
    if (op !== Jmp.Call) return { action: 'refined', from: place };
    // A call's arguments are the registers of the new frame.
    if (place.frame > frame) {
      const passed = insn.src === CallKind.Local && place.kind === 'reg' && place.index !== FRAME_POINTER;
      return passed ? { action: 'copied', from: { ...place, frame } } : { action: 'entry' };
    }
    if (place.kind === 'reg' && place.index === 0) return { action: 'returned' };
    if (place.kind === 'slot') return { action: 'loaded' };
    return { action: 'invalidated', from: place };
  }

  private originOfAlu(insn: Insn, place: Place, step: number): Origin {
    // Registers that share a value learn from each other.
    if (insn.dst !== place.index) return { action: 'refined', from: place };
    const fromRegister = (insn.code & Source.X) !== 0;
    const op = insn.code & Alu.Mask;
    const source: Place = { frame: place.frame, kind: 'reg', index: insn.src };
    if (op === Alu.Mov) return fromRegister ? { action: 'copied', from: source } : { action: 'constant' };
    if (op === Alu.End || op === Alu.Neg || !fromRegister) return { action: 'computed', from: place };
    // Of a pointer and an offset, or of two numbers, the one that is not known is the one to ask about.
    const operand = this.path.lastChange(source, step)?.state;
    const follow = operand && operand.type === Reg.Scalar && operand.mask !== 0n ? source : place;
    return { action: 'computed', from: follow };
  }

  private originOfLoad(insn: Insn, step: number, frame: number): Origin {
    const slot = this.stackSlot({ frame, kind: 'reg', index: insn.src }, step, insn.offset);
    return slot ? { action: 'copied', from: slot } : { action: 'loaded' };
  }

  private originOfStore(insn: Insn, place: Place, step: number, frame: number): Origin {
    const cls = insn.code & Class.Mask;
    if (place.kind !== 'slot' || (cls !== Class.Stx && cls !== Class.St)) {
      return { action: 'invalidated', from: place };
    }
    const slot = this.stackSlot({ frame, kind: 'reg', index: insn.dst }, step, insn.offset);
    if (!slot || slot.index !== place.index || slot.frame !== place.frame) {
      return { action: 'invalidated', from: place };
    }
    if (cls === Class.St) return { action: 'constant' };
    if ((insn.code & Mode.Mask) === Mode.Atomic) return { action: 'computed', from: place };
    return { action: 'copied', from: { frame, kind: 'reg', index: insn.src } };
  }

  /** The slot that an access goes to; undefined when it is not to a known place on the stack. */
  private stackSlot(base: Place, step: number, offset: number): Place | undefined {
    const pointer =
      base.index === FRAME_POINTER
        ? { at: 0, frame: base.frame }
        : stackPointer(this.path.lastChange(base, step)?.state);
    if (!pointer) return undefined;
    const at = pointer.at + offset;
    if (at >= 0 || at < -512) return undefined;
    return { frame: pointer.frame, kind: 'slot', index: (-at - 1) >> 3 };
  }
}

function stackPointer(state: RegisterState | undefined): { at: number; frame: number } | undefined {
  if (!state || state.type !== Reg.Stack || state.mask !== 0n) return undefined;
  return { at: state.off + Number(BigInt.asIntN(64, state.value)), frame: state.frame };
}

/** Whether an atomic operation leaves the old value in the register. */
function fetches(insn: Insn, register: number): boolean {
  const atomic = (insn.code & Class.Mask) === Class.Stx && (insn.code & Mode.Mask) === Mode.Atomic;
  if (!atomic || (insn.imm & Atomic.Fetch) === 0) return false;
  return register === (insn.imm === Atomic.Cmpxchg ? 0 : insn.src);
}

function describe({ state }: Change): string {
  return state.type === Reg.NotInit && state.text === '' ? 'nothing' : state.text;
}

/** Of what a loop does again and again, the first round and the last are told. */
function withoutRounds(entries: HistoryEntry[]): HistoryEntry[] {
  const keyOf = ({ insn, action, place }: HistoryEntry) => `${insn} ${action} ${place}`;
  const last = new Map(entries.map((entry, i) => [keyOf(entry), i]));
  const seen = new Set<string>();
  return entries.filter((entry, i) => {
    const key = keyOf(entry);
    const first = !seen.has(key);
    seen.add(key);
    return first || last.get(key) === i;
  });
}
