/** The 8-byte slots of a program as numbers: what the translation reads of an instruction, and what that does. */
import { SLOT_SIZE } from '../../bpf/decode.ts';
import { Alu, Atomic, CallKind, Class, Jmp, Limit, Mode, Pseudo, Size, Source } from '../../bpf/isa.ts';
import { isPoison } from '../poison.ts';
import { Untranslatable } from './untranslatable.ts';

const LD_IMM64 = Class.Ld | Mode.Imm | Size.Dw;
const CALL = Class.Jmp | Jmp.Call;
const TAIL_CALL_HELPER = 12;

/** What an instruction does to the flow of control. */
export const enum Kind {
  Plain,
  /** Jump, taken always. */
  Goto,
  /** Conditional jump, may_goto too. */
  Branch,
  Exit,
  /** Call of a function of the program. */
  Call,
  Helper,
  CallRegister,
  TailCall,
  /** ld_abs, ld_ind: return when there is no such byte. */
  Packet,
}

/** Register sets: bit n is rn. */
export const ARGUMENTS = 0b11_1110;
/** r0, and r1..r5, which a call leaves undefined. */
const WRITTEN_BY_CALL = ARGUMENTS | 1;
export const R10 = 1 << 10;

/** Registers of a set, the lowest first. */
export function registersOf(set: number): number[] {
  const all = Array.from({ length: Limit.Registers }, (_, register) => register);
  return all.filter((register) => (set & (1 << register)) !== 0);
}

export class Slots {
  readonly count: number;
  /** Instructions in front of each slot; one more for the end of the program. */
  readonly index: Int32Array;
  private readonly view: DataView;

  /** @throws {Untranslatable} */
  constructor(code: Uint8Array) {
    this.view = new DataView(code.buffer, code.byteOffset, code.byteLength);
    this.count = code.byteLength / SLOT_SIZE;
    if (this.count === 0 || !Number.isInteger(this.count))
      throw new Untranslatable('not a sequence of instructions');
    this.index = new Int32Array(this.count + 1);
    let insns = 0;
    for (let slot = 0; slot < this.count; ) {
      const next = slot + (this.code(slot) === LD_IMM64 ? 2 : 1);
      if (next > this.count) throw new Untranslatable('ld_imm64 is cut off');
      this.index[slot++] = insns++;
      if (slot < next) this.index[slot++] = -1;
    }
    this.index[this.count] = insns;
  }

  code(slot: number): number {
    return this.view.getUint8(slot * SLOT_SIZE);
  }

  dst(slot: number): number {
    return this.view.getUint8(slot * SLOT_SIZE + 1) & 15;
  }

  src(slot: number): number {
    return this.view.getUint8(slot * SLOT_SIZE + 1) >> 4;
  }

  offset(slot: number): number {
    return this.view.getInt16(slot * SLOT_SIZE + 2, true);
  }

  imm(slot: number): number {
    return this.view.getInt32(slot * SLOT_SIZE + 4, true);
  }

  /** The constant of a ld_imm64. */
  imm64(slot: number): bigint {
    const high = this.view.getUint32((slot + 1) * SLOT_SIZE + 4, true);
    return (BigInt(high) << 32n) | BigInt(this.imm(slot) >>> 0);
  }

  isImm64(slot: number): boolean {
    return this.code(slot) === LD_IMM64;
  }

  /** Slot of the instruction behind this one. */
  next(slot: number): number {
    return slot + (this.isImm64(slot) ? 2 : 1);
  }

  kind(slot: number): Kind {
    const code = this.code(slot);
    const cls = code & Class.Mask;
    if (cls === Class.Ld) return code === LD_IMM64 ? Kind.Plain : Kind.Packet;
    if (cls !== Class.Jmp && cls !== Class.Jmp32) return Kind.Plain;
    const operation = code & Jmp.Mask;
    if (operation === Jmp.Ja) return Kind.Goto;
    if (operation === Jmp.Exit) return Kind.Exit;
    if (operation !== Jmp.Call) return Kind.Branch;
    if ((code & Source.X) !== 0) return Kind.CallRegister;
    if (this.src(slot) === CallKind.Local) return Kind.Call;
    return this.imm(slot) === TAIL_CALL_HELPER ? Kind.TailCall : Kind.Helper;
  }

