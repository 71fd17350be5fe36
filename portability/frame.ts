/** Registers and stack of one function, as far as branches go by them. */
import { Alu, Atomic, Class, Jmp, Limit, Mode, MovOffset, Size, Source } from '../bpf/isa.ts';
import type { Insns } from '../loader/insns.ts';
import { calculate, join, lowHalf, type Value } from './values.ts';

const FRAME_POINTER = 10;
/** Bytes of a stack slot. */
const SLOT = 8;
const STACK_SLOTS = Limit.Stack / SLOT;

/** What instructions that refer to something outside of the code load. */
export type Loaded = (slot: number) => Value | undefined;

export class Frame {
  private readonly values: Value[];
  /** An address within the frame has been made: others may write there. */
  private isExposed: boolean;

  private constructor(values: Value[], isExposed: boolean) {
    this.values = values;
    this.isExposed = isExposed;
  }

  /** @param parameters of r1 to r5. */
  static entry(parameters: readonly Value[]): Frame {
    const values = new Array<Value>(Limit.Registers + STACK_SLOTS).fill('any');
    for (const [index, value] of parameters.entries()) values[index + 1] = value;
    return new Frame(values, false);
  }

  copy(): Frame {
    return new Frame([...this.values], this.isExposed);
  }

  register(index: number): Value {
    return this.values[index] ?? 'any';
  }

  set(index: number, value: Value): void {
    if (index < FRAME_POINTER) this.values[index] = value;
  }

  /** Takes another path's values in; whether that changed anything. */
  meet(other: Frame): boolean {
    let changed = other.isExposed && !this.isExposed;
    this.isExposed ||= other.isExposed;
    for (const [index, value] of other.values.entries()) {
      const before = this.values[index] ?? 'any';
      const after = join(before, value);
      if (after === before) continue;
      this.values[index] = after;
      changed = true;
    }
    return changed;
  }

  /** Does what an instruction does, unless it is a jump. */
  step(insns: Insns, slot: number, loaded: Loaded): void {
    const code = insns.code(slot);
    switch (code & Class.Mask) {
      case Class.Alu:
      case Class.Alu64:
        this.arithmetic(insns, slot, loaded);
        break;
      case Class.Ld:
        if (insns.isLdImm64(slot)) this.set(insns.dst(slot), loaded(slot) ?? wide(insns, slot));
        else this.set(0, 'any');
        break;
      case Class.Ldx:
        this.load(insns, slot);
        break;
      case Class.St:
        this.store(insns, slot, immediate(insns, slot));
        break;
      case Class.Stx:
        if ((code & Mode.Mask) === Mode.Atomic) this.atomic(insns, slot);
        else this.store(insns, slot, this.register(insns.src(slot)));
        break;
      default:
        if ((code & Jmp.Mask) === Jmp.Call && (code & Class.Mask) === Class.Jmp) this.call();
    }
  }

  /** Second operand of a jump or of arithmetic. */
  operand(insns: Insns, slot: number): Value {
    const isRegister = (insns.code(slot) & Source.X) !== 0;
    return isRegister ? this.register(insns.src(slot)) : immediate(insns, slot);
  }

  private arithmetic(insns: Insns, slot: number, loaded: Loaded): void {
    const code = insns.code(slot);
    const dst = insns.dst(slot);
    const is32 = (code & Class.Mask) === Class.Alu;
    const isRegister = (code & Source.X) !== 0;
    const value = (isRegister ? undefined : loaded(slot)) ?? this.operand(insns, slot);
    const operation = code & Alu.Mask;
    if (operation !== Alu.Mov) {
      const isUnary = operation === Alu.Neg || operation === Alu.End;
      this.set(dst, calculate(operation, this.register(dst), isUnary ? 0n : value, is32));
      return;
    }
    if (isRegister && insns.src(slot) === FRAME_POINTER) this.isExposed = true;
    const isPlain = !isRegister || insns.offset(slot) === MovOffset.Plain;
    const moved = is32 ? lowHalf(value) : value;
    this.set(dst, isPlain || moved === 'any' ? moved : 'known');
  }

  private load(insns: Insns, slot: number): void {
    const { dst, from } = { dst: insns.dst(slot), from: insns.src(slot) };
    if (from !== FRAME_POINTER) {
      this.set(dst, this.register(from) === 'data' ? 'known' : 'any');
      return;
    }
    const place = stackIndex(insns.offset(slot));
    const value = place === undefined ? 'any' : (this.values[place] ?? 'any');
    this.set(dst, isWhole(insns, slot) || value === 'any' ? value : 'known');
  }

  private store(insns: Insns, slot: number, value: Value): void {
    if (insns.dst(slot) !== FRAME_POINTER) {
      this.blur();
      return;
    }
    const place = stackIndex(insns.offset(slot));
    if (place !== undefined) this.values[place] = isWhole(insns, slot) || value === 'any' ? value : 'known';
  }

  private atomic(insns: Insns, slot: number): void {
    this.store(insns, slot, 'any');
    const operation = insns.imm(slot);
    if (operation === Atomic.LoadAcquire) this.set(insns.dst(slot), 'any');
    else if (operation === Atomic.Cmpxchg) this.set(0, 'any');
    else if ((operation & Atomic.Fetch) !== 0) this.set(insns.src(slot), 'any');
  }

  private call(): void {
    for (let index = 0; index <= 5; index++) this.set(index, 'any');
    this.blur();
  }

  /** Somebody else may have written to the stack. */
  private blur(): void {
    if (!this.isExposed) return;
    for (let index = Limit.Registers; index < this.values.length; index++) {
      if (typeof this.values[index] === 'bigint') this.values[index] = 'known';
    }
  }
}

function stackIndex(offset: number): number | undefined {
  const slot = Math.floor((Limit.Stack + offset) / SLOT);
  return slot >= 0 && slot < STACK_SLOTS ? Limit.Registers + slot : undefined;
}

/** Whether an access takes a whole stack slot. */
function isWhole(insns: Insns, slot: number): boolean {
  return (insns.code(slot) & Size.Mask) === Size.Dw && insns.offset(slot) % SLOT === 0;
}

function immediate(insns: Insns, slot: number): Value {
  return BigInt.asUintN(64, BigInt(insns.imm(slot)));
}

function wide(insns: Insns, slot: number): Value {
  return (BigInt(insns.imm(slot + 1) >>> 0) << 32n) | BigInt(insns.imm(slot) >>> 0);
}
