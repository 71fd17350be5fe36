/** Programs that replace functions of programs, or trace them: what Linux 6.12.117 answered to the same loads. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Verifier } from '../../verifier/index.ts';
import { type AttachAnswer, unpackCases } from '../conformance/attach-archive.ts';
import { answerTo, answerToChain, recordedModules, startVerifier } from './attach-support.ts';

const OWN = JSON.parse(
  readFileSync(new URL('./golden/attach-6.12.json', import.meta.url), 'utf8'),
) as AttachAnswer[];
const SELFTESTS = unpackCases(
  readFileSync(new URL('../conformance/recorded/attach-6.12.br', import.meta.url)),
);

let verifier: Verifier;

beforeAll(async () => {
  verifier = await startVerifier(recordedModules());
});

describe('programs of objects/', () => {
  it.each(OWN.filter(({ stage }) => stage === 'kernel'))('$case', (recorded) => {
    expect(answerTo(verifier, recorded.case)).toEqual(recorded);
  });

  it.each(OWN.filter(({ stage }) => stage === 'libbpf'))('$case does not get to the kernel', (recorded) => {
    expect(answerTo(verifier, recorded.case).stage).toBe('libbpf');
  });
});

describe("the kernel's selftests", () => {
  it.each(SELFTESTS)('$case', ({ chain, ...recorded }) => {
    expect(answerToChain(verifier, recorded.case, chain)).toEqual(recorded);
  });
});
