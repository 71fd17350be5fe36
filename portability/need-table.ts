/** Gathers the needs of an object: one for each name of a kind, with the programs that have it. */
import { type AskedRelo, NEED_KINDS, type Need, type Subject, type Use } from './need.ts';
import type { Release } from './release.ts';

export interface NewNeed {
  readonly subject: Subject;
  readonly name: string;
  readonly isQuestion?: boolean;
  readonly since?: Release | undefined;
}

interface Entry {
  readonly need: Need & { uses: Use[] };
  readonly seen: Set<string>;
}

export class NeedTable {
  private readonly entries = new Map<string, Entry>();

  /** Of a program's many uses the first of each kind is kept. */
  add({ subject, name, isQuestion = false, since }: NewNeed, use: Use): void {
    const key = `${subject.kind}\0${name}\0${isQuestion}`;
    const entry = this.entries.get(key) ?? this.start(key, { subject, name, isQuestion, since });
    const owner = use.program?.name ?? use.map ?? '';
    const place = `${owner}\0${use.when}`;
    if (entry.seen.has(place)) return;
    entry.seen.add(place);
    entry.need.uses.push(use);
  }

  /** As `add`; every relocation is kept, for the kernel may answer to each on its own. */
  addAsked(need: NewNeed, asked: AskedRelo, use: Use): void {
    const { subject } = need;
    if (!('asked' in subject)) return;
    const known = this.entries.get(`${subject.kind}\0${need.name}\0${need.isQuestion ?? false}`);
    if (known && 'asked' in known.need.subject) (known.need.subject.asked as AskedRelo[]).push(asked);
    this.add({ ...need, subject: { ...subject, asked: [asked] } }, use);
  }

  /** By kind, then in the order in which they came up. */
  all(): Need[] {
    const needs = [...this.entries.values()].map(({ need }) => need);
    return NEED_KINDS.flatMap((kind) => needs.filter(({ subject }) => subject.kind === kind));
  }

  private start(key: string, need: Omit<Need, 'uses'>): Entry {
    const entry = { need: { ...need, uses: [] }, seen: new Set<string>() };
    this.entries.set(key, entry);
    return entry;
  }
}
