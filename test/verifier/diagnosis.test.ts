/** What is told of a rejection beyond the message. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { CATEGORIES, FORMATS, MESSAGES, NO_REASONS } from '../../verifier/diagnosis/categories.ts';
import { findReason } from '../../verifier/diagnosis/reason.ts';
import { type Diagnosis, diagnose, type Verifier } from '../../verifier/index.ts';
import type { LoadRequest } from '../../verifier/load-request.ts';
import { assembled, createVerifier, HASH, LOOKUP } from './support.ts';

let verifier: Verifier;

beforeAll(async () => {
  verifier = await createVerifier();
});

function diagnosisOf(text: string, changes: Partial<LoadRequest> = {}): Diagnosis {
  const request = assembled(text, { maps: [HASH], events: 'path', ...changes });
  const verdict = verifier.verify(request);
  expect(verdict.accepted).toBe(false);
  return diagnose(request, verdict, verifier.names(request));
}

const story = ({ history }: Diagnosis) => history.map(({ insn, action, place }) => [insn, action, place]);

describe('categories', () => {
  test('every message of the catalogue is in exactly one list', () => {
    const listed = [...Object.values(MESSAGES).flat(), ...NO_REASONS];
    expect([...listed].sort()).toEqual(Object.keys(FORMATS).sort());
  });

  test('the published list is the one in the code', () => {
    const text = readFileSync(new URL('../../docs/diagnosis.md', import.meta.url), 'utf8');
    const published = [...text.matchAll(/^\| `([\w-]+)` \| (.*) \|$/gm)].map(([, name, meaning]) => [
      name,
      meaning,
    ]);
    expect(published).toEqual(Object.entries(CATEGORIES));
  });
});

describe('the reason in a log', () => {
  test('is the last message, not what it led to', () => {
    const log = [
      'invalid access to map value, value_size=8 off=8 size=8',
      'R0 min value is outside of the allowed memory range',
      'processed 9 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0',
    ].join('\n');
    expect(findReason(log, '', 13)).toMatchObject({
      name: 'BAD_MAP_VALUE',
      category: 'out-of-bounds',
      values: ['8', '8', '8'],
    });
  });

  test('tells a missing NULL check from other bad pointers', () => {
    expect(findReason("R1 invalid mem access 'scalar'\n", '', 13).category).toBe('invalid-pointer');
    expect(findReason("R1 invalid mem access 'map_value_or_null'\n", '', 13).category).toBe('null-pointer');
  });

  test('is the errno alone where Linux says nothing', () => {
    expect(findReason('', 'no such right', 1)).toEqual({
      category: 'privilege',
      line: 'no such right',
      values: [],
    });
  });
});

describe('where a value came from', () => {
  test('a missing NULL check leads back to the lookup', () => {
    const diagnosis = diagnosisOf(`${LOOKUP}\nr6 = r0\nr1 = *(u64 *)(r6 +0)\nexit`);
    expect(diagnosis).toMatchObject({ category: 'null-pointer', register: 'R6', insn: 7 });
    expect(story(diagnosis)).toEqual([
      [5, 'returned', 'R0'],
      [6, 'copied', 'R6'],
    ]);
    expect(diagnosis.suggestion).toContain('Compare R6 with NULL');
  });

  test('an index out of bounds leads back to what was known of it', () => {
    const diagnosis = diagnosisOf(`${LOOKUP}
if r0 == 0 goto out
r6 = r0
call bpf_get_prandom_u32#7
if r0 > 8 goto out
r6 += r0
r0 = *(u8 *)(r6 +0)
out: r0 = 0
exit`);
    expect(diagnosis).toMatchObject({ category: 'out-of-bounds', register: 'R6', insn: 11 });
    expect(story(diagnosis)).toEqual([
      [8, 'returned', 'R0'],
      [9, 'refined', 'R0'],
      [10, 'computed', 'R6'],
    ]);
    expect(diagnosis.history[1]?.state).toContain('umax=smax32=umax32=8');
  });

  test('through the stack', () => {
    const diagnosis = diagnosisOf(`r6 = 5
*(u64 *)(r10 -8) = r6
r7 = r10
r7 += -8
r1 = *(u64 *)(r7 +0)
r0 = *(u8 *)(r1 +0)
exit`);
    expect(story(diagnosis)).toEqual([
      [0, 'constant', 'R6'],
      [1, 'copied', 'fp-8'],
      [4, 'copied', 'R1'],
    ]);
    expect(diagnosis).toMatchObject({ category: 'invalid-pointer', register: 'R1', state: '5' });
  });

  test('into a function and back out of it', () => {
    const into = diagnosisOf('r1 = 4\ncall pc+2\nr0 = 0\nexit\nr0 = *(u8 *)(r1 +0)\nexit');
    expect(story(into)).toEqual([
      [0, 'constant', 'R1'],
      [1, 'copied', 'R1'],
    ]);
    const out = diagnosisOf('call pc+2\nr1 = *(u8 *)(r0 +0)\nexit\nr0 = 4\nexit');
    expect(story(out)).toEqual([
      [3, 'constant', 'R0'],
      [4, 'copied', 'R0'],
    ]);
  });

  test('from the start', () => {
    const diagnosis = diagnosisOf('r6 = r1\nr6 += 4\nr0 = *(u32 *)(r6 +0)\nexit', { progType: 5 });
    expect(story(diagnosis)).toEqual([
      [-1, 'entry', 'R1'],
      [0, 'copied', 'R6'],
      [1, 'computed', 'R6'],
    ]);
  });

  test('what is held leads back to where it was taken', () => {
    const ringbuf = { ...HASH, type: 27, keySize: 0, valueSize: 0, maxEntries: 4096 };
    const reserve = `r1 = map[0]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve#131\nr0 = 0\nexit`;
    const diagnosis = diagnosisOf(reserve, { maps: [ringbuf] });
    expect(diagnosis.category).toBe('resource-leak');
    expect(story(diagnosis)).toEqual([[4, 'acquired', 'R0']]);
  });

  test('only the branch that failed counts', () => {
    const diagnosis = diagnosisOf(`r6 = 1
call bpf_get_prandom_u32#7
if r0 == 0 goto a
r6 = 2
goto b
a: r6 = r1
b: r0 = *(u8 *)(r6 +0)
exit`);
    expect(story(diagnosis).at(0)).toEqual([3, 'constant', 'R6']);
  });

  test('every rejection has a category, a meaning and an instruction that is there', () => {
    const diagnosis = diagnosisOf('exit');
    expect(diagnosis).toMatchObject({ category: 'uninitialized-read', insn: 0, text: 'exit' });
    expect(diagnosis.meaning).toBe(CATEGORIES['uninitialized-read']);
    expect(diagnosisOf('r0 = 0\nexit\nr0 = 1\nexit')).toMatchObject({ category: 'control-flow', insn: 2 });
  });
});

describe('the source', () => {
  test('an excerpt marks the line', () => {
    const texts = ['int f(void *ctx) {', '  char *p = 0;', '  return *p;', '}'];
    const offsets = texts.map(
      (_, i) => 1 + texts.slice(0, i).reduce((sum, text) => sum + text.length + 1, 0),
    );
    const strings = `\0${texts.join('\0')}\0f.c\0`;
    const file = strings.length - 'f.c\0'.length;
    const lines = texts.map((_, i) => ({
      insn: i,
      fileNameOffset: file,
      lineOffset: offsets[i] ?? 0,
      line: i + 1,
      column: 1,
    }));
    const progBtf = btfOfStrings(strings);
    const insns = 'r2 = r1\nr1 = 0\nr0 = *(u8 *)(r1 +0)\nexit';
    const diagnosis = diagnosisOf(insns, { lineInfo: lines, progBtf });
    expect(diagnosis.source).toEqual({ file: 'f.c', line: 3, text: '  return *p;' });
    expect(diagnosis.excerpt.map(({ line, marked }) => [line, marked])).toEqual([
      [1, false],
      [2, false],
      [3, true],
      [4, false],
    ]);
    expect(diagnosis.history).toMatchObject([{ insn: 1, source: { line: 2 } }]);
  });
});

/** A BTF blob with one type, a pointer to nothing, which needs no name. */
function btfOfStrings(strings: string): Uint8Array {
  const bytes = new TextEncoder().encode(strings);
  const blob = new Uint8Array(36 + bytes.length);
  const view = new DataView(blob.buffer);
  view.setUint16(0, 0xeb9f, true);
  view.setUint8(2, 1);
  view.setUint32(4, 24, true);
  view.setUint32(12, 12, true);
  view.setUint32(16, 12, true);
  view.setUint32(20, bytes.length, true);
  view.setUint32(28, 2 << 24, true);
  blob.set(bytes, 36);
  return blob;
}
