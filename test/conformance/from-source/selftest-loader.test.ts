/** How selftests are loaded: as the recording loader did it. */
import { describe, expect, it } from 'vitest';
import type { LoadRequest, MapInfo } from '../../../verifier/load-request.ts';
import { poisonMaps, withMapSizes } from './request-maps.ts';
import { parseTags } from './selftest-tags.ts';

const MAP: MapInfo = {
  name: 'm',
  type: 1,
  keySize: 4,
  valueSize: 4,
  maxEntries: 0,
  flags: 0,
  extra: 0n,
  keyTypeId: 0,
  valueTypeId: 0,
  frozen: false,
};

describe('annotations', () => {
  it('add program flags by name and by number, and take none away', () => {
    const tags = ['BPF_F_STRICT_ALIGNMENT', '0x10', '!BPF_F_TEST_REG_INVARIANTS'];
    expect(parseTags(tags.map((flag) => `comment:test_prog_flags=${flag}`)).flags).toBe(17);
  });

  it('name another BTF and tell whether something is expected', () => {
    expect(parseTags(['comment:test_btf_path=other.bpf.o'])).toMatchObject({
      btfPath: 'other.bpf.o',
      expects: false,
    });
    expect(parseTags(['comment:test_expect_failure']).expects).toBe(true);
    expect(parseTags(['comment:test_description=text', 'exception_callback:cb']).expects).toBe(false);
  });
});

describe('maps', () => {
  it('without a size get the least that can be created', () => {
    const sizes = [1, 27, 24, 2].map((type, i) => ({ ...MAP, type, maxEntries: i === 3 ? 7 : 0 }));
    expect(withMapSizes(sizes).map(({ maxEntries }) => maxEntries)).toEqual([1, 4096, 0, 7]);
  });

  it('that an unprivileged task cannot create are poisoned where the code names them', () => {
    const load = (map: number) => [0x18, 0x11, 0, 0, map, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const request = {
      insns: Uint8Array.from([...load(0), ...load(1)]),
      maps: [MAP, { ...MAP, type: 9 }],
    } as unknown as LoadRequest;
    const { insns } = poisonMaps(request);
    expect([...insns.subarray(0, 16)]).toEqual(load(0));
    const view = new DataView(insns.buffer);
    for (const slot of [16, 24]) {
      expect(insns[slot]).toBe(0x85);
      expect(view.getInt32(slot + 4, true)).toBe(2_001_000_001);
    }
    expect(request.insns[16]).toBe(0x18);
  });
});
