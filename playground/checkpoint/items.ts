/** What has become of each item of the inventory. */

import type { Comparison } from '../../checkpoint/compare/compare.ts';
import { INVENTORY, type InventoryItem, verdictOf } from '../../checkpoint/compare/item-report.ts';
import type { Refusal } from '../../checkpoint/dump/refusal.ts';
import type { ItemRow, ItemStatus } from './protocol.ts';

export interface Outcome {
  /** Undefined when it has not come to a restore. */
  readonly comparison: Comparison | undefined;
  readonly refusals: readonly Refusal[];
  readonly dropped: readonly Refusal[];
}

export function itemRows(outcome: Outcome): ItemRow[] {
  return INVENTORY.map((item) => {
    const { id, group, state, since, shown, restore } = item;
    return {
      id,
      group,
      state,
      since,
      class: item.class,
      shownBy: shown ?? undefined,
      restoredBy: restore === '–' ? undefined : restore,
      ...verdict(item, outcome),
    };
  });
}

function verdict(item: InventoryItem, outcome: Outcome): Pick<ItemRow, 'status' | 'text' | 'differences'> {
  const { comparison, refusals, dropped } = outcome;
  const plain = (status: ItemStatus, text: string) => ({ status, text, differences: [] });
  const of = (all: readonly Refusal[]) => all.filter((each) => each.item === item.id);
  const reasons = (all: readonly Refusal[]) =>
    of(all)
      .map(({ subject, reason }) => `${subject} ${reason}`)
      .join('; ');
  if (of(refusals).length > 0) return plain('refused', `refused: ${reasons(refusals)}`);
  if (of(dropped).length > 0) return plain('dropped', `lost, as was allowed: ${reasons(dropped)}`);
  const result = comparison?.items.find((each) => each.item === item.id);
  if (!result) return plain('outside', comparison ? outsideText(item) : 'not compared');
  const { text } = verdictOf(item.id, { comparison, refusals });
  if (!result.equal) return { status: 'different', text, differences: result.differences };
  if (!result.present) return plain('unused', text);
  return plain(result.caveat === undefined ? 'equal' : 'caveat', text);
}

/** Why the comparison leaves an item out. */
function outsideText(item: InventoryItem): string {
  if (item.class === 'D') return 'follows from other state';
  if (item.class === 'N') return 'cannot be made again; nothing here has it';
  return item.shown === null ? `since ${item.since}: no modelled kernel has it` : 'not compared';
}
