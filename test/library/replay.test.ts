/** Recorded test runs: gone through either way, with memory and maps as each step finds them. */
import { beforeAll, describe, expect, it } from 'vitest';
import { InputError, type Kernel, load, type RecordInput, type Replay } from '../../library/index.ts';

const OBJECT = 'test/library/objects/limit.bpf.o';
const SOURCE = Uint8Array.of(10, 0, 0, 1);
const COUNT = 'limit.bpf.c:68';
const PRINT = 'limit.bpf.c:71';
const LIMIT = 3;
const XDP_DROP = 1;

function packet(source = SOURCE): Uint8Array {
  const bytes = new Uint8Array(60);
  bytes.set([0x08, 0x00, 0x45], 12);
  bytes.set(source, 26);
  return bytes;
}

function window(start: bigint, packets: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(start, packets).buffer);
}

function packetsSeen(kernel: Pick<Kernel, 'maps'>): bigint | undefined {
  const window = kernel.maps.get('windows')?.lookup(SOURCE);
  return window && new DataView(window.buffer).getBigUint64(8, true);
}

const input: RecordInput = {
  data: packet(),
  repeat: 3,
  mocks: { bpf_ktime_get_ns: () => 7n },
  prepare: (kernel) => {
    kernel.maps.get('windows')?.update(SOURCE, window(7n, 2n));
  },
};

describe('a recorded run', async () => {
  const file = await load(OBJECT, { globals: { limit: LIMIT } });
  let replay: Replay;
  beforeAll(async () => {
    replay = await file.record('limit_source', input);
  });

  it('gives what the run gave', async () => {
    const kernel = await file.open(input);
    input.prepare?.(kernel);
    expect(replay.output).toEqual(kernel.test('limit_source', input));
    expect(replay.output).toMatchObject({ retval: XDP_DROP, insns: replay.steps });
    expect(replay.output.trace.match(/limited/g)).toHaveLength(2);
    expect(replay.cut).toBe(false);
  });

  it('stops at source lines, forward and back', () => {
    const first = replay.next(0, { place: COUNT });
    expect(first).toMatchObject({ program: 'limit_source', place: COUNT, run: 0, depth: 0, trace: '' });
    expect(first?.source).toContain('++window->packets');
    const printed = replay.next(first?.step ?? 0, { place: PRINT });
    expect(printed).toMatchObject({ run: 1, trace: '' });
    const last = replay.at(replay.steps - 1);
    expect(last.text).toBe('exit');
    expect(last.registers[0]).toBe(BigInt(XDP_DROP));
    expect(last.trace.match(/limited/g)).toHaveLength(2);
    expect(replay.previous(last.step, { place: PRINT })).toMatchObject({ run: 2 });
    expect(replay.previous(printed?.step ?? 0, { place: COUNT })?.run).toBe(1);
    expect(replay.next(last.step, 'over')).toBeUndefined();
  });

  it('stops where a register changed, and where a run begins', () => {
    const second = replay.next(0, 'run');
    expect(second).toMatchObject({ insn: 0, run: 1 });
    const set = replay.previous(replay.steps - 1, { register: 0 });
    expect(set?.registers[0]).not.toBe(replay.at((set?.step ?? 1) - 1).registers[0]);
    expect(replay.previous(second?.step ?? 0, { insn: 0 })?.step).toBe(0);
  });

  it('shows maps and memory as a step finds them', async () => {
    const [before, after] = [replay.next(0, { place: PRINT })?.step ?? 0, replay.steps - 1];
    expect(packetsSeen({ maps: await replay.maps(0) })).toBe(2n);
    expect(packetsSeen({ maps: await replay.maps(before) })).toBe(4n);
    expect(packetsSeen({ maps: await replay.maps(after) })).toBe(5n);
    const window = replay.at(before - 1);
    const r10 = window.registers[10] ?? 0n;
    expect(await replay.read(before, r10 - 8n, 8)).toHaveLength(8);
    expect(await replay.read(before, 0n, 8)).toBeUndefined();
  });

  it('is cut where it gets too long', async () => {
    const short = await file.record('limit_source', { ...input, limit: 5 });
    expect(short).toMatchObject({ steps: 5, cut: true });
    expect(short.output).toEqual(replay.output);
  });

  it('knows what it does not have', async () => {
    expect(() => replay.at(replay.steps)).toThrow(RangeError);
    await expect(replay.read(-1, 0n, 1)).rejects.toThrow(RangeError);
    expect(() => replay.next(0, { place: 'limit.bpf.c:1' })).toThrow(InputError);
    await expect(file.record('unchecked', input)).rejects.toThrow(/the verifier rejects unchecked/);
  });

  it('is gone through as docs/library.md shows', async () => {
    const replay = await file.record('limit_source', {
      data: packet(SOURCE),
      repeat: 3,
      mocks: { bpf_ktime_get_ns: () => 7n },
      prepare: (kernel) => kernel.maps.get('windows')?.update(SOURCE, window(7n, 2n)),
    });
    // A breakpoint on a line of the source, and back to where r1 changed.
    const printed = replay.next(0, { place: 'limit.bpf.c:71' });
    const changed = replay.previous(printed?.step ?? 0, { register: 1 });
    // As that step finds it.
    const maps = await replay.maps(printed?.step ?? 0);
    expect(maps.get('windows')?.lookup(SOURCE)).toEqual(window(7n, 4n));
    expect(changed && printed && changed.step < printed.step).toBe(true);
  });
});
