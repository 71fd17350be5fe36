import { describe, expect, it } from 'vitest';
import { Layout } from '../../bpf/abi.ts';
import {
  DIRECT_MAP,
  HIGH_PFN,
  KERNEL_IMAGE,
  kernelAddress,
  PAGE_SIZE,
  pageAddress,
} from '../../bpf/address.ts';
import { assemble } from '../../bpf/asm.ts';
import { createVm } from '../../vm/node.ts';

const vm = await createVm();
const HIGH = DIRECT_MAP + BigInt(HIGH_PFN) * BigInt(PAGE_SIZE);

function run(text: string, context: bigint, probeLoads = false) {
  return vm.run(vm.load(assemble(text), { probeLoads }), context);
}

const outside: [string, bigint][] = [
  ['NULL', 0n],
  ['the NULL page', 0x500n],
  ['a user address', 0x7f00_0000_1000n],
  ['a hole of the address space', 0xffff_c000_0000_0000n],
  ['the records below the model', kernelAddress(0x400)],
  ['static data of the core', kernelAddress(0x1000)],
  ['the private heap', kernelAddress(Layout.LowStart - 8)],
  ['the private heap, through the kernel image', KERNEL_IMAGE + BigInt(Layout.LowStart - 8)],
  ['an error pointer', BigInt.asUintN(64, -22n)],
  ['the last byte of the address space', 0xffff_ffff_ffff_ffffn],
  ['the end of low memory', kernelAddress(0xffff_fff0)],
];

describe('accesses outside the model', () => {
  it.each(outside)('%s: a read stops the run', (_name, address) => {
    const result = run('r0 = 1\nr2 = *(u32 *)(r1 +0)\nr0 = 2\nexit', address);
    expect(result.status).toBe('faulted');
    expect(result.fault).toMatchObject({ kind: 'read', pc: 1, address, size: 4 });
    expect(result.insns).toBe(2);
  });

  it.each(outside)('%s: a write stops the run', (_name, address) => {
    const result = run('r0 = 5 ll\n*(u64 *)(r1 +0) = r0\nexit', address);
    expect(result.fault).toMatchObject({ kind: 'write', pc: 2, address, size: 8 });
    const immediate = run('*(u8 *)(r1 +0) = 1\nexit', address);
    expect(immediate.fault).toMatchObject({ kind: 'write', pc: 0, address, size: 1 });
  });

  it.each(outside)('%s: an atomic stops the run', (_name, address) => {
    const result = run('r2 = 1\nlock *(u64 *)(r1 +0) += r2\nexit', address);
    expect(result.fault).toMatchObject({ kind: 'write', pc: 1, address, size: 8 });
  });

  it.each(outside)('%s: a probing load reads zero', (_name, address) => {
    for (const load of ['u8', 'u16', 'u32', 'u64', 's8', 's16', 's32']) {
      const result = run(`r0 = -1\nr0 = *(${load} *)(r1 +0)\nexit`, address, true);
      expect(result).toMatchObject({ status: 'finished', r0: 0n });
    }
  });

  it('a probing program still faults on writes', () => {
    expect(run('*(u64 *)(r1 +0) = 1\nexit', 0n, true).fault).toMatchObject({ kind: 'write', address: 0n });
  });

  it('the offset counts', () => {
    expect(run('r0 = *(u8 *)(r1 -1)\nexit', 8n).fault).toMatchObject({ kind: 'read', address: 7n });
  });

  it('faults within a fused pair name the instruction that did it', () => {
    const text = 'r2 = r1\nr2 += r1\nr0 = *(u64 *)(r2 +0)\nif r0 == 0 goto pc+0\nexit';
    expect(run(text, 16n).fault).toMatchObject({ pc: 2, address: 32n });
    const compare = 'r0 = *(u64 *)(r1 +8)\nif r0 == 0 goto pc+0\nexit';
    expect(run(compare, 0n).fault).toMatchObject({ pc: 0, address: 8n });
  });
});

