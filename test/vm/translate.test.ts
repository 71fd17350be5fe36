/** The translated tier by hand: what it takes, what it leaves, how runs end, and large functions. */
import { describe, expect, it } from 'vitest';
import { ProgramRecord } from '../../bpf/abi.ts';
import { kernelAddress } from '../../bpf/address.ts';
import { assemble } from '../../bpf/asm.ts';
import { encodeInsn } from '../../bpf/decode.ts';
import { FORMS, type InsnForm } from '../../bpf/opcodes.ts';
import { Untranslatable } from '../../vm/index.ts';
import type { TranslatedProgram } from '../../vm/translate/program.ts';
import { mapDef } from './helper-rig.ts';
import { EDGE_IMMS, EDGE_VALUES, encodeBatch } from './isa-values.ts';
import { compareText, compareTiers, load, map, maps, vm } from './translate-machine.ts';

const block = Uint8Array.from({ length: 256 }, (_, i) => i * 7);
const hex = (value: bigint) => `0x${value.toString(16)}`;

function reasonOf(text: string): string {
  const program = load(assemble(text));
  expect(program.tier).toBe('interpreter');
  expect(program.translated).toBeInstanceOf(Untranslatable);
  return (program.translated as Untranslatable).reason;
}

describe('every form with edge values', () => {
  const forms = FORMS.filter(
    ({ code, name, pattern }) =>
      pattern.startsWith('if ') || ([4, 7].includes(code & 7) && name !== 'addr_space_cast'),
  );
  it.each(forms.map((form) => [form.name, form] as const))('%s', (_, form: InsnForm) => {
    const byImm = form.operands.includes('imm') || form.operands.includes('hex');
    const cases = EDGE_VALUES.flatMap((dst) =>
      byImm
        ? EDGE_IMMS.map((imm) => ({ dst, src: 0n, imm }))
        : EDGE_VALUES.map((src) => ({ dst, src, imm: 0 })),
    );
    // In parts: V8 takes its time for long functions.
    for (let at = 0; at < cases.length; at += 200) {
      const { program, block } = encodeBatch(form, cases.slice(at, at + 200));
      expect(compareTiers(program, { block })?.status).toBe('finished');
    }
  });

  const memory = FORMS.filter(({ name }) =>
    /^(ldx|ldsx|load_acquire|stx?|store_release|atomic_\w+?)\d+$/.test(name),
  );
  it.each(memory.map((form) => [form.name, form] as const))(
    '%s, in the context and on the stack',
    (_, form) => {
      for (const base of [1, 10]) {
        for (const value of EDGE_VALUES) {
          const load = /^(ldx|ldsx|load_)/.test(form.name);
          const insn = encodeInsn({
            code: form.code,
            dst: load ? 3 : base,
            src: load ? base : form.operands.includes('src') || form.operands.includes('wsrc') ? 3 : 0,
            offset: base === 10 ? -16 : 24,
            imm: form.operands.includes('imm') ? -5 : (form.fixed.imm ?? 0),
            imm2: 0,
          });
          const before = `*(u64 *)(r10 -16) = 0x7788\nr0 = 0x7788\nr3 = ${hex(value)} ll\n*(u64 *)(r1 +24) = r3`;
          const after = 'r4 = *(u64 *)(r10 -16)\nr0 *= 3\nr0 += r3\nr0 *= 3\nr0 += r4\nexit';
          const code = Buffer.concat([assemble(before), insn, assemble(after)]);
          expect(compareTiers(code, { block })?.status).toBe('finished');
        }
      }
    },
  );
});

