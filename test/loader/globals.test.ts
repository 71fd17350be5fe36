/** Values that are set before loading: in the data, and in what the verifier makes of it. Needs `npm run build:wasm`. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { type BpfObject, loadObject } from '../../loader/index.ts';
import { examine } from '../../verifier/examine.ts';
import { verifierLoadOptions } from '../../verifier/load-options-node.ts';
import { createVerifier } from '../../verifier/node.ts';
import { load, program, readObject } from './support.ts';

const FILE = 'globals.bpf.o';

function withGlobals(globals: Record<string, string>): BpfObject {
  return load('globals', { globals: new Map(Object.entries(globals)) });
}

/** Data of each section, in hexadecimal. */
function dataOf(object: BpfObject): Map<string, string> {
  return new Map(
    object.maps.map(({ section, data }) => [section, data ? Buffer.from(data).toString('hex') : '']),
  );
}

/** Bytes that differ from the object as it is: "SECTION+OFFSET: FROM -> TO", offsets from the variable. */
function changes(globals: Record<string, string>): string[] {
  const before = withGlobals({});
  const after = withGlobals(globals);
  return after.maps.flatMap(({ section, data }, index) => {
    const old = before.maps[index]!.data;
    return [...(data ?? [])].flatMap((byte, at) =>
      byte === (old?.[at] ?? 0) ? [] : [`${section}: ${old?.[at] ?? 0} -> ${byte}`],
    );
  });
}

function failure(globals: Record<string, string>): string {
  try {
    withGlobals(globals);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as InputError).message;
  }
  throw new Error('nothing was thrown');
}

describe('the data', () => {
  it.each([
    ['rounds', '0x102', ['.rodata: 1 -> 2', '.rodata: 0 -> 1']],
    ['unsafe', 'true', ['.rodata: 0 -> 1']],
    ['color', 'BLUE', ['.rodata: 1 -> 40']],
    ['color', '0', ['.rodata: 1 -> 0']],
    ['sign', 'MINUS', ['.rodata: 2 -> 254', '.rodata: 0 -> 255', '.rodata: 0 -> 255', '.rodata: 0 -> 255']],
    ['least', '5', ['.rodata: 255 -> 5', '.rodata: 255 -> 0', '.rodata: 255 -> 0', '.rodata: 255 -> 0']],
    ['mask', '0xff00000000000007', ['.rodata: 0 -> 255']],
    ['limits.count', '6', ['.rodata: 5 -> 6']],
    ['limits.wide', '9', ['.rodata: 0 -> 9']],
    ['limits.second', '9', ['.rodata: 0 -> 9']],
    ['limits.bytes[3]', '9', ['.rodata: 4 -> 9']],
    [' limits . bytes [ 0x1 ] ', ' 9 ', ['.rodata: 2 -> 9']],
    ['limits.pairs[1].low', '5', ['.rodata: 0 -> 5']],
    ['limits.pairs[1].high', '17', ['.rodata: 0 -> 136']],
    ['limits.pairs[1].delta', '-1', ['.rodata: 0 -> 15']],
    ['limits.pairs[1].color', 'BLUE', ['.rodata: 0 -> 128', '.rodata: 0 -> 2']],
    ['grid[1][2]', '-6', ['.rodata: 6 -> 250', '.rodata: 0 -> 255']],
    ['counter', '8', ['.data: 9 -> 8']],
    ['hidden', '4', ['.data: 3 -> 4']],
    ['mine', 'false', ['.data.mine: 4 -> 0']],
    ['total', '1', ['.bss: 0 -> 1']],
    ['writable.calls', '3', ['.bss: 0 -> 3']],
    ['later[1].bytes[3]', '255', ['.bss: 0 -> 255']],
  ])('%s = %s', (path, value, expected) => {
    expect(changes({ [path]: value })).toEqual(expected);
  });

  it('is made for .bss only when it is set', () => {
    const bss = (object: BpfObject) => object.maps.find(({ section }) => section === '.bss');
    expect(bss(withGlobals({ counter: '1' }))?.data).toBeUndefined();
    const { data, valueSize } = bss(withGlobals({ total: '0' }))!;
    expect(data).toEqual(new Uint8Array(valueSize));
  });

  it('has each bitfield beside the others', () => {
    const all = withGlobals({
      'limits.pairs[0].low': '7',
      'limits.pairs[0].high': '31',
      'limits.pairs[0].delta': '-8',
      'limits.pairs[0].color': '63',
    });
    const none = withGlobals({});
    const bytes = dataOf(all).get('.rodata')!;
    expect(bytes).not.toBe(dataOf(none).get('.rodata'));
    expect(bytes).toContain('fff80300');
  });

  it('is set in the order of the map', () => {
    expect(
      changes({ 'limits.wide': '0xffffffffffffffff', 'limits.first': '0', 'limits.second': '0' }),
    ).toEqual([]);
  });
});

