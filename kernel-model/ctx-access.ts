/**
 * Which loads and stores of its context a program may do, and what a load gives: ctx.json, compiled.
 *
 * A kind of context has a size (that of a struct of the kernel's BTF, that up to and with its member `until`,
 * or a number) and rows. An access of `size` bytes at `off` is refused when
 *   - `off` lies outside the context (with `bound: "end"`: when any of its bytes does);
 *   - `off` is not a multiple of `size` (unless the kind is `unaligned`);
 *   - it is a store and the kind lists what is `writable`, but not what stands at `off`.
 * Then the first row decides that covers `off`, is about loads or stores (a row that names neither is about
 * both and refuses) and whose `when` holds and `unless` does not. No row: refused. A kind's rows go on with
 * those of the kind named by `then`.
 *
 * What a row covers, `off`:  "f" the bytes of member f;  "@f" only its first;  "f..g" from f up to and with g;
 * ">f<g" what stands between f and g;  "*" everything;  [n, m] bytes n to m - 1.
 * What it takes, `read` and `write`: alternatives separated by |, each a list of sizes, then "<" if the access
 * must end within what the row covers, then /N if the field behind is N bytes wide and a narrower load is
 * served by loading it whole and masking ("" takes nothing).
 * What a load gives: a scalar, or `reg` (a pointer to struct `btf` of the kernel for PTR_TO_BTF_ID).
 * With `noSignExtend`, sign-extending loads are refused. With `btfArgs`, a permitted access is checked once
 * more against the parameters of the function the program attaches to.
 */
import { type Btf, BtfKind } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import { Layout } from './layout.ts';
import type { Condition, ConditionCompiler, ConditionRecord, ProgramFacts } from './program-facts.ts';
import { typeNumber } from './type-numbers.ts';

export interface CtxRowRecord {
  off: string | [number, number] | string[];
  read?: string;
  write?: string;
  reg?: string;
  btf?: string;
  noSignExtend?: true;
  when?: ConditionRecord;
  unless?: ConditionRecord;
}

export interface CtxKindRecord {
  struct?: string;
  until?: string;
  size?: number;
  bound?: 'end';
  unaligned?: true;
  btfArgs?: true;
  writable?: string[];
  rows: CtxRowRecord[];
  then?: string;
}

/** One rule, all conditions decided: what a program's verifier walks, in order. */
export interface CtxRow {
  /** Covers accesses that begin at start <= off < end. */
  readonly start: number;
  readonly end: number;
  readonly write: boolean;
  /** Permitted sizes in bytes, as a sum (8 | 4). */
  readonly sizes: number;
  /** The access must end at or before `end`. */
  readonly within: boolean;
  /** Bytes of the field that a narrower load is cut out of; 0 when the access is done as it is. */
  readonly fieldSize: number;
  /** Register type with flags that a load gives. */
  readonly reg: number;
  /** Type that a PTR_TO_BTF_ID points to; 0 for other registers. */
  readonly btfId: number;
  readonly noSignExtend: boolean;
  /** When the size does not fit, the next row that covers `off` is tried; otherwise the access is refused. */
  readonly more: boolean;
}

/** The context of one program. */
export interface CtxRules {
  readonly kind: string;
  /** Bytes. */
  readonly size: number;
  /** The whole access must lie within `size`, not only its first byte. */
  readonly boundEnd: boolean;
  readonly unaligned: boolean;
  /** A permitted access is checked again against the attach function's parameters. */
  readonly btfArgs: boolean;
  readonly rows: readonly CtxRow[];
}

interface Range {
  start: number;
  end: number;
}

/** A row with the names resolved, conditions still open. */
interface OpenRow {
  row: CtxRow;
  when: Condition;
  unless: Condition;
}

interface Kind {
  name: string;
  size: number;
  record: CtxKindRecord;
  rows: OpenRow[];
}

const SCALAR = typeNumber('SCALAR_VALUE');
const ALL_SIZES = 15;