describe("faults are the interpreter's", () => {
  it.each([
    ['a load of nothing', 'r2 = 0\nr0 = *(u32 *)(r2 +8)\nexit', 'read', 1],
    ['a store to nothing', 'r0 = 1\nr2 = 4096\n*(u16 *)(r2 +0) = r0\nexit', 'write', 2],
    ['an atomic on nothing', 'r2 = 4096\nlock *(u64 *)(r2 +0) += r1\nexit', 'write', 1],
    ['no such helper', 'r0 = 1\ncall 4000\nexit', 'unknown-helper', 1],
    ['a helper with a bad argument', 'r1 = 0\nr2 = r10\nr2 += -8\ncall 1\nexit', 'bad-argument', 3],
    ['callx of a number', 'r1 = 123456\ncallx r1\nexit', 'bad-call-target', 1],
    ['recursion', 'call f\nexit\nf: call f\nexit', 'call-depth', 2],
    [
      'the end of the program',
      'r0 = 1\nif r0 == 2 goto out\nr0 = 3\ngoto last\nout: exit\nlast: r0 = 4',
      'end-of-program',
      6,
    ],
  ])('%s', (_, text, kind, pc) => {
    const outcome = compareText(text, { block });
    expect(outcome?.fault).toMatchObject({ kind, pc });
  });

  it('in the middle of a function of a function', () => {
    const text = `
      call f
      exit
      f: r6 = 3
      again: r6 += -1
      r1 = r6
      call g
      if r6 != 0 goto again
      exit
      g: if r1 != 1 goto fine
      r1 = *(u8 *)(r1 +0)
      fine: r0 = 0
      exit`;
    expect(compareText(text)?.fault).toMatchObject({ kind: 'read', address: 1n, size: 1, pc: 9 });
  });

  it('and loads that probe read zero', () => {
    const text = 'r2 = 16\nr0 = 5\nr0 = *(u64 *)(r2 +0)\nr3 = *(s8 *)(r2 +0)\nr0 += r3\nr0 += 2\nexit';
    expect(compareText(text, { options: { probeLoads: true } })?.r0).toBe(2n);
  });
});

describe('memory beyond the fast path', () => {
  const sparse = 0xffff_ea00_0000_1000n;
  const text = `
    r6 = ${hex(sparse)} ll
    *(u32 *)(r6 +8) = 77
    r1 = 5
    lock *(u64 *)(r6 +16) += r1
    r0 = *(u32 *)(r6 +8)
    r2 = *(u64 *)(r6 +16)
    r0 += r2
    *(u64 *)(r6 +16) = 0
    r3 = *(u8 *)(r6 +32)
    r0 += r3
    exit`;

  it('goes on in the interpreter, in the main function and in others', () => {
    expect(compareText(text)?.r0).toBe(82n);
    expect(compareText(`call f\nr0 += 1\nexit\nf: ${text.replace('exit', '')}exit`)?.r0).toBe(83n);
  });

  it('is translated into calls of the core where it is used often', () => {
    const program = load(assemble(text));
    const translated = program.translated as Exclude<typeof program.translated, Untranslatable | undefined>;
    const before = translated.translation;
    for (let run = 0; run < 40; run++)
      expect(vm.run(program, 0n)).toMatchObject({ status: 'finished', r0: 82n, insns: 11 });
    expect(translated.translation).not.toBe(before);
  });
});

describe('fuel', () => {
  it.each([
    ['a loop', 'again: r0 += 1\ngoto again'],
    ['a function that calls itself and loops', 'f: call f\nagain: goto again'],
    ['callbacks', 'r1 = 8000000\nr2 = subprog[cb]\nr3 = 0\nr4 = 0\ncall bpf_loop\nexit\ncb: r0 = 0\nexit'],
    [
      'calls in calls',
      `${'call a\n'.repeat(100)}exit\na: ${'call b\n'.repeat(100)}exit\nb: ${'call c\n'.repeat(100)}exit\nc: r0 = 1\nexit`,
    ],
  ])('ends %s', (_, text) => {
    const outcome = compareText(text, { budget: 10_000 });
    expect(outcome?.fault?.kind ?? outcome?.status).toMatch(/suspended|call-depth/);
    if (outcome?.status === 'suspended') expect(outcome.insns).toBe(10_000);
  });

  it('is exact: a run that takes all of it has finished', () => {
    const text = 'r0 = 0\nagain: r0 += 1\nif r0 != 10 goto again\nexit';
    for (let budget = 1; budget < 26; budget++) compareText(text, { budget });
    expect(compareText(text, { budget: 22 })?.status).toBe('finished');
    expect(compareText(text, { budget: 21 })?.status).toBe('suspended');
  });

  it('a run that spent it cannot be resumed', () => {
    const program = load(assemble('again: goto again'));
    expect(vm.run(program, 0n, { budget: 1000 }).status).toBe('suspended');
    expect(() => vm.resume(1)).toThrow('no run is under way');
  });
});

