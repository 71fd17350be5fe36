/** Instructions as text, as the kernel's verifier log prints them. */
import { type Insn, imm64, readInsns } from './decode.ts';
import { helperName } from './helpers.ts';
import { Alu, Class, Jmp, Source } from './isa.ts';
import type { Operand } from './opcodes.ts';

const MOV64 = Class.Alu64 | Alu.Mov | Source.X;
const MAY_GOTO = Class.Jmp | Jmp.Cond;
/** Offset of the mov that the kernel makes of a helper call, to find a variable of the running CPU. */
const PERCPU_ADDRESS = -1;
const UNKNOWN = 'BUG_';

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
 * opcode (byte swaps of odd sizes show the size), so that any bytes can be looked at.
 * @throws {InputError} when the bytes end inside an instruction.
 */
export function disassemble(bytes: Uint8Array, options: DisasmOptions = {}): string[] {
  return Array.from(readInsns(bytes), (insn) =>
    options.opcodes ? logText(insn, options) : insnText(insn, options),
  );
}

/** As the log has it: behind its opcode, unless BPF has no such instruction. */
export function logText(insn: Insn, options: DisasmOptions = {}): string {
  const text = insnText(insn, options);
  return text.startsWith(UNKNOWN) ? text : `(${hexByte(insn.code)}) ${text}`;
}

/** Text of one instruction. */
export function insnText(insn: Insn, options: DisasmOptions = {}): string {
  if (!insn.form) return formlessText(insn);
  if (insn.code === MOV64 && insn.offset === PERCPU_ADDRESS) {
    return `r${insn.dst} = &(void __percpu *)(r${insn.src})`;
  }
  if (insn.slots === 2 && insn.src !== 0) {
    const address = options.address?.(insn);
    if (address !== undefined) return `r${insn.dst} = 0x${address.toString(16)}`;
  }
  return insn.form.pattern.replace(/\{(\w+)\}/g, (_, operand: Operand) =>
    operandText(operand, insn, options),
  );
}

/** Fields that no instruction has. Byte swaps and may_goto are shown all the same, before they are refused. */
function formlessText({ code, dst, offset, imm }: Insn): string {
  const cls = code & Class.Mask;
  if ((cls === Class.Alu || cls === Class.Alu64) && (code & Alu.Mask) === Alu.End) {
    const order = (code & Source.X) !== 0 ? 'be' : 'le';
    return `r${dst} = ${cls === Class.Alu64 ? 'bswap' : order}${imm} r${dst}`;
  }
  if (code === MAY_GOTO) return `if r${dst} (null) 0x${(imm >>> 0).toString(16)} goto pc${signed(offset)}`;
  return `${UNKNOWN}${hexByte(code)}`;
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
      return `${calledName(insn, options)}#${insn.imm}`;
    case 'kfunc':
      return `${options.kfuncName?.(insn.imm, insn.offset) ?? 'kfunc'}#${insn.imm}`;
  }
}

/** A helper is named only where the call is one of a helper: other kinds of call may be odd in any way. */
function calledName(insn: Insn, options: DisasmOptions): string {
  if (insn.src !== 0) return 'unknown';
  return (options.helperName ?? helperName)(insn.imm) ?? 'unknown';
}

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

function hexByte(code: number): string {
  return code.toString(16).padStart(2, '0');
}
