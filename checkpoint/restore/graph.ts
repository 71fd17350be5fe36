/**
 * The order of a restore: nodes, each some system calls that belong together, and what has to be done before each.
 * Nodes run in an order that respects all of that, and otherwise in the order in which they were added.
 */

export interface RestoreNode {
  /** "ring 0 setup"; unique. */
  readonly key: string;
  /** Keys of nodes that come before; keys of nodes that do not exist mean nothing. */
  readonly after: readonly string[];
  run(): void;
}

export class RestoreGraph {
  private readonly nodes = new Map<string, RestoreNode>();

  add(key: string, after: readonly string[], run: () => void): void {
    if (this.nodes.has(key)) throw new Error(`two nodes called ${key}`);
    this.nodes.set(key, { key, after, run });
  }

  /** @throws {Error} for a cycle, which names it. */
  sorted(): RestoreNode[] {
    const sorted: RestoreNode[] = [];
    const done = new Set<string>();
    const entered: string[] = [];
    const visit = (node: RestoreNode): void => {
      if (done.has(node.key)) return;
      if (entered.includes(node.key))
        throw new Error(`each waits for the next: ${[...entered, node.key].join(', ')}`);
      entered.push(node.key);
      for (const key of node.after) {
        const before = this.nodes.get(key);
        if (before) visit(before);
      }
      entered.pop();
      done.add(node.key);
      sorted.push(node);
    };
    for (const node of this.nodes.values()) visit(node);
    return sorted;
  }
}
