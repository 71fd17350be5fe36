/** Gathers the needs of an object: one for each name of a kind, with the programs that have it. */
import type { BpfFunction } from '../loader/functions.ts';
import type { SourceLine } from '../verifier/diagnosis/source.ts';
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
  /** Relocations that are kept, by function. */
  readonly asked: Map<BpfFunction, Set<number>>;
}

export class NeedTable {
  private readonly entries = new Map<string, Entry>();

  /** Of a program's many uses the first of each kind is kept. @param source asked for when it is kept. */
  add(need: NewNeed, use: Use, source?: () => SourceLine | undefined): void {
    this.addUse(this.entry(need), use, source);
  }

  /** As `add`; every relocation is kept, for the kernel may answer to each on its own. */
  addAsked(need: NewNeed, asked: AskedRelo, use: Use, source?: () => SourceLine | undefined): void {
    const entry = this.entry(need);
    const { subject } = entry.need;
    if ('asked' in subject && isNew(entry, asked)) subject.asked.push(asked);
    this.addUse(entry, use, source);
  }

  /** By kind, then in the order in which they came up. */
  all(): Need[] {
    const needs = [...this.entries.values()].map(({ need }) => need);
    return NEED_KINDS.flatMap((kind) => needs.filter(({ subject }) => subject.kind === kind));
  }

  private addUse(
    { seen, need }: Entry,
    use: Use,
    source: () => SourceLine | undefined = () => undefined,
  ): void {
    const place = `${use.program?.name ?? use.map ?? ''}\0${use.when}`;
    if (seen.has(place)) return;
    seen.add(place);
    const line = source();
    need.uses.push(line ? { ...use, source: line } : use);
  }

  private entry({ subject, name, isQuestion = false, since }: NewNeed): Entry {
    const key = `${subject.kind}\0${name}\0${isQuestion}`;
    const known = this.entries.get(key);
    if (known) return known;
    // The relocations are gathered here: those of the need that is asked for are everybody's.
    const own = 'asked' in subject ? { ...subject, asked: [] } : subject;
    const need = { subject: own, name, isQuestion, since, uses: [] };
    const entry: Entry = { need, seen: new Set(), asked: new Map() };
    this.entries.set(key, entry);
    return entry;
  }
}

/** A function that many programs call has its relocations once, and once more where they are certain. */
function isNew({ asked }: Entry, { func, insn, isCertain }: AskedRelo): boolean {
  const known = asked.get(func) ?? new Set<number>();
  asked.set(func, known);
  const key = 2 * insn + (isCertain ? 1 : 0);
  if (known.has(key)) return false;
  known.add(key);
  return true;
}
