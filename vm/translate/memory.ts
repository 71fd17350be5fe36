/**
 * Loads, stores and atomics as WebAssembly. Low memory is one subtraction and one compare away, as in the
 * interpreter (vm/core/ram.ts). An access to anything else has the interpreter go on with the function (resume.ts);
 * where that happens again and again, the program is translated anew with calls of the core in those places.
 */
import { Atomic, Class, Limit, Mode, Size } from '../../bpf/isa.ts';
import type { Access } from './checks.ts';
import { type Locals, WIDEST } from './locals.ts';
import { emitFuel, emitResume, type Place } from './resume.ts';
import type { Runtime } from './runtime.ts';
import type { Slots } from './slots.ts';
import { Untranslatable } from './untranslatable.ts';
import { Type, Wasm } from './wasm-op.ts';

export interface MemoryOptions {
  /** Loads that fault read as zero. */
  probeLoads: boolean;
  /** Whether the access of the instruction at a slot was proven to stay in low memory. */
  verified: (slot: number) => boolean;
  /** Whether the access of the instruction at a slot is often one to other memory. */
  slow: (slot: number) => boolean;
}

/** What accesses need to know of the function they are in. */
export interface MemoryContext {
  runtime: Runtime;
  slots: Slots;
  options: MemoryOptions;
  /** Function of the module that goes on in the interpreter. */
  resume: number;
  hasMayGoto: boolean;
}

export class MemoryEmitter {
  private readonly locals: Locals;
  private readonly context: MemoryContext;
  private readonly runtime: Runtime;
  private readonly slots: Slots;
  private place: Place = { slot: 0, owed: 0, live: 0, check: undefined };

  constructor(locals: Locals, context: MemoryContext) {
    this.locals = locals;
    this.context = context;
    this.runtime = context.runtime;
    this.slots = context.slots;
  }

  /** Emits an instruction of classes Ldx, St and Stx. */
  emit(place: Place): void {
    this.place = place;
    const { slot } = place;
    const { probeLoads } = this.context.options;
    const code = this.slots.code(slot);
    const mode = code & Mode.Mask;
    const isAtomic = (code & Class.Mask) === Class.Stx && mode === Mode.Atomic;
    if ((code & Class.Mask) === Class.Ldx) {
      const signed = mode === Mode.Memsx || mode === Mode.ProbeMemsx;
      this.load(signed, probeLoads || mode === Mode.ProbeMem || mode === Mode.ProbeMemsx);
    } else if (!isAtomic || this.slots.imm(slot) === Atomic.StoreRelease) this.store(!isStoreOfImm(code));
    else if (this.slots.imm(slot) === Atomic.LoadAcquire) this.load(false, probeLoads);
    else this.atomic();
  }

  private access(base: number): Access {
    return accessAt(this.slots, this.place.slot, base);
  }

  private get isSlow(): boolean {
    return this.context.options.slow(this.place.slot);
  }

  private load(signed: boolean, probes: boolean): void {
    const access = this.access(this.slots.src(this.place.slot));
    if (this.isSlow && !isStack(access)) this.loadSlowly(access, signed, probes);
    else {
      this.check(access);
      const offset = this.address(access);
      this.locals.code.memory(loadOp(access.size, signed), offset);
    }
    this.locals.set(this.slots.dst(this.place.slot));
  }

  private loadSlowly(access: Access, signed: boolean, probes: boolean): void {
    const { code } = this.locals;
    this.inLow(access);
    code.open(Wasm.If, Type.I64);
    code.memory(loadOp(access.size, signed), this.address(access));
    code.op(Wasm.Else);
    this.pointer(access);
    code.i32(access.size);
    code.i32(probes ? 1 : 0);
    this.slotAndFuel();
    code.call(this.runtime.tierRead);
    if (signed && access.size < 8) code.op(extensionOp(access.size));
    code.end();
  }

