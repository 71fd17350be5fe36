import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import type { Verifier } from '../../verifier/index.ts';
import type { LoadRequest, MapInfo } from '../../verifier/load-request.ts';
import { assembled, createVerifier, HASH, LOOKUP, ROOT, requestOf as request } from './support.ts';

const EACCES = 13;
const EINVAL = 22;
const EPERM = 1;

let verifier: Verifier;

beforeAll(async () => {
  verifier = await createVerifier();
});

const verify = (text: string, changes: Partial<LoadRequest> = {}) =>
  verifier.verify(assembled(text, changes));

test('the smallest program is accepted, with the log that Linux prints', () => {
  const verdict = verify('r0 = 0\nexit');
  expect(verdict).toMatchObject({ accepted: true, errno: 0, message: '' });
  expect(verdict.stats).toMatchObject({ insnsProcessed: 2, totalStates: 0, stackDepths: [0] });
  expect(verdict.log).toBe(
    [
      'func#0 @0',
      '0: R1=ctx() R10=fp0',
      '0: (b7) r0 = 0                        ; R0_w=0',
      '1: (95) exit',
      'verification time 0 usec',
      'stack depth 0',
      'processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0',
      '',
    ].join('\n'),
  );
});

test.each([
  ['an uninitialised return value', 'exit', EACCES, 'R0 !read_ok'],
  [
    'a jump out of the program',
    'if r1 == 0 goto pc+5\nr0 = 0\nexit',
    EINVAL,
    'jump out of range from insn 0 to 6',
  ],
  ['no exit', 'r0 = 0', EINVAL, 'last insn is not an exit or jmp'],
  ['unreachable code', 'r0 = 0\nexit\nr0 = 1\nexit', EINVAL, 'unreachable insn 2'],
  [
    'a write below the stack',
    '*(u64 *)(r10 -520) = r1\nr0 = 0\nexit',
    EACCES,
    'invalid write to stack R10 off=-520 size=8',
  ],
  ['division by a constant zero', 'r0 = 1\nr0 /= 0\nexit', EINVAL, 'div by zero'],
  [
    'a store through a scalar',
    'r0 = 0\n*(u64 *)(r0 +0) = r0\nexit',
    EACCES,
    "R0 invalid mem access 'scalar'",
  ],
  ['an endless loop', 'r0 = 0\nl: goto l', EINVAL, 'infinite loop detected at insn 1'],
  ['a helper that does not exist', 'call 9999\nexit', EINVAL, 'invalid func unknown#9999'],
  [
    'a context field that is not there',
    'r0 = *(u64 *)(r1 +2000)\nexit',
    EACCES,
    'invalid bpf_context access off=2000 size=8',
  ],
])('%s is rejected', (_, text, errno, message) => {
  const verdict = verify(text);
  expect({ errno: verdict.errno, log: verdict.log }).toMatchObject({ errno });
  expect(verdict.log).toContain(message);
});

test('a looked-up value must be compared with NULL first', () => {
  const unchecked = verify(`${LOOKUP}\nr0 = *(u64 *)(r0 +0)\nexit`, { maps: [HASH] });
  expect(unchecked).toMatchObject({ errno: EACCES, message: "R0 invalid mem access 'map_value_or_null'" });
  const checked = verify(`${LOOKUP}\nif r0 == 0 goto pc+1\nr0 = *(u64 *)(r0 +0)\nexit`, { maps: [HASH] });
  expect(checked.log).toContain('R0_w=map_value(map=counts,ks=4,vs=8)');
  expect(checked.accepted).toBe(true);
  const beyond = verify(`${LOOKUP}\nif r0 == 0 goto pc+1\nr0 = *(u64 *)(r0 +8)\nexit`, { maps: [HASH] });
  expect(beyond.log).toContain('invalid access to map value, value_size=8 off=8 size=8');
});

test('a bounded loop is followed, an unprivileged task may have none', () => {
  const loop = 'r0 = 0\nl: r0 += 1\nif r0 < 10 goto l\nexit';
  expect(verify(loop)).toMatchObject({ accepted: true, stats: { insnsProcessed: 22 } });
  expect(verify(loop, { caps: 0 })).toMatchObject({ errno: EINVAL, message: 'back-edge from insn 2 to 1' });
});

test('an unprivileged task may not learn addresses, nor load privileged types', () => {
  expect(verify('r0 = r10\nexit', { caps: 0 })).toMatchObject({
    errno: EACCES,
    message: 'R0 leaks addr as return value',
  });
  expect(verify('call pc+1\nexit\nr0 = 0\nexit', { caps: 0 }).errno).toBe(EPERM);
});

test('the same request gives the same bytes, whatever was verified before', () => {
  const first = verify(`${LOOKUP}\nr0 = 0\nexit`, { maps: [HASH] });
  verify('r0 = 0\nl: r0 += 1\nif r0 < 1000 goto l\nexit');
  expect(verify(`${LOOKUP}\nr0 = 0\nexit`, { maps: [HASH] })).toEqual(first);
});

test('any bytes end in a verdict', () => {
  const insn = fc.tuple(
    fc.nat(255),
    fc.nat(255),
    fc.integer({ min: -40, max: 40 }),
    fc.integer({ min: -9, max: 300 }),
  );
  fc.assert(
    fc.property(fc.array(insn, { minLength: 1, maxLength: 40 }), fc.boolean(), (insns, root) => {
      const bytes = new Uint8Array(insns.length * 8);
      const view = new DataView(bytes.buffer);
      insns.forEach(([code, registers, offset, imm], i) => {
        view.setUint8(i * 8, code);
        view.setUint8(i * 8 + 1, registers);
        view.setInt16(i * 8 + 2, offset, true);
        view.setInt32(i * 8 + 4, imm, true);
      });
      const changes = { maps: [HASH], caps: root ? ROOT : 0, insnLimit: 20_000 };
      const verdict = verifier.verify(request(bytes, changes));
      expect(verdict.errno).toBeGreaterThanOrEqual(0);
    }),
    { seed: 612, numRuns: 5_000 },
  );
});

const RING: MapInfo = { ...HASH, name: 'ring', type: 27, keySize: 0, valueSize: 0, maxEntries: 4096 };

test('number += pointer gives a pointer to the same object, which can be given back', () => {
  const text = (pointer: string) => `
    r1 = map[0]
    r2 = 8
    r3 = 0
    call bpf_ringbuf_reserve
    if r0 == 0 goto out
    r1 = 0
    r1 += r0
    ${pointer}
    r2 = 0
    call bpf_ringbuf_submit
    out: r0 = 0
    exit`;
  expect(verify(text(''), { maps: [RING] }).message).toBe('');
  expect(verify(text('r1 += 1'), { maps: [RING] }).errno).toBe(EINVAL);
});

test('what came after 6.12, or was not built into it, does not exist', () => {
  const verdict = verifier.verify(
    request(Uint8Array.from(Buffer.from('d3100000000000009500000000000000', 'hex'))),
  );
  expect(verdict).toMatchObject({ errno: EINVAL, message: 'unknown opcode d3' });
  const LIRC_MODE2 = 20;
  expect(verify('r0 = 0\nexit', { progType: LIRC_MODE2 })).toMatchObject({ errno: EINVAL, log: '' });
});