  /**
   * Where a jump, a call or the function pointer of a ld_imm64 goes to.
   * @throws {Untranslatable} when there is no instruction.
   */
  target(slot: number): number {
    const code = this.code(slot);
    const far = code === CALL || code === LD_IMM64 || code === (Class.Jmp32 | Jmp.Ja);
    const target = slot + 1 + (far ? this.imm(slot) : this.offset(slot));
    if (target < 0 || target >= this.count || (this.index[target] ?? -1) < 0)
      throw new Untranslatable(`insn ${slot} jumps out of the program`);
    return target;
  }

  isFunctionPointer(slot: number): boolean {
    return this.isImm64(slot) && this.src(slot) === Pseudo.Func;
  }

  /** Register of a callx: compilers before LLVM 19 put it into imm. */
  calledRegister(slot: number): number {
    const [dst, imm] = [this.dst(slot), this.imm(slot)];
    return dst === 0 && imm > 0 && imm < Limit.Registers ? imm : dst;
  }

  /**
   * Registers that an instruction reads. What a function of the program reads is not counted for its call, and
   * what a helper may read only with `passed`: how many arguments it takes is not known here. Whatever may have
   * to go on in the interpreter needs r10.
   */
  reads(slot: number, passed: boolean): number {
    const code = this.code(slot);
    const [dst, src] = [1 << this.dst(slot), 1 << this.src(slot)];
    const fromRegister = (code & Source.X) !== 0;
    switch (code & Class.Mask) {
      case Class.Alu:
      case Class.Alu64: {
        const operation = code & Alu.Mask;
        if (operation === Alu.End || operation === Alu.Neg) return dst;
        return (operation === Alu.Mov ? 0 : dst) | (fromRegister ? src : 0);
      }
      case Class.Ldx:
        return src | R10;
      case Class.St:
        return dst | R10;
      case Class.Stx:
        if ((code & Mode.Mask) !== Mode.Atomic) return dst | src | R10;
        if (this.imm(slot) === Atomic.LoadAcquire) return src | R10;
        return dst | src | R10 | (this.imm(slot) === Atomic.Cmpxchg ? 1 : 0);
      case Class.Ld:
        return (code & Mode.Mask) === Mode.Ind ? src : 0;
      default:
        return this.readsOfJump(slot, dst, fromRegister ? src : 0, passed ? ARGUMENTS : 0);
    }
  }

  /** Registers that an instruction writes. */
  writes(slot: number): number {
    const code = this.code(slot);
    switch (code & Class.Mask) {
      case Class.Alu:
      case Class.Alu64:
      case Class.Ldx:
        return 1 << this.dst(slot);
      case Class.St:
        return 0;
      case Class.Stx:
        return this.writesOfAtomic(slot);
      case Class.Ld:
        return code === LD_IMM64 ? 1 << this.dst(slot) : 1;
      default:
        return this.isCall(slot) ? WRITTEN_BY_CALL : 0;
    }
  }

  isCall(slot: number): boolean {
    const kind = this.kind(slot);
    return kind === Kind.Call || kind === Kind.Helper || kind === Kind.CallRegister || kind === Kind.TailCall;
  }

  /** r10, when a jump goes back: where the fuel ends in a loop, the interpreter goes on. */
  private loops(slot: number): number {
    return this.target(slot) <= slot ? R10 : 0;
  }

  /** Whether an instruction is a call that the loader put where nothing may come: it ends the run. */
  isPoisoned(slot: number): boolean {
    return this.kind(slot) === Kind.Helper && isPoison(this.imm(slot));
  }

  private readsOfJump(slot: number, dst: number, src: number, passed: number): number {
    switch (this.kind(slot)) {
      case Kind.Goto:
        return this.loops(slot);
      case Kind.Branch:
        return this.loops(slot) | ((this.code(slot) & Jmp.Mask) === Jmp.Cond ? 0 : dst | src);
      case Kind.Exit:
        return 1;
      case Kind.Call:
        return R10;
      case Kind.CallRegister:
        return passed | R10 | (1 << this.calledRegister(slot));
      default:
        return passed | R10;
    }
  }

  private writesOfAtomic(slot: number): number {
    if ((this.code(slot) & Mode.Mask) !== Mode.Atomic) return 0;
    const operation = this.imm(slot);
    if (operation === Atomic.LoadAcquire) return 1 << this.dst(slot);
    if (operation === Atomic.StoreRelease) return 0;
    if (operation === Atomic.Cmpxchg) return 1;
    return (operation & Atomic.Fetch) !== 0 ? 1 << this.src(slot) : 0;
  }
}