describe('callbacks and tail calls', () => {
  it('bpf_loop with a translated callback that calls back itself', () => {
    const text = `
      *(u64 *)(r10 -8) = 0
      r1 = 10
      r2 = subprog[outer]
      r3 = r10
      r3 += -8
      r4 = 0
      call bpf_loop
      r1 = *(u64 *)(r10 -8)
      r0 *= 1000
      r0 += r1
      exit
      outer:
      r6 = r2
      r1 += 1
      r2 = subprog[inner]
      r3 = r6
      r4 = 0
      call bpf_loop
      r0 = 0
      exit
      inner:
      r3 = *(u64 *)(r2 +0)
      r3 += 1
      *(u64 *)(r2 +0) = r3
      r0 = 0
      exit`;
    expect(compareText(text)?.r0).toBe(10_055n);
  });

  it('faults in callbacks, and more frames than there are', () => {
    expect(
      compareText('r1 = 3\nr2 = subprog[cb]\nr4 = 0\ncall bpf_loop\nexit\ncb: r0 = *(u8 *)(r2 +0)\nexit')
        ?.fault,
    ).toMatchObject({ kind: 'read', pc: 6 });
    const deep = 'r1 = 1\nr2 = subprog[cb]\nr3 = 0\nr4 = 0\ncall bpf_loop\nexit';
    expect(compareText(`${deep}\ncb: ${deep}`)?.fault?.kind).toBe('call-depth');
  });

  it('a tail call runs the other program in place of the rest', () => {
    const programs = maps.create(mapDef({ name: 'programs', type: 3, valueSize: 4 }));
    const target = load(assemble('r0 = *(u8 *)(r1 +3)\nr0 += 1\nexit'));
    expect(programs.setProgram(1, target)).toBe(0);
    const tail = (index: number) =>
      `r2 = ${hex(programs.address)} ll\nr3 = ${index}\ncall 12\nr0 = 500\nexit`;
    expect(compareText(tail(1), { block })?.r0).toBe(22n);
    expect(compareText(tail(2), { block })?.r0).toBe(500n);
    expect(compareText(`call f\nr0 *= 2\nexit\nf: ${tail(1)}`, { block })?.r0).toBe(44n);
  });

  it('a tail call to a translated program runs its translation', () => {
    const programs = maps.create(mapDef({ name: 'programs', type: 3, valueSize: 4 }));
    const text = (constant: number) => `r0 = ${constant}\nr0 += 1\nexit`;
    const [target, other] = [load(assemble(text(1))), load(assemble(text(76)))];
    programs.setProgram(0, target);
    const code = assemble(`r2 = ${hex(programs.address)} ll\nr3 = 0\ncall 12\nr0 = 500\nexit`);
    const caller = load(code);
    expect(vm.run(caller, 0n).r0).toBe(2n);
    // With another translation in its place that one runs.
    const place = vm.ram.view.getUint32(target.record + ProgramRecord.Entry, true);
    const { table } = vm.core.exports;
    expect(table.get(place)).toBe((target.translated as TranslatedProgram).exports.run);
    table.set(place, (other.translated as TranslatedProgram).exports.run);
    expect(vm.run(caller, 0n).r0).toBe(77n);
    vm.unload(target);
    expect(table.get(place)).toBe(null);
    // The number in the prog array names nothing now.
    expect(vm.run(caller, 0n).r0).toBe(500n);
  });

  it('tail calls keep to the frames that there are, and to what may_goto grants', () => {
    const programs = maps.create(mapDef({ name: 'programs', type: 3, valueSize: 4 }));
    const tail = `r2 = ${hex(programs.address)} ll\nr3 = 0\ncall 12\nr0 = 500\nexit`;
    const nest = (depth: number, last: string) => {
      const calls = Array.from({ length: depth }, (_, i) => `call f${i}\nr0 += 1\nexit\nf${i}: r0 = 0`);
      return `${calls.join('\n')}\n${last}`;
    };
    for (const [outer, inner] of [
      [3, 4],
      [3, 5],
      [7, 0],
      [7, 1],
      [0, 7],
    ] as const) {
      const target = load(assemble(nest(inner, 'r0 = r10\nexit')));
      programs.setProgram(0, target);
      const outcome = compareText(nest(outer, tail));
      expect(outcome?.fault?.kind).toBe(outer + inner > 7 ? 'call-depth' : undefined);
      vm.unload(target);
    }
    const loop = 'r0 = 0\nagain: r0 += 1\nmay_goto end\ngoto again\nend: ';
    const target = load(assemble(`${loop}exit`));
    programs.setProgram(0, target);
    expect(compareText(`${loop}${tail}`, { budget: 200_000_000 })?.r0).toBe(1n);
    expect(compareText(tail, { budget: 200_000_000 })?.status).toBe('finished');
  });
});

