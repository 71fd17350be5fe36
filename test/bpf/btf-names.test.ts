/** Finding types by name, against looking at every one of them. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Btf, BtfKind } from '../../bpf/btf.ts';
import { essentialName } from '../../loader/core-match.ts';
import { btfBlob, info } from './btf-blob.ts';

const name = fc.string({ unit: fc.constantFrom('a', 'b', '_', '__', '___', 'é'), maxLength: 9 });
const names = fc.array(name, { minLength: 1, maxLength: 20 });

function blob(own: readonly string[], firstString: number): Uint8Array {
  const text = new TextEncoder();
  let strings = firstString === 0 ? '\0' : '';
  const types = own.map((each) => {
    const start = each === '' ? 0 : firstString + text.encode(strings).length;
    strings += `${each}\0`;
    return [start, info(BtfKind.Fwd), 0];
  });
  return btfBlob(types, strings);
}

function byLooking(btf: Btf, is: (name: string) => boolean): number[] {
  const ids = Array.from({ length: btf.typeCount - 1 }, (_, index) => index + 1);
  return ids.filter((id) => btf.name(id) !== '' && is(btf.name(id)));
}

it('finds what looking at every type finds, in both parts of a split BTF', () => {
  fc.assert(
    fc.property(names, names, name, (inBase, inSplit, other) => {
      const base = Btf.parse(blob(inBase, 0));
      const split = Btf.parse(blob(inSplit, base.stringEnd), { base });
      for (const wanted of [...inBase, ...inSplit, other].filter((each) => each !== '')) {
        expect(split.idsByName(wanted)).toEqual(byLooking(split, (each) => each === wanted));
        const alike = byLooking(split, (each) => essentialName(each) === wanted);
        expect(split.idsLike(wanted)).toEqual(expect.arrayContaining(alike));
      }
    }),
    { numRuns: 2000 },
  );
});

it('finds names of a split BTF that stand among the strings of its base', () => {
  const base = Btf.parse(blob(['alpha', 'beta'], 0));
  const split = Btf.parse(btfBlob([[7, info(BtfKind.Fwd), 0]], 'gamma\0'), { base });
  expect(base.string(7)).toBe('beta');
  expect(split.idsByName('beta')).toEqual([2, 3]);
});

it('refuses a name that lies outside the strings', () => {
  const btf = Btf.parse(btfBlob([[100, info(BtfKind.Fwd), 0]], '\0a\0'));
  expect(() => btf.find('a')).toThrow('string offset 100 is outside the string section');
});
