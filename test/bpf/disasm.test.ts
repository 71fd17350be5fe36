/** The disassembler against instruction lines that a real Linux 6.12 printed into its verifier log. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { decode, type Insn, imm64 } from '../../bpf/decode.ts';
import { disassemble } from '../../bpf/disasm.ts';
import { helperId, helperName, LAST_HELPER } from '../../bpf/helpers.ts';
import { InputError } from '../../bpf/input-error.ts';
import { CallKind, Pseudo } from '../../bpf/isa.ts';

/** Lines "HEX TEXT": an instruction, and what the kernel's log said it is. */
const golden = readFileSync(new URL('golden/verifier-log-6.12.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => ({ hex: line.slice(0, line.indexOf(' ')), text: line.slice(line.indexOf(' ') + 1) }));

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** What only the kernel knew: names of kfuncs, addresses of maps and symbols. */
function knownToTheKernel(text: string) {
  return {
    kfuncName: () => /call (\w+)#/.exec(text)?.[1],
    address: (insn: Insn) =>
      insn.src === Pseudo.Func ? imm64(insn) : BigInt(text.slice(text.indexOf('0x'))),
  };
}

describe('disassemble', () => {
  it('prints what the kernel printed, for every instruction of the sample', () => {
    expect(golden.length).toBeGreaterThan(600);
    const ours = golden.map(({ hex, text }) => disassemble(bytesOf(hex), knownToTheKernel(text)));
    expect(ours).toEqual(golden.map(({ text }) => [text]));
  });

  it('puts the opcode first on demand', () => {
    expect(disassemble(bytesOf('b700000001000000'), { opcodes: true })).toEqual(['(b7) r0 = 1']);
  });

  it('shows fields that no instruction has as the kernel does before it refuses them', () => {
    const log = (hex: string) => disassemble(bytesOf(hex), { opcodes: true });
    expect(log('d709000000000000')).toEqual(['(d7) r9 = bswap0 r9']);
    expect(log('dc09000007000000')).toEqual(['(dc) r9 = be7 r9']);
    expect(log('bfa3ffff00000000')).toEqual(['(bf) r3 = &(void __percpu *)(r10)']);
    expect(log('8550000001000000')).toEqual(['(85) call unknown#1']);
    expect(log('e510010000000000')).toEqual(['(e5) if r0 (null) 0x0 goto pc+1']);
    expect(log('db10000070000000')).toEqual(['BUG_db']);
  });

  it('shows what the kernel has no text for: pseudo constants by index, callx', () => {
    const lines = (hex: string) => disassemble(bytesOf(hex));
    expect(lines('18110000030000000000000000000000')).toEqual(['r1 = map[3]']);
    expect(lines('18210000030000000000000008000000')).toEqual(['r1 = map[3][0]+8']);
    expect(lines('18310000030000000000000001000000')).toEqual(['r1 = btf[1:3]']);
    expect(lines('18410000030000000000000000000000')).toEqual(['r1 = subprog[pc+3]']);
    expect(lines('18510000030000000000000000000000')).toEqual(['r1 = map[idx:3]']);
    expect(lines('18610000030000000000000004000000')).toEqual(['r1 = map[idx:3][0]+4']);
    expect(lines('8d02000000000000')).toEqual(['callx r2']);
  });

  it('prints the load-acquire and store-release of Linux 6.15 and jset', () => {
    expect(disassemble(bytesOf('db34f8ff00010000'))).toEqual(['r4 = load_acquire((u64 *)(r3 -8))']);
    expect(disassemble(bytesOf('d312ffff10010000'))).toEqual(['store_release((u8 *)(r2 -1), r1)']);
    expect(disassemble(bytesOf('4501010007000000'))).toEqual(['if r1 & 0x7 goto pc+1']);
    expect(disassemble(bytesOf('4e21010000000000'))).toEqual(['if w1 & w2 goto pc+1']);
  });

  it('asks for names and falls back to unknown', () => {
    const call = (id: number, kind: CallKind) => {
      const insn = bytesOf('8500000000000000');
      insn[1] = kind << 4;
      new DataView(insn.buffer).setInt32(4, id, true);
      return insn;
    };
    expect(disassemble(call(1, CallKind.Helper))).toEqual(['call bpf_map_lookup_elem#1']);
    expect(disassemble(call(0, CallKind.Helper))).toEqual(['call bpf_unspec#0']);
    expect(disassemble(call(-5, CallKind.Helper))).toEqual(['call unknown#-5']);
    expect(disassemble(call(181, CallKind.Helper), { helperName: () => 'bpf_page_to_pfn' })).toEqual([
      'call bpf_page_to_pfn#181',
    ]);
    expect(disassemble(call(77, CallKind.Kfunc))).toEqual(['call kfunc#77']);
    expect(disassemble(call(-9, CallKind.Local))).toEqual(['call pc-9']);
  });

  it('shows opcodes and atomic operations that do not exist as BUG, any register, any reserved field', () => {
    expect(disassemble(bytesOf('ff00000000000000'))).toEqual(['BUG_ff']);
    expect(disassemble(bytesOf('db10000070000000'))).toEqual(['BUG_db']);
    expect(disassemble(bytesOf('bff0000000000000'))).toEqual(['r0 = r15']);
    expect(disassemble(bytesOf('bf10070005000000'))).toEqual(['r0 = r1']);
  });

  it('refuses bytes that end inside an instruction', () => {
    expect(() => disassemble(new Uint8Array(12))).toThrow(InputError);
    expect(() => disassemble(bytesOf('1801000000000000'))).toThrow(/second slot of this ld_imm64 is missing/);
  });
});

describe('decode', () => {
  it('gives fields, slots and the form', () => {
    const insns = decode(assemble('r1 = 0x1122334455667788\nif w1 s> 0xffffffff goto pc-3\nexit'));
    expect(insns.map(({ slot, slots, form }) => [slot, slots, form?.name])).toEqual([
      [0, 2, 'ld_imm64'],
      [2, 1, 'jsgt32 imm'],
      [3, 1, 'exit'],
    ]);
    expect(imm64(insns[0] as Insn)).toBe(0x1122334455667788n);
    expect(insns[1]).toMatchObject({ code: 0x66, dst: 1, src: 0, offset: -3, imm: -1, imm2: 0 });
  });

  it.each([
    ['a length that is no multiple of 8', '9500000000', /5 bytes of instructions are not a multiple of 8/],
    ['a cut-off ld_imm64', `b7000000000000001800000000000000`, /offset 0x8: the second slot/],
    ['a wrong second slot', `18000000000000009500000000000000`, /offset 0x8: what follows/],
    [
      'an unknown opcode',
      'b700000000000000ff00000000000000',
      /offset 0x8: there is no instruction with opcode 0xff/,
    ],
    [
      'an unknown atomic operation',
      'db10000070000000',
      /offset 0x0: there is no instruction with opcode 0xdb/,
    ],
    ['a register above r10', 'bfb0000000000000', /offset 0x0: there is no register r11/],
  ])('refuses %s', (_, hex, message) => {
    expect(() => decode(bytesOf(hex))).toThrow(message);
    expect(() => decode(bytesOf(hex))).toThrow(InputError);
  });
});

describe('helper names', () => {
  it('numbers the 211 helpers of Linux', () => {
    expect(LAST_HELPER).toBe(211);
    expect([1, 126, 127, 164, 181, 211].map(helperName)).toEqual([
      'bpf_map_lookup_elem',
      'bpf_seq_printf',
      'bpf_seq_write',
      'bpf_for_each_map_elem',
      'bpf_loop',
      'bpf_cgrp_storage_delete',
    ]);
    expect(helperName(212)).toBeUndefined();
    expect(helperName(-1)).toBeUndefined();
    for (let id = 0; id <= LAST_HELPER; id++) expect(helperId(helperName(id) ?? '')).toBe(id);
  });
});

describe('golden sample', () => {
  it('assembles back to the same bytes', () => {
    for (const { hex, text } of golden) {
      const insn = decode(bytesOf(hex))[0] as Insn;
      // The log shows neither the index behind an address nor the module of a kfunc.
      if (insn.slots === 2 && insn.src !== 0) continue;
      if (insn.src === CallKind.Kfunc && insn.form?.name === 'call kfunc' && insn.offset !== 0) continue;
      expect(hexOf(assemble(text)), text).toBe(hex);
    }
  });
});