describe('what is left to the interpreter', () => {
  it('a loop with several entries', () => {
    const text = 'if r1 == 0 goto b\na: r0 += 1\nb: r0 += 2\nif r0 < 100 goto a\nexit';
    expect(reasonOf(text)).toBe('a loop has several entries (insn 2)');
  });

  it('what no verified program does', () => {
    expect(reasonOf('r10 += 8\nr0 = 0\nexit')).toBe('insn 0 writes r10');
    expect(reasonOf('r2 = subprog[cb]\nr0 = 0\nexit\ncb: r0 = r6\nexit')).toBe(
      'the callback of insn 4 reads what it was not given',
    );
    expect(reasonOf('call 5\nr0 = r1\nexit')).toBe('r1 to r5 are read after the call of insn 0');
  });

  it('a function that is not the main one, alone', () => {
    const text = `
      r1 = 7
      r6 = 5
      call f
      r0 += r6
      exit
      f: r6 = 1
      r0 = r1
      if r1 == 0 goto b
      a: r0 += 1
      b: r0 += 2
      if r0 < 100 goto a
      exit`;
    const outcome = compareText(text);
    expect(outcome?.status).toBe('finished');
  });
});

describe('large functions', () => {
  it('100,000 instructions in a row, in parts and as one', () => {
    const line = assemble('r0 += 1\nr0 *= 3\nr0 ^= r1');
    const program = (lines: number) => Buffer.concat([...new Array(lines).fill(line), assemble('exit')]);
    expect(compareTiers(program(3000))?.status).toBe('finished');
    expect(compareTiers(program(33_334))).toMatchObject({ status: 'finished', insns: 100_003 });
    const long = load(program(33_334), { maxInsns: 200_000 });
    expect(long.tier).toBe('translated');
    expect(vm.run(long, 0n).insns).toBe(100_003);
  });

  it('parts: loops within one, across all, and with an entry inside', () => {
    // Rounds of 300 tests, each of which goes to one of 300 places that change r0 in a way of their own.
    const tests = Array.from({ length: 300 }, (_, i) => `r3 = r0\nr3 &= 511\nif r3 == ${i * 2} goto p${i}`);
    const places = Array.from({ length: 300 }, (_, i) => `p${i}: r0 *= ${i * 2 + 3}\nr0 += r2\ngoto next`);
    const text = `
      r0 = *(u64 *)(r1 +0)
      r2 = 2000
      r6 = 17
      if r0 == 0 goto p150
      again: ${tests.join('\n')}
      ${Array.from({ length: 40 }, (_, i) => `r0 ^= ${i}`).join('\n')}
      next: r4 = 3
      inner: r0 += r6
      r4 -= 1
      if r4 != 0 goto inner
      r2 -= 1
      if r2 != 0 goto again
      exit
      ${places.join('\n')}`;
    // As one function it is a loop with several entries.
    expect(compareText(text, { block })).toBe(undefined);
    for (const maxInsns of [1, 7, 50, 300, 1000]) {
      expect(compareText(text, { block, options: { maxInsns } })?.status).toBe('finished');
      compareText(text, { block: new Uint8Array(256), options: { maxInsns }, budget: 100_000 + maxInsns });
    }
  });

  it('parts: functions called, callbacks, tail calls and may_goto', () => {
    const programs = maps.create(mapDef({ name: 'programs', type: 3, valueSize: 4 }));
    programs.setProgram(0, load(assemble('r0 = 7\nr0 += 1\nexit'), { maxInsns: 1 }));
    const text = `
      r6 = r1
      r7 = 0
      again: r1 = r6
      r2 = r7
      call f
      r7 += r0
      may_goto out
      if r7 < 1000 goto again
      out: r1 = 5
      r2 = subprog[cb]
      r3 = r6
      r4 = 0
      call bpf_loop
      r7 += r0
      r1 = r6
      call t
      r0 += r7
      exit
      f: r0 = *(u8 *)(r1 +4)
      if r2 > 500 goto more
      r0 += 1
      more: r0 += 2
      exit
      cb: r0 = *(u8 *)(r2 +1)
      r0 += 1
      *(u8 *)(r2 +1) = r0
      r0 = 0
      exit
      t: r2 = ${hex(programs.address)} ll
      r3 = 0
      call 12
      r0 = 500
      exit`;
    const expected = compareText(text, { block })?.r0;
    for (const maxInsns of [1, 2, 3, 5, 8])
      expect(compareText(text, { block, options: { maxInsns } })).toMatchObject({ r0: expected });
  });

  it('10,000 branches, one inside the other', () => {
    const depth = 10_000;
    const jumps = Array.from({ length: depth }, (_, i) =>
      encodeInsn({ code: 0x15, dst: 1, src: 0, offset: Math.min(depth - i, 32_000), imm: i, imm2: 0 }),
    );
    const code = Buffer.concat([...jumps, assemble('r0 = 1\nr0 += 2\nexit')]);
    expect(compareTiers(code, { options: { maxInsns: 50_000 } })?.r0).toBe(3n);
    expect(compareTiers(code)?.r0).toBe(3n);
    // Each way out goes to a block of its own.
    const ends = Array.from({ length: 2000 }, (_, i) => `end${i}: r0 = ${i}\nexit`).reverse();
    const tests = Array.from({ length: 2000 }, (_, i) => `if r1 == ${i} goto end${i}`);
    expect(compareText([...tests, ...ends].join('\n'))?.r0).toBe(1999n);
  });

  it('1,000,000 slots neither crash nor hang', () => {
    const call = encodeInsn({ code: 0x85, dst: 0, src: 1, offset: 0, imm: 0, imm2: 0 });
    const program = load(Buffer.concat([...new Array(999_999).fill(call), assemble('exit')]));
    expect(program.tier).toBe('interpreter');
    vm.unload(program);
  });

  it('many functions that share code', () => {
    const calls = Array.from({ length: 2000 }, (_, i) =>
      encodeInsn({ code: 0x85, dst: 0, src: 1, offset: 0, imm: i % 7, imm2: 0 }),
    );
    compareTiers(Buffer.concat([...calls, assemble('r0 = 1\n'.repeat(8)), assemble('exit')]), {
      budget: 100_000,
    });
  });
});

