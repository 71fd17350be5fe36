/** Credentials that requests of a ring may ask to run with. Ids are handed out cyclically, from 1 on. */
import type { Cred } from '../cred.ts';
import type { Machine } from '../machine.ts';
import type { Record } from '../record.ts';
import { XArray } from '../xarray.ts';
import { RingLimit } from './uapi.ts';

export class Personalities {
  private readonly ctx: Record;
  private readonly creds = new Map<number, Cred>();
  private readonly index: XArray;

  constructor(machine: Machine, ctx: Record) {
    this.ctx = ctx;
    this.index = new XArray(machine.heap, ctx.sub('personalities'), machine.profile.layout('xa_node'));
  }

  /** Registered ids, ascending. */
  get ids(): number[] {
    return [...this.creds.keys()].sort((a, b) => a - b);
  }

  get(id: number): Cred | undefined {
    return this.creds.get(id);
  }

  /** Takes a reference to the credentials. @returns the id, 0 when all 65535 are taken. */
  add(cred: Cred): number {
    const start = Math.max(1, this.ctx.get('pers_next'));
    for (let tried = 0; tried < RingLimit.Personality; tried++) {
      const id = ((start - 1 + tried) % RingLimit.Personality) + 1;
      if (this.creds.has(id)) continue;
      this.creds.set(id, cred.get());
      this.index.set(id, cred.record.address);
      this.ctx.set('pers_next', id + 1);
      return id;
    }
    return 0;
  }

  /** @returns false when there is no such id. */
  remove(id: number): boolean {
    const cred = this.creds.get(id);
    if (!cred) return false;
    this.creds.delete(id);
    this.index.delete(id);
    cred.put();
    return true;
  }

  clear(): void {
    for (const id of this.ids) this.remove(id);
  }
}
