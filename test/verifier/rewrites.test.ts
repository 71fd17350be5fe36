/** What stands before and after exploration: file descriptors in the code, and subprograms that nothing reaches. */
import { beforeAll, expect, test } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import type { Verifier } from '../../verifier/index.ts';
import type { LoadRequest } from '../../verifier/load-request.ts';
import { createVerifier } from '../../verifier/node.ts';

const SOCKET_FILTER = 1;
const LIRC_MODE2 = 20;
const ROOT = 15;
const STATS = 4;
const EBADF = 9;
const EINVAL = 22;

let verifier: Verifier;

beforeAll(async () => {
  verifier = await createVerifier('6.12');
});

function verify(insns: Uint8Array, progType = SOCKET_FILTER) {
  const request: LoadRequest = {
    insns,
    progType,
    expectedAttachType: 0,
    progFlags: 0,
    license: 'GPL',
    caps: ROOT,
    logLevel: STATS,
    funcInfo: [],
    lineInfo: [],
    maps: [],
    attachBtfId: 0,
  };
  return verifier.verify(request);
}

/** Code that names file `fd` as a map. */
function namesFile(fd: number): Uint8Array {
  const insns = assemble('r1 = 0x0 ll\nr0 = 0\nexit');
  insns[1] = 0x11;
  new DataView(insns.buffer).setInt32(4, ~fd, true);
  return insns;
}

test.each([
  [1, EINVAL],
  [2, EINVAL],
  [3, EBADF],
  [77, EBADF],
])('descriptor %i is no map, and only the standard streams are open', (fd, errno) => {
  const verdict = verify(namesFile(fd));
  expect(verdict).toMatchObject({ errno, message: `fd ${fd} is not pointing to valid bpf_map` });
});

test('the stack of a subprogram counts while a path reaches it', () => {
  const text = (condition: string) =>
    `r6 = 0\n${condition}\ncall sub\nr0 = 0\nexit\nsub:\n*(u64 *)(r10 -16) = r1\nr0 = 0\nexit`;
  const reached = verify(assemble(text('if r1 == 0 goto pc+1')));
  expect(reached.stats.stackDepths).toEqual([0, 16]);
  const dead = verify(assemble(text('if r6 == 0 goto pc+1')));
  expect(dead).toMatchObject({ accepted: true, stats: { stackDepths: [0] } });
  expect(dead.log).toContain('stack depth 0\n');
});

test('a call through a register is no instruction of Linux', () => {
  const verdict = verify(Uint8Array.of(0x8d, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0));
  expect(verdict).toMatchObject({
    errno: EINVAL,
    message: 'unknown opcode 8d',
    stats: { insnsProcessed: 0 },
  });
});

test('a program type that the kernel is built without is refused before the verifier', () => {
  const verdict = verify(assemble('r0 = 0\nexit'), LIRC_MODE2);
  expect(verdict).toMatchObject({ errno: EINVAL, log: '' });
});
