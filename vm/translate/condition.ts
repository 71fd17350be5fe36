/** Conditions of jumps (RFC 9669 section 4.3) as an i32 on the stack. */
import { Class, Jmp, Source } from '../../bpf/isa.ts';
import type { Locals } from './locals.ts';
import type { Slots } from './slots.ts';
import { Untranslatable } from './untranslatable.ts';
import { Wasm } from './wasm-op.ts';

/** [holds in 64 bits, holds in 32 bits, does not in 64, does not in 32] */
const COMPARISONS: { readonly [operation: number]: readonly [Wasm, Wasm, Wasm, Wasm] } = {
  [Jmp.Eq]: [Wasm.I64Eq, Wasm.I32Eq, Wasm.I64Ne, Wasm.I32Ne],
  [Jmp.Ne]: [Wasm.I64Ne, Wasm.I32Ne, Wasm.I64Eq, Wasm.I32Eq],
  [Jmp.Gt]: [Wasm.I64GtU, Wasm.I32GtU, Wasm.I64LeU, Wasm.I32LeU],
  [Jmp.Ge]: [Wasm.I64GeU, Wasm.I32GeU, Wasm.I64LtU, Wasm.I32LtU],
  [Jmp.Lt]: [Wasm.I64LtU, Wasm.I32LtU, Wasm.I64GeU, Wasm.I32GeU],
  [Jmp.Le]: [Wasm.I64LeU, Wasm.I32LeU, Wasm.I64GtU, Wasm.I32GtU],
  [Jmp.Sgt]: [Wasm.I64GtS, Wasm.I32GtS, Wasm.I64LeS, Wasm.I32LeS],
  [Jmp.Sge]: [Wasm.I64GeS, Wasm.I32GeS, Wasm.I64LtS, Wasm.I32LtS],
  [Jmp.Slt]: [Wasm.I64LtS, Wasm.I32LtS, Wasm.I64GeS, Wasm.I32GeS],
  [Jmp.Sle]: [Wasm.I64LeS, Wasm.I32LeS, Wasm.I64GtS, Wasm.I32GtS],
};

/** Leaves whether the jump at a slot is taken, or with `inverted` whether it is not. */
export function emitCondition(locals: Locals, slots: Slots, slot: number, inverted: boolean): void {
  const opcode = slots.code(slot);
  const operation = opcode & Jmp.Mask;
  if (operation === Jmp.Cond) {
    mayGoto(locals, inverted);
    return;
  }
  const { code } = locals;
  const wide = (opcode & Class.Mask) === Class.Jmp;
  const get = (register: number): void => (wide ? locals.get(register) : locals.get32(register));
  get(slots.dst(slot));
  if ((opcode & Source.X) !== 0) get(slots.src(slot));
  else if (wide) code.i64(slots.imm(slot));
  else code.i32(slots.imm(slot));
  if (operation === Jmp.Set) {
    code.op(wide ? Wasm.I64And : Wasm.I32And);
    if (inverted) code.op(wide ? Wasm.I64Eqz : Wasm.I32Eqz);
    else if (wide) {
      code.i64(0);
      code.op(Wasm.I64Ne);
    }
    return;
  }
  const comparison = COMPARISONS[operation];
  if (!comparison) throw new Untranslatable(`insn ${slot} has an unknown condition`);
  code.op(comparison[(inverted ? 2 : 0) + (wide ? 0 : 1)] as Wasm);
}

/** Taken when nothing is granted any more; else it is one less. */
function mayGoto({ code, mayGoto: granted }: Locals, inverted: boolean): void {
  code.get(granted);
  code.op(Wasm.I64Eqz);
  if (inverted) code.op(Wasm.I32Eqz);
  code.get(granted);
  code.get(granted);
  code.i64(0);
  code.op(Wasm.I64Ne);
  code.op(Wasm.I64ExtendI32U);
  code.op(Wasm.I64Sub);
  code.set(granted);
}