  private store(fromRegister: boolean): void {
    const { code } = this.locals;
    const { slot } = this.place;
    const access = this.access(this.slots.dst(slot));
    const value = (): void =>
      fromRegister ? this.locals.get(this.slots.src(slot)) : code.i64(this.slots.imm(slot));
    const direct = (): void => {
      const offset = this.address(access);
      value();
      code.memory(storeOp(access.size), offset);
    };
    if (!this.isSlow || isStack(access)) {
      this.check(access);
      direct();
      return;
    }
    this.inLow(access);
    code.open(Wasm.If);
    direct();
    code.op(Wasm.Else);
    this.pointer(access);
    value();
    code.i32(access.size);
    this.slotAndFuel();
    code.call(this.runtime.tierWrite);
    code.end();
  }

  /** Goes on only when what the access is to check is in low memory, if it is to check anything. */
  private check({ base, offset, size }: Access): void {
    const { code } = this.locals;
    const check = this.place.check;
    if (!check) return;
    this.inLow({ base, offset: offset + check.start, size }, check.length);
    code.op(Wasm.I32Eqz);
    code.open(Wasm.If);
    emitResume(this.locals, this.context.resume, this.place, this.context.hasMayGoto);
    code.end();
  }

  /** Leaves whether `length` bytes from where an access starts on are in low memory. */
  private inLow({ base, offset }: Access, length = WIDEST): void {
    const { code } = this.locals;
    code.get(this.locals.low);
    this.locals.get(base);
    code.op(Wasm.I64Add);
    if (offset !== 0) {
      code.i64(offset);
      code.op(Wasm.I64Add);
    }
    code.get(this.locals.span);
    if (length > WIDEST) {
      code.i64(length - WIDEST);
      code.op(Wasm.I64Sub);
    }
    code.op(Wasm.I64LtU);
  }

  /**
   * Leaves the i32 address of an access to low memory. The direct map starts at a multiple of 4 GiB: the low half
   * of a pointer is its linear offset.
   * @returns the offset that the access adds
   */
  private address(access: Access): number {
    const { code } = this.locals;
    if (isStack(access)) {
      code.get(this.locals.frame);
      return Limit.Stack + access.offset;
    }
    this.locals.get32(access.base);
    if (access.offset >= 0) return access.offset;
    code.i32(access.offset);
    code.op(Wasm.I32Add);
    return 0;
  }

  private pointer({ base, offset }: Access): void {
    this.locals.get(base);
    if (offset === 0) return;
    this.locals.code.i64(offset);
    this.locals.code.op(Wasm.I64Add);
  }

  private slotAndFuel(): void {
    this.locals.code.i32(this.place.slot);
    emitFuel(this.locals, this.place.owed);
  }

  private atomic(): void {
    const { code } = this.locals;
    const { slot } = this.place;
    const access = this.access(this.slots.dst(slot));
    const wide = access.size === 8;
    if (access.size < 4) throw new Untranslatable(`insn ${slot} is an atomic of ${access.size} bytes`);
    const at = this.locals.temporary('at', Type.I32);
    const slow = this.isSlow && !isStack(access);
    if (slow) {
      this.inLow(access);
      code.open(Wasm.If, Type.I32);
    } else this.check(access);
    code.i32(this.address(access));
    code.op(Wasm.I32Add);
    if (slow) {
      code.op(Wasm.Else);
      this.pointer(access);
      code.i32(access.size);
      this.slotAndFuel();
      code.call(this.runtime.tierAtomic);
      code.end();
    }
    code.set(at);
    const before = this.locals.temporary('before', Type.I64);
    code.get(at);
    code.memory(wide ? Wasm.I64Load : Wasm.I64Load32U, 0);
    code.set(before);
    if (this.slots.imm(this.place.slot) === Atomic.Cmpxchg) this.compareAndExchange(at, before, wide);
    else this.modify(at, before, wide);
  }

