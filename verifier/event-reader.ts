/** The core's event stream (event-abi.ts) as objects. */
import {
  BranchEvent,
  EventHead,
  EventKind,
  FrameEvent,
  FrameFlag,
  FunctionEvent,
  HeldEvent,
  InsnEvent,
  PreciseEvent,
  RegEvent,
  StateEvent,
} from './event-abi.ts';

/** What a verification did, in the order in which it did it. */
export interface EventLog {
  bytes: Uint8Array;
  /** There were more events than the core keeps (128 MiB): only the last ones are here. */
  lost: boolean;
}

/** What is known of a register, or of one that is spilled. */
export interface RegisterState {
  /** `Reg` and `Flag` bits of types.ts. */
  type: number;
  /** Constant part of a pointer's offset, in bytes. */
  off: number;
  id: number;
  refId: number;
  /** Frame a stack pointer points into. */
  frame: number;
  precise: boolean;
  /** Map pointers and values: index into the request's maps; memory: size; packet: range; functions: subprogram. */
  detail: number;
  /** BTF pointers: type id. */
  typeId: number;
  /** Known bits, and mask of the unknown ones. */
  value: bigint;
  mask: bigint;
  smin: bigint;
  smax: bigint;
  umin: bigint;
  umax: bigint;
  smin32: number;
  smax32: number;
  umin32: number;
  umax32: number;
  /** As the log words it; "" when the request asked for no log. */
  text: string;
}

export interface Reference {
  id: number;
  /** Instruction that acquired it. */
  insn: number;
}

export type VerifierEvent =
  | { kind: 'function'; subprog: number; insn: number }
  | { kind: 'insn' | 'exit'; frame: number; insn: number; logPosition: number }
  | {
      kind: 'frame';
      frame: number;
      callsite: number;
      subprog: number;
      callback: boolean;
      asyncCallback: boolean;
      exceptionCallback: boolean;
    }
  | { kind: 'leave'; frame: number }
  | { kind: 'reg'; frame: number; register: number; state: RegisterState }
  /** Slot 0 is fp-8. `bytes`: `Slot` of each of the eight bytes, highest address first. */
  | { kind: 'slot'; frame: number; slot: number; bytes: number[]; state: RegisterState }
  | { kind: 'refs'; frame: number; refs: Reference[] }
  | { kind: 'held'; spinLock: boolean; rcu: boolean; preempt: number; speculative: boolean }
  | {
      kind: 'branch' | 'resume';
      frame: number;
      path: number;
      insn: number;
      from: number;
      speculative: boolean;
    }
  | { kind: 'checkpoint' | 'prune'; frame: number; state: number; insn: number }
  /** `at`: instruction for `precise`, number of the kept state for `precise-state`. */
  | { kind: 'precise' | 'precise-state'; frame: number; at: number; registers: number; slots: bigint };

const text = new TextDecoder();

/** The events of a stream, first to last. */
export function* readEvents(bytes: Uint8Array): Generator<VerifierEvent> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += view.getUint32(at + EventHead.Length, true)) {
    yield readEvent(view, at);
  }
}