describe('what cannot be set', () => {
  it.each([
    ['round', '1', 'there is no such variable; did you mean rounds?'],
    ['zzz', '1', /there is no such variable; there are .*\brounds\b/],
    ['', '1', /there is no such variable/],
    ['limits.counts', '1', 'there is no member counts; did you mean count?'],
    ['limits.xyz', '1', 'there is no member xyz; there are count, wide, first, second, bytes, pairs'],
    ['limits', '1', 'it has members (count, wide, first, second, bytes, pairs): name one, as in limits.NAME'],
    ['limits.bytes', '1', 'it is an array of 4 elements: name one, as in limits.bytes[0]'],
    ['limits.bytes[4]', '1', 'index 4 is out of range: the array has 4 elements'],
    ['limits.bytes[99999999999999999999]', '1', /is out of range/],
    ['limits.bytes[-1]', '1', "'[-1]' is neither a .member nor an [index]"],
    ['rounds[0]', '1', 'what [0] stands behind is no array'],
    ['rounds.x', '1', 'what .x stands behind is neither struct nor union'],
    ['rounds', '0x100000000', '0x100000000 does not fit: it takes 0 to 4294967295'],
    ['rounds', '-1', '-1 does not fit: it takes 0 to 4294967295'],
    ['unsafe', '2', '2 does not fit: it takes 0 to 1'],
    ['sign', '2147483648', '2147483648 does not fit: it takes -2147483648 to 2147483647'],
    ['limits.pairs[0].low', '8', '8 does not fit: it takes 0 to 7'],
    ['limits.pairs[0].delta', '8', '8 does not fit: it takes -8 to 7'],
    ['rounds', 'many', "'many' is not an integer (decimal, 0x hexadecimal, true or false)"],
    ['rounds', '', "'' is not an integer (decimal, 0x hexadecimal, true or false)"],
    ['rounds', '010', "'010' is not an integer (decimal, 0x hexadecimal, true or false)"],
    ['rounds', '1e3', /is not an integer/],
    ['color', 'BLU', "'BLU' is neither an integer nor of its enum; did you mean BLUE?"],
    ['nowhere', '1', 'it is not an integer, so it cannot be set'],
    ['ratio', '1', 'it is not an integer, so it cannot be set'],
  ])('%s = %s', (path, value, reason) => {
    const message = failure({ [path]: value });
    if (typeof reason === 'string') expect(message).toBe(`${FILE}: global variable '${path}': ${reason}`);
    else expect(message).toMatch(reason);
  });

  it('is anything in an object without BTF', () => {
    const globals = new Map([['a', '1']]);
    expect(() => load('legacy', { globals })).toThrow(InputError);
  });

  it('is told of whatever the path and the value', () => {
    const piece = fc.constantFrom(
      'limits',
      '.',
      '[',
      ']',
      '0',
      '9',
      'pairs',
      'low',
      'bytes',
      'rounds',
      '-',
      ' ',
      '$',
    );
    const path = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
    const value = fc.oneof(fc.bigInt().map(String), fc.string(), fc.constantFrom('BLUE', '0x', '--1', '+1'));
    fc.assert(
      fc.property(path, value, (name, text) => {
        try {
          withGlobals({ [name]: text });
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('is told of where the BTF is damaged', () => {
    const bytes = readObject('globals');
    const globals = new Map([['limits.pairs[1].high', '3']]);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const damaged = bytes.slice();
        damaged[at] = byte;
        try {
          loadObject(damaged, { globals });
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('the verifier', async () => {
  const verifier = await createVerifier('6.12');
  const options = verifierLoadOptions('6.12');
  const verify = (name: string, globals: Record<string, string>) => {
    const object = loadObject(readObject('globals'), {
      ...options,
      file: FILE,
      globals: new Map(Object.entries(globals)),
    });
    const report = examine({ verifier }, { path: FILE, object, program: program(object, name) });
    if (!report.verdict) throw new Error(report.refusal);
    return { accepted: report.verdict.accepted, insns: report.verdict.stats.insnsProcessed };
  };

  it('takes what is frozen as a constant', () => {
    const counts = ['1', '2', '10', '100'].map((rounds) => verify('looping', { rounds }));
    expect(counts.every(({ accepted }) => accepted)).toBe(true);
    const insns = counts.map((count) => count.insns);
    expect([...new Set(insns)].sort((a, b) => a - b)).toEqual(insns);
    expect(verify('looping', {}).insns).toBe(insns[0]);
  });

  it('rejects what only another value lets happen', () => {
    expect(verify('looping', { unsafe: 'true' }).accepted).toBe(false);
    const high = 'limits.pairs[2].high';
    expect(verify('enumerated', {}).accepted).toBe(true);
    expect(verify('enumerated', { color: 'BLUE' }).accepted).toBe(true);
    expect(verify('enumerated', { color: 'BLUE', [high]: '17' }).accepted).toBe(false);
    expect(verify('enumerated', { color: 'BLUE', [high]: '16' }).accepted).toBe(true);
  });

  it('does not care for what is not frozen', () => {
    const before = verify('writable', {});
    expect(before.accepted).toBe(true);
    expect(verify('writable', { counter: '-1', total: '77', mine: '5' })).toEqual(before);
  });
});