/** Compiles the kinds of ctx.json against one kernel's types. */
export class CtxTables {
  /** Structs and members that this kernel does not have; what they stand for cannot be reached. */
  readonly unknown = new Set<string>();
  private readonly kinds = new Map<string, Kind>();
  private readonly btf: Btf;
  private readonly conditions: ConditionCompiler;
  private readonly file: string;

  /** @throws {InputError} for unknown kinds, conditions or notations. */
  constructor(
    kinds: { readonly [name: string]: CtxKindRecord },
    btf: Btf,
    conditions: ConditionCompiler,
    file: string,
  ) {
    this.btf = btf;
    this.conditions = conditions;
    this.file = file;
    for (const name of Object.keys(kinds)) this.compile(name, kinds, []);
  }

  has(kind: string): boolean {
    return this.kinds.has(kind);
  }

  /** The rules of one kind of context for one program. @throws {InputError} for an unknown kind. */
  rules(kind: string, facts: ProgramFacts): CtxRules {
    const compiled = this.kinds.get(kind);
    if (!compiled) throw new InputError(`no context kind "${kind}"`, { file: this.file });
    const { record, size } = compiled;
    return {
      kind,
      size,
      boundEnd: record.bound === 'end',
      unaligned: record.unaligned === true,
      btfArgs: record.btfArgs === true,
      rows: compiled.rows.filter(({ when, unless }) => when(facts) && !unless(facts)).map(({ row }) => row),
    };
  }

  private compile(
    name: string,
    records: { readonly [name: string]: CtxKindRecord },
    users: readonly string[],
  ): Kind {
    const known = this.kinds.get(name);
    if (known) return known;
    const record = records[name];
    if (!record) throw new InputError(`no context kind "${name}"`, { file: this.file });
    if (users.includes(name))
      throw new InputError(`context kind "${name}" goes on with itself`, { file: this.file });
    const layout = record.struct === undefined ? undefined : this.layout(record.struct);
    const size = this.size(name, record, layout);
    const resolver = new OffsetResolver(layout, size, this.unknown);
    const rows = readOnly(record, resolver, size);
    for (const row of record.rows) rows.push(...this.openRows(row, resolver));
    if (record.then !== undefined) {
      const next = this.compile(record.then, records, [...users, name]);
      rows.push(...next.rows);
    }
    const kind = { name, size, record, rows };
    this.kinds.set(name, kind);
    return kind;
  }

  private layout(struct: string): Layout | undefined {
    const id = this.btf.find(struct, BtfKind.Struct);
    if (id === 0) this.unknown.add(`struct ${struct}`);
    return id === 0 ? undefined : new Layout(this.btf, id, struct);
  }

  private size(name: string, record: CtxKindRecord, layout: Layout | undefined): number {
    if (record.size !== undefined) return record.size;
    if (record.struct === undefined) {
      throw new InputError(`context kind "${name}" has neither struct nor size`, { file: this.file });
    }
    // a context that this kernel does not have: nothing in it can be reached
    if (!layout) return 0;
    if (record.until === undefined) return layout.size;
    const last = layout.field(record.until);
    return last.offset + last.size;
  }

  private openRows(record: CtxRowRecord, resolver: OffsetResolver): OpenRow[] {
    const when = this.conditions.compile(record.when);
    const unless = record.unless === undefined ? () => false : this.conditions.compile(record.unless);
    const both = record.read === undefined && record.write === undefined;
    const rows: OpenRow[] = [];
    for (const range of resolver.ranges(record.off)) {
      for (const write of [false, true]) {
        const rule = both ? '' : write ? record.write : record.read;
        if (rule === undefined) continue;
        const alternatives = parseRule(rule, this.file);
        alternatives.forEach((alternative, index) => {
          const row: CtxRow = {
            ...range,
            write,
            ...alternative,
            reg: record.reg === undefined ? SCALAR : typeNumber(record.reg),
            btfId: record.btf === undefined ? 0 : (this.layout(record.btf)?.typeId ?? 0),
            noSignExtend: record.noSignExtend === true,
            more: index + 1 < alternatives.length,
          };
          rows.push({ row, when, unless });
        });
      }
    }
    return rows;
  }
}

