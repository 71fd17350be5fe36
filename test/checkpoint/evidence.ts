/** The table of docs/can-io_uring-be-checkpointed.md: what became of each item in the tests that just ran. */
import { ITEM_VIEWS } from '../../checkpoint/compare/items.ts';
import items from '../../kernel-model/inventory/items.json' with { type: 'json' };

/** Kernels on which each item has come through a checkpoint, and how often. */
export class Evidence {
  private readonly kernels = new Map<number, Map<string, number>>();

  add(item: number, kernel: string): void {
    const counts = this.kernels.get(item) ?? new Map<string, number>();
    counts.set(kernel, (counts.get(kernel) ?? 0) + 1);
    this.kernels.set(item, counts);
  }

  table(): string {
    const rows = items.map((item) => {
      const { id, state, shown, restore } = item;
      const cells = [id, item.class, state, shown ?? '–', restore, this.result(id), this.proof(id)];
      return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
    });
    return `${HEADING}${rows.join('\n')}\n`;
  }

  private result(id: number): string {
    const kind = items[id - 1]?.class;
    const counts = this.kernels.get(id);
    if (kind === 'N') return NOT_RESTORED[id] ?? 'refused';
    if (!counts) return kind === 'D' ? 'follows from the rest' : (UNTRIED[id] ?? 'not tried');
    const where = [...counts]
      .map(([kernel, count]) => `${kernel}${count > 1 ? ` (${count} ways)` : ''}`)
      .join(', ');
    const caveat = ITEM_VIEWS[id]?.caveat;
    const verdict = !ITEM_VIEWS[id]
      ? 'follows from the rest'
      : caveat === undefined
        ? 'equal'
        : `equal: ${caveat}`;
    return `${verdict}; ${where}`;
  }

  private proof(id: number): string {
    if (items[id - 1]?.class === 'N') return 'refused-items';
    return this.kernels.has(id) ? `items: "item ${id} survives"` : '–';
  }
}

const HEADING = `| | | state | seen by | made again by | result | test |
|---|---|---|---|---|---|---|
`;

const NOT_RESTORED: { readonly [id: number]: string } = {
  8: 'outside of equality: a new thread with a new number serves the ring',
  21: 'outside of equality: the inode number names the ring in the images, and is a new one afterwards',
  50: 'refused',
  72: 'refused',
  78: 'refused, until it is over',
  80: 'refused, until it is over',
  84: 'refused, until it is over',
};

const UNTRIED: { readonly [id: number]: string } = {
  71: 'since 6.13: no modelled kernel has it',
};