  private compareAndExchange(at: number, before: number, wide: boolean): void {
    const { code } = this.locals;
    code.get(before);
    this.locals.get(0);
    if (!wide) {
      code.op(Wasm.I32WrapI64);
      code.op(Wasm.I64ExtendI32U);
    }
    code.op(Wasm.I64Eq);
    code.open(Wasm.If);
    code.get(at);
    this.locals.get(this.slots.src(this.place.slot));
    code.memory(wide ? Wasm.I64Store : Wasm.I64Store32, 0);
    code.end();
    code.get(before);
    this.locals.set(0);
  }

  private modify(at: number, before: number, wide: boolean): void {
    const { code } = this.locals;
    const operation = this.slots.imm(this.place.slot);
    const src = this.slots.src(this.place.slot);
    code.get(at);
    if (operation === Atomic.Xchg) this.locals.get(src);
    else {
      code.get(before);
      this.locals.get(src);
      code.op(combination(operation & ~Atomic.Fetch, this.place.slot));
    }
    code.memory(wide ? Wasm.I64Store : Wasm.I64Store32, 0);
    if ((operation & Atomic.Fetch) === 0) return;
    code.get(before);
    this.locals.set(src);
  }
}

/**
 * The access of an instruction that must be checked. There is no need to for those to the function's own stack, which
 * is in low memory always, for those that the caller of the translation vouches for, and for those that ask the core.
 */
export function accessToCheck(slots: Slots, slot: number, options: MemoryOptions): Access | undefined {
  const code = slots.code(slot);
  const cls = code & Class.Mask;
  if (cls !== Class.Ldx && cls !== Class.St && cls !== Class.Stx) return undefined;
  const mode = code & Mode.Mask;
  const acquires = cls === Class.Stx && mode === Mode.Atomic && slots.imm(slot) === Atomic.LoadAcquire;
  const loads = cls === Class.Ldx || acquires;
  const access = accessAt(slots, slot, loads ? slots.src(slot) : slots.dst(slot));
  if (isStack(access) || options.slow(slot)) return undefined;
  const probes = loads && (options.probeLoads || mode === Mode.ProbeMem || mode === Mode.ProbeMemsx);
  return !probes && options.verified(slot) ? undefined : access;
}

function accessAt(slots: Slots, slot: number, base: number): Access {
  return { base, offset: slots.offset(slot), size: sizeOf(slots.code(slot)) };
}

function isStoreOfImm(code: number): boolean {
  return (code & Class.Mask) === Class.St;
}

function isStack({ base, offset, size }: Access): boolean {
  return base === 10 && offset >= -Limit.Stack && offset + size <= 0;
}

function sizeOf(code: number): number {
  const size = code & Size.Mask;
  if (size === Size.B) return 1;
  if (size === Size.H) return 2;
  return size === Size.W ? 4 : 8;
}

function loadOp(size: number, signed: boolean): Wasm {
  if (size === 8) return Wasm.I64Load;
  if (size === 4) return signed ? Wasm.I64Load32S : Wasm.I64Load32U;
  if (size === 2) return signed ? Wasm.I64Load16S : Wasm.I64Load16U;
  return signed ? Wasm.I64Load8S : Wasm.I64Load8U;
}

function storeOp(size: number): Wasm {
  if (size === 8) return Wasm.I64Store;
  if (size === 4) return Wasm.I64Store32;
  return size === 2 ? Wasm.I64Store16 : Wasm.I64Store8;
}

function extensionOp(size: number): Wasm {
  if (size === 4) return Wasm.I64Extend32S;
  return size === 2 ? Wasm.I64Extend16S : Wasm.I64Extend8S;
}

function combination(operation: number, slot: number): Wasm {
  switch (operation) {
    case Atomic.Add:
      return Wasm.I64Add;
    case Atomic.Or:
      return Wasm.I64Or;
    case Atomic.And:
      return Wasm.I64And;
    case Atomic.Xor:
      return Wasm.I64Xor;
    default:
      throw new Untranslatable(`insn ${slot} is an unknown atomic`);
  }
}
