/** What a round trip through a checkpoint says of each item of the inventory. */
import items from '../../kernel-model/inventory/items.json' with { type: 'json' };
import type { CheckpointNote } from '../convert/notes.ts';
import type { Refusal } from '../dump/refusal.ts';
import type { CheckpointState } from '../state.ts';
import type { Comparison, ItemResult } from './compare.ts';

export type InventoryItem = (typeof items)[number];
export { items as INVENTORY };

const STATE_WIDTH = 56;

export interface RoundTrip {
  readonly comparison: Comparison | undefined;
  readonly refusals: readonly Refusal[];
}

/** The items that a world makes use of, a line each, and at the end how many came out how. */
export function comparisonText({ items: results, world, equal }: Comparison): string {
  const used = results.filter(({ present, equal }) => present || !equal);
  const lines = used.map((result) => `${label(itemOf(result.item))}  ${resultText(result)}\n`);
  const differing = [...used.flatMap(({ differences }) => differences), ...world];
  const shown = differing.map(({ path, before, after }) => `  ${path}: ${before} before, ${after} after\n`);
  const exact = used.filter(({ equal, caveat }) => equal && caveat === undefined).length;
  const qualified = used.filter(({ equal, caveat }) => equal && caveat !== undefined).length;
  const summary = `${used.length} items in use: ${exact} equal, ${qualified} equal up to a caveat, ${
    used.length - exact - qualified
  } different; the rest of the world is ${world.length === 0 ? 'equal' : 'different'}`;
  return `${lines.join('')}${equal ? '' : shown.join('')}\n${summary}\n`;
}

/** "equal", "equal up to ...", "different", "refused: ...", "not in use". */
export function verdictOf(
  id: number,
  { comparison, refusals }: RoundTrip,
): { equal: boolean | null; text: string } {
  const refusal = refusals.find(({ item }) => item === id);
  if (refusal) return { equal: false, text: `refused: ${refusal.subject} ${refusal.reason}` };
  const result = comparison?.items.find(({ item }) => item === id);
  if (!result) return { equal: null, text: '-' };
  if (!result.present && result.equal) return { equal: true, text: 'not in use' };
  return { equal: result.equal, text: resultText(result) };
}

export function label({ id, class: kind, state }: InventoryItem): string {
  const text = state.length > STATE_WIDTH ? `${state.slice(0, STATE_WIDTH - 3)}...` : state;
  return `${String(id).padStart(4)} ${kind} ${text.padEnd(STATE_WIDTH)}`;
}

export function itemOf(id: number): InventoryItem {
  return items[id - 1] as InventoryItem;
}

function resultText({ equal, caveat }: ItemResult): string {
  if (!equal) return 'different';
  return caveat === undefined ? 'equal' : `equal (${caveat})`;
}

export function refusalText({ item, subject, reason }: Refusal): string {
  return `${item === undefined ? '' : `item ${item}: `}${subject} ${reason}`;
}

/** What is lost because the caller said so; only what has a number can be. */
export function noteOfLoss(loss: Refusal): CheckpointNote {
  return { item: loss.item ?? 0, action: 'dropped', text: refusalText(loss) };
}

/** "2 tasks, 3 rings, 12 files, 5 mappings" */
export function summary({ tasks, rings, files, mms }: CheckpointState): string {
  const mappings = mms.reduce((sum, mm) => sum + mm.mappings.length, 0);
  return [
    [tasks.length, 'task'],
    [rings.length, 'ring'],
    [files.length, 'file'],
    [mappings, 'mapping'],
  ]
    .map(([count, name]) => `${count} ${name}${count === 1 ? '' : 's'}`)
    .join(', ');
}
