/** Arithmetic (RFC 9669 sections 4.1 and 4.2) as WebAssembly. */
import { Alu, Class, MovOffset, Source } from '../../bpf/isa.ts';
import type { Locals } from './locals.ts';
import type { Runtime } from './runtime.ts';
import type { Slots } from './slots.ts';
import { Untranslatable } from './untranslatable.ts';
import { Type, Wasm } from './wasm-op.ts';

/** [64 bits, 32 bits]. The shifts of both instruction sets use the low 6 or 5 bits of the count. */
const OPERATIONS: { readonly [operation: number]: readonly [Wasm, Wasm] } = {
  [Alu.Add]: [Wasm.I64Add, Wasm.I32Add],
  [Alu.Sub]: [Wasm.I64Sub, Wasm.I32Sub],
  [Alu.Mul]: [Wasm.I64Mul, Wasm.I32Mul],
  [Alu.Or]: [Wasm.I64Or, Wasm.I32Or],
  [Alu.And]: [Wasm.I64And, Wasm.I32And],
  [Alu.Xor]: [Wasm.I64Xor, Wasm.I32Xor],
  [Alu.Lsh]: [Wasm.I64Shl, Wasm.I32Shl],
  [Alu.Rsh]: [Wasm.I64ShrU, Wasm.I32ShrU],
  [Alu.Arsh]: [Wasm.I64ShrS, Wasm.I32ShrS],
};

const DIVISIONS = {
  div: { unsigned: [Wasm.I64DivU, Wasm.I32DivU], signed: [Wasm.I64DivS, Wasm.I32DivS] },
  mod: { unsigned: [Wasm.I64RemU, Wasm.I32RemU], signed: [Wasm.I64RemS, Wasm.I32RemS] },
} as const;

/** Emits the instruction of classes Alu and Alu64 at a slot. */
export function emitAlu(locals: Locals, runtime: Runtime, slots: Slots, slot: number): void {
  new AluEmitter(locals, runtime, slots, slot).emit();
}

class AluEmitter {
  private readonly locals: Locals;
  private readonly runtime: Runtime;
  private readonly dst: number;
  private readonly src: number;
  private readonly imm: number;
  private readonly offset: number;
  private readonly operation: number;
  private readonly wide: boolean;
  private readonly fromRegister: boolean;
  private readonly slot: number;

  constructor(locals: Locals, runtime: Runtime, slots: Slots, slot: number) {
    const code = slots.code(slot);
    this.locals = locals;
    this.runtime = runtime;
    this.slot = slot;
    this.dst = slots.dst(slot);
    this.src = slots.src(slot);
    this.imm = slots.imm(slot);
    this.offset = slots.offset(slot);
    this.operation = code & Alu.Mask;
    this.wide = (code & Class.Mask) === Class.Alu64;
    this.fromRegister = (code & Source.X) !== 0;
  }

  emit(): void {
    switch (this.operation) {
      case Alu.Mov:
        this.move();
        return;
      case Alu.Neg:
        this.negate();
        return;
      case Alu.End:
        this.swap();
        return;
      case Alu.Div:
      case Alu.Mod:
        this.fromRegister ? this.divide() : this.divideByConstant();
        return;
      default:
        this.plain();
        return;
    }
  }

  private plain(): void {
    const operation = OPERATIONS[this.operation];
    if (!operation) throw new Untranslatable(`insn ${this.slot} has an unknown operation`);
    this.getDst();
    this.operand();
    this.op(operation);
    this.setDst();
  }

  private move(): void {
    const { code } = this.locals;
    if (!this.fromRegister || this.offset === MovOffset.Plain) {
      this.operand();
      this.setDst();
      return;
    }
    if (this.offset === MovOffset.AddrSpaceCast) {
      this.cast();
      return;
    }
    this.getSrc();
    if (this.offset === MovOffset.Sext32) code.op(Wasm.I64Extend32S);
    else if (this.offset === MovOffset.Sext16) this.op([Wasm.I64Extend16S, Wasm.I32Extend16S]);
    else this.op([Wasm.I64Extend8S, Wasm.I32Extend8S]);
    this.setDst();
  }

  /** imm is (destination space << 16) | source space; space 0 is the kernel's, 1 the arena's. */
  private cast(): void {
    this.locals.get32(this.src);
    if (this.imm === 1) {
      this.locals.set32(this.dst);
      return;
    }
    this.locals.code.call(this.runtime.tierUserPointer);
    this.locals.set(this.dst);
  }

  private negate(): void {
    this.zero();
    this.getDst();
    this.op([Wasm.I64Sub, Wasm.I32Sub]);
    this.setDst();
  }

  private divideByConstant(): void {
    const isDivision = this.operation === Alu.Div;
    const signed = this.offset === 1;
    if (this.imm === 0 || (signed && this.imm === -1)) {
      // x / 0 is 0, x % 0 is x, x / -1 is -x without a trap, x % -1 is 0.
      if (isDivision && this.imm === -1) {
        this.negate();
        return;
      }
      if (isDivision || this.imm === -1) this.zero();
      else this.getDst();
      this.setDst();
      return;
    }
    this.getDst();
    this.operand();
    this.op(DIVISIONS[isDivision ? 'div' : 'mod'][signed ? 'signed' : 'unsigned']);
    this.setDst();
  }

