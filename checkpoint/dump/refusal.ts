/** Why a world cannot be checkpointed, or what of it will not be as it was. */

export interface Refusal {
  /** Item of the inventory; undefined for state outside of io_uring. */
  readonly item: number | undefined;
  /** What has it: "ring 3 of task 100". */
  readonly subject: string;
  readonly reason: string;
}

export class Refusals {
  readonly all: Refusal[] = [];

  add(item: number | undefined, subject: string, reason: string): void {
    if (this.all.some((known) => known.item === item && known.subject === subject && known.reason === reason))
      return;
    this.all.push({ item, subject, reason });
  }
}
