/**
 * Instruction bytes -> `Insn` objects (RFC 9669 section 3: basic and wide instruction encoding, both in
 * little-endian order, the only one inside Drydock).
 */
import { InputError } from './input-error.ts';
import { Class, Mode, Size } from './isa.ts';
import { findForm, type InsnForm } from './opcodes.ts';

/** Bytes of one instruction slot. */
export const SLOT_SIZE = 8;
const LD_IMM64 = Class.Ld | Mode.Imm | Size.Dw;

/** The fields of one instruction. */
export interface InsnFields {
  /** Opcode byte. */
  code: number;
  /** Register numbers, 0..15; those above 10 do not exist, but have an encoding. */
  dst: number;
  src: number;
  /** -32768..32767 */
  offset: number;
  /** -2^31..2^31-1 */
  imm: number;
  /** imm of the second slot of ld_imm64, else 0. */
  imm2: number;
}

export interface Insn extends InsnFields {
  /** Where it stands, in slots. */
  slot: number;
  slots: 1 | 2;
  /** undefined when BPF has no such instruction (`decode` refuses those). */
  form: InsnForm | undefined;
}

/** The constant that a ld_imm64 loads, 0..2^64-1, from the imms of its two slots. */
export function imm64(insn: InsnFields): bigint {
  return (BigInt(insn.imm2 >>> 0) << 32n) | BigInt(insn.imm >>> 0);
}

/**
 * Reads instructions one after the other, unknown ones too. Reserved fields are not looked at: what they
 * must hold is the verifier's matter.
 * @throws {InputError} when the length is no multiple of 8 or the second slot of a ld_imm64 is missing.
 */
export function* readInsns(bytes: Uint8Array): Generator<Insn> {
  if (bytes.length % SLOT_SIZE !== 0) {
    throw new InputError(`${bytes.length} bytes of instructions are not a multiple of ${SLOT_SIZE}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; ) {
    const code = view.getUint8(at);
    const registers = view.getUint8(at + 1);
    const src = registers >>> 4;
    const offset = view.getInt16(at + 2, true);
    const imm = view.getInt32(at + 4, true);
    const slots = code === LD_IMM64 ? 2 : 1;
    if (at + slots * SLOT_SIZE > bytes.length) {
      throw new InputError('the second slot of this ld_imm64 is missing', { offset: at });
    }
    yield {
      slot: at / SLOT_SIZE,
      slots,
      code,
      dst: registers & 0xf,
      src,
      offset,
      imm,
      imm2: slots === 2 ? view.getInt32(at + SLOT_SIZE + 4, true) : 0,
      form: findForm(code, src, offset, imm),
    };
    at += slots * SLOT_SIZE;
  }
}

/**
 * Decodes a whole program.
 * @throws {InputError} naming the byte offset, for a cut-off program, an instruction that BPF does not have,
 *   a register above r10 or a ld_imm64 whose second slot is not one (opcode, registers and offset zero).
 */
export function decode(bytes: Uint8Array): Insn[] {
  const insns: Insn[] = [];
  for (const insn of readInsns(bytes)) {
    const at = insn.slot * SLOT_SIZE;
    const code = insn.code.toString(16).padStart(2, '0');
    if (!insn.form) throw new InputError(`there is no instruction with opcode 0x${code}`, { offset: at });
    if (insn.dst > 10 || insn.src > 10) {
      throw new InputError(`there is no register r${Math.max(insn.dst, insn.src)}`, { offset: at });
    }
    const second = bytes.subarray(at + SLOT_SIZE, at + SLOT_SIZE + 4);
    if (insn.slots === 2 && second.some((byte) => byte !== 0)) {
      throw new InputError('what follows this ld_imm64 is not its second slot', { offset: at + SLOT_SIZE });
    }
    insns.push(insn);
  }
  return insns;
}

/** Fields -> bytes: 8, or 16 for ld_imm64. Values are cut to their field's width. */
export function encodeInsn(insn: InsnFields): Uint8Array {
  const wide = insn.code === LD_IMM64;
  const bytes = new Uint8Array(wide ? 2 * SLOT_SIZE : SLOT_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, insn.code);
  view.setUint8(1, (insn.dst & 0xf) | (insn.src << 4));
  view.setInt16(2, insn.offset, true);
  view.setInt32(4, insn.imm, true);
  if (wide) view.setInt32(SLOT_SIZE + 4, insn.imm2, true);
  return bytes;
}
