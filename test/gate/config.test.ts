/** drydock.yaml: what the documentation shows is one, and what is not is told. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { parseConfig } from '../../gate/config/parse.ts';
import { isSelected, matches } from '../../gate/config/select.ts';
import { ROOT } from './support.ts';

const DOCUMENT = readFileSync(join(ROOT, 'docs/gate.md'), 'utf8');
const [EXAMPLE = ''] = /(?<=```yaml\n)[\s\S]*?(?=```)/.exec(DOCUMENT) ?? [];

describe('the example of docs/gate.md', () => {
  const { config } = parseConfig(EXAMPLE, 'drydock.yaml');

  it('has every field that there is', () => {
    const schema = JSON.parse(readFileSync(join(ROOT, 'gate/config/schema.json'), 'utf8')) as {
      properties: object;
    };
    expect(Object.keys(config).sort()).toEqual(Object.keys(schema.properties).sort());
  });

  it('keeps values as they are written', () => {
    expect(config.variants?.map(({ globals, kconfig }) => globals ?? kconfig)).toEqual([
      { enable_v6: 'false', max_rules: '16' },
      { CONFIG_HZ: '100' },
    ]);
    expect(parseConfig('kernels: [6.10]', 'a').config.kernels).toEqual(['6.10']);
    const big = parseConfig('variants: [{ name: a, globals: { x: 0xffffffffffffffff } }]', 'a');
    expect(big.config.variants?.[0]?.globals).toEqual({ x: '0xffffffffffffffff' });
  });
});

describe('any text', () => {
  it('is a configuration, or an error with line and column', () => {
    fc.assert(
      fc.property(fc.nat(EXAMPLE.length), fc.nat(40), fc.string({ maxLength: 12 }), (at, gone, put) => {
        const text = EXAMPLE.slice(0, at) + put + EXAMPLE.slice(at + gone);
        try {
          parseConfig(text, 'drydock.yaml');
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
          expect(error.message).toMatch(/^drydock\.yaml:\d+:\d+: /);
        }
      }),
      { numRuns: 500, seed: 6 },
    );
  });
});

describe('selectors', () => {
  const check = {
    file: 'build/a.bpf.o',
    name: 'xdp_main',
    section: 'xdp',
    kernel: '6.12',
    mode: 'priv',
    variant: '',
  } as const;

  it.each([
    [{}, true],
    [{ object: 'build/*.bpf.o' }, true],
    [{ object: '*.bpf.o' }, false],
    [{ object: ['other/*', 'build/a*'] }, true],
    [{ program: ['xdp_*', '!*_main'] }, false],
    [{ program: '!other' }, true],
    [{ section: 'tc' }, false],
    [{ mode: 'unpriv' as const }, false],
    [{ variant: '' }, true],
    [{ variant: 'small' }, false],
    [{ kernel: '6.1' }, false],
  ])('%j: %s', (selector, expected) => {
    expect(isSelected(selector, check)).toBe(expected);
  });

  it('match all without a pattern', () => {
    expect(matches(undefined, 'anything')).toBe(true);
  });
});
