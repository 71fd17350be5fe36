/** What the series adds to a kernel, as the verifier and the loader get it; and the names of symbols. */
import { describe, expect, it } from 'vitest';
import { Btf, BtfKind } from '../../bpf/btf.ts';
import { InputError } from '../../bpf/input-error.ts';
import { openProfile, profileNames } from '../../kernel-model/profile-node.ts';
import type { ProgramFacts } from '../../kernel-model/program-facts.ts';
import { openVerifierData } from '../../kernel-model/verifier-data-node.ts';

const TARGETS = ['io_uring_buf', 'io_uring_file', 'io_uring_bvec', 'epoll'];
const { vmlinux, overlay } = openProfile('6.12');

describe('the overlay', () => {
  it.each(profileNames())('has the functions that its tables name, on %s', (kernel) => {
    const profile = openProfile(kernel);
    const { btf, tables, name } = profile.overlay;
    const types = Btf.parse(btf, { base: profile.vmlinux });
    const own = (func: string) => types.idsByName(func, BtfKind.Func).filter((id) => id >= types.firstId);
    expect(name).toBe('series');
    for (const target of TARGETS) expect(own(`bpf_iter_${target}`)).toHaveLength(1);
    const isKfunc = profile.dialect.pageToPfn === 'kfunc';
    expect(own('bpf_page_to_pfn')).toHaveLength(isKfunc ? 1 : 0);
    expect('sets' in tables).toBe(isKfunc);
  });

  it('adds its targets and kfuncs to the verifier tables, and to no others', () => {
    const stock = openVerifierData('6.12');
    const series = openVerifierData('6.12', [overlay]);
    expect(openVerifierData('6.12', [overlay])).toBe(series);
    const added = [...series.iters.keys()].filter((name) => !stock.iters.has(name));
    expect(added.sort()).toEqual([...TARGETS].sort());
    const file = vmlinux.find('file', BtfKind.Struct);
    const [ring, entry] = series.iters.get('io_uring_file')?.args ?? [];
    expect([ring?.offset, entry?.offset, entry?.btfId]).toEqual([8, 16, file]);
    // what may be NULL differs from what may not by that flag alone
    expect((entry?.reg ?? 0) & ~(ring?.reg ?? 0)).not.toBe(0);

    const facts = (type: string): ProgramFacts => {
      const progType = series.progType(type);
      return { progType, resolvedType: progType, attachType: 0, caps: 15, sleepable: false };
    };
    expect(series.kfuncs.flagsFor('series', 'bpf_page_to_pfn', facts('tracing'))).toBe(0);
    expect(series.kfuncs.flagsFor('series', 'bpf_page_to_pfn', facts('xdp'))).toBeUndefined();
    expect(series.kfuncs.flagsFor('vmlinux', 'bpf_page_to_pfn', facts('tracing'))).toBeUndefined();
    expect(stock.kfuncs.flagsFor('series', 'bpf_page_to_pfn', facts('tracing'))).toBeUndefined();
  });

  it('is checked like the files of a profile', () => {
    const other = { ...overlay, name: 'other' };
    const open = (tables: object) => () => openVerifierData('6.12', [{ ...other, tables }]);
    expect(open({ iterators: {} })).toThrow(/overlay other: unknown property "iterators"/);
    expect(
      open({ iters: { x: { features: 0, args: [{ offset: 8, reg: 'PTR_TO_BTF_ID', type: 'no' }] } } }),
    ).toThrow(/overlay other: iters\.x\.args\.0: the kernel has no struct no/);
    expect(open({ sets: { s: { hooks: 'tracing', kfuncs: {} } } })).toThrow(InputError);
  });
});
