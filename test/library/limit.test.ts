/** A suite as a user of the library writes it: a packet filter (objects/limit.bpf.c) and its clock. */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type BpfFile, load, ProgramRejected } from '../../library/index.ts';

const XDP_DROP = 1;
const XDP_PASS = 2;
const SECOND = 1_000_000_000n;
const SOURCE = Uint8Array.of(10, 0, 0, 1);
const OBJECT = 'test/library/objects/limit.bpf.o';

/** An Ethernet frame with an IPv4 header. */
function packet(source: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(60);
  bytes.set([0x08, 0x00, 0x45], 12);
  bytes.set(source, 26);
  return bytes;
}

function window(start: bigint, packets: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(start, packets).buffer);
}

describe('limit_source', () => {
  let file: BpfFile;
  beforeAll(async () => {
    file = await load(OBJECT, { globals: { limit: 3 } });
  });

  it('is accepted', () => {
    expect(file.verify('limit_source')).toMatchObject({ accepted: true, message: '' });
  });

  it('begins a window with the first packet of a source', async () => {
    const clock = vi.fn(() => 5n * SECOND);
    const kernel = await file.open({ mocks: { bpf_ktime_get_ns: clock } });
    expect(kernel.test('limit_source', { data: packet(SOURCE) }).retval).toBe(XDP_PASS);
    expect(kernel.maps.get('windows')?.entries()).toEqual([{ key: SOURCE, value: window(5n * SECOND, 1n) }]);
    expect(clock).toHaveBeenCalledOnce();
  });

  it('drops what is above the limit, until the second is over', async () => {
    let now = 5n * SECOND;
    const kernel = await file.open({ mocks: { bpf_ktime_get_ns: () => now } });
    const windows = kernel.maps.get('windows');
    windows?.update(SOURCE, window(now, 2n));
    const run = () => kernel.test('limit_source', { data: packet(SOURCE) });

    expect(run()).toMatchObject({ retval: XDP_PASS, trace: '' });
    const dropped = run();
    expect(dropped.retval).toBe(XDP_DROP);
    expect(dropped.trace).toContain('limited');
    expect(windows?.lookup(SOURCE)).toEqual(window(now, 4n));

    now += SECOND;
    expect(run().retval).toBe(XDP_PASS);
    expect(windows?.lookup(SOURCE)).toEqual(window(now, 1n));
  });

  it('lets through what it has no room for', async () => {
    const update = vi.fn(() => -7);
    const kernel = await file.open({ mocks: { bpf_map_update_elem: update } });
    expect(kernel.test('limit_source', { data: packet(SOURCE), repeat: 5 }).retval).toBe(XDP_PASS);
    expect(update).toHaveBeenCalledTimes(5);
    expect(kernel.maps.get('windows')?.entries()).toEqual([]);
  });
});

it('unchecked is rejected', async () => {
  const file = await load(OBJECT);
  const { accepted, message, diagnosis } = file.verify('unchecked');
  expect(accepted).toBe(false);
  expect(message).toContain('offset is outside of the packet');
  expect(diagnosis?.category).toBe('out-of-bounds');

  const kernel = await file.open();
  expect(() => kernel.test('unchecked', { data: packet(SOURCE) })).toThrow(ProgramRejected);
  expect(() => kernel.test('unchecked')).toThrow(/the verifier rejects unchecked: .*outside of the packet/);
});
