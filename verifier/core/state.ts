/**
 * What the verifier knows at one point of one path: frames with registers and stack, references, locks.
 *
 * States are copied at every branch and checkpoint, so they are flat records in the arena. Copies never share
 * mutable parts; `RegState.parent` and `VerifierState.parent` point into the states that came before on the
 * path, which stay in place as long as they have open branches.
 *
 * Two states are compared in three ways (`Exactness`): for pruning only what matters must be covered
 * (NotExact), for the infinite-loop test everything must be equal (Exact), for the convergence of open-coded
 * iterators and callbacks ranges must be covered whatever their precision (RangeWithin).
 */
import { Slot, VerifierLimit } from '../types.ts';
import { allocate, reallocate, release } from './arena.ts';
import { spend } from './effort.ts';
import { REG_SIZE, RegState } from './reg.ts';

export const SLOT_SIZE: u32 = 120;
const SLOT_TYPES: u32 = REG_SIZE;

/** An acquired object that must be released on every path. */
@unmanaged
export class RefState {
  id: u32;
  /** Instruction that acquired it. */
  insn: i32;
  /** Call site of the callback frame it was acquired in, 0 outside callbacks. */
  callback: i32;
}

export const REF_SIZE: u32 = 12;

const FRAME_REGS: u32 = 1232;
export const FRAME_SIZE: u32 = FRAME_REGS + 64;

@unmanaged
export class FuncState {
  reg0: u64;

  /** Register r0..r10. */
  reg(index: u32): RegState {
    return changetype<RegState>(changetype<usize>(this) + index * REG_SIZE);
  }

  /** Call instruction that made this frame; -1 in the main program. */
  get callsite(): i32 {
    return load<i32>(changetype<usize>(this), 1232);
  }
  set callsite(value: i32) {
    store<i32>(changetype<usize>(this), value, 1232);
  }
  get frame(): u32 {
    return load<u32>(changetype<usize>(this), 1236);
  }
  set frame(value: u32) {
    store<u32>(changetype<usize>(this), value, 1236);
  }
  get subprog(): u32 {
    return load<u32>(changetype<usize>(this), 1240);
  }
  set subprog(value: u32) {
    store<u32>(changetype<usize>(this), value, 1240);
  }
  /** Depth of asynchronous callbacks. */
  get asyncDepth(): u32 {
    return load<u32>(changetype<usize>(this), 1244);
  }
  set asyncDepth(value: u32) {
    store<u32>(changetype<usize>(this), value, 1244);
  }
  /** Range a callback may return. */
  get returnMin(): i32 {
    return load<i32>(changetype<usize>(this), 1248);
  }
  set returnMin(value: i32) {
    store<i32>(changetype<usize>(this), value, 1248);
  }
  get returnMax(): i32 {
    return load<i32>(changetype<usize>(this), 1252);
  }
  set returnMax(value: i32) {
    store<i32>(changetype<usize>(this), value, 1252);
  }
  get inCallback(): bool {
    return load<bool>(changetype<usize>(this), 1256);
  }
  set inCallback(value: bool) {
    store<bool>(changetype<usize>(this), value, 1256);
  }
  get inAsyncCallback(): bool {
    return load<bool>(changetype<usize>(this), 1257);
  }
  set inAsyncCallback(value: bool) {
    store<bool>(changetype<usize>(this), value, 1257);
  }
  get inExceptionCallback(): bool {
    return load<bool>(changetype<usize>(this), 1258);
  }
  set inExceptionCallback(value: bool) {
    store<bool>(changetype<usize>(this), value, 1258);
  }
  /** How often the callback of this frame's call site was simulated. */
  get callbackDepth(): u32 {
    return load<u32>(changetype<usize>(this), 1260);
  }
  set callbackDepth(value: u32) {
    store<u32>(changetype<usize>(this), value, 1260);
  }
  get refCount(): u32 {
    return load<u32>(changetype<usize>(this), 1264);
  }
  set refCount(value: u32) {
    store<u32>(changetype<usize>(this), value, 1264);
  }
  get refsBlock(): u32 {
    return load<u32>(changetype<usize>(this), 1268);
  }
  set refsBlock(value: u32) {
    store<u32>(changetype<usize>(this), value, 1268);
  }
  /** Bytes of stack in use, a multiple of 8, 0..512. */
  get stackBytes(): u32 {
    return load<u32>(changetype<usize>(this), 1272);
  }
  set stackBytes(value: u32) {
    store<u32>(changetype<usize>(this), value, 1272);
  }
  get stackBlock(): u32 {
    return load<u32>(changetype<usize>(this), 1276);
  }
  set stackBlock(value: u32) {
    store<u32>(changetype<usize>(this), value, 1276);
  }

