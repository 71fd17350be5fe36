/** Test runs over a `struct __sk_buff` (bpf_prog_test_run_skb): socket filters, tc, cgroup_skb, lwt, sk_skb. */
import { Errno } from '../../bpf/errno.ts';
import { ProgType } from '../../loader/prog-type.ts';
import { ETH_HLEN } from '../context/ethernet.ts';
import { SKB, SKB_CB_SIZE, SKB_SIZE } from '../context/record.ts';
import { Skb, type SkbOptions } from '../context/skb.ts';
import type { LegacyPacket, Vm } from '../vm.ts';
import {
  contextBuffer,
  isZero,
  type TestContext,
  type TestInput,
  type TestOutput,
  TestRunError,
} from './test-context.ts';

/** A page without the room before and behind. */
const MAX_PACKET = 4096 - 64 - 320;
/** GSO_LEGACY_MAX_SIZE, GSO_MAX_SEGS */
const MAX_WIRE_LENGTH = 65_536;
const MAX_SEGMENTS = 65_535;
const LOOPBACK = 1;

const L2: ReadonlySet<number> = new Set([ProgType.SchedCls, ProgType.SchedAct]);
/** Types that are given `data_end` before the program runs. */
const WITH_POINTERS: ReadonlySet<number> = new Set([
  ProgType.SchedCls,
  ProgType.SchedAct,
  ProgType.LwtIn,
  ProgType.LwtOut,
  ProgType.LwtXmit,
]);

/** Parts of the context that the caller may set: [first byte, byte after the last]. */
const SETTABLE: readonly (readonly [number, number])[] = [
  [SKB.mark, SKB.mark + 4],
  [SKB.priority, SKB.ifindex + 4],
  [SKB.cb, SKB.cb + SKB_CB_SIZE],
  [SKB.tstamp, SKB.gso_segs + 4],
  [SKB.gso_size, SKB.gso_size + 4],
  [SKB.hwtstamp, SKB.hwtstamp + 8],
];

/** Fields that go in, but for those with rules of their own; and those that come out. */
const GIVEN = [SKB.mark, SKB.priority, SKB.ingress_ifindex, SKB.gso_segs, SKB.gso_size];
const RETURNED = [SKB.mark, SKB.priority, SKB.ingress_ifindex, SKB.ifindex, SKB.wire_len, SKB.gso_segs];
const RETURNED_U64 = [SKB.tstamp, SKB.hwtstamp];

export function openSkb(vm: Vm, type: number, input: TestInput): TestContext | TestRunError {
  const frame = input.data ?? new Uint8Array(0);
  if (frame.length < ETH_HLEN)
    return new TestRunError(
      Errno.EINVAL,
      `the packet has ${frame.length} bytes, fewer than an Ethernet header`,
    );
  if (frame.length > MAX_PACKET)
    return new TestRunError(Errno.EINVAL, `the packet has ${frame.length} bytes; at most ${MAX_PACKET} fit`);
  const context = contextBuffer(input.context, SKB_SIZE);
  if (context instanceof TestRunError) return context;
  const options: SkbOptions = {
    l2: L2.has(type),
    pointers: WITH_POINTERS.has(type),
    stream: type === ProgType.SkSkb,
  };
  const skb = new Skb(vm.ram, frame, options);
  const error = headerError(skb) ?? (context && takeContext(skb, context));
  if (error) {
    skb.free();
    return error;
  }
  return new SkbContext(vm, skb, options.l2, context);
}

function headerError(skb: Skb): TestRunError | undefined {
  const least = skb.networkBaseLength ?? 0;
  if (skb.length - skb.networkHeader >= least) return undefined;
  return new TestRunError(Errno.EINVAL, 'the packet ends within its network header');
}

/** Sets the skb from `ctx_in`, the rest of which must be zeros. */
function takeContext(skb: Skb, context: Uint8Array): TestRunError | undefined {
  let from = 0;
  for (const [first, end] of [...SETTABLE, [SKB_SIZE, SKB_SIZE] as const]) {
    if (!isZero(context, from, first))
      return new TestRunError(Errno.EINVAL, `bytes ${from} to ${first - 1} of the context cannot be given`);
    from = end;
  }
  const view = new DataView(context.buffer);
  if (view.getUint32(SKB.ifindex, true) > LOOPBACK)
    return new TestRunError(Errno.ENODEV, 'there is no device but 1, the loopback device');
  const { record } = skb;
  for (const field of GIVEN) record.setU32(field, view.getUint32(field, true));
  for (const field of RETURNED_U64) record.setU64(field, view.getBigUint64(field, true));
  record.bytes(SKB.cb, SKB_CB_SIZE).set(context.subarray(SKB.cb, SKB.cb + SKB_CB_SIZE));
  const wire = view.getUint32(SKB.wire_len, true);
  if (wire !== 0 && (wire < skb.length || wire > MAX_WIRE_LENGTH))
    return new TestRunError(Errno.EINVAL, `wire_len ${wire} is not ${skb.length} to ${MAX_WIRE_LENGTH}`);
  record.setU32(SKB.wire_len, wire === 0 ? skb.length : wire);
  if (view.getUint32(SKB.gso_segs, true) > MAX_SEGMENTS)
    return new TestRunError(Errno.EINVAL, `gso_segs is more than ${MAX_SEGMENTS}`);
  // The kernel keeps 16 bits.
  record.setU32(SKB.gso_size, view.getUint16(SKB.gso_size, true));
  return undefined;
}

class SkbContext implements TestContext {
  private readonly vm: Vm;
  private readonly skb: Skb;
  private readonly l2: boolean;
  private readonly context: Uint8Array | undefined;

  constructor(vm: Vm, skb: Skb, l2: boolean, context: Uint8Array | undefined) {
    this.vm = vm;
    this.skb = skb;
    this.l2 = l2;
    this.context = context;
    vm.contexts.skbs.set(skb.address, skb);
  }

  get address(): bigint {
    return this.skb.address;
  }

  get legacy(): LegacyPacket {
    return this.skb.legacy;
  }

  begin(): void {
    this.vm.contexts.current = 'skb';
  }

  finish(): TestOutput {
    const packet = this.skb.packet.bytes().slice();
    if (this.l2) return { data: packet, context: this.contextOut() };
    // The link-level header that was taken off comes back as zeros.
    const data = new Uint8Array(ETH_HLEN + packet.length);
    data.set(packet, ETH_HLEN);
    return { data, context: this.contextOut() };
  }

  free(): void {
    this.vm.contexts.skbs.delete(this.skb.address);
    this.skb.free();
  }

  private contextOut(): Uint8Array {
    if (!this.context) return new Uint8Array(0);
    const out = this.context.slice();
    const view = new DataView(out.buffer);
    const { record } = this.skb;
    for (const field of RETURNED) view.setUint32(field, record.u32(field), true);
    for (const field of RETURNED_U64) view.setBigUint64(field, record.u64(field), true);
    out.set(record.bytes(SKB.cb, SKB_CB_SIZE), SKB.cb);
    return out;
  }
}
