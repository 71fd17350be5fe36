/**
 * Every pair of neighbouring instructions. The interpreter fuses some pairs into one operation, and which ones
 * is its own affair: so all of them are held against the reference, also entered in the middle by a jump, and
 * cut in two by a budget that ends between them.
 */
import { describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { encodeInsn } from '../../bpf/decode.ts';
import { FORMS, type InsnForm, type Operand } from '../../bpf/opcodes.ts';
import { expectAsReference, runProgram, runText } from './isa-machine.ts';
import { EDGE_IMMS, EDGE_VALUES } from './isa-values.ts';

/** r8 points at the edge values; r6 and r7 are what a pair works on; r0 collects what becomes of them. */
const BASE = 8;
const [A, B] = [6, 7];
const FOLD = assemble(`r0 *= 31\nr0 += r${A}\nr0 *= 31\nr0 += r${B}`);

const COMPUTING = FORMS.filter(({ code, name }) => [4, 7].includes(code & 7) && name !== 'addr_space_cast');
const LOADS = FORMS.filter(({ name }) => /^lds?x\d+$/.test(name));
const JUMPS = FORMS.filter(({ pattern }) => pattern.startsWith('if '));

const block = new Uint8Array(8 * EDGE_VALUES.length);
EDGE_VALUES.forEach((value, index) => {
  new DataView(block.buffer).setBigUint64(8 * index, value, true);
});

const ALIGNED = EDGE_VALUES.map((_, index) => 8 * index);
const OFFSETS = Array.from({ length: block.length - 8 }, (_, at) => at);

const isLoad = (form: InsnForm) => LOADS.includes(form);
const isJump = (form: InsnForm) => JUMPS.includes(form);

/** Picks from a list, by a running number and what the pick is for, without pattern between the two. */
function pick<T>(list: readonly T[], turn: number, purpose: number): T {
  const mixed = Math.imul(Math.imul(turn + 1, 0x9e3779b1) ^ (purpose * 0x85ebca6b), 0xc2b2ae35) >>> 8;
  return list[mixed % list.length] as T;
}

/** A form on two registers; what else it needs is picked. A jump skips one instruction. */
function encode(form: InsnForm, dst: number, src: number, turn: number, purpose: number): Uint8Array {
  const shows = (...names: Operand[]) => form.operands.some((shown) => names.includes(shown));
  return encodeInsn({
    code: form.code,
    dst,
    src: isLoad(form) ? BASE : shows('src', 'wsrc') ? src : 0,
    offset: isLoad(form) ? pick(OFFSETS, turn, purpose) : isJump(form) ? 1 : (form.fixed.offset ?? 0),
    imm: shows('imm', 'hex') ? pick(EDGE_IMMS, turn, purpose) : (form.fixed.imm ?? 0),
    imm2: 0,
  });
}

/** Operands from the block, the pair (every third time entered in the middle), and its outcome folded into r0. */
function encodeCase(
  first: InsnForm,
  second: InsnForm,
  [dst, src]: readonly number[],
  turn: number,
): Uint8Array {
  const operands = [A, B].map(
    (register) => `r${register} = *(u64 *)(r${BASE} +${pick(ALIGNED, turn, register)})`,
  );
  return Buffer.concat([
    assemble(`${operands.join('\n')}\n${pick(['', '', 'goto pc+1'], turn, 1)}`),
    encode(first, A, B, turn, 2),
    encode(second, dst as number, src as number, turn, 3),
    assemble(`r${B} += 1`),
    FOLD,
  ]);
}

/** Who the second instruction works on: the first one's result and another, the result alone, the other way. */
const SHAPES = [
  [A, B],
  [A, A],
  [B, A],
] as const;

const program = (cases: readonly Uint8Array[]) =>
  Buffer.concat([assemble(`r${BASE} = r1\nr0 = 0`), ...cases, assemble('exit')]);

/** What compilers put side by side: zero and sign extensions, field extracts, counters, null checks. */
const IDIOMS: readonly string[] = [
  ...[1, 31, 32, 33, 63].flatMap((count) => [
    `r6 = r7\nr6 <<= ${count}`,
    `r6 = r7\nr6 >>= ${count}`,
    `r6 = r7\nr6 s>>= ${count}`,
    `r6 <<= ${count}\nr6 >>= ${count}`,
    `r6 <<= ${count}\nr6 >>= ${64 - count}`,
    `r6 <<= ${count}\nr6 s>>= ${count}`,
    `w6 <<= ${count % 32}\nw6 >>= ${count % 32}`,
  ]),
  ...[1, -1, 0x7fff_ffff, -0x8000_0000].flatMap((step) => [
    `r6 = r7\nr6 += ${step}`,
    `w6 = w7\nw6 += ${step}`,
    ...['==', '!=', '<', '>', 's<', 's>='].flatMap((relation) => [
      `r6 += ${step}\nif r6 ${relation} r7 goto pc+1\nr7 += 5`,
      `r6 += ${step}\nif r6 ${relation} r6 goto pc+1\nr7 += 5`,
      `r6 += ${step}\nif r6 ${relation} 0 goto pc+1\nr7 += 5`,
      `r6 += ${step}\nif w6 ${relation} 1 goto pc+1\nr7 += 5`,
    ]),
  ]),
  'r6 = r7\nr6 += r7',
  'r6 = r7\nr6 += r6',
  'r6 = r7\nr7 += r6',
  'r6 += r7\nr7 += r6',
  'r6 = *(u64 *)(r8 +40)\nif r6 == 0 goto pc+1\nr7 += 5',
  'r6 = *(u64 *)(r8 +0)\nif r6 == 0 goto pc+1\nr7 += 5',
  'r6 = *(u8 *)(r8 +40)\nif w6 != 0 goto pc+1\nr7 += 5',
  'r6 = *(u32 *)(r8 +40)\nif w6 == 0 goto pc+1\nr7 += 5',
  'r6 = r8\nr6 += r7\nr6 -= r8',
];

describe('pairs of instructions', () => {
  const firsts = [...COMPUTING, ...LOADS];
  const seconds = [...COMPUTING, ...LOADS, ...JUMPS];

  it.each(SHAPES)('second on r%i and r%i', (...shape) => {
    // Several rounds: each pair meets other operands and immediates, and is entered from the front and inside.
    for (let turn = 0, round = 0; round < 4; round++) {
      for (const first of firsts) {
        const cases = seconds.map((second) => encodeCase(first, second, shape, turn++));
        expectAsReference({ program: program(cases), block });
      }
    }
  });

  it('cut by the budget', () => {
    let turn = 0;
    for (const first of firsts) {
      const code = program(seconds.map((second) => encodeCase(first, second, SHAPES[0], turn++)));
      const whole = runProgram(code, { block });
      expect(runProgram(code, { block, step: 7 }), first.name).toEqual(whole);
    }
  });

  it('idioms of compilers, on all edge values', () => {
    for (const idiom of IDIOMS) {
      const cases = EDGE_VALUES.flatMap((_, index) =>
        [0, 8 * ((index * 7) % EDGE_VALUES.length)].map((other) =>
          assemble(
            `r${A} = *(u64 *)(r${BASE} +${8 * index})\nr${B} = *(u64 *)(r${BASE} +${other})\n${idiom}`,
          ),
        ),
      );
      expectAsReference({ program: program(cases.flatMap((code) => [code, FOLD])), block });
    }
  });

  it('idioms stop exactly where the budget ends', () => {
    const setup = `r${A} = *(u64 *)(r${BASE} +8)\nr${B} = *(u64 *)(r${BASE} +16)`;
    const code = program(IDIOMS.map((idiom) => assemble(`${setup}\n${idiom}`)));
    const whole = runProgram(code, { block });
    expect(whole.finished).toBe(true);
    for (let budget = 1; budget < whole.insns; budget++) {
      expect(runProgram(code, { block, budget })).toMatchObject({ finished: false, insns: budget });
    }
  });

  it('an address computed in front of its load', () => {
    const cases = [];
    for (const load of LOADS) {
      for (const offset of [0, 1, 3, 8, 100]) {
        for (const dst of [A, B]) {
          const insn = encodeInsn({ code: load.code, dst, src: A, offset: offset - 3, imm: 0, imm2: 0 });
          const tail = dst === A ? '' : `r${A} = 0`;
          cases.push(assemble(`r${A} = 3\nr${B} = 5\nr${A} += r${BASE}`), insn, assemble(tail), FOLD);
        }
      }
    }
    const bytes = Uint8Array.from({ length: 120 }, (_, at) => 0x91 + 37 * at);
    expectAsReference({ program: program(cases), block: bytes });
  });

  it('a value loaded or added to in front of its comparison, equal and not', () => {
    const value = 0x8182_8384_8586_8788n;
    const memory = new Uint8Array(8);
    new DataView(memory.buffer).setBigUint64(0, value, true);
    const sides = [
      '0',
      '1',
      '0x88',
      '0x87',
      '0x8788',
      '0x85868788',
      '0x85868787',
      '0xffffff88',
      '0xffff8788',
      '0xffffffff',
    ];
    const firsts = ['r6 += 1', 'r6 += 0', 'r6 += 0x7fffffff', 'r6 -= 1', 'w6 += 1'];
    for (const load of LOADS)
      firsts.push(load.pattern.replace('{dst}', 'r6').replace('{src} {off}', 'r8 +0'));
    for (const first of firsts) {
      for (const relation of ['==', '!=', '>', 's>', '<=', '&']) {
        for (const width of ['r6', 'w6']) {
          const tests = sides.map(
            (side) => `r6 = -1\n${first}\nif ${width} ${relation} ${side} goto pc+1\nr0 += 1\nr0 *= 2`,
          );
          expectAsReference({ text: `r8 = r1\nr0 = 0\n${tests.join('\n')}\nexit`, block: memory });
        }
      }
    }
  });

  it('a fault in the second, or in the first, is reported where it is', () => {
    const faultOf = (text: string) => runText(text).fault;
    for (const type of ['u8', 'u16', 'u32', 'u64', 's8']) {
      const load = `*(${type} *)(r6 +5)`;
      expect(faultOf(`r6 = 8\nr7 = 16\nr6 += r7\nr0 = ${load}\nexit`)).toMatchObject({ pc: 3, address: 29n });
      expect(faultOf(`r6 = 8\nr6 = ${load}\nif r6 == 0 goto pc+0\nexit`)).toMatchObject({
        pc: 1,
        address: 13n,
      });
      expect(faultOf(`r6 = 8\nr6 = ${load}\nif w6 != 0 goto pc+0\nexit`)).toMatchObject({
        pc: 1,
        address: 13n,
      });
    }
  });

  it('a probed load that faults in a pair reads as zero', () => {
    const probed = (text: string) => runText(text, { probeLoads: true }).r0;
    for (const type of ['u8', 'u16', 'u32', 'u64']) {
      expect(probed(`r6 = 8\nr0 = 7\nr6 += r0\nr0 = *(${type} *)(r6 +5)\nexit`)).toBe(0n);
      expect(probed(`r6 = 8\nr0 = 1\nr6 = *(${type} *)(r6 +5)\nif r6 == 0 goto pc+1\nr0 = 2\nexit`)).toBe(1n);
      expect(probed(`r6 = 8\nr0 = 1\nr6 = *(${type} *)(r6 +5)\nif w6 != 0 goto pc+1\nr0 = 2\nexit`)).toBe(2n);
    }
  });

  it('a counted loop, whatever closes it', () => {
    for (const close of ['if r3 != 0 goto', 'if r3 s> 0 goto', 'if w3 != 0 goto', 'if r3 > r4 goto']) {
      const text = `r0 = 0\nr3 = 100\nr4 = 0\nagain: r0 += r3\nr3 += -1\n${close} again\nexit`;
      expectAsReference({ text });
    }
    expectAsReference({
      text: 'r0 = 0\nr3 = 0\nr4 = 77\nagain: r0 += 3\nr3 += 1\nif r3 < r4 goto again\nexit',
    });
    expectAsReference({
      text: 'r0 = 9\nr3 = -5\nagain: r0 += 1\nr3 += 1\nif r3 == 0 goto end\ngoto again\nend: exit',
    });
  });
});
