/** Operand values for the ISA tests, and programs that try an instruction on many of them in one run. */
import fc from 'fast-check';
import { assemble } from '../../bpf/asm.ts';
import { encodeInsn } from '../../bpf/decode.ts';
import type { InsnForm, Operand } from '../../bpf/opcodes.ts';

/** Where arithmetic turns around: zero, ones, signs, widths, shift counts. */
export const EDGE_VALUES: readonly bigint[] = [
  0n,
  1n,
  2n,
  31n,
  32n,
  33n,
  63n,
  64n,
  0x7fn,
  0x80n,
  0x7fffn,
  0x8000n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0x8000_0000_8000_0000n,
  0xffff_ffff_0000_0000n,
  0xffff_ffff_7fff_ffffn,
  0xffff_ffff_8000_0000n,
  0xffff_ffff_ffff_fffen,
  0xffff_ffff_ffff_ffffn,
];

export const EDGE_IMMS: readonly number[] = [
  0, 1, 2, -1, -2, 7, 8, 31, 32, 33, 63, 64, 65, 127, 128, -128, 0x7fff, 0x8000, 0x7fff_ffff, -0x8000_0000,
];

/** A 64-bit value: often an edge or next to one. */
export const operand: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constantFrom(...EDGE_VALUES),
  fc
    .tuple(fc.constantFrom(...EDGE_VALUES), fc.bigInt({ min: -3n, max: 3n }))
    .map(([a, b]) => BigInt.asUintN(64, a + b)),
);

export const operandPairs = fc.tuple(operand, operand);

export interface Case {
  dst: bigint;
  src: bigint;
  imm: number;
}

export interface Batch {
  program: Uint8Array;
  /** The memory that r1 points at. */
  block: Uint8Array;
}

/**
 * A program that applies an ALU or conditional jump form to each case and leaves its outcome in the block:
 * the result, or 1 for a jump that was taken.
 */
export function encodeBatch(form: InsnForm, cases: readonly Case[]): Batch {
  const block = new Uint8Array(16 * cases.length);
  const view = new DataView(block.buffer);
  const uses = (...names: Operand[]) => form.operands.some((operand) => names.includes(operand));
  const isJump = uses('pc');
  const parts = cases.map(({ dst, src, imm }, index) => {
    const at = 16 * index;
    view.setBigUint64(at, dst, true);
    view.setBigUint64(at + 8, src, true);
    const insn = encodeInsn({
      code: form.code,
      dst: 6,
      src: uses('src', 'wsrc') ? 7 : 0,
      offset: isJump ? 1 : (form.fixed.offset ?? 0),
      imm: uses('imm', 'hex') ? imm : (form.fixed.imm ?? 0),
      imm2: 0,
    });
    const loads = assemble(`r6 = *(u64 *)(r1 +${at})\nr7 = *(u64 *)(r1 +${at + 8})`);
    if (!isJump) return Buffer.concat([loads, insn, assemble(`*(u64 *)(r1 +${at}) = r6`)]);
    return Buffer.concat([loads, assemble('r0 = 1'), insn, assemble(`r0 = 0\n*(u64 *)(r1 +${at}) = r0`)]);
  });
  return { program: Buffer.concat([...parts, assemble('r0 = 0\nexit')]), block };
}
