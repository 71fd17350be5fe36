/** The assembler: syntax beyond the log's text, errors, and the table's forms there and back. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { decode, encodeInsn, type InsnFields } from '../../bpf/decode.ts';
import { disassemble } from '../../bpf/disasm.ts';
import { InputError } from '../../bpf/input-error.ts';
import { FORMS, findForm, formsOf, type InsnForm } from '../../bpf/opcodes.ts';

const hex = (text: string) => Buffer.from(assemble(text)).toString('hex');

describe('assemble', () => {
  // Encodings by hand from RFC 9669 section 3: opcode, src:dst, offset, imm.
  it.each([
    ['r1 = 5', 'b701000005000000'],
    ['w2 = w3', 'bc32000000000000'],
    ['r1 = (s32)r2', 'bf21200000000000'],
    ['w1 = (s8)w2', 'bc21080000000000'],
    ['r0 s/= -2', '37000100feffffff'],
    ['w7 s%= w8', '9c87010000000000'],
    ['r9 = -r9', '8709000000000000'],
    ['r3 = be16 r3', 'dc03000010000000'],
    ['r3 = le64 r3', 'd403000040000000'],
    ['r3 = bswap32 r3', 'd703000020000000'],
    ['r1 = addr_space_cast(r2, 1, 0)', 'bf21010000000100'],
    ['goto pc-1', '0500ffff00000000'],
    ['gotol pc+70000', '0600000070110100'],
    ['may_goto pc+2', 'e500020000000000'],
    ['if r1 s<= r2 goto pc+1', 'dd21010000000000'],
    ['if w1 != 0xffffffff goto pc+0', '56010000ffffffff'],
    ['r1 = *(u16 *)(r2 +6)', '6921060000000000'],
    ['r1 = *(s32 *)(r2 -8)', '8121f8ff00000000'],
    ['*(u8 *)(r10 -1) = 255', '720affffff000000'],
    ['*(u64 *)(r10 -8) = r4', '7b4af8ff00000000'],
    ['lock *(u32 *)(r1 +4) ^= r2', 'c3210400a0000000'],
    ['r2 = atomic64_fetch_or((u64 *)(r1 +0), r2)', 'db21000041000000'],
    ['r2 = atomic_xchg((u32 *)(r1 +0), r2)', 'c3210000e1000000'],
    ['r0 = atomic64_cmpxchg((u64 *)(r1 -8), r0, r3)', 'db31f8fff1000000'],
    ['r0 = load_acquire((u16 *)(r1 +2))', 'cb10020000010000'],
    ['store_release((u32 *)(r1 +2), r0)', 'c301020010010000'],
    ['r0 = *(u8 *)skb[14]', '300000000e000000'],
    ['r0 = *(u16 *)skb[r6 + -3]', '48600000fdffffff'],
    ['call pc+3', '8510000003000000'],
    ['call bpf_seq_write#127', '850000007f000000'],
    ['call bpf_page_fun#4711', '8520000067120000'],
    ['callx r7', '8d07000000000000'],
    ['exit', '9500000000000000'],
    ['r1 = 0x8000000000000001', '18010000010000000000000000000080'],
    ['r1 = map[2][0]+16', '18210000020000000000000010000000'],
  ])('%s', (text, expected) => {
    expect(hex(text)).toBe(expected);
  });

  it('takes labels, comments and pasted log lines', () => {
    const program = `
      ; counts down
      r1 = 3
      again: r1 += -1           // a label may stand before an instruction
      if r1 != 0 goto again
      r2 = subprog[sub]
      call sub
      7: (95) exit
      sub:
      r0 = 0
      gotol end
      may_goto sub
      end: exit`;
    expect(disassemble(assemble(program))).toEqual([
      'r1 = 3',
      'r1 += -1',
      'if r1 != 0x0 goto pc-2',
      'r2 = subprog[pc+3]',
      'call pc+1',
      'exit',
      'r0 = 0',
      'gotol pc+1',
      'may_goto pc-3',
      'exit',
    ]);
  });

  it('counts ld_imm64 as two slots', () => {
    expect(disassemble(assemble('goto end\nr1 = 1 ll\nend: exit'))).toEqual([
      'goto pc+2',
      'r1 = 0x1',
      'exit',
    ]);
  });

  it('tells ld_imm64 from mov by `ll` or by hex, as the log does', () => {
    expect(hex('r1 = -1 ll')).toBe('18010000ffffffff00000000ffffffff');
    expect(hex('r1 = 0x10')).toBe(hex('r1 = 16 ll'));
    expect(hex('r1 = 16')).toBe('b701000010000000');
    expect(hex('w1 = 0x10')).toBe('b401000010000000');
    expect(hex('r1 += 0x10')).toBe('0701000010000000');
  });

  it('takes loose spellings of memory operands and calls', () => {
    expect(hex('r0=*(u64*)(r1)')).toBe(hex('r0 = *(u64 *)(r1 +0)'));
    expect(hex('*(u32 *)(r10 - 0x8) = r1')).toBe(hex('*(u32 *)(r10 -8) = r1'));
    expect(hex('call bpf_loop')).toBe(hex('call 181'));
    expect(hex('call unknown#-1')).toBe('85000000ffffffff');
    expect(hex('call kfunc#77@2')).toBe('852002004d000000');
    const options = {
      helperId: () => undefined,
      kfuncId: (name: string) => (name === 'mine' ? 9 : undefined),
    };
    expect(disassemble(assemble('call mine', options))).toEqual(['call kfunc#9']);
  });

  it.each([
    ['nonsense', /^line 1: not an instruction: nonsense$/],
    ['\n r1 += r2 r3', /^line 2: not an instruction/],
    ['goto nowhere', /line 1: label nowhere is not defined/],
    ['a: exit\na: exit', /line 2: label a is defined twice/],
    ['r11 = 0', /there is no register r11/],
    ['r1 = 4294967295', /4294967295 does not fit/],
    ['w1 += 0x100000000', /0x100000000 does not fit/],
    ['*(u8 *)(r1 +32768) = 0', /does not fit \(-32768 to 32767\)/],
    ['goto pc+32768', /does not fit/],
    ['r1 = 0x10000000000000000', /does not fit/],
    ['r1 = -r2', /not an instruction/],
    ['r2 = atomic_xchg((u32 *)(r1 +0), r3)', /not an instruction/],
    ['r1 = atomic_cmpxchg((u32 *)(r1 +0), r0, r3)', /not an instruction/],
    ['r1 = be8 r1', /not an instruction/],
    ['r0 += w1', /not an instruction/],
    ['call bpf_no_such_thing', /neither a label nor a helper/],
  ])('refuses %j', (text, message) => {
    expect(() => assemble(text)).toThrow(message);
    expect(() => assemble(text)).toThrow(InputError);
  });

  it('refuses text at a far jump instead of cutting the offset', () => {
    const far = `goto end\n${'r0 = 0\n'.repeat(40_000)}end: exit`;
    expect(() => assemble(far)).toThrow(/line 1: pc\+40000 does not fit/);
    expect(decode(assemble(far.replace('goto', 'gotol')))[0]).toMatchObject({ imm: 40_000 });
  });
});

/** Random operands for a form: fields that its text does not show stay zero, as in a valid program. */
function instructionsOf(form: InsnForm): fc.Arbitrary<InsnFields> {
  const shows = (...operands: string[]) => form.operands.some((operand) => operands.includes(operand));
  const register = fc.integer({ min: 0, max: 10 });
  const imm = fc.oneof(fc.integer(), fc.integer({ min: -20, max: 20 }));
  const zero = fc.constant(0);
  return fc.record({
    code: fc.constant(form.code),
    dst: shows('dst', 'wdst') ? register : zero,
    src: shows('src', 'wsrc') ? register : fc.constant(form.fixed.src ?? 0),
    offset: shows('off', 'pc')
      ? fc.integer({ min: -32768, max: 32767 })
      : fc.constant(form.fixed.offset ?? 0),
    imm: shows('kfunc')
      ? fc.nat()
      : shows('imm', 'hex', 'pcimm', 'imm64', 'helper') || shows('immlow')
        ? imm
        : fc.constant(form.fixed.imm ?? 0),
    imm2: shows('imm64', 'imm2', 'off2') ? imm : zero,
  });
}