  get stackSlots(): u32 {
    return this.stackBytes >> 3;
  }

  /** Register spilled in slot `index` (0 is fp-8). */
  spilled(index: u32): RegState {
    return changetype<RegState>(<usize>this.stackBlock + index * SLOT_SIZE);
  }

  /** Address of the eight slot types of slot `index`. */
  slotTypes(index: u32): usize {
    return <usize>this.stackBlock + index * SLOT_SIZE + SLOT_TYPES;
  }

  slotType(index: u32, byte: u32): u32 {
    return load<u8>(this.slotTypes(index) + byte);
  }

  setSlotType(index: u32, byte: u32, type: u32): void {
    store<u8>(this.slotTypes(index) + byte, <u8>type);
  }

  fillSlot(index: u32, type: u32): void {
    memory.fill(this.slotTypes(index), <u8>type, 8);
  }

  /** Whether a register (of any type) is spilled in the slot, from its lowest address on. */
  isSpill(index: u32): bool {
    return this.slotType(index, 7) === Slot.Spill;
  }

  ref(index: u32): RefState {
    return changetype<RefState>(<usize>this.refsBlock + index * REF_SIZE);
  }
}

export const STATE_SIZE: u32 = 160;

@unmanaged
export class VerifierState {
  /** Frame 0..7, see `frame()`. */
  frame0: u32;
  frame1: u32;
  frame2: u32;
  frame3: u32;
  frame4: u32;
  frame5: u32;
  frame6: u32;
  frame7: u32;
  /** State this one was made from: the chain for liveness, precision and loop detection. */
  parent: u32;
  /** Paths from here that are not explored to the end yet. */
  branches: i32;
  insnIndex: u32;
  /** Index of the innermost frame. */
  current: u32;
  /** Spin lock held: object identity and id; 0 for none. */
  lockObject: u32;
  lockId: u32;
  preemptDepth: u32;
  /** First and last instruction verified in this state. */
  firstInsn: i32;
  lastInsn: i32;
  /** Innermost loop header on this state's path that is still open. */
  loopEntry: u32;
  /** Part of the instruction history that belongs to this state: [start, end). */
  historyStart: u32;
  historyEnd: u32;
  depth: u32;
  callbackDepth: u32;
  mayGotoDepth: u32;
  /** Steps of a given path (follow.ts) that were taken. */
  pathStep: u32;
  speculative: bool;
  rcuLocked: bool;
  usedAsLoopEntry: bool;
  sleepable: bool;

  /* Bookkeeping of the lists a state can be in. */
  /** Next in the list of explored or pending states. */
  next: u32;
  missCount: u32;
  hitCount: u32;
  /** Pending states: where to go on, where that was decided, and the log's length then. */
  resumeInsn: i32;
  resumePrevious: i32;
  logPosition: u64;

  /* Bookkeeping of the event stream. */
  /** Number of the pending path, and of the kept state. */
  path: u32;
  serial: u32;
  /** Where the stream stood when the path was queued. */
  eventPosition: u32;
  eventGeneration: u32;

  frame(index: u32): FuncState {
    return changetype<FuncState>(load<u32>(changetype<usize>(this) + index * 4));
  }

  setFrame(index: u32, frame: FuncState): void {
    store<u32>(changetype<usize>(this) + index * 4, <u32>changetype<usize>(frame));
  }

  get currentFrame(): FuncState {
    return this.frame(this.current);
  }

  hasFrame(index: u32): bool {
    return load<u32>(changetype<usize>(this) + index * 4) !== 0;
  }
}

export function isNull(state: VerifierState): bool {
  return changetype<usize>(state) === 0;
}

