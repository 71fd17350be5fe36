/** One way through a lock scene, as the timeline shows it. */
import type { LockScene } from '../../kernel-model/locks/scene.ts';
import { type HeldLock, Stepper, type StepRow } from '../../kernel-model/locks/stepper.ts';
import type { Walk, WalkRequest, WalkRow } from './protocol.ts';
import { stepText } from './words.ts';

/** Steps that are shown. */
export const MOST_STEPS = 1000;
/** Steps that one actor makes alone, or that chance makes. */
const MOST_AT_ONCE = 300;

/** @throws {InputError} for a scene that comes to too many steps. */
export function walk(
  scene: LockScene,
  { schedule, cursor, action }: Omit<WalkRequest, 'text' | 'file'>,
): Walk {
  const stepper = new Stepper(scene);
  const waits = stepper.now.waits.filter(({ idle }) => !idle);
  stepper.follow(schedule.slice(0, Math.min(cursor, MOST_STEPS)));
  const room = Math.max(0, Math.min(MOST_AT_ONCE, MOST_STEPS - stepper.schedule.length));
  if (action.kind === 'step' && room > 0) stepper.advance(action.actor);
  if (action.kind === 'finish') stepper.finish(action.actor, room);
  if (action.kind === 'random') stepper.random(action.seed, room);
  const here = stepper.schedule.length;
  const { choices } = stepper;
  if (action.kind === 'look' && here === cursor) stepper.follow(schedule.slice(cursor, MOST_STEPS));
  const { actors, schedule: made } = stepper;
  const rows = shownRows(stepper.rows);
  return { actors, schedule: made, cursor: here, rows, choices, waits, full: here >= MOST_STEPS };
}

function shownRows(steps: readonly StepRow[]): WalkRow[] {
  const rows: WalkRow[] = [];
  for (const [index, step] of steps.entries()) {
    const before = rows.at(-1);
    const row = rowOf(step, index + 1, before?.held ?? []);
    if (before && isHidden(step)) rows[rows.length - 1] = { ...before, end: row.end, ...standing(row) };
    else rows.push(row);
  }
  return rows;
}

/** Neither says anything nor depends on anybody. */
function isHidden({ text, looksAt, findings }: StepRow): boolean {
  return text === '' && looksAt.length === 0 && findings.length === 0;
}

function standing({ held, waits }: WalkRow): Pick<WalkRow, 'held' | 'waits'> {
  return { held, waits };
}

function rowOf(
  { actor, text, looksAt, held, waits, findings }: StepRow,
  at: number,
  before: readonly HeldLock[],
): WalkRow {
  const own = (all: readonly HeldLock[]) =>
    all.filter((each) => each.actor === actor).map(({ lock }) => lock);
  const [had, has] = [own(before), own(held)];
  return {
    actor,
    text: stepText(text, looksAt),
    silent: text === '',
    at,
    end: at,
    takes: has.filter((lock) => !had.includes(lock)),
    drops: had.filter((lock) => !has.includes(lock)),
    held,
    waits: waits.filter(({ idle }) => !idle),
    findings,
  };
}
