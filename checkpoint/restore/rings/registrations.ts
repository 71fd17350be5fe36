/** What else a ring can have: an eventfd, limits, clocks; and last of all its restrictions, and being enabled. */
import { RegisterOp, Restriction, Setup } from '../../../kernel-model/io-uring/uapi.ts';
import { sourceNode } from '../files.ts';
import { concat, record } from './extras.ts';
import { type RingRestore, ringNode } from './ring.ts';

/** IORING_CQ_EVENTFD_DISABLED */
const EVENTFD_DISABLED = 1;
const CLOCK_MONOTONIC = 1;

export function addRegistrations(ring: RingRestore): void {
  const { world, index, state } = ring;
  const after = [ringNode(index, 'setup'), ringNode(index, 'extras')];
  if (state.eventfd) after.push(sourceNode(world, state.eventfd.file));
  world.graph.add(ringNode(index, 'registrations'), after, () => {
    registerEventfd(ring);
    registerLimits(ring);
    registerClocks(ring);
  });
  if (!ring.isEnabledLater) return;
  const before = ['registrations', 'files', 'buffers', 'groups', 'personalities'].map((part) =>
    ringNode(index, part),
  );
  world.graph.add(ringNode(index, 'enable'), before, () => enable(ring));
}

/** Nothing that the restore posts may be told to anyone. */
function registerEventfd(ring: RingRestore): void {
  const { eventfd } = ring.state;
  if (!eventfd) return;
  ring.queues.set('cq.flags', EVENTFD_DISABLED);
  const { restorer } = ring.world.calls;
  const [op, name] = eventfd.async
    ? ([RegisterOp.EventfdAsync, 'EVENTFD_ASYNC'] as const)
    : ([RegisterOp.Eventfd, 'EVENTFD'] as const);
  ring.world.withFile(restorer, eventfd.file, (fd) => {
    ring.register(restorer, op, name, record([fd], []), 1, String(fd));
  });
}

function registerLimits(ring: RingRestore): void {
  const { workerLimits } = ring.state;
  if (!workerLimits) return;
  ring.register(
    ring.world.calls.restorer,
    RegisterOp.IowqMaxWorkers,
    'IOWQ_MAX_WORKERS',
    record(workerLimits, []),
    2,
    workerLimits.join(' '),
  );
}

function registerClocks(ring: RingRestore): void {
  const { napi, clock } = ring.state;
  const { restorer } = ring.world.calls;
  if (napi) {
    const { microseconds, prefer } = napi;
    const argument = record([microseconds, Number(prefer)], [0n]);
    ring.register(restorer, RegisterOp.Napi, 'NAPI', argument, 1, `${microseconds} us`);
  }
  if (clock !== undefined && clock !== CLOCK_MONOTONIC)
    ring.register(restorer, RegisterOp.Clock, 'CLOCK', record([clock, 0, 0, 0], []), 0, String(clock));
}

function enable(ring: RingRestore): void {
  const { restrictions } = ring.state;
  const { restorer } = ring.world.calls;
  if (restrictions) {
    const entries = [
      ...bits(restrictions.registerOps).map((op) => entry(Restriction.RegisterOp, op)),
      ...bits(restrictions.submitOps).map((op) => entry(Restriction.SqeOp, op)),
    ];
    if (restrictions.flagsAllowed !== 0)
      entries.push(entry(Restriction.SqeFlagsAllowed, restrictions.flagsAllowed));
    if (restrictions.flagsRequired !== 0)
      entries.push(entry(Restriction.SqeFlagsRequired, restrictions.flagsRequired));
    ring.register(restorer, RegisterOp.Restrictions, 'RESTRICTIONS', concat(...entries), entries.length);
  }
  if (ring.staysDisabled) return;
  // Who enables it is the one who may submit.
  if (ring.has(Setup.SingleIssuer) && ring.state.setup.submitter === undefined)
    ring.refuse(17, 'nothing says who may submit');
  ring.register(ring.issuer, RegisterOp.EnableRings, 'ENABLE_RINGS', 0n, 0);
}

function entry(kind: Restriction, value: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint16(0, kind, true);
  bytes[2] = value;
  return bytes;
}

function bits(set: bigint): number[] {
  return Array.from({ length: 64 }, (_, i) => i).filter((i) => ((set >> BigInt(i)) & 1n) === 1n);
}
