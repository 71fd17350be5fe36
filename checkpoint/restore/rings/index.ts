/** io_uring instances: each set up, filled, brought to where its counters were, and mapped, node by node. */
import { Setup } from '../../../kernel-model/io-uring/uapi.ts';
import type { RingState } from '../../state.ts';
import { tableNode } from '../files.ts';
import type { RestoreWorld } from '../world.ts';
import { addBuffers } from './buffers.ts';
import { replayCounters, replayExtras, replayOverflow } from './counters.ts';
import { addFiles } from './files.ts';
import { addGroups, fillGroups } from './groups.ts';
import { addMaps } from './maps.ts';
import { overflowWays } from './overflow-ways.ts';
import { addPersonalities } from './personalities.ts';
import { addRegistrations } from './registrations.ts';
import {
  lateEntries,
  requestSources,
  submitLate,
  submitWaiting,
  WAITS_FOR_ITSELF,
  waitsForItself,
  watchedRings,
} from './requests.ts';
import { RingRestore, ringNode } from './ring.ts';
import { addSetup } from './setup.ts';
import { addWaiters } from './waiters.ts';
import { addWorkers } from './workers.ts';

export { ringNode } from './ring.ts';
export { type BlockedCall, waitersNode } from './waiters.ts';
export { workersNode } from './workers.ts';

/** Adds the nodes of all rings; what comes behind everything about ring N comes after `ring N done`. */
export function addRings(world: RestoreWorld): void {
  const { rings } = world.state;
  for (const index of rings.keys()) {
    const ring = new RingRestore(world, index);
    addSetup(ring, ownerOf(rings, index));
    world.graph.add(ringNode(index, 'extras'), [ringNode(index, 'setup')], () => replayExtras(ring));
    addFiles(ring);
    addBuffers(ring);
    addGroups(ring);
    addPersonalities(ring);
    addRegistrations(ring);
    addQueues(ring);
    addMaps(ring);
    addWaiters(ring);
  }
  addWorkers(world);
}

/** Ring whose thread a ring shares; undefined for the one that makes it. */
function ownerOf(rings: readonly RingState[], index: number): number | undefined {
  const { thread } = (rings[index] as RingState).setup;
  if (thread === undefined) return undefined;
  const group = [...rings.keys()].filter((i) => rings[i]?.setup.thread === thread);
  const owner = group.find((i) => ((rings[i]?.setup.flags ?? 0) & Setup.AttachWq) === 0) ?? group[0];
  return owner === index ? undefined : owner;
}

/** Everything that is submitted, and then what user space left in the shared memory. */
function addQueues(ring: RingRestore): void {
  const { world, index } = ring;
  const { graph } = world;
  const parts = ['enable', 'registrations', 'files', 'buffers', 'groups', 'personalities'];
  const ready = parts.map((part) => ringNode(index, part));
  const watched = watchedRings(world.state, index);
  const inTurn = waitsForItself(world.state, index);
  const others = inTurn ? [] : watched.map((other) => ringNode(other, 'queues'));
  graph.add(ringNode(index, 'requests'), [...ready, ...requestSources(ring), ...others], () => {
    if (inTurn) ring.refuse(74, WAITS_FOR_ITSELF);
    // Buffers are there before anybody asks for one.
    fillGroups(ring);
    submitWaiting(ring);
  });
  graph.add(ringNode(index, 'queues'), [ringNode(index, 'requests')], () => restoreQueues(ring));
  // A thread that is awake takes what it finds as soon as time passes, so the tails are last of all.
  const queues = world.state.rings.map((_, i) => ringNode(i, 'queues'));
  const mapped = world.state.tasks.map(({ tid }) => ringNode(index, `map ${tid}`));
  const tables = world.state.fdTables.map((_, i) => tableNode(i));
  graph.add(ringNode(index, 'done'), [...queues, ...mapped, ...tables], () => {
    ring.queues.set('sq.tail', ring.state.queues.sqTail);
  });
}

function restoreQueues(ring: RingRestore): void {
  const { queues: wanted } = ring.state;
  const ways = overflowWays(ring, wanted.extra | 0);
  replayCounters(ring, lateEntries(ring), ways);
  if (ring.queues.get('cq.tail') !== wanted.cqTail)
    ring.refuse(27, `${ring.queues.get('cq.tail')} completions instead of ${wanted.cqTail}`);
  replayOverflow(ring, ways);
  ring.queues.setRoom(0);
  submitLate(ring);
  if (ring.queues.get('sq.head') !== wanted.sqHead)
    ring.refuse(25, `${ring.queues.get('sq.head')} submissions instead of ${wanted.sqHead}`);
  ring.queues.writeContents();
  // Who waits for room in its queue finds it as full as it was.
  if (!ring.has(Setup.SqPoll)) ring.queues.set('sq.tail', wanted.sqTail);
}
