/** What happens at a step, in words. */
import { expect, it } from 'vitest';
import { stepEvents } from '../../playground/verify/step-events.ts';
import type { VerifierEvent } from '../../verifier/event-reader.ts';
import type { Trace } from '../../verifier/trace/trace.ts';

const told = (...events: VerifierEvent[]) =>
  stepEvents(
    { pathOf: [3], eventsOf: () => events, stepOfState: (state: number) => state * 10 } as unknown as Trace,
    0,
  );

it('names what waits, what is kept and what covers it', () => {
  const { events, precise } = told(
    { kind: 'branch', from: 3, insn: 9, speculative: true } as VerifierEvent,
    { kind: 'checkpoint', state: 4, insn: 9 } as VerifierEvent,
    { kind: 'prune', state: 2, insn: 7 } as VerifierEvent,
  );
  expect(events).toEqual([
    { kind: 'branch', text: 'another path waits: from 3 to 9, speculative' },
    { kind: 'kept', text: 'state 4 is kept at 9' },
    { kind: 'pruned', text: 'the path ends: state 2, kept at 7, covers this one', step: 20, path: 3 },
  ]);
  expect(precise).toEqual([]);
});

it('names registers and slots whose exact values are needed, apart from what people want to read', () => {
  const { events, precise } = told({
    kind: 'precise',
    at: 5,
    registers: 0b100_0000_0010,
    slots: 1n | (1n << 63n),
  } as VerifierEvent);
  expect(events).toEqual([]);
  expect(precise).toEqual([{ insn: 5, registers: ['R1', 'R10', 'fp-8', 'fp-512'] }]);
});

it('says once what a state needs, however often it is asked', () => {
  const need = { kind: 'precise-state', at: 6, registers: 4, slots: 0n } as VerifierEvent;
  expect(told(need, need).events).toEqual([
    { kind: 'precise', text: 'state 6 needs exact values of R2', step: 60 },
  ]);
});

it('tells the paths apart that are covered at once', () => {
  const { events } = told(
    { kind: 'prune', state: 2, insn: 7 } as VerifierEvent,
    { kind: 'resume', from: 1, insn: 7 } as VerifierEvent,
    { kind: 'prune', state: 2, insn: 7 } as VerifierEvent,
  );
  expect(events.map(({ path }) => path)).toEqual([3, undefined, 4]);
});

it('does not say that nothing is needed', () => {
  const nothing = { frame: 0, at: 6, registers: 0, slots: 0n };
  expect(told({ kind: 'precise-state', ...nothing }, { kind: 'precise', ...nothing })).toEqual({
    events: [],
    precise: [],
  });
});

it('is silent about the rest', () => {
  expect(told({ kind: 'held' } as unknown as VerifierEvent).events).toEqual([]);
});
