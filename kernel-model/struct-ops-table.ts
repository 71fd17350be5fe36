/**
 * Structs whose function pointers programs implement, and what programs may write through BTF pointers:
 * struct-ops.json, struct-ops-rules.json and modules.json.
 */
import { type Btf, BtfKind, type TypeId } from '../bpf/btf.ts';
import type { JsonValue } from './json-value.ts';
import { Layout } from './layout.ts';
import type { ModuleTables } from './module-tables.ts';
import type { ConditionCompiler } from './program-facts.ts';

/** Bytes of a kernel struct that a program may write. */
export interface WriteRange {
  /** struct that the pointer must point to; 0 for any. */
  readonly structId: TypeId;
  /** A store begins in start <= off <= last and ends at or before `end`. */
  readonly start: number;
  readonly last: number;
  readonly end: number;
}

export interface StructOps {
  readonly name: string;
  /** Members a program can implement. */
  readonly members: readonly string[];
  /** Of those, the ones whose programs may sleep. */
  readonly sleepable: readonly string[];
  /** Of those, the ones to whose programs the kernel adds code behind the end. */
  readonly epilogue: readonly string[];
  /** Pointers to the first are taken for pointers to the second ("sock" -> "tcp_sock"). */
  readonly promote: ReadonlyMap<string, string>;
  /** Has rules of its own for stores; without, stores through BTF pointers are refused. */
  readonly hasWrites: boolean;
}

interface WriteRecord {
  struct: string;
  alias: string | undefined;
  layout: string;
  any: boolean;
  keepLastByte: boolean;
  fields: string[];
}

const ALL = '*';

export class StructOpsTable {
  private readonly structs = new Map<string, StructOps>();
  private readonly writes = new Map<string, readonly WriteRecord[]>();
  private readonly programWrites = new Map<number, readonly WriteRecord[]>();

  constructor(image: JsonValue, rules: JsonValue, modules: ModuleTables, conditions: ConditionCompiler) {
    rules.fields('source', 'structs', 'programs');
    this.addStructs(image, rules.get('structs'));
    for (const [, module] of modules) {
      const structs = module.find('structOps');
      if (structs) this.addStructs(structs, rules.get('structs'));
    }
    for (const [type, record] of rules.get('programs').entries()) {
      this.programWrites.set(
        conditions.progType(type),
        record.fields('writes').get('writes').items().map(parseWrite),
      );
    }
  }

  /** undefined for a struct that programs cannot implement. */
  get(struct: string): StructOps | undefined {
    return this.structs.get(struct);
  }

  names(): string[] {
    return [...this.structs.keys()];
  }

  /** What programs that implement a struct may write. @param btf of the kernel or the struct's module. */
  structWrites(struct: string, btf: Btf): WriteRange[] {
    return (this.writes.get(struct) ?? []).flatMap((record) => ranges(record, btf));
  }

  /** What programs of other types may write; undefined for types that have no such rules. */
  programTypeWrites(progType: number, btf: Btf): WriteRange[] | undefined {
    return this.programWrites.get(progType)?.flatMap((record) => ranges(record, btf));
  }

  private addStructs(structs: JsonValue, rules: JsonValue): void {
    for (const [name, record] of structs.entries()) {
      const rule = rules
        .find(name)
        ?.fields('sleepable', 'unsupported', 'writes', 'promote', 'prologue', 'epilogue');
      const refused = rule?.find('unsupported')?.strings() ?? [];
      const present = record.fields('members').get('members').strings();
      const members = present.filter((member) => !refused.includes(member));
      const sleepable = rule?.get('sleepable').strings() ?? [];
      const writes = rule?.find('writes')?.items().map(parseWrite);
      this.structs.set(name, {
        name,
        members,
        sleepable: sleepable.includes(ALL) ? members : sleepable,
        epilogue: rule?.find('epilogue')?.strings() ?? [],
        promote: new Map((rule?.find('promote')?.entries() ?? []).map(([from, to]) => [from, to.string()])),
        hasWrites: writes !== undefined,
      });
      if (writes) this.writes.set(name, writes);
    }
  }
}

function parseWrite(json: JsonValue): WriteRecord {
  json.fields('struct', 'alias', 'layout', 'any', 'keepLastByte', 'fields');
  const struct = json.get('struct').string();
  return {
    struct,
    alias: json.find('alias')?.string(),
    layout: json.find('layout')?.string() ?? struct,
    any: json.find('any')?.boolean() ?? false,
    keepLastByte: json.find('keepLastByte')?.boolean() ?? false,
    fields: json.get('fields').strings(),
  };
}

/** Ranges of a record; none when the kernel (or module) lacks the struct. */
function ranges(record: WriteRecord, btf: Btf): WriteRange[] {
  const layoutId = btf.find(record.layout, BtfKind.Struct);
  if (layoutId === 0) return [];
  const layout = new Layout(btf, layoutId, record.layout);
  const structs = [record.struct, record.alias].filter((name) => name !== undefined);
  const structIds = record.any
    ? [0]
    : structs.map((name) => btf.find(name, BtfKind.Struct)).filter((id) => id !== 0);
  return structIds.flatMap((structId) =>
    record.fields.flatMap((field) => {
      if (field === ALL) return [{ structId, start: 0, last: layout.size - 1, end: layout.size }];
      const place = layout.find(field.replace(/^@/, ''));
      if (!place) return [];
      const end = place.offset + place.size - (record.keepLastByte ? 1 : 0);
      return [{ structId, start: place.offset, last: field.startsWith('@') ? place.offset : end - 1, end }];
    }),
  );
}