/** Rows that refuse stores to everything a kind does not list as writable. */
function readOnly(record: CtxKindRecord, resolver: OffsetResolver, size: number): OpenRow[] {
  if (!record.writable) return [];
  const writable = resolver.ranges(record.writable).sort((a, b) => a.start - b.start);
  const rows: OpenRow[] = [];
  let from = 0;
  for (const { start, end } of [...writable, { start: size, end: size }]) {
    if (start > from) rows.push(refusal({ start: from, end: start }));
    from = Math.max(from, end);
  }
  return rows;
}

function refusal(range: Range): OpenRow {
  const row: CtxRow = {
    ...range,
    write: true,
    sizes: 0,
    within: false,
    fieldSize: 0,
    reg: SCALAR,
    btfId: 0,
    noSignExtend: false,
    more: false,
  };
  return { row, when: () => true, unless: () => false };
}

class OffsetResolver {
  private readonly layout: Layout | undefined;
  private readonly size: number;
  private readonly unknown: Set<string>;

  constructor(layout: Layout | undefined, size: number, unknown: Set<string>) {
    this.layout = layout;
    this.size = size;
    this.unknown = unknown;
  }

  ranges(off: CtxRowRecord['off']): Range[] {
    if (typeof off === 'string') return [this.range(off)];
    const [first, second] = off;
    if (typeof first === 'number') return [{ start: first, end: second as number }];
    return (off as string[]).map((text) => this.range(text));
  }

  private range(text: string): Range {
    if (text === '*') return { start: 0, end: this.size };
    if (text.startsWith('@')) {
      const { start } = this.member(text.slice(1));
      return { start, end: start + 1 };
    }
    const gap = /^>(\w+)<(\w+)$/.exec(text);
    if (gap) return { start: this.member(gap[1] as string).end, end: this.member(gap[2] as string).start };
    const [from, to] = text.split('..') as [string, string | undefined];
    return { start: this.member(from).start, end: this.member(to ?? from).end };
  }

  private member(name: string): Range {
    const field = this.layout?.find(name);
    if (!field) {
      this.unknown.add(`${this.layout?.name ?? 'context'}.${name}`);
      return { start: 0, end: 0 };
    }
    return { start: field.offset, end: field.offset + field.size };
  }
}

function parseRule(rule: string, file: string): { sizes: number; within: boolean; fieldSize: number }[] {
  return rule.split('|').map((text) => {
    const match = /^([1248](?:,[1248])*|)(<?)(?:\/([248]))?$/.exec(text);
    if (!match) throw new InputError(`bad access rule "${rule}"`, { file });
    const sizes = (match[1] as string).split(',').reduce((sum, size) => sum | Number(size), 0);
    return { sizes: sizes & ALL_SIZES, within: match[2] === '<', fieldSize: Number(match[3] ?? 0) };
  });
}

/**
 * The row that permits an access, undefined when it is refused. (The verifier does this in its core; this is
 * the same in few lines, for tests and tools.)
 */
export function findCtxRow(
  rules: CtxRules,
  off: number,
  size: number,
  write: boolean,
  signExtend = false,
): CtxRow | undefined {
  if (off < 0 || off >= rules.size || (rules.boundEnd && off + size > rules.size)) return undefined;
  if (!rules.unaligned && off % size !== 0) return undefined;
  for (const row of rules.rows) {
    if (row.write !== write || off < row.start || off >= row.end) continue;
    if (signExtend && row.noSignExtend) return undefined;
    if ((row.sizes & size) !== 0 && (!row.within || off + size <= row.end)) return row;
    if (!row.more) return undefined;
  }
  return undefined;
}
