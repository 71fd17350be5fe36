/** Verifications gone through forwards and backwards. Needs `npm run build:wasm`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { assembledRequest, parseAssembly } from '../../assembly/index.ts';
import { loadObject } from '../../loader/index.ts';
import { FailedPath } from '../../verifier/diagnosis/path.ts';
import { type RegisterState, readEvents } from '../../verifier/event-reader.ts';
import { requestOf } from '../../verifier/examine.ts';
import type { Verifier } from '../../verifier/index.ts';
import { verifierLoadOptions } from '../../verifier/load-options-node.ts';
import type { LoadRequest } from '../../verifier/load-request.ts';
import { createVerifier } from '../../verifier/node.ts';
import { PathEnd } from '../../verifier/trace/paths.ts';
import { Trace } from '../../verifier/trace/trace.ts';
import type { TraceState } from '../../verifier/trace/trace-state.ts';
import { packageRoot } from '../package-root.ts';

const OBJECTS = [
  'task_vma/task_vma',
  'task_file/task_file',
  'accepted/reference',
  'accepted/flow',
  'rejected/null',
  'rejected/bounds',
  'rejected/reference',
  'rejected/flow',
];

let verifier: Verifier;

beforeAll(async () => {
  verifier = await createVerifier('6.12');
});

function requests(path: string): [name: string, LoadRequest][] {
  const file = join(packageRoot(), 'programs', `${path}.bpf.o`);
  const object = loadObject(readFileSync(file), { ...verifierLoadOptions('6.12'), file, programs: 'all' });
  return object.programs
    .filter(({ error, prepared }) => error === undefined && prepared)
    .map((program) => [program.name, requestOf({ verifier }, { path, object, program }, { log: 2 })]);
}

function traceOf(request: LoadRequest) {
  const verdict = verifier.verify({ ...request, events: 'all' });
  if (!verdict.events) throw new Error('no events');
  return { verdict, events: verdict.events, trace: new Trace(verdict.events, request.insns.length / 8) };
}

interface Fold {
  readonly registers: Map<string, RegisterState>;
  insn: number;
}

/** What holds before each step, told from the beginning of the stream on: nothing is indexed. */
function* foldEvents(bytes: Uint8Array): Generator<Fold> {
  const registers = new Map<string, RegisterState>();
  const leave = (frame: number) => {
    for (const key of registers.keys()) if (Number(key.split(' ')[0]) >= frame) registers.delete(key);
  };
  for (const event of readEvents(bytes)) {
    if (event.kind === 'function' || event.kind === 'resume') registers.clear();
    else if (event.kind === 'frame' || event.kind === 'leave') leave(event.frame);
    else if (event.kind === 'reg') registers.set(`${event.frame} R${event.register}`, event.state);
    else if (event.kind === 'slot' && event.bytes.some((byte) => byte !== 0))
      registers.set(`${event.frame} fp-${8 * (event.slot + 1)}`, event.state);
    else if (event.kind === 'slot') registers.delete(`${event.frame} fp-${8 * (event.slot + 1)}`);
    else if (event.kind === 'insn') yield { registers, insn: event.insn };
  }
}

function placesOf({ frames }: TraceState): Map<string, RegisterState> {
  return new Map(
    frames.flatMap(({ registers, slots }, frame) =>
      [...registers, ...slots].map(({ name, state }) => [`${frame} ${name}`, state] as const),
    ),
  );
}

const sorted = (places: ReadonlyMap<string, RegisterState>) =>
  [...places].sort(([a], [b]) => (a < b ? -1 : 1));

describe.each(OBJECTS)('%s', (path) => {
  it('knows the state of every step as the stream tells it, in any order', () => {
    for (const [name, request] of requests(path)) {
      const { events, trace } = traceOf(request);
      const folds = [...foldEvents(events.bytes)].length;
      expect(trace.steps, name).toBe(folds);
      let step = 0;
      const told: string[] = [];
      for (const { registers, insn } of foldEvents(events.bytes)) {
        expect(trace.insns[step], name).toBe(insn);
        told.push(JSON.stringify(sorted(registers), bigints));
        step++;
      }
      for (let at = trace.steps - 1; at >= 0; at--)
        expect(JSON.stringify(sorted(placesOf(trace.stateAt(at))), bigints), `${name} ${at}`).toBe(told[at]);
    }
  });

  it('follows the failed path as the verifier does that remembers nothing else', () => {
    for (const [name, request] of requests(path)) {
      const { verdict, trace } = traceOf(request);
      const { events } = verifier.verify({ ...request, events: 'path' });
      if (verdict.accepted || trace.steps === 0 || !events) continue;
      const insns = trace.pathTo(trace.steps - 1).map((step) => trace.insns[step]);
      expect(insns, name).toEqual(new FailedPath(events).insns);
    }
  });

  it('counts visits and kept states, and ends every path', () => {
    for (const [name, request] of requests(path)) {
      const { verdict, trace } = traceOf(request);
      const { paths, heat } = trace;
      const sum = (counts: Uint32Array) => counts.reduce((total, count) => total + count, 0);
      expect(sum(heat.visits), name).toBe(trace.steps);
      // What is covered is processed, but not followed any more.
      const seen = trace.steps + sum(heat.prunes);
      if (verdict.accepted) expect(seen, name).toBe(verdict.stats.insnsProcessed);
      for (let i = 0; i < paths.count; i++) {
        expect(paths.first[i], name).toBeLessThanOrEqual(paths.last[i] as number);
        if (i > 0) expect(paths.first[i], name).toBe(paths.last[i - 1]);
        if (verdict.accepted) expect(paths.end[i], `${name} ${i}`).not.toBe(PathEnd.Stopped);
        const parent = paths.parent[i] as number;
        if (parent >= 0) expect(trace.pathOf[paths.parentStep[i] as number]).toBe(parent);
      }
    }
  });
});

