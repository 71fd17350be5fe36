/** What kernels do and others do not: the switches of features.json. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FEATURES, Features } from '../../kernel-model/features.ts';
import { JsonValue } from '../../kernel-model/json-value.ts';
import { profileDirectory } from '../../kernel-model/profile-node.ts';
import { openVerifierData } from '../../kernel-model/verifier-data-node.ts';
import { packageRoot } from '../package-root.ts';

interface FeaturesJson {
  source: string;
  instructions: string;
  later?: string[];
  features: { [name: string]: unknown };
}

function json(changes: Partial<FeaturesJson> = {}): FeaturesJson {
  const features = Object.fromEntries(FEATURES.map((name) => [name, false]));
  return { source: 'a test', instructions: '6.1', features, ...changes };
}

const parse = (text: object): Features =>
  Features.parse(JsonValue.parse(JSON.stringify(text), 'features.json'));

describe('switches', () => {
  it('are the bits of the core, in the same order', () => {
    const text = readFileSync(join(packageRoot(), 'verifier', 'feature-abi.ts'), 'utf8');
    const bits = [...text.matchAll(/^ {2}(\w+) = (\d+),$/gm)].map(([, name, bit]) => [name, Number(bit)]);
    expect(bits).toEqual(
      FEATURES.map((name, bit) => [`${name[0]?.toUpperCase() ?? ''}${name.slice(1)}`, bit]),
    );
    expect(FEATURES.length).toBeLessThanOrEqual(64);
  });

  it('are all on in 6.12, and all off in 6.1', () => {
    const off = (kernel: string) => FEATURES.filter((name) => !openVerifierData(kernel).features.has(name));
    expect(off('6.1')).toEqual([...FEATURES]);
    expect(off('6.12')).toEqual([]);
  });

  it('are told apart', () => {
    const features = parse(json({ features: { ...json().features, mutualBounds: true } }));
    expect([features.has('mutualBounds'), features.has('trustedPointers')]).toEqual([true, false]);
    expect(features.bits).toBe(1n << BigInt(FEATURES.indexOf('mutualBounds')));
    const more = features.with(['trustedPointers']);
    expect(more.bits).toBe(features.bits | 1n);
    expect(features.has('trustedPointers')).toBe(false);
  });

  it.each(FEATURES)('have to say %s', (name) => {
    const { [name]: _, ...features } = json().features;
    expect(() => parse(json({ features }))).toThrow(`property "${name}" is missing`);
  });

  it.each([
    ['names that are none', json({ features: { ...json().features, fasterLoops: true } }), '"fasterLoops"'],
    ['numbers', json({ features: { ...json().features, mutualBounds: 1 } }), 'features.mutualBounds'],
    ['words for releases', json({ instructions: 'newest' }), '"newest" is no release'],
    ['lists without end', { ...json(), later: 'gotol' }, 'later'],
  ])('refuse %s', (_, text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});

describe('instruction forms', () => {
  it('come with a release, or with one that took them over', () => {
    const features = parse(json({ later: ['gotol'] }));
    const has = (name: string, since: string) => features.hasInstruction(name, since);
    expect(has('movsx', '6.6')).toBe(false);
    expect(has('atomic', '5.12')).toBe(true);
    expect(has('atomic', '6.1')).toBe(true);
    expect(has('gotol', '6.6')).toBe(true);
    expect(has('never', '')).toBe(false);
  });

  it('are compared by number, not by letter', () => {
    expect(parse(json({ instructions: '6.12' })).hasInstruction('movsx', '6.6')).toBe(true);
  });
});

it('is a file of every profile that verifies', () => {
  for (const kernel of ['6.1', '6.12']) {
    const text = readFileSync(join(profileDirectory(kernel), 'features.json'), 'utf8');
    expect(Features.parse(JsonValue.parse(text, 'features.json')).instructions).toBe(kernel);
  }
});