describe('batches', () => {
  const text =
    'r0 = *(u64 *)(r1 +0)\nr0 += 1\n*(u64 *)(r1 +0) = r0\nif r0 == 50 goto bad\nexit\nbad: r0 = *(u8 *)(r0 +0)\nexit';
  it.each(['interpreter', 'translated'] as const)('run a program many times: %s', (tier) => {
    const at = vm.ram.alloc(8, 8);
    vm.ram.view.setBigUint64(at, 0n, true);
    const program = vm.load(assemble(text), { tier });
    expect(vm.runMany(program, kernelAddress(at), 40)).toMatchObject({
      status: 'finished',
      r0: 40n,
      runs: 40,
      insns: 5,
    });
    expect(vm.runMany(program, kernelAddress(at), 40)).toMatchObject({
      status: 'faulted',
      runs: 9,
      fault: { pc: 5 },
    });
  });
});

it('map values are found and written', () => {
  const text = `
    *(u32 *)(r10 -4) = 2
    r1 = ${hex(map.address)} ll
    r2 = r10
    r2 += -4
    call bpf_map_lookup_elem
    if r0 == 0 goto out
    r1 = 5
    lock *(u64 *)(r0 +0) += r1
    r0 = *(u64 *)(r0 +0)
    out: exit`;
  expect(compareText(text)).toMatchObject({ r0: 5n, values: [0n, 0n, 5n, 0n] });
});
