/** What a checkpoint makes of a scene: a refusal, a proof that nothing is lost, or a failure. */
import { InputError } from '../../../bpf/input-error.ts';
import { compareStates } from '../../../checkpoint/compare/compare.ts';
import { fromImages, toImages } from '../../../checkpoint/convert/index.ts';
import { dump } from '../../../checkpoint/dump/dump.ts';
import type { Refusal } from '../../../checkpoint/dump/refusal.ts';
import { restore } from '../../../checkpoint/restore/restore.ts';
import type { CheckpointState } from '../../../checkpoint/state.ts';
import { parseScene } from '../../../kernel-model/scene/index.ts';
import type { Session } from '../../../session/session.ts';
import { checkpointObject } from '../../programs/support.ts';
import { giveBack, openLent } from './lent-memory.ts';

export type Outcome =
  | { readonly kind: 'equal'; readonly state: CheckpointState }
  | { readonly kind: 'refused'; readonly refusals: readonly Refusal[] }
  /** The dump has let pass what the restore refuses. */
  | { readonly kind: 'late'; readonly item: number; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

const objects = new Map<string, Uint8Array>();

function source(name: string): Uint8Array {
  const known = objects.get(name) ?? checkpointObject(name);
  objects.set(name, known);
  return known;
}

/** The session is over then. @param generations how often it is restored */
export async function proveScene(session: Session, kernel: string, generations = 1): Promise<Outcome> {
  const { state, refusals } = dump(session, source);
  giveBack(session);
  if (refusals.length > 0) return refused(refusals);
  let now = state;
  for (let i = 0; i < generations; i++) {
    const empty = await openLent(parseScene('', 'empty'), kernel);
    const next = nextGeneration(now, empty);
    giveBack(empty);
    if (next.kind === 'late' && i === 0) return next;
    if (next.kind !== 'equal') return { kind: 'failed', reason: `generation ${i + 1}: ${next.reason}` };
    now = next.state;
  }
  return { kind: 'equal', state };
}

/** Restores a state from its images, and dumps what has come of it. */
function nextGeneration(state: CheckpointState, empty: Session): Exclude<Outcome, { kind: 'refused' }> {
  const images = fromImages(toImages(state));
  try {
    restore(empty, images);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    // Better late than never, as long as it says what cannot be.
    const late = /^restoring ring \d+ [^:]*: ring \d+, item (\d+): (.+)/.exec(error.message);
    if (late) return { kind: 'late', item: Number(late[1]), reason: late[2] ?? '' };
    return { kind: 'failed', reason: error.message };
  }
  const after = dump(empty, source);
  const [first] = after.refusals;
  if (first) return { kind: 'failed', reason: `refused: ${textOf(first)}` };
  const lost = lostBetween(state, after.state);
  return lost === undefined ? { kind: 'equal', state: after.state } : { kind: 'failed', reason: lost };
}

function refused(refusals: readonly Refusal[]): Outcome {
  const nameless = refusals.find(
    ({ item, subject, reason }) => reason === '' || (item === undefined && /\bring\b/.test(subject)),
  );
  if (nameless) return { kind: 'failed', reason: `a refusal without an item: ${textOf(nameless)}` };
  return { kind: 'refused', refusals };
}

export function textOf({ item, subject, reason }: Refusal): string {
  return `${subject}${item === undefined ? '' : ` (item ${item})`} ${reason}`;
}

function lostBetween(before: CheckpointState, after: CheckpointState): string | undefined {
  const { items, world } = compareStates(before, after);
  const item = items.find(({ equal }) => !equal);
  if (item) {
    const [first] = item.differences;
    return `item ${item.item} differs: ${first?.path} was ${first?.before}, is ${first?.after}`;
  }
  const [first] = world;
  return first && `${first.path} was ${first.before}, is ${first.after}`;
}
