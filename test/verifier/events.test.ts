/** The event stream says what the log says, and what the log leaves out. */
import { beforeAll, describe, expect, test } from 'vitest';
import { InsnEvent } from '../../verifier/event-abi.ts';
import { readEvents, type Verifier, type VerifierEvent } from '../../verifier/index.ts';
import type { LoadRequest } from '../../verifier/load-request.ts';
import { assembled, createVerifier, HASH, LOOKUP } from './support.ts';

let verifier: Verifier;

beforeAll(async () => {
  verifier = await createVerifier();
});

function events(text: string, changes: Partial<LoadRequest> = {}) {
  const verdict = verifier.verify(assembled(text, { events: 'all', ...changes }));
  if (!verdict.events) throw new Error('no events');
  return { verdict, list: [...readEvents(verdict.events.bytes)] };
}

function ofKind<K extends VerifierEvent['kind']>(list: VerifierEvent[], kind: K) {
  return list.filter((event): event is VerifierEvent & { kind: K } => event.kind === kind);
}

const BRANCHY = `r6 = 0
call bpf_get_prandom_u32#7
if r0 > 10 goto a
r6 = r0
a: r7 = r6
r0 = 0
exit`;

/** A loop that a bounded number of rounds leaves. */
const COUNTED = `r6 = 0
l: r6 += 1
if r6 < 20 goto l
r0 = 0
exit`;

