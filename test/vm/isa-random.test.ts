/**
 * Random programs: straight lines, forward jumps, loops and calls of all instructions together, so that what
 * the interpreter does with neighbouring instructions (fusion, block counting) is held against the reference.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { encodeInsn } from '../../bpf/decode.ts';
import { FORMS, type InsnForm } from '../../bpf/opcodes.ts';
import { expectAsReference, runProgram } from './isa-machine.ts';
import { EDGE_IMMS, operand } from './isa-values.ts';

/** The block: 128 bytes that loads, stores and atomics reach through r8 (the middle of it) and r10. */
const BLOCK_SIZE = 128;
/** r8 and r10 hold addresses and are never written; the others hold numbers. */
const NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 9];

const anyNumber = fc.constantFrom(...NUMBERS);
const imm = fc.oneof(fc.integer(), fc.constantFrom(...EDGE_IMMS));

const named = (test: (name: string) => boolean) => FORMS.filter((form) => test(form.name));
const ALU = FORMS.filter(({ code, name }) => [4, 7].includes(code & 7) && name !== 'addr_space_cast');
const LOADS = named((name) => /^(ldx|ldsx|load_acquire)\d+$/.test(name));
const STORES = named((name) => /^(stx?|store_release|atomic_\w+?)\d+$/.test(name));
const JUMPS = FORMS.filter(({ pattern }) => pattern.startsWith('if '));

interface Piece {
  form: InsnForm;
  dst: number;
  src: number;
  offset: number;
  imm: number;
}

/** A piece of straight-line code; a jump skips up to 3 of the following pieces. */
const piece: fc.Arbitrary<Piece> = fc
  .tuple(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...ALU) },
      { weight: 2, arbitrary: fc.constantFrom(...LOADS) },
      { weight: 2, arbitrary: fc.constantFrom(...STORES) },
      { weight: 3, arbitrary: fc.constantFrom(...JUMPS) },
    ),
    anyNumber,
    anyNumber,
    fc.integer({ min: -64, max: 56 }),
    fc.integer({ min: 0, max: 3 }),
    fc.boolean(),
    imm,
  )
  .map(([form, dst, src, memoryOffset, skip, onStack, value]) => {
    const base = onStack ? 10 : 8;
    const at = onStack ? -72 + memoryOffset : memoryOffset;
    const shows = (name: string) => form.operands.some((shown) => shown === name);
    return {
      form,
      dst: STORES.includes(form) ? base : dst,
      src: LOADS.includes(form) ? base : shows('src') || shows('wsrc') ? src : (form.fixed.src ?? 0),
      offset: shows('pc') ? skip : shows('off') ? at : (form.fixed.offset ?? 0),
      imm: shows('imm') || shows('hex') ? value : (form.fixed.imm ?? 0),
    };
  });

function encode(pieces: readonly Piece[]): Uint8Array {
  return Buffer.concat(
    pieces.map(({ form, ...fields }, index) => {
      const offset = form.operands.includes('pc')
        ? Math.min(fields.offset, pieces.length - 1 - index)
        : fields.offset;
      return encodeInsn({ ...fields, offset, code: form.code, imm2: 0 });
    }),
  );
}

/** Numbers into all registers (also the stack that pieces read), from the block. */
const prologue = [
  'r8 = r1',
  'r8 += 64',
  ...Array.from({ length: 17 }, (_, i) => `*(u64 *)(r10 ${-136 + 8 * i}) = ${i * 0x0101_0101}`),
  ...NUMBERS.map((register, i) => `r${register} = *(u64 *)(r8 ${signed(-64 + 8 * i)})`),
].join('\n');

/** All registers into one number and all of the block's memory, so that no difference stays hidden. */
const epilogue = [
  ...NUMBERS.filter((register) => register !== 0).flatMap((register) => ['r0 *= 31', `r0 += r${register}`]),
  ...Array.from({ length: 17 }, (_, i) => `r1 = *(u64 *)(r10 ${-136 + 8 * i})\nr0 *= 31\nr0 += r1`),
].join('\n');

function signed(value: number): string {
  return value < 0 ? `${value}` : `+${value}`;
}

const blocks = fc.array(operand, { minLength: BLOCK_SIZE / 8, maxLength: BLOCK_SIZE / 8 }).map((values) => {
  const block = new Uint8Array(BLOCK_SIZE);
  const view = new DataView(block.buffer);
  values.forEach((value, index) => {
    view.setBigUint64(8 * index, value, true);
  });
  return block;
});

describe('random programs agree with the reference', () => {
  const pieces = fc.array(piece, { minLength: 1, maxLength: 60 });

  it('straight lines with forward jumps', () => {
    fc.assert(
      fc.property(pieces, blocks, (body, block) => {
        const program = Buffer.concat([assemble(prologue), encode(body), assemble(`${epilogue}\nexit`)]);
        expectAsReference({ program, block });
      }),
      { seed: 9669, numRuns: 600 },
    );
  });

  it('loops of them', () => {
    fc.assert(
      fc.property(pieces, blocks, fc.integer({ min: 1, max: 20 }), (body, block, rounds) => {
        const code = encode(body);
        // The counter stands on the stack, above what the pieces touch.
        const head = assemble(`${prologue}\n*(u64 *)(r10 -8) = ${rounds}`);
        const count = 'r9 = *(u64 *)(r10 -8)\nr9 += -1\n*(u64 *)(r10 -8) = r9';
        const back = -(code.length / 8 + 4);
        const loop = assemble(`${count}\nif r9 != 0 goto pc${back}`);
        expectAsReference({
          program: Buffer.concat([head, code, loop, assemble(`${epilogue}\nexit`)]),
          block,
        });
      }),
      { seed: 9669, numRuns: 150 },
    );
  });

  it('calls of them', () => {
    fc.assert(
      fc.property(pieces, pieces, blocks, (body, callee, block) => {
        // The callee starts from the block again; r1-r5 are its own after the call, so they get new numbers.
        const after = `r1 = r0\nr2 = r0\nr3 = 3\nr4 = 4\nr5 = 5\n${epilogue}\nexit`;
        const distance = assemble(after).length / 8;
        const main = [
          assemble(prologue),
          encode(body),
          assemble(`r1 = r8\nr1 += -64\ncall pc+${distance}\n${after}`),
        ];
        const called = [assemble(prologue), encode(callee), assemble(`${epilogue}\nexit`)];
        expectAsReference({ program: Buffer.concat([...main, ...called]), block });
      }),
      { seed: 9669, numRuns: 200 },
    );
  });

  it('stopped at every instruction and resumed: the same result', () => {
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 25 }), blocks, (body, block) => {
        const program = Buffer.concat([assemble(prologue), encode(body), assemble(`${epilogue}\nexit`)]);
        const whole = runProgram(program, { block });
        const stepped = runProgram(program, { block, step: 1 });
        expect(stepped).toEqual(whole);
        expect(runProgram(program, { block, step: 7 })).toEqual(whole);
      }),
      { seed: 9669, numRuns: 60 },
    );
  });
});