describe('accesses at borders', () => {
  it('the last bytes of low memory can be used, not one more', () => {
    const at = vm.ram.alloc(2 * PAGE_SIZE, PAGE_SIZE);
    const end = kernelAddress(at + 2 * PAGE_SIZE);
    expect(run('*(u8 *)(r1 -1) = 7\nr0 = *(u8 *)(r1 -1)\nexit', end).r0).toBe(7n);
    expect(run('*(u64 *)(r1 -8) = 7\nr0 = *(u64 *)(r1 -8)\nexit', end).r0).toBe(7n);
    expect(run('r0 = *(u64 *)(r1 -7)\nexit', end).fault).toMatchObject({ kind: 'read', size: 8 });
    expect(run('*(u16 *)(r1 -1) = 7\nexit', end).fault).toMatchObject({ kind: 'write', size: 2 });
  });

  it('sparse pages read as zeros, keep what is written, also across a page border', () => {
    const text =
      'r2 = *(u64 *)(r1 -4)\nif r2 != 0 goto bad\nr3 = 0x1122334455667788 ll\n*(u64 *)(r1 -4) = r3\nr0 = *(u64 *)(r1 -4)\nexit\nbad: r0 = 1\nexit';
    expect(run(text, HIGH + BigInt(3 * PAGE_SIZE)).r0).toBe(0x1122334455667788n);
    expect(vm.ram.read(HIGH + BigInt(3 * PAGE_SIZE) - 4n, 8)).toEqual(
      Uint8Array.of(0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11),
    );
  });

  it('sign-extending loads of sparse memory', () => {
    vm.ram.write(HIGH + 0x8000n, Uint8Array.of(0x80, 0xff, 0xff, 0xfe));
    expect(run('r0 = *(s8 *)(r1 +0)\nexit', HIGH + 0x8000n).r0).toBe(BigInt.asUintN(64, -128n));
    expect(run('r0 = *(s16 *)(r1 +0)\nexit', HIGH + 0x8000n).r0).toBe(BigInt.asUintN(64, -128n));
    expect(run('r0 = *(s32 *)(r1 +0)\nexit', HIGH + 0x8000n).r0).toBe(BigInt.asUintN(64, -0x1000080n));
  });

  it('struct pages are memory like any other', () => {
    const page = pageAddress(HIGH_PFN + 77);
    expect(run('*(u64 *)(r1 +8) = 99\nr0 = *(u64 *)(r1 +8)\nexit', page).r0).toBe(99n);
  });

  it('atomics work in sparse memory, but not across its pages', () => {
    const text = 'r2 = 5\nlock *(u64 *)(r1 +0) += r2\nr0 = *(u64 *)(r1 +0)\nexit';
    expect(run(text, HIGH + 0x9000n).r0).toBe(5n);
    expect(run(text, HIGH + 0xaffcn).fault).toMatchObject({ kind: 'write', size: 8 });
  });
});

describe('other faults', () => {
  it('a helper nobody answers', () => {
    expect(run('r0 = 0\ncall 9999\nexit', 0n).fault).toMatchObject({
      kind: 'unknown-helper',
      pc: 1,
      address: 9999n,
    });
  });

  it('the end of the program', () => {
    expect(run('r0 = 0', 0n).fault).toMatchObject({ kind: 'end-of-program', pc: 1 });
  });

  it('a run can follow one that faulted', () => {
    expect(run('r0 = *(u8 *)(r1 +0)\nexit', 0n).status).toBe('faulted');
    expect(run('r0 = 3\nexit', 0n)).toMatchObject({ status: 'finished', retval: 3, fault: null });
  });

  it('names instruction and address for people', () => {
    expect(run('r0 = *(u32 *)(r1 +0)\nexit', 0x10n).fault?.message).toBe(
      'insn 0: read of 4 bytes at 0x10, which is not mapped',
    );
  });
});

describe('programs that are none', () => {
  const bad: [string, string, RegExp][] = [
    ['an unknown opcode', 'ff00000000000000', /insn 0: unknown opcode ff/],
    ['register 11', 'b70b000000000000', /no such register/],
    ['register 15 as source', 'bff0000000000000', /no such register/],
    ['a jump before the start', '0500feff000000009500000000000000', /jump or call out of the program/],
    ['a jump behind the end', '05000100000000009500000000000000', /jump or call out of the program/],
    ['a jump into a ld_imm64', '050001000000000018000000000000000000000000000000', /jump or call out of/],
    ['a call out of the program', '8510000064000000', /jump or call out of/],
    ['half a ld_imm64', '1800000000000000', /ld_imm64 is incomplete/],
    ['an unresolved map', '18110000010000000000000000000000', /ld_imm64/],
    ['a 1-byte atomic', 'd30a0000000000009500000000000000', /unknown opcode d3/],
    ['nothing', '', /empty/],
    ['half an instruction', 'b700000000', /not a multiple of 8/],
  ];
  it.each(bad)('%s', (_name, hex, message) => {
    expect(() => vm.load(Uint8Array.from(Buffer.from(hex, 'hex')))).toThrow(message);
  });

  it('a program that is too long', () => {
    expect(() => vm.load(new Uint8Array(8_000_008))).toThrow(/limit/);
  });
});