/** The event at a position. */
export function readEvent(view: DataView, at: number): VerifierEvent {
  const u32 = (field: number) => view.getUint32(at + field, true);
  const i32 = (field: number) => view.getInt32(at + field, true);
  const kind: EventKind = view.getUint8(at + EventHead.Kind);
  const frame = view.getUint8(at + EventHead.Frame);
  const index = view.getUint16(at + EventHead.Index, true);
  switch (kind) {
    case EventKind.Function:
      return { kind: 'function', subprog: u32(FunctionEvent.Subprog), insn: i32(FunctionEvent.Insn) };
    case EventKind.Insn:
    case EventKind.Exit: {
      const name = kind === EventKind.Insn ? 'insn' : 'exit';
      return { kind: name, frame, insn: i32(InsnEvent.Insn), logPosition: u32(InsnEvent.LogPosition) };
    }
    case EventKind.Frame:
      return readFrame(view, at, frame);
    case EventKind.Leave:
      return { kind: 'leave', frame };
    case EventKind.Reg:
      return { kind: 'reg', frame, register: index, state: readRegister(view, at) };
    case EventKind.Slot:
      return { kind: 'slot', frame, slot: index, bytes: slotBytes(view, at), state: readRegister(view, at) };
    case EventKind.Refs:
      return { kind: 'refs', frame, refs: readRefs(view, at) };
    case EventKind.Held:
      return {
        kind: 'held',
        spinLock: u32(HeldEvent.SpinLock) !== 0,
        rcu: u32(HeldEvent.Rcu) !== 0,
        preempt: u32(HeldEvent.Preempt),
        speculative: u32(HeldEvent.Speculative) !== 0,
      };
    case EventKind.Branch:
    case EventKind.Resume:
      return {
        kind: kind === EventKind.Branch ? 'branch' : 'resume',
        frame,
        path: u32(BranchEvent.Path),
        insn: i32(BranchEvent.Insn),
        from: i32(BranchEvent.From),
        speculative: u32(BranchEvent.Speculative) !== 0,
      };
    case EventKind.Checkpoint:
    case EventKind.Prune: {
      const name = kind === EventKind.Checkpoint ? 'checkpoint' : 'prune';
      return { kind: name, frame, state: u32(StateEvent.State), insn: i32(StateEvent.Insn) };
    }
    case EventKind.Precise:
    case EventKind.PreciseState: {
      const name = kind === EventKind.Precise ? 'precise' : 'precise-state';
      const slots = view.getBigUint64(at + PreciseEvent.Slots, true);
      return { kind: name, frame, at: i32(PreciseEvent.At), registers: u32(PreciseEvent.Registers), slots };
    }
  }
}

function readFrame(view: DataView, at: number, frame: number): VerifierEvent {
  const flags = view.getUint32(at + FrameEvent.Flags, true);
  return {
    kind: 'frame',
    frame,
    callsite: view.getInt32(at + FrameEvent.Callsite, true),
    subprog: view.getUint32(at + FrameEvent.Subprog, true),
    callback: (flags & FrameFlag.Callback) !== 0,
    asyncCallback: (flags & FrameFlag.AsyncCallback) !== 0,
    exceptionCallback: (flags & FrameFlag.ExceptionCallback) !== 0,
  };
}

function readRegister(view: DataView, at: number): RegisterState {
  const u32 = (field: number) => view.getUint32(at + field, true);
  const i32 = (field: number) => view.getInt32(at + field, true);
  const u64 = (field: number) => view.getBigUint64(at + field, true);
  const i64 = (field: number) => view.getBigInt64(at + field, true);
  const start = view.byteOffset + at + RegEvent.Size;
  return {
    type: u32(RegEvent.Type),
    off: i32(RegEvent.Off),
    id: u32(RegEvent.Id),
    refId: u32(RegEvent.RefId),
    frame: u32(RegEvent.Frame),
    precise: u32(RegEvent.Precise) !== 0,
    detail: u32(RegEvent.Detail),
    typeId: u32(RegEvent.TypeId),
    value: u64(RegEvent.Value),
    mask: u64(RegEvent.Mask),
    smin: i64(RegEvent.Smin),
    smax: i64(RegEvent.Smax),
    umin: u64(RegEvent.Umin),
    umax: u64(RegEvent.Umax),
    smin32: i32(RegEvent.Smin32),
    smax32: i32(RegEvent.Smax32),
    umin32: u32(RegEvent.Umin32),
    umax32: u32(RegEvent.Umax32),
    text: text.decode(new Uint8Array(view.buffer, start, u32(RegEvent.TextLength))),
  };
}

function slotBytes(view: DataView, at: number): number[] {
  return Array.from({ length: 8 }, (_, i) => view.getUint8(at + RegEvent.Bytes + i));
}

const REF_BYTES = 8;

function readRefs(view: DataView, at: number): Reference[] {
  const count = (view.getUint32(at + EventHead.Length, true) - EventHead.Size) / REF_BYTES;
  return Array.from({ length: count }, (_, i) => {
    const ref = at + EventHead.Size + i * REF_BYTES;
    return { id: view.getUint32(ref, true), insn: view.getInt32(ref + 4, true) };
  });
}
