/**
 * Which helper a program may call, and which of the helper's prototypes it gets: availability.json, compiled.
 *
 * A program type (for struct_ops the struct) names a table. A table has groups, looked at in order, then goes
 * on with the tables listed under `then`. A group offers its helpers when its `when` holds; with `only`, a
 * helper of the group is not to be had elsewhere when it does not hold. "name" is offered with the prototype
 * object bpf_<name>_proto, "name=object" with another. A prototype that the image lacks was configured out:
 * its helper is not available.
 */
import { InputError } from '../bpf/input-error.ts';
import type { Condition, ConditionCompiler, ConditionRecord, ProgramFacts } from './program-facts.ts';

export interface AvailabilityGroup {
  when?: ConditionRecord;
  only?: true;
  helpers: string[];
}

export interface AvailabilityRecord {
  /** Program type -> table. */
  types: { [type: string]: string };
  /** struct_ops struct -> table, null for one whose programs may call no helper. */
  structOps: { [struct: string]: string | null };
  tables: { [name: string]: { groups: AvailabilityGroup[]; then?: string[] } };
}

interface Offer {
  proto: string;
  when: Condition;
  only: boolean;
}

/** Tables that go on with each other could be made to grow without end. */
const MAX_OFFERS = 20_000;

/** Offers of a table by helper name, those of the tables it goes on with included, in order. */
type Table = Map<string, Offer[]>;

export class HelperAvailability {
  private readonly tables = new Map<string, Table>();
  private readonly types = new Map<number, string>();
  private readonly structOpsType: number;
  private readonly record: AvailabilityRecord;
  private readonly file: string;

  /** @throws {InputError} for unknown types, tables or conditions, and for tables that go round in circles. */
  constructor(record: AvailabilityRecord, conditions: ConditionCompiler, file: string) {
    this.record = record;
    this.file = file;
    for (const name of Object.keys(record.tables)) this.compile(name, conditions, []);
    for (const [type, table] of Object.entries(record.types)) {
      this.checkTable(table);
      this.types.set(conditions.progType(type), table);
    }
    for (const table of Object.values(record.structOps)) if (table !== null) this.checkTable(table);
    this.structOpsType = conditions.progType('struct_ops');
  }

  /**
   * Name of the prototype object that a program gets for a helper ("map_lookup_elem", without "bpf_");
   * undefined when programs like it cannot use the helper. Licence and `allowed` are not looked at.
   */
  protoFor(helper: string, facts: ProgramFacts): string | undefined {
    for (const offer of this.tableFor(facts)?.get(helper) ?? []) {
      if (offer.when(facts)) return offer.proto;
      if (offer.only) return undefined;
    }
    return undefined;
  }

  /** Every [helper, prototype object] that some program may get. */
  *offers(): Iterable<[helper: string, proto: string]> {
    for (const table of this.tables.values()) {
      for (const [helper, offers] of table) for (const { proto } of offers) yield [helper, proto];
    }
  }

  private tableFor({ resolvedType, structOps }: ProgramFacts): Table | undefined {
    const name =
      resolvedType === this.structOpsType
        ? this.record.structOps[structOps?.struct ?? '']
        : this.types.get(resolvedType);
    return name === undefined || name === null ? undefined : this.tables.get(name);
  }

  private compile(name: string, conditions: ConditionCompiler, users: readonly string[]): Table {
    const known = this.tables.get(name);
    if (known) return known;
    if (users.includes(name)) {
      throw new InputError(`table "${name}" goes on with itself`, { file: this.file });
    }
    const record = this.checkTable(name);
    const table: Table = new Map();
    for (const { when, only, helpers } of record.groups) {
      const condition = conditions.compile(when);
      for (const text of helpers) {
        const [helper, proto] = text.split('=') as [string, string | undefined];
        add(table, helper, { proto: proto ?? `bpf_${helper}_proto`, when: condition, only: only === true });
      }
    }
    for (const next of record.then ?? []) {
      for (const [helper, offers] of this.compile(next, conditions, [...users, name])) {
        for (const offer of offers) add(table, helper, offer);
      }
    }
    const count = [...table.values()].reduce((sum, offers) => sum + offers.length, 0);
    if (count > MAX_OFFERS) throw new InputError(`table "${name}" has too many helpers`, { file: this.file });
    this.tables.set(name, table);
    return table;
  }

  private checkTable(name: string): { groups: AvailabilityGroup[]; then?: string[] } {
    const table = Object.hasOwn(this.record.tables, name) ? this.record.tables[name] : undefined;
    if (!table) throw new InputError(`there is no table "${name}"`, { file: this.file });
    return table;
  }
}

function add(table: Table, helper: string, offer: Offer): void {
  const offers = table.get(helper);
  if (offers) offers.push(offer);
  else table.set(helper, [offer]);
}
