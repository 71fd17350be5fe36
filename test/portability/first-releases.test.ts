/** The hand tables of first releases, held against what the kernels' own types say of 6.1 and 6.12. */
import { describe, expect, it } from 'vitest';
import { helperName, LAST_HELPER } from '../../bpf/helpers.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { enumNames } from '../../kernel-model/program-facts.ts';
import {
  attachTypeSince,
  type FirstRelease,
  helperSince,
  mapTypeSince,
  programTypeSince,
} from '../../portability/first-releases.ts';
import { compareReleases } from '../../portability/release.ts';

const KERNELS = ['6.1', '6.12'];
const ENUMS: readonly [name: string, prefix: string, since: (number: number) => FirstRelease | undefined][] =
  [
    ['bpf_prog_type', 'BPF_PROG_TYPE_', programTypeSince],
    ['bpf_map_type', 'BPF_MAP_TYPE_', mapTypeSince],
    ['bpf_attach_type', 'BPF_', attachTypeSince],
  ];
/** Other spellings, and ends of enums. */
const NO_TYPE = /^__max|^unspec$|_deprecated$/;

function newerThan(kernel: string, since: string | undefined): boolean {
  return since === undefined || compareReleases(since, kernel) > 0;
}

describe.each(KERNELS)('first releases, on %s', (kernel) => {
  const { vmlinux } = openProfile(kernel);

  it.each(ENUMS)(
    '%s: all that the kernel has is known, with its name, and no newer than the kernel',
    (name, prefix, since) => {
      const numbers = [...enumNames(vmlinux, name, prefix)].filter(([text]) => !NO_TYPE.test(text));
      expect(numbers.length).toBeGreaterThan(30);
      for (const [text, number] of numbers) {
        const known = since(number);
        expect([text, newerThan(kernel, known?.since)]).toEqual([text, false]);
      }
      const has = new Set(numbers.map(([, number]) => number));
      for (let number = 1; number < 64; number++) {
        const known = since(number);
        if (known && !has.has(number))
          expect([known.name, newerThan(kernel, known.since)]).toEqual([known.name, true]);
        if (known && has.has(number))
          expect(numbers.filter(([, each]) => each === number).map(([text]) => text)).toContain(known.name);
      }
    },
  );

  it('helpers: those of the kernel are no newer than it, the others are', () => {
    const numbers = new Set(enumNames(vmlinux, 'bpf_func_id', 'BPF_FUNC_').values());
    for (let id = 1; id <= LAST_HELPER; id++) {
      expect([helperName(id), newerThan(kernel, helperSince(id))]).toEqual([
        helperName(id),
        !numbers.has(id),
      ]);
    }
  });
});