export function newFrame(): FuncState {
  return changetype<FuncState>(allocate(FRAME_SIZE));
}

export function newState(): VerifierState {
  return changetype<VerifierState>(allocate(STATE_SIZE));
}

export function freeFrame(frame: FuncState): void {
  if (changetype<usize>(frame) === 0) return;
  release(<usize>frame.refsBlock, frame.refCount * REF_SIZE);
  release(<usize>frame.stackBlock, frame.stackSlots * SLOT_SIZE);
  release(changetype<usize>(frame), FRAME_SIZE);
}

/** Frees the frames of a state, and the state itself. */
export function freeState(state: VerifierState): void {
  freeFrames(state, 0);
  release(changetype<usize>(state), STATE_SIZE);
}

function freeFrames(state: VerifierState, from: u32): void {
  for (let i = from; i < <u32>VerifierLimit.Frames; i++) {
    freeFrame(state.frame(i));
    state.setFrame(i, changetype<FuncState>(0));
  }
}

/** Copies a frame over another one, reusing its blocks where they fit. */
export function copyFrame(to: FuncState, from: FuncState): void {
  const refs = resized(to.refsBlock, to.refCount * REF_SIZE, from.refCount * REF_SIZE);
  const stack = resized(to.stackBlock, to.stackSlots * SLOT_SIZE, from.stackSlots * SLOT_SIZE);
  memory.copy(changetype<usize>(to), changetype<usize>(from), FRAME_SIZE);
  to.refsBlock = refs;
  to.stackBlock = stack;
  spend((from.refCount + from.stackSlots) >> 2);
  memory.copy(<usize>refs, <usize>from.refsBlock, from.refCount * REF_SIZE);
  memory.copy(<usize>stack, <usize>from.stackBlock, from.stackSlots * SLOT_SIZE);
}

/** A block for `size` bytes; its content is the caller's to write. */
function resized(block: u32, oldSize: u32, size: u32): u32 {
  if (oldSize === size) return block;
  if (block !== 0) release(block, oldSize);
  return size === 0 ? 0 : <u32>allocate(size);
}

/** Copies a state's content over another one; list bookkeeping stays. */
export function copyState(to: VerifierState, from: VerifierState): void {
  for (let i: u32 = 0; i < <u32>VerifierLimit.Frames; i++) {
    const source = from.frame(i);
    if (i > from.current || changetype<usize>(source) === 0) {
      freeFrame(to.frame(i));
      to.setFrame(i, changetype<FuncState>(0));
      continue;
    }
    if (!to.hasFrame(i)) to.setFrame(i, newFrame());
    copyFrame(to.frame(i), source);
  }
  const start = offsetof<VerifierState>('parent');
  const length = offsetof<VerifierState>('next') - start;
  memory.copy(changetype<usize>(to) + start, changetype<usize>(from) + start, length);
}

/** Makes sure that the frame has at least `bytes` of stack; new slots are invalid. */
export function growStack(frame: FuncState, bytes: u32): void {
  const wanted = (bytes + 7) & ~7;
  const have = frame.stackBytes;
  if (wanted <= have) return;
  frame.stackBlock = <u32>reallocate(frame.stackBlock, (have >> 3) * SLOT_SIZE, (wanted >> 3) * SLOT_SIZE);
  frame.stackBytes = wanted;
}

/** Adds a reference to the frame. */
export function pushRef(frame: FuncState, id: u32, insn: i32, callback: i32): void {
  const count = frame.refCount;
  frame.refsBlock = <u32>reallocate(frame.refsBlock, count * REF_SIZE, (count + 1) * REF_SIZE);
  frame.refCount = count + 1;
  const ref = frame.ref(count);
  ref.id = id;
  ref.insn = insn;
  ref.callback = callback;
}

/** Removes reference `index`: the last one takes its place. */
export function removeRef(frame: FuncState, index: u32): void {
  const last = frame.refCount - 1;
  if (index !== last) {
    memory.copy(changetype<usize>(frame.ref(index)), changetype<usize>(frame.ref(last)), REF_SIZE);
  }
  frame.refsBlock = <u32>reallocate(frame.refsBlock, (last + 1) * REF_SIZE, last * REF_SIZE);
  frame.refCount = last;
}