  /** WebAssembly traps where BPF gives a value: by zero, and for the smallest number by -1. */
  private divide(): void {
    const { code } = this.locals;
    const isDivision = this.operation === Alu.Div;
    const signed = this.offset === 1;
    this.getSrc();
    if (signed) {
      this.constant(1);
      this.op([Wasm.I64Add, Wasm.I32Add]);
      this.constant(2);
      this.op([Wasm.I64LtU, Wasm.I32LtU]);
    } else {
      this.op([Wasm.I64Eqz, Wasm.I32Eqz]);
    }
    code.open(Wasm.If, this.wide ? Type.I64 : Type.I32);
    this.trivialQuotient(isDivision, signed);
    code.op(Wasm.Else);
    this.getDst();
    this.getSrc();
    this.op(DIVISIONS[isDivision ? 'div' : 'mod'][signed ? 'signed' : 'unsigned']);
    code.end();
    this.setDst();
  }

  /** By 0 (and, when signed, -1): the quotient is x * 0 or x * -1, the remainder x * (0 + 1) or x * (-1 + 1). */
  private trivialQuotient(isDivision: boolean, signed: boolean): void {
    if (!signed) {
      if (isDivision) this.zero();
      else this.getDst();
      return;
    }
    this.getDst();
    this.getSrc();
    if (!isDivision) {
      this.constant(1);
      this.op([Wasm.I64Add, Wasm.I32Add]);
    }
    this.op([Wasm.I64Mul, Wasm.I32Mul]);
  }

  /** Class Alu converts to little (K) or big (X) endian, class Alu64 swaps always. */
  private swap(): void {
    const { locals } = this;
    const swaps = this.wide || this.fromRegister;
    if (this.imm === 64) {
      if (!swaps) return;
      this.swapped(() => locals.get32(this.dst));
      locals.code.op(Wasm.I64ExtendI32U);
      locals.code.i64(32);
      locals.code.op(Wasm.I64Shl);
      this.swapped(() => this.highHalf());
      locals.code.op(Wasm.I64ExtendI32U);
      locals.code.op(Wasm.I64Or);
      locals.set(this.dst);
      return;
    }
    if (this.imm === 32) {
      if (swaps) this.swapped(() => locals.get32(this.dst));
      else locals.get32(this.dst);
    } else {
      locals.get32(this.dst);
      locals.code.i32(0xffff);
      locals.code.op(Wasm.I32And);
      if (swaps) this.swapHalfword();
    }
    locals.set32(this.dst);
  }

  private highHalf(): void {
    const { code } = this.locals;
    this.locals.get(this.dst);
    code.i64(32);
    code.op(Wasm.I64ShrU);
    code.op(Wasm.I32WrapI64);
  }

  /** The four bytes of an i32 in reverse: two of them in place after each rotation. */
  private swapped(value: () => void): void {
    const { code } = this.locals;
    const half = (rotation: Wasm, mask: number): void => {
      value();
      code.i32(8);
      code.op(rotation);
      code.i32(mask);
      code.op(Wasm.I32And);
    };
    half(Wasm.I32Rotl, 0x00ff_00ff);
    half(Wasm.I32Rotr, 0xff00_ff00 | 0);
    code.op(Wasm.I32Or);
  }

  /** Of a value below 65536 on the stack. */
  private swapHalfword(): void {
    const { code } = this.locals;
    const value = this.locals.temporary('halfword', Type.I32);
    code.tee(value);
    code.i32(8);
    code.op(Wasm.I32ShrU);
    code.get(value);
    code.i32(0xff);
    code.op(Wasm.I32And);
    code.i32(8);
    code.op(Wasm.I32Shl);
    code.op(Wasm.I32Or);
  }

  private op([wide, narrow]: readonly [Wasm, Wasm]): void {
    this.locals.code.op(this.wide ? wide : narrow);
  }

  private getDst(): void {
    if (this.wide) this.locals.get(this.dst);
    else this.locals.get32(this.dst);
  }

  private getSrc(): void {
    if (this.wide) this.locals.get(this.src);
    else this.locals.get32(this.src);
  }

  private operand(): void {
    if (this.fromRegister) this.getSrc();
    else this.constant(this.imm);
  }

  private zero(): void {
    this.constant(0);
  }

  private constant(value: number): void {
    if (this.wide) this.locals.code.i64(value);
    else this.locals.code.i32(value);
  }

  private setDst(): void {
    if (this.wide) this.locals.set(this.dst);
    else this.locals.set32(this.dst);
  }
}

/** Whether two instructions extend the low half of a register, as compilers without 32-bit registers do. */
export function isExtension(slots: Slots, first: number, second: number): boolean {
  const code = slots.code(second);
  return (
    slots.code(first) === (Class.Alu64 | Alu.Lsh) &&
    (code === (Class.Alu64 | Alu.Rsh) || code === (Class.Alu64 | Alu.Arsh)) &&
    slots.dst(first) === slots.dst(second) &&
    slots.imm(first) === 32 &&
    slots.imm(second) === 32
  );
}

/** Emits both of them, of which the second is at a slot. */
export function emitExtension(locals: Locals, slots: Slots, slot: number): void {
  const register = slots.dst(slot);
  locals.get32(register);
  const signed = (slots.code(slot) & Alu.Mask) === Alu.Arsh;
  locals.code.op(signed ? Wasm.I64ExtendI32S : Wasm.I64ExtendI32U);
  locals.set(register);
}
