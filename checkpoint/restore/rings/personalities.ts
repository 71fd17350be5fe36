/** Personalities: ids are given out cyclically, so some are registered only to be dropped. */
import { RegisterOp, RingLimit } from '../../../kernel-model/io-uring/uapi.ts';
import type { Personality, RequestState } from '../../state.ts';
import { type RingRestore, ringNode } from './ring.ts';

export function addPersonalities(ring: RingRestore): void {
  const { personalities } = ring.state;
  if (personalities.next === 0 && strangers(ring).length === 0) return;
  ring.world.graph.add(ringNode(ring.index, 'personalities'), [ringNode(ring.index, 'setup')], () =>
    register(ring),
  );
}

function register(ring: RingRestore): void {
  const { ids, next } = ring.state.personalities;
  const wanted = new Map(ids.map((personality) => [personality.id, personality]));
  // Credentials of requests whose personality is gone take ids that nobody has, for as long as they are needed.
  const lent = strangers(ring).map((cred, i) => ({ id: freeId(wanted, i), cred }));
  for (const personality of lent) wanted.set(personality.id, personality);
  for (const { id, keep } of sequence([...wanted.keys()], next)) {
    const personality = keep ? wanted.get(id) : undefined;
    add(ring, id, personality);
    if (!personality) drop(ring, id);
  }
  ring.lent = lent;
}

/**
 * The ids as they come: round once more when some are above the next one. Those below it are kept the second time, so
 * that the last one registered is the one before.
 */
function sequence(wanted: readonly number[], next: number): { id: number; keep: boolean }[] {
  const has = new Set(wanted);
  const highest = Math.max(0, ...wanted);
  const steps: { id: number; keep: boolean }[] = [];
  const wraps = highest >= next;
  const top = wraps ? RingLimit.Personality : next - 1;
  for (let id = 1; id <= top; id++) steps.push({ id, keep: has.has(id) && !(wraps && id < next) });
  if (wraps) for (let id = 1; id < next; id++) steps.push({ id, keep: has.has(id) });
  return steps;
}

function freeId(wanted: ReadonlyMap<number, Personality>, skip: number): number {
  let left = skip;
  for (let id = 1; ; id++) if (!wanted.has(id) && left-- === 0) return id;
}

function add(ring: RingRestore, id: number, personality: Personality | undefined): void {
  const { world } = ring;
  const cred = personality && world.state.creds[personality.cred];
  const { restorer } = world.calls;
  const make = (task: typeof restorer) => ring.register(task, RegisterOp.Personality, 'PERSONALITY', 0n, 0);
  const given = cred ? world.withCred(restorer, cred, make) : make(restorer);
  if (given !== id) ring.refuse(60, `a personality gets id ${given} instead of ${id}`);
}

function drop(ring: RingRestore, id: number): void {
  const { restorer } = ring.world.calls;
  ring.register(restorer, RegisterOp.UnregisterPersonality, 'UNREGISTER_PERSONALITY', 0n, id);
}

/** Takes back what requests have used. */
export function dropLent(ring: RingRestore): void {
  for (const { id } of ring.lent)
    ring.register(ring.issuer, RegisterOp.UnregisterPersonality, 'UNREGISTER_PERSONALITY', 0n, id);
}

/** Personality to submit a request with; 0 for the task's own credentials. */
export function personalityOf(ring: RingRestore, { cred }: RequestState): number {
  if (cred === undefined) return 0;
  const found = [...ring.state.personalities.ids, ...ring.lent].find((each) => each.cred === cred);
  return found?.id ?? ring.refuse(60, `no personality has the credentials of one of its requests`);
}

/** Credentials that requests have and no personality. */
function strangers(ring: RingRestore): number[] {
  const { requests, personalities } = ring.state;
  const all = requests.flatMap((request) => [request, ...request.chain]);
  const creds = all.flatMap(({ cred }) => (cred === undefined ? [] : [cred]));
  return [...new Set(creds)].filter((cred) => !personalities.ids.some((each) => each.cred === cred));
}
