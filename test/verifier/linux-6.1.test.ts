/** Verifying as Linux 6.1 does: its tables and its switches, beside those of 6.12. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { openVerifierData } from '../../kernel-model/verifier-data-node.ts';
import { Verifier } from '../../verifier/index.ts';
import type { LoadRequest, MapInfo } from '../../verifier/load-request.ts';
import { createVerifier } from '../../verifier/node.ts';
import type { Verdict } from '../../verifier/verdict.ts';
import { loadName, openArchive } from '../conformance/archive.ts';
import { judge } from '../conformance/judge.ts';
import { recordedRequest } from '../conformance/recorded-request.ts';
import { recordedFolder, verifierWasm } from '../package-root.ts';
import { HASH, LOOKUP, requestOf } from './support.ts';

const EINVAL = 22;
/** Every so many of the recorded loads; all of them are in the conformance run. */
const SAMPLE = 13;

const verifiers: { [kernel: string]: Verifier } = {};
beforeAll(async () => {
  for (const kernel of ['6.1', '6.12']) verifiers[kernel] = await createVerifier(kernel, true);
});

function verify(kernel: string, insns: Uint8Array, changes: Partial<LoadRequest> = {}): Verdict {
  const verifier = verifiers[kernel];
  if (!verifier) throw new Error(`no verifier of ${kernel}`);
  return verifier.verify(requestOf(insns, changes));
}

/** Error numbers of 6.1 and of 6.12. */
function errnos(insns: Uint8Array, maps: MapInfo[] = []): [number, number] {
  return [verify('6.1', insns, { maps }).errno, verify('6.12', insns, { maps }).errno];
}

/** One instruction in front of "r0 = 0; exit", and behind "r1 = 1; r2 = 2". */
function one(code: number, registers: number, offset: number, imm: number): Uint8Array {
  const insns = assemble('r1 = 1\nr2 = 2\nr0 = 0\nr0 = 0\nexit');
  const view = new DataView(insns.buffer, insns.byteOffset);
  view.setUint8(16, code);
  view.setUint8(17, registers);
  view.setInt16(18, offset, true);
  view.setInt32(20, imm, true);
  return insns;
}

describe('instructions that came later', () => {
  it.each([
    ['signed division', one(0x3f, 0x21, 1, 0)],
    ['signed remainder', one(0x9f, 0x21, 1, 0)],
    ['a move that extends the sign', one(0xbf, 0x21, 8, 0)],
    ['a byte swap', one(0xd7, 0x01, 0, 16)],
  ])('are not there: %s', (_, insns) => {
    expect(errnos(insns)).toEqual([EINVAL, 0]);
  });

  it('are there where the stable series took them over', () => {
    expect(errnos(one(0x06, 0, 0, 0))).toEqual([0, 0]);
  });
});

describe('what is known of scalars', () => {
  /** Reads the value that r0 points to at an offset that the value is read from, once `text` has looked at it. */
  const indexed = (text: string) =>
    assemble(`${LOOKUP}
if r0 == 0 goto end
r1 = *(u64 *)(r0 +0)
${text}
r0 += r1
r0 = *(u8 *)(r0 +0)
end: r0 = 0
exit`);

  it('is the same of a constant bound', () => {
    expect(errnos(indexed('if r1 > 7 goto end'), [HASH])).toEqual([0, 0]);
  });

  it('does not follow from the bounds of another register', () => {
    const text = 'r2 = *(u64 *)(r0 +0)\nif r2 > 7 goto end\nif r1 > r2 goto end';
    expect(errnos(indexed(text), [HASH])).toEqual([EINVAL, 0]);
    expect(verify('6.1', indexed(text), { maps: [HASH] }).message).toContain('unbounded m');
  });
});

describe('what is missing', () => {
  it('helpers and map types', () => {
    const cgroup = assemble('r0 = 0\ncall 210\nexit');
    expect(verify('6.1', cgroup).log).toContain('invalid func ');
    const arena: MapInfo = { ...HASH, type: 33, keySize: 0, valueSize: 0, flags: 1 << 10 };
    const insns = assemble('r1 = map[0]\nr0 = 0\nexit');
    expect(verify('6.1', insns, { maps: [arena] }).accepted).toBe(false);
  });

  it('flags of programs', () => {
    const insns = assemble('r0 = 0\nexit');
    const TEST_REG_INVARIANTS = 1 << 7;
    expect(verify('6.1', insns, { progFlags: TEST_REG_INVARIANTS }).errno).toBe(EINVAL);
    expect(verify('6.12', insns, { progFlags: TEST_REG_INVARIANTS }).errno).toBe(0);
  });
});

describe('loads that 6.1 has answered', () => {
  it('get the same answer, in the same number of steps', { timeout: 120_000 }, async () => {
    const { loads, blobs, modules } = openArchive(recordedFolder(), '6.1');
    const kernel = { btf: openProfile('6.1').vmlinux, data: openVerifierData('6.1'), modules };
    const verifier = await Verifier.create({ wasm: readFileSync(verifierWasm()), kernel });
    const sample = loads.filter((_, i) => i % SAMPLE === 0);
    expect(sample.length).toBeGreaterThan(200);
    const wrong = sample.filter((load) => {
      const judged = judge(load, verifier.verify(recordedRequest(load, blobs)));
      return Object.values(judged).includes(false);
    });
    expect(wrong.map(loadName)).toEqual([]);
  });
});
