/** Linking: subprograms behind their callers, calls and addresses rewritten, records moved along. */
import { describe, expect, it } from 'vitest';
import { BtfKind } from '../../bpf/btf.ts';
import type { Program } from '../../loader/index.ts';
import { load, program, slots } from './support.ts';

const names = ({ subprogs }: Program) => subprogs.map(({ name }) => name);

/** Where each call and function address of a program leads. */
function targets(found: Program): string[] {
  return slots(found).flatMap((slot, index) => {
    const isCall = slot.code === 0x85 && slot.src === 1;
    const isAddress = slot.code === 0x18 && slot.src === 4;
    if (!isCall && !isAddress) return [];
    const start = index + slot.imm + 1;
    return [found.subprogs.find((subprog) => subprog.start === start)?.name ?? `nowhere (${start})`];
  });
}

describe.each(['link', 'link.v1', 'link.v2', 'link.v4', 'link.be'])('%s', (name) => {
  const object = load(name);

  it('appends each subprogram once, in the order of the calls', () => {
    expect(names(program(object, 'calls_both'))).toEqual(['calls_both', 'shared', 'leaf', 'concealed']);
    expect(names(program(object, 'calls_reversed'))).toEqual([
      'calls_reversed',
      'concealed',
      'leaf',
      'shared',
    ]);
    expect(names(program(object, 'calls_none'))).toEqual(['calls_none']);
  });

  it('points every call at its subprogram', () => {
    expect(targets(program(object, 'calls_both'))).toEqual(['shared', 'concealed', 'leaf', 'leaf']);
    expect(targets(program(object, 'calls_reversed'))).toEqual(['concealed', 'shared', 'leaf', 'leaf']);
  });

  it('loads addresses of callbacks', () => {
    const found = program(object, 'loops');
    expect(names(found)).toEqual(['loops', 'callback', 'leaf']);
    expect(targets(found)).toEqual(['callback', 'leaf']);
  });

  it('appends the exception callback, which nothing calls', () => {
    expect(names(program(object, 'throws'))).toEqual(['throws', 'recovers']);
    expect(targets(program(object, 'throws'))).toEqual([]);
  });

  it('has a function record for each part and line records within it', () => {
    const found = program(object, 'calls_both');
    const { btf } = object;
    expect(found.funcInfo.map(({ insn, typeId }) => [insn, btf?.name(typeId)])).toEqual(
      found.subprogs.map(({ name: part, start }) => [start, part]),
    );
    expect(found.lineInfo.map(({ insn }) => insn)).toEqual(
      found.lineInfo.map(({ insn }) => insn).toSorted((a, b) => a - b),
    );
    for (const { start } of found.subprogs) {
      expect(found.lineInfo.some(({ insn }) => insn === start)).toBe(true);
    }
    const leaf = found.subprogs.find((part) => part.name === 'leaf');
    const line = found.lineInfo.find(({ insn }) => insn === leaf?.start);
    expect(btf?.string(line?.lineOffset ?? 0)).toContain('static __noinline int leaf');
    expect(btf?.string(line?.fileNameOffset ?? 0)).toMatch(/link\.c$/);
  });

  it('verifies hidden subprograms as static ones', () => {
    const linkage = (func: string) => object.btf?.type(object.btf.find(func, BtfKind.Func)).linkage;
    expect(linkage('concealed')).toBe(0);
    expect(linkage('shared')).toBe(1);
  });

  it('data of subprograms is relocated in every program', () => {
    const bss = object.maps.findIndex(({ name: map }) => map.endsWith('.bss'));
    for (const caller of ['calls_both', 'calls_reversed', 'loops']) {
      const loads = slots(program(object, caller)).filter(({ code, src }) => code === 0x18 && src === 2);
      expect(loads.map(({ imm }) => imm)).toEqual([bss]);
    }
  });
});

describe('selection', () => {
  it('prepares only the programs asked for', () => {
    const object = load('link', { programs: ['loops'] });
    expect(object.programs.filter(({ prepared }) => prepared).map(({ name }) => name)).toEqual(['loops']);
    expect(program(object, 'throws').insns).toHaveLength(0);
  });

  it('names the programs there are when one is not', () => {
    expect(() => load('link', { programs: ['loop'] })).toThrow(/no program 'loop'.*calls_both/);
  });
});
