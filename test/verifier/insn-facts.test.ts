import { beforeAll, expect, test } from 'vitest';
import type { Verifier } from '../../verifier/index.ts';
import type { LoadRequest } from '../../verifier/load-request.ts';
import { assembled, createVerifier, HASH, LOOKUP } from './support.ts';

let verifier: Verifier;

beforeAll(async () => {
  verifier = await createVerifier();
});

function factsOf(text: string, changes: Partial<LoadRequest> = {}) {
  const { facts, message } = verifier.verify(assembled(text, { ...changes, facts: true }));
  expect(message).toBe('');
  return { context: [...(facts?.contextAccesses ?? [])], bounded: [...(facts?.boundedAccesses ?? [])] };
}

test('accesses are told apart by what they go to', () => {
  const text = `r6 = *(u32 *)(r1 +0)\n${LOOKUP}\nif r0 == 0 goto pc+3
*(u64 *)(r0 +0) = r6\nlock *(u64 *)(r0 +0) += r6\nr0 = 0\nexit`;
  expect(factsOf(text, { maps: [HASH] })).toEqual({ context: [0], bounded: [1, 8, 9] });
});

test('an access is bounded when it is on every path', () => {
  const either = (other: string) => `r2 = r10\nr2 += -32\n*(u64 *)(r2 +24) = 0
r1 = *(u32 *)(r1 +0)\nif r1 == 0 goto pc+2\n${other}\nr0 = *(u32 *)(r2 +24)\nr0 = 0\nexit`;
  expect(factsOf(either('r2 = r10\nr2 += -28')).bounded).toEqual([2, 7]);
  // map_type of struct bpf_map, which is the kernel's own memory
  expect(factsOf(either('r2 = map[0]'), { maps: [HASH] }).bounded).toEqual([2]);
});
