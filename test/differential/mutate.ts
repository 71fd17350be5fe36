/** Changes one instruction of a function: a field, or the instruction as a whole. */
import { SLOT_SIZE } from '../../bpf/decode.ts';
import { Class, Jmp, Mode, Size } from '../../bpf/isa.ts';
import { FORMS } from '../../bpf/opcodes.ts';
import { Random } from './random.ts';
import { references } from './references.ts';

const LD_IMM64 = Class.Ld | Mode.Imm | Size.Dw;
const CALL = Class.Jmp | Jmp.Call;
const JUMP_0 = Class.Jmp | Jmp.Ja;

/**
 * @param seed undefined changes nothing.
 * @param index of the function in its program; the seed chooses one.
 */
export function mutate(code: Uint8Array, seed: number | undefined, index: number): Uint8Array {
  if (seed === undefined || index !== seed % 2) return code;
  const random = new Random(seed);
  const slots = changeable(code);
  if (slots.length === 0) return code;
  const at = random.pick(slots) * SLOT_SIZE;
  const result = code.slice();
  changeInsn(result.subarray(at, at + SLOT_SIZE), random);
  // A new reference would lead nowhere, and libbpf would refuse the object.
  return sameReferences(code, result) ? result : code;
}

/** Slots that hold an instruction of their own and no reference: those are the loader's. */
function changeable(code: Uint8Array): number[] {
  const slots: number[] = [];
  for (let slot = 0; slot * SLOT_SIZE < code.length; slot++) {
    const opcode = code[slot * SLOT_SIZE];
    const src = (code[slot * SLOT_SIZE + 1] ?? 0) >>> 4;
    if (opcode === LD_IMM64) slot++;
    else if (opcode !== CALL || src === 0) slots.push(slot);
  }
  return slots;
}

function changeInsn(insn: Uint8Array, random: Random): void {
  const view = new DataView(insn.buffer, insn.byteOffset, SLOT_SIZE);
  const registers = view.getUint8(1);
  const offset = view.getInt16(2, true);
  const imm = view.getInt32(4, true);
  switch (random.int(0, 9)) {
    case 0:
      view.setUint8(0, sameClass(view.getUint8(0), random));
      break;
    case 1:
      view.setUint8(1, (registers & 0xf0) | random.int(0, 10));
      break;
    case 2:
      view.setUint8(1, (registers & 0x0f) | (random.int(0, 10) << 4));
      break;
    case 3:
      view.setInt16(2, offset + random.pick([-8, -4, -2, -1, 1, 2, 4, 8]), true);
      break;
    case 4:
      view.setInt16(2, random.pick([0, 1, 8, 16, 32, -1, -512, -520, 0x7fff]), true);
      break;
    case 5:
      view.setInt32(4, imm + random.pick([-1, 1]), true);
      break;
    case 6:
      view.setInt32(4, imm ^ (1 << random.int(0, 31)), true);
      break;
    case 7:
      view.setInt32(4, random.pick([0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 64, 32]), true);
      break;
    case 8:
      insn.fill(0);
      view.setUint8(0, JUMP_0);
      break;
    case 9:
      view.setUint8(0, view.getUint8(0) ^ (1 << random.int(0, 7)));
  }
}

/** Another opcode of the same class. */
function sameClass(opcode: number, random: Random): number {
  const others = FORMS.filter(
    (form) => (form.code & 7) === (opcode & 7) && form.slots === 1 && form.code !== CALL,
  );
  return random.pick(others).code;
}

function sameReferences(before: Uint8Array, after: Uint8Array): boolean {
  return JSON.stringify(references(before)) === JSON.stringify(references(after));
}
