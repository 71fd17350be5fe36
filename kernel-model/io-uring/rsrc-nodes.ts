/**
 * `struct io_rsrc_node`: registered files and buffers that were removed from their table stay until the requests that
 * began before the removal are over, and until what was removed earlier is gone.
 */
import { listAddTail, listDel } from '../list.ts';
import type { Machine } from '../machine.ts';
import type { Record } from '../record.ts';

interface Node {
  users: number;
  /** Set with the removal that closes the node. */
  release: (() => void) | undefined;
  /** Its record, while it waits in `rsrc_ref_list`. */
  record: Record | undefined;
}

export class RsrcNodes {
  private readonly machine: Machine;
  private readonly ctx: Record;
  private readonly waiting: Node[] = [];
  private current: Node = { users: 0, release: undefined, record: undefined };

  constructor(machine: Machine, ctx: Record) {
    this.machine = machine;
    this.ctx = ctx;
  }

  /** Removals that wait for requests. */
  get size(): number {
    return this.waiting.length;
  }

  /** Some request uses a registered resource, perhaps one that is removed already. */
  get busy(): boolean {
    return this.waiting.length > 0 || this.current.users > 0;
  }

  /** A request uses registered resources. @returns what its end has to call. */
  use(): () => void {
    const node = this.current;
    node.users++;
    return () => {
      node.users--;
      this.settle();
    };
  }

  /** Something was removed. @param release gives it back, once. */
  giveUp(release: () => void): void {
    if (!this.busy) {
      release();
      return;
    }
    const node = this.current;
    node.release = release;
    node.record = this.machine.heap.allocate('io_rsrc_node');
    listAddTail(this.machine.ram, node.record.addressOf('node'), this.ctx.addressOf('rsrc_ref_list'));
    this.waiting.push(node);
    this.current = { users: 0, release: undefined, record: undefined };
    this.settle();
  }

  /** The ring goes: nobody can be waited for any more. */
  release(): void {
    for (const node of this.waiting) node.users = 0;
    this.settle();
  }

  private settle(): void {
    for (let first = this.waiting[0]; first && first.users === 0; first = this.waiting[0]) {
      this.waiting.shift();
      if (first.record) {
        listDel(this.machine.ram, first.record.addressOf('node'));
        this.machine.heap.free(first.record);
      }
      first.release?.();
    }
  }
}