describe('the event stream', () => {
  test('there is none unless it is asked for', () => {
    expect(verifier.verify(assembled('r0 = 0\nexit')).events).toBeUndefined();
  });

  test('has an event for every instruction that is processed', () => {
    for (const text of [BRANCHY, COUNTED]) {
      const { verdict, list } = events(text);
      const covered = ofKind(list, 'prune').length;
      expect(ofKind(list, 'insn').length + covered).toBe(verdict.stats.insnsProcessed);
    }
  });

  test('tells the registers that an instruction changed, before the next one', () => {
    const { list } = events('r1 = 7\nr1 += 5\nr0 = r1\nexit');
    const changesOf = (insn: number) => {
      const at = list.findIndex((event) => event.kind === 'insn' && event.insn === insn);
      const end = list.findIndex((event) => event.kind === 'insn' && event.insn === insn + 1);
      return ofKind(list.slice(at, end), 'reg').map(({ register, state }) => [register, state.text]);
    };
    expect(changesOf(0)).toEqual([[1, '7']]);
    expect(changesOf(1)).toEqual([[1, '12']]);
    expect(changesOf(2)).toEqual([[0, '12']]);
  });

  test('tells ranges as numbers', () => {
    const masked = events('call bpf_get_prandom_u32#7\nr0 &= 12\nexit').list;
    expect(ofKind(masked, 'reg').at(-1)?.state).toMatchObject({
      umin: 0n,
      umax: 12n,
      smin: 0n,
      smax: 12n,
      value: 0n,
      mask: 12n,
      text: 'scalar(smin=smin32=0,smax=umax=smax32=umax32=12,var_off=(0x0; 0xc))',
    });
  });

  test('tells stack slots, and what is spilled in them', () => {
    const { list } = events(`*(u64 *)(r10 -8) = r1\n*(u16 *)(r10 -16) = 0\nr0 = 0\nexit`);
    const slots = ofKind(list, 'slot');
    expect(slots.map(({ slot, state }) => [slot, state.text])).toEqual([
      [0, 'ctx()'],
      [1, '??????0'],
    ]);
  });

  test('tells branches, the paths that go on, and the references that are held', () => {
    const { list } = events(BRANCHY);
    const [branch] = ofKind(list, 'branch');
    expect(branch).toMatchObject({ path: 1, from: 2, insn: 4, speculative: false });
    expect(ofKind(list, 'resume')).toEqual([{ ...branch, kind: 'resume' }]);
    const reserve = `r1 = map[0]\nr2 = 8\nr3 = 0\ncall bpf_ringbuf_reserve#131\nr0 = 0\nexit`;
    const ringbuf = { ...HASH, type: 27, keySize: 0, valueSize: 0, maxEntries: 4096 };
    const leaked = events(reserve, { maps: [ringbuf] }).list;
    expect(ofKind(leaked, 'refs').at(-1)?.refs).toMatchObject([{ insn: 4 }]);
  });

  test('tells the kept states and which of them covered a path', () => {
    const text = `call bpf_get_prandom_u32#7
if r0 > 10 goto a
r6 = 1
goto b
a: r6 = 2
b: r7 = 0
${'r7 += 1\n'.repeat(8)}if r7 > 3 goto c
c: r0 = 0
exit`;
    const { verdict, list } = events(text, { progFlags: 8 });
    const kept = ofKind(list, 'checkpoint');
    expect(kept.map(({ state }) => state)).toEqual(kept.map((_, i) => i + 1));
    expect(kept.length).toBe(verdict.stats.totalStates);
    for (const { state, insn } of ofKind(list, 'prune')) {
      expect(kept.find((other) => other.state === state)?.insn).toBe(insn);
    }
    expect(ofKind(list, 'prune').length).toBeGreaterThan(0);
  });

  test('tells precision as it is walked back', () => {
    const text = `r6 = 3\n*(u64 *)(r10 -8) = 0\nr2 = r10\nr2 -= r6\nr0 = 0\nexit`;
    const { verdict, list } = events(text);
    const walked = ofKind(list, 'precise').map(({ at, registers }) => [at, registers]);
    const logged = [...verdict.log.matchAll(/regs=r(\d+) stack= before (\d+):/g)].map(([, reg, at]) => [
      Number(at),
      1 << Number(reg),
    ]);
    expect(walked).toEqual(logged);
    expect(walked.length).toBeGreaterThan(0);
  });

  test('tells frames of calls and when they are left', () => {
    const { list } = events('call pc+2\nr0 = 0\nexit\nr0 = 1\nexit');
    expect(ofKind(list, 'frame').map(({ frame, callsite }) => [frame, callsite])).toEqual([
      [0, -1],
      [1, 0],
    ]);
    expect(ofKind(list, 'leave')).toEqual([{ kind: 'leave', frame: 1 }]);
  });

  test('of the failed path alone leaves out the paths that ended well', () => {
    const text = `call bpf_get_prandom_u32#7
if r0 > 10 goto bad
r0 = 0
exit
bad: r0 = r9
exit`;
    const { list } = events(text, { events: 'path' });
    expect(ofKind(list, 'insn').map(({ insn }) => insn)).toEqual([0, 1, 4]);
  });

  test('verdict, statistics and log are the same with and without events', () => {
    for (const text of [BRANCHY, COUNTED, `${LOOKUP}\nr0 = *(u64 *)(r0 +0)\nexit`]) {
      const maps = [HASH];
      const plain = verifier.verify(assembled(text, { maps }));
      for (const mode of ['path', 'all'] as const) {
        const { events: _, ...traced } = verifier.verify(assembled(text, { maps, events: mode }));
        expect(traced).toEqual(plain);
      }
    }
  });

  test('keeps the end of a stream that is too long', () => {
    const text = `r6 = 0\nr7 = 0\nl: ${'r7 += 1\n'.repeat(40)}r6 += 1\nif r6 < 23000 goto l\nr0 = 0\nexit`;
    const verdict = verifier.verify(assembled(text, { events: 'all', logLevel: 4 }));
    expect(verdict.accepted).toBe(true);
    expect(verdict.events?.lost).toBe(true);
    const bytes = verdict.events?.bytes ?? new Uint8Array();
    const [last] = readEvents(bytes.subarray(bytes.length - InsnEvent.Size));
    expect(last).toMatchObject({ kind: 'exit' });
  });
});