describe('the instruction table', () => {
  it.each(FORMS.map((form) => [form.name, form] as const))('%s: there and back', (_, form) => {
    fc.assert(
      fc.property(instructionsOf(form), (fields) => {
        const bytes = encodeInsn(fields);
        const [insn] = decode(bytes);
        expect(insn).toMatchObject({ ...fields, form: { name: form.name } });
        expect(assemble(disassemble(bytes).join('\n'))).toEqual(bytes);
      }),
      { numRuns: 60, seed: form.code },
    );
  });

  it('gives whole programs there and back', () => {
    const insn = fc.constantFrom(...FORMS).chain(instructionsOf);
    fc.assert(
      fc.property(fc.array(insn, { maxLength: 50 }), (insns) => {
        const bytes = Buffer.concat(insns.map(encodeInsn));
        expect(Buffer.from(assemble(disassemble(bytes).join('\n'))).equals(bytes)).toBe(true);
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it('has unique names, and reaches every form', () => {
    expect(new Set(FORMS.map(({ name }) => name)).size).toBe(FORMS.length);
    for (const form of FORMS) {
      const { src = 0, offset = 0, imm = 0 } = form.fixed;
      expect(findForm(form.code, src, offset, imm)?.name).toBe(form.name);
    }
  });

  it('has the opcodes of RFC 9669 and of Linux, no others', () => {
    const codes = Array.from({ length: 256 }, (_, code) => code).filter((code) => formsOf(code).length > 0);
    const expected = new Set<number>();
    for (const cls of [4, 7]) {
      for (let op = 0; op <= 0xc0; op += 0x10) {
        expected.add(op | cls);
        if (op !== 0x80) expected.add(op | 8 | cls); // neg has no register source
      }
    }
    for (const code of [0xd4, 0xdc, 0xd7]) expected.add(code);
    for (const op of [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0]) {
      for (const code of [5, 0xd, 6, 0xe]) expected.add(op | code);
    }
    for (const code of [0x05, 0x06, 0x85, 0x8d, 0x95, 0xe5]) expected.add(code);
    for (const size of [0x00, 0x08, 0x10, 0x18]) {
      for (const code of [0x61, 0x62, 0x63]) expected.add(code | size); // ldx, st, stx
      expected.add(0xc3 | size); // atomic
      if (size !== 0x18) for (const code of [0x81, 0x20, 0x40]) expected.add(code | size); // ldsx, ld_abs, ld_ind
    }
    expected.add(0x18);
    expect(codes).toEqual([...expected].sort((a, b) => a - b));
  });
});

describe('hostile input', () => {
  const words = fc.constantFrom(
    ...[
      'r1',
      'w2',
      'r10',
      'r11',
      '=',
      '+=',
      's>>=',
      '0x10',
      '-1',
      '99999999999999999999',
      '*(u64 *)',
      '(',
      ')',
      '[',
    ],
    ...[
      'goto',
      'call',
      'if',
      'pc+1',
      'lock',
      'exit',
      'label:',
      '#',
      ';',
      'll',
      'map[',
      'atomic_xchg',
      '\n',
      ',',
    ],
  );
  const texts = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.array(words, { maxLength: 12 }).map((parts) => parts.join(' ')),
  );

  it('any text assembles or is refused with an InputError', () => {
    fc.assert(
      fc.property(texts, (text) => {
        try {
          expect(assemble(text).length % 8).toBe(0);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { seed: 2, numRuns: 3000 },
    );
  });

  it('any bytes disassemble, one line an instruction, or are refused with an InputError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 96 }), (bytes) => {
        try {
          const lines = disassemble(bytes);
          expect(lines.length).toBeLessThanOrEqual(bytes.length / 8);
          for (const line of lines) expect(line).not.toMatch(/undefined|NaN|[{}]/);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { seed: 2, numRuns: 3000 },
    );
  });
});
