/** Contexts as JSON, there and back. */
import { describe, expect, it } from 'vitest';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { ProgType } from '../../loader/prog-type.ts';
import { decodeContext, encodeContext } from '../../session/context-fields.ts';

const { vmlinux } = openProfile('6.12');

describe('encodeContext', () => {
  it.each([
    [ProgType.SchedCls, { mark: 7, cb: [1, 2, 0, 0, 3], tstamp: '0xffffffffffffffff', hwtstamp: 5 }],
    [ProgType.Xdp, { data: 8, data_end: 72 }],
    [ProgType.SkLookup, { family: 2, local_port: 80 }],
    [ProgType.FlowDissector, { flags: 1 }],
  ])('of type %i is what decodeContext gives back', (type, fields) => {
    expect(decodeContext(encodeContext(JSON.stringify(fields), type, vmlinux), type, vmlinux)).toEqual(
      fields,
    );
  });

  it('takes arguments and bytes for contexts that are no struct', () => {
    const encode = (text: string) =>
      Buffer.from(encodeContext(text, ProgType.RawTracepoint, vmlinux)).toString('hex');
    expect(encode('{"args": [1, -1]}')).toBe('0100000000000000ffffffffffffffff');
    expect(encode('"00ff"')).toBe('00ff');
  });

  it.each([
    ['{', ProgType.Xdp, /is no JSON/],
    ['[1]', ProgType.Xdp, /neither an object/],
    ['"0"', ProgType.Xdp, /even number of hexadecimal/],
    ['{"mark": 1}', ProgType.Xdp, /has no field mark; it has data/],
    ['{"mark": 1.5}', ProgType.SchedCls, /mark has to be a whole number/],
    ['{"mark": 4294967296}', ProgType.SchedCls, /mark has 32 bits/],
    ['{"cb": [1, 2, 3, 4, 5, 6]}', ProgType.SchedCls, /cb has 5 values, not 6/],
    ['{"mark": 1}', ProgType.RawTracepoint, /"args"/],
  ])('refuses %s', (text, type, reason) => {
    expect(() => encodeContext(text, type, vmlinux)).toThrow(reason);
  });
});
