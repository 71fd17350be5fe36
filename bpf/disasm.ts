/** Instructions as text, as the kernel's verifier log prints them. */
import { type Insn, imm64, readInsns } from './decode.ts';
import { helperName } from './helpers.ts';
import type { Operand } from './opcodes.ts';

export interface DisasmOptions {
  /** Name of a helper; the default is Linux's table. */
  helperName?: (id: number) => string | undefined;
  /** Name of a kfunc: BTF id of its FUNC, and the slot of the module's BTF in fd_array (0: vmlinux). */
  kfuncName?: (btfId: number, fdArraySlot: number) => string | undefined;
  /**
   * What a ld_imm64 of a pseudo kind (`insn.src` != 0) prints as. The verifier's log has the map's address, or
   * 0 for an unprivileged user, where the default is the index form (`r1 = map[2]`).
   */
  address?: (insn: Insn) => bigint | undefined;
  /** Put the opcode before the text, as the log does: `(b7) r0 = 0`. */
  opcodes?: boolean;
}

/**
 * One line per instruction (not per slot). An instruction that BPF does not have becomes `BUG_xx` with its
 * opcode, so that any bytes can be looked at.
 * @throws {InputError} when the bytes end inside an instruction.
 */
export function disassemble(bytes: Uint8Array, options: DisasmOptions = {}): string[] {
  return Array.from(readInsns(bytes), (insn) => {
    const text = insnText(insn, options);
    return options.opcodes ? `(${hexByte(insn.code)}) ${text}` : text;
  });
}

/** Text of one instruction. */
export function insnText(insn: Insn, options: DisasmOptions = {}): string {
  if (!insn.form) return `BUG_${hexByte(insn.code)}`;
  if (insn.slots === 2 && insn.src !== 0) {
    const address = options.address?.(insn);
    if (address !== undefined) return `r${insn.dst} = 0x${address.toString(16)}`;
  }
  return insn.form.pattern.replace(/\{(\w+)\}/g, (_, operand: Operand) =>
    operandText(operand, insn, options),
  );
}

function operandText(operand: Operand, insn: Insn, options: DisasmOptions): string {
  switch (operand) {
    case 'dst':
      return `r${insn.dst}`;
    case 'src':
      return `r${insn.src}`;
    case 'wdst':
      return `w${insn.dst}`;
    case 'wsrc':
      return `w${insn.src}`;
    case 'imm':
      return String(insn.imm);
    case 'hex':
      return `0x${(insn.imm >>> 0).toString(16)}`;
    case 'off':
      return signed(insn.offset);
    case 'pc':
      return `pc${signed(insn.offset)}`;
    case 'pcimm':
      return `pc${signed(insn.imm)}`;
    case 'immlow':
      return String(insn.imm & 0xffff);
    case 'immhigh':
      return String(insn.imm >>> 16);
    case 'imm64':
      return `0x${imm64(insn).toString(16)}`;
    case 'imm2':
      return String(insn.imm2 >>> 0);
    case 'off2':
      return `+${insn.imm2 >>> 0}`;
    case 'helper':
      return `${(options.helperName ?? helperName)(insn.imm) ?? 'unknown'}#${insn.imm}`;
    case 'kfunc':
      return `${options.kfuncName?.(insn.imm, insn.offset) ?? 'kfunc'}#${insn.imm}`;
  }
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

function hexByte(code: number): string {
  return code.toString(16).padStart(2, '0');
}