const bigints = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

describe('why a path is not followed any further', () => {
  it.each(OBJECTS)('is said of every covered path of %s', (path) => {
    for (const [name, request] of requests(path)) {
      const { trace } = traceOf(request);
      const { paths } = trace;
      for (let i = 0; i < paths.count; i++) {
        const coverage = trace.coverageOf(i);
        if (paths.end[i] !== PathEnd.Pruned) {
          expect(coverage).toBeUndefined();
          continue;
        }
        expect(coverage?.kept, `${name} ${i}`).toBe(trace.stepOfState(paths.covered[i] as number));
        // Both are at the same instruction, in frames of the same functions.
        const kept = trace.stateAt(coverage?.kept as number);
        for (const row of coverage?.rows ?? []) {
          const there = placesOf(kept).get(`${row.frame} ${row.place}`);
          if (row.reason === 'anything') expect(row.kept).toBe('');
          if (row.reason === 'inexact') expect(there?.precise).toBe(false);
          if (row.reason === 'within') expect(there?.umax).toBeGreaterThanOrEqual(0n);
        }
        // The frame pointer is always the same.
        expect(coverage?.rows.find(({ place }) => place === 'R10')?.reason).toBe('same');
      }
    }
  });

  /** Two paths meet at `use`: the first one there has kept its state. */
  const meeting = (first: string, second: string, use: string) => `
.type socket
.license GPL
.flags test_state_freq
.map table array value 64 entries 1
  r6 = *(u32 *)(r1 + 0)
  r7 = *(u32 *)(r1 + 4)
  *(u32 *)(r10 - 4) = 0
  r1 = map[table]
  r2 = r10
  r2 += -4
  call bpf_map_lookup_elem
  if r0 == 0 goto out
  if r7 == 0 goto other
  ${first}
  goto use
other:
  ${second}
use:
  ${use}
out:
  r0 = 0
  exit
`;
  it.each([
    ['within', 'r6 &= 31', 'r6 &= 15', 'r0 += r6\n  r0 = *(u8 *)(r0 + 0)'],
    ['inexact', 'r6 &= 15', 'r6 &= 31', 'r8 = r6'],
    ['same', 'r6 = 7', 'r6 = 7', 'r0 += r6\n  r0 = *(u8 *)(r0 + 0)'],
  ])('says of a number that it is %s', (reason, first, second, use) => {
    const source = parseAssembly(meeting(first, second, use));
    const { trace } = traceOf(assembledRequest(source, { caps: 15, logLevel: 6 }));
    const use6 = source.labels.get('use');
    const reasons = Array.from({ length: trace.paths.count }, (_, path) => trace.coverageOf(path))
      .filter((coverage) => coverage && trace.insns[coverage.kept] === use6)
      .map((coverage) => coverage?.rows.find(({ place }) => place === 'R6')?.reason);
    expect(reasons).toEqual([reason]);
  });
});

describe('where a value comes from', () => {
  it('is the step that changed it, on the paths that lead there', () => {
    const [, request] = requests('task_vma/task_vma')[0] as [string, LoadRequest];
    const { trace } = traceOf(request);
    for (let step = 1; step < trace.steps; step++) {
      for (const [key, state] of placesOf(trace.stateAt(step))) {
        const [frame, place] = key.split(' ') as [string, string];
        const from = trace.lastChange(step, Number(frame), place);
        expect(from).toBeLessThan(step);
        if (from < 0) continue;
        // Behind that step it is what it is now, and it is so at every step in between.
        const path = trace.pathTo(step);
        const next = path[path.indexOf(from) + 1] as number;
        expect(placesOf(trace.stateAt(next)).get(key)?.text, `${step} ${key}`).toBe(state.text);
      }
    }
  });
});

describe('a verification with more events than are kept', () => {
  it('shows its end, and says that the beginning is missing', () => {
    const [, request] = requests('rejected/complexity')[0] as [string, LoadRequest];
    const { trace, verdict } = traceOf({ ...request, logLevel: 4 });
    expect(verdict.stats.insnsProcessed).toBe(1_000_001);
    expect(trace.lost).toBe(true);
    expect(trace.steps).toBeGreaterThan(10_000);
    const last = trace.stateAt(trace.steps - 1);
    expect(last.frames[0]?.registers.find(({ name }) => name === 'R10')?.state.text).toBe('fp0');
    expect(() => trace.stateAt(trace.steps)).toThrow(RangeError);
  });
});
