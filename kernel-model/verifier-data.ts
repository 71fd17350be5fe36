/**
 * All that a kernel's verifier looks up in tables, from the JSON files of a profile, checked and in numbers:
 * helpers, kfuncs, contexts, maps, program types, iterators, struct_ops. What the files hold and where they
 * come from is told in each profile's SOURCE.md.
 */
import type { Btf, TypeId } from '../bpf/btf.ts';
import { BtfKind } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import { type CtxKindRecord, type CtxRules, CtxTables } from './ctx-access.ts';
import { Features } from './features.ts';
import { type AvailabilityRecord, HelperAvailability } from './helper-availability.ts';
import { type HelperProto, parseHelperProtos, parseRegisters, type RegisterRules } from './helper-protos.ts';
import { JsonValue } from './json-value.ts';
import { KfuncTable } from './kfunc-table.ts';
import { MapRules } from './map-rules.ts';
import { type ModuleTables, type Overlay, parseModules } from './module-tables.ts';
import { ProgRules } from './prog-rules.ts';
import { ConditionCompiler, type ProgramFacts } from './program-facts.ts';
import { StructOpsTable } from './struct-ops-table.ts';
import { typeNumber } from './type-numbers.ts';

/** Files read out of a kernel image. */
export const EXTRACTED_FILES = [
  'helpers.json',
  'registers.json',
  'kfuncs.json',
  'btf-ids.json',
  'iters.json',
  'struct-ops.json',
  'types.json',
  'trusted-fields.json',
  'tracepoints.json',
  'functions.json',
] as const;

/** Files written by hand, from the kernel's source. */
export const HAND_FILES = [
  'availability.json',
  'ctx.json',
  'hooks.json',
  'map-rules.json',
  'prog-rules.json',
  'struct-ops-rules.json',
  'modules.json',
  'features.json',
] as const;

export type VerifierFile = (typeof EXTRACTED_FILES)[number] | (typeof HAND_FILES)[number];

/** An argument of a context whose register type is not simply that of its C type. */
export interface CtxArg {
  /** Bytes from the start of the context. */
  readonly offset: number;
  /** Register type with flags. */
  readonly reg: number;
  /** struct behind a BTF pointer, else 0. */
  readonly btfId: TypeId;
}

export interface IterTarget {
  readonly name: string;
  /** BPF_ITER_* bits. */
  readonly features: number;
  readonly args: readonly CtxArg[];
}

export interface Tracepoint {
  /** Function of the kernel's BTF whose parameters name the arguments. */
  readonly template: string;
  /** Bytes at the first argument that writable programs may change. */
  readonly writable: number;
  /** Four bits for each argument, the first lowest: 1 may be NULL, 2 is not a valid pointer. */
  readonly nullArgs: bigint;
  /** Whether the kernel has such a mask at all: arguments of a module's other tracepoints may all be NULL. */
  readonly nullArgsKnown: boolean;
}

export class VerifierData {
  readonly name: string;
  /** How the kernel's verifier works where kernels differ. */
  readonly features: Features;
  readonly protos: ReadonlyMap<string, HelperProto>;
  readonly registers: RegisterRules;
  readonly kfuncs: KfuncTable;
  readonly maps: MapRules;
  readonly programs: ProgRules;
  readonly structOps: StructOpsTable;
  readonly iters: ReadonlyMap<string, IterTarget>;
  readonly tracepoints: ReadonlyMap<string, Tracepoint>;
  readonly availability: HelperAvailability;
  readonly ctx: CtxTables;
  /** BTF id sets by name: names of the functions or types in them, and functions for error injection. */
  readonly sets: ReadonlyMap<string, ReadonlySet<string>>;
  /** BTF id lists by name, in the kernel's order. */
  readonly lists: ReadonlyMap<string, readonly string[]>;
  /** "safe_rcu", "safe_trusted", ... -> struct -> members whose pointers are trusted. */
  readonly trustedFields: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
  /** BPF_PROG_TYPE_* that this kernel can load. */
  readonly loadable: ReadonlySet<number>;
  /** Functions with a type but no address, which nothing can attach to. */
  readonly withoutAddress: ReadonlySet<string>;
  private readonly helperNames: readonly string[];
  private readonly helperIds: ReadonlyMap<string, number>;
  private readonly conditions: ConditionCompiler;
  private readonly ctxOfType = new Map<number, string>();
  private readonly ctxOfPointer = new Map<number, string>();

  private constructor(
    name: string,
    btf: Btf,
    open: (file: VerifierFile) => JsonValue,
    overlays: readonly Overlay[],
  ) {
    this.name = name;
    const added = overlays.flatMap(({ features = [] }) => features);
    this.features = Features.parse(open('features.json')).with(added);
    const ids = open('btf-ids.json').fields('sets', 'lists');
    const functions = open('functions.json').fields('errorInjection', 'withoutAddress');
    const sets = {
      ...ids.get('sets').nameLists(),
      error_injection: functions.get('errorInjection').strings(),
    };
    this.sets = new Map(Object.entries(sets).map(([set, names]) => [set, new Set(names)]));
    this.lists = new Map(Object.entries(ids.get('lists').nameLists()));
    this.withoutAddress = new Set(functions.get('withoutAddress').strings());
    this.conditions = new ConditionCompiler(btf, sets, name);
    const helpers = open('helpers.json').fields('names', 'protos');
    this.helperNames = helpers.get('names').strings();
    this.helperIds = new Map(this.helperNames.map((helper, id) => [helper, id]));
    this.protos = parseHelperProtos(helpers.get('protos'), btf);
    this.registers = parseRegisters(open('registers.json'), btf);
    const modules = parseModules(open('modules.json'), overlays);
    this.kfuncs = new KfuncTable(open('kfuncs.json'), open('hooks.json'), modules, this.conditions);
    const types = open('types.json').fields('maps', 'programs');
    this.maps = new MapRules(types.get('maps'), open('map-rules.json'), btf, this.conditions);
    this.loadable = new Set(
      types
        .get('programs')
        .strings()
        .map((type) => this.conditions.progType(type)),
    );
    this.programs = new ProgRules(open('prog-rules.json'), this.conditions);
    this.structOps = new StructOpsTable(
      open('struct-ops.json'),
      open('struct-ops-rules.json'),
      modules,
      this.conditions,
    );
    this.iters = parseIters(open('iters.json'), modules, btf);
    this.tracepoints = parseTracepoints(open('tracepoints.json'), modules);
    this.trustedFields = parseTrustedFields(open('trusted-fields.json'));
    this.availability = new HelperAvailability(
      parseAvailability(open('availability.json')),
      this.conditions,
      `${name}/availability.json`,
    );
    this.ctx = this.parseCtx(open('ctx.json'), btf);
  }

  /**
   * @param text content of each file.
   * @param overlays what is added to the kernel; their BTF goes to the verifier as that of modules.
   * @throws {InputError} for a missing or malformed file, or one that does not fit the kernel's types.
   */
  static parse(
    name: string,
    btf: Btf,
    text: (file: VerifierFile) => string | undefined,
    overlays: readonly Overlay[] = [],
  ): VerifierData {
    const open = (file: VerifierFile) => {
      const content = text(file);
      if (content === undefined)
        throw new InputError('the profile lacks this file', { file: `${name}/${file}` });
      return JsonValue.parse(content, `${name}/${file}`);
    };
    return new VerifierData(name, btf, open, overlays);
  }

  /** Names of the tables' types, members and kfunc sets that this kernel does not have. */
  unknownNames(): string[] {
    return [...this.conditions.unknown, ...this.ctx.unknown, ...this.kfuncs.unknown].sort();
  }

  /** Name of a helper, "bpf_map_lookup_elem"; undefined for a number that no helper has. */
  helperName(id: number): string | undefined {
    const name = this.helperNames[id];
    return name === undefined || name === '' ? undefined : `bpf_${name}`;
  }

  /** Number of a helper by its name with or without "bpf_". */
  helperId(name: string): number | undefined {
    return this.helperIds.get(name.replace(/^bpf_/, ''));
  }

  /** One more than the highest helper number. */
  get helperCount(): number {
    return this.helperNames.length;
  }

  /**
   * Prototype by which a helper call of a program is checked; undefined when programs like it cannot use the
   * helper. Licence, `mightSleep` and `helperAllowed` are left to the caller.
   */
  helperProto(id: number, facts: ProgramFacts): HelperProto | undefined {
    const name = this.helperNames[id];
    const proto = name === undefined ? undefined : this.availability.protoFor(name, facts);
    return proto === undefined ? undefined : this.protos.get(proto);
  }

  /**
   * Rules of a program's context; undefined for types without one: BPF_PROG_TYPE_EXT before its target is known,
   * and when that is a struct_ops program, whose rules come from a struct that only itself is attached to.
   */
  ctxRules(facts: ProgramFacts): CtxRules | undefined {
    const { progType, resolvedType } = facts;
    if (resolvedType === this.progType('struct_ops') && progType !== resolvedType) return undefined;
    const kind = this.ctxOfType.get(resolvedType);
    return kind === undefined ? undefined : this.ctx.rules(kind, facts);
  }

  /** Rules of loads through a socket pointer; undefined for other register types. @param reg base type. */
  pointerRules(reg: number, facts: ProgramFacts): CtxRules | undefined {
    const kind = this.ctxOfPointer.get(reg);
    return kind === undefined ? undefined : this.ctx.rules(kind, facts);
  }

  /** BPF_PROG_TYPE_* by its name in lower case ("sched_cls"), -1 when this kernel has none. */
  progType(name: string): number {
    return this.conditions.progType(name);
  }

  /** BPF_* attach type by its name in lower case ("trace_iter"), -1 when this kernel has none. */
  attachType(name: string): number {
    return this.conditions.attachType(name);
  }

  private parseCtx(json: JsonValue, btf: Btf): CtxTables {
    json.fields('source', 'types', 'pointers', 'kinds');
    const kinds = Object.fromEntries(
      json
        .get('kinds')
        .entries()
        .map(([kind, record]) => [kind, parseKind(record)]),
    );
    const tables = new CtxTables(kinds, btf, this.conditions, `${this.name}/ctx.json`);
    const place = (kind: JsonValue): string => {
      if (!tables.has(kind.string())) throw kind.error('no such kind of context');
      return kind.string();
    };
    for (const [type, kind] of json.get('types').entries()) {
      this.ctxOfType.set(this.conditions.progType(type), place(kind));
    }
    for (const [reg, kind] of json.get('pointers').entries())
      this.ctxOfPointer.set(typeNumber(reg), place(kind));
    return tables;
  }
}

function parseKind(json: JsonValue): CtxKindRecord {
  json.fields('struct', 'until', 'size', 'bound', 'unaligned', 'btfArgs', 'writable', 'rows', 'then');
  json.find('writable')?.strings();
  for (const key of ['struct', 'until', 'then']) json.find(key)?.string();
  json.find('size')?.integer();
  for (const row of json.get('rows').items()) {
    row.fields('off', 'read', 'write', 'reg', 'btf', 'noSignExtend', 'when', 'unless');
    for (const key of ['read', 'write', 'reg', 'btf']) row.find(key)?.string();
    checkOffset(row.get('off'));
  }
  return json.raw() as CtxKindRecord;
}

/** A notation, several of them, or two numbers. */
function checkOffset(json: JsonValue): void {
  if (json.isString) return;
  const items = json.items();
  const numbers = items.filter(({ isString }) => !isString);
  if (numbers.length === 0) return;
  if (items.length !== 2) throw json.error('neither names nor the first and the last byte');
  for (const item of items) item.integer();
}

function parseAvailability(json: JsonValue): AvailabilityRecord {
  json.fields('source', 'types', 'structOps', 'tables');
  for (const [, table] of json.get('types').entries()) table.string();
  for (const [, table] of json.get('structOps').entries()) if (!table.isNull) table.string();
  for (const [, table] of json.get('tables').entries()) {
    table.fields('groups', 'then').find('then')?.strings();
    for (const group of table.get('groups').items()) {
      group.fields('when', 'only', 'helpers').get('helpers').strings();
    }
  }
  return json.raw() as AvailabilityRecord;
}

function parseIters(image: JsonValue, modules: ModuleTables, btf: Btf): Map<string, IterTarget> {
  const targets = image.entries();
  for (const module of modules.values()) targets.push(...(module.find('iters')?.entries() ?? []));
  return new Map(
    targets.map(([name, target]) => {
      target.fields('features', 'args');
      const args = target
        .get('args')
        .items()
        .map((arg): CtxArg => {
          arg.fields('offset', 'reg', 'type');
          const type = arg.find('type')?.string();
          const btfId = type === undefined ? 0 : btf.find(type, BtfKind.Struct);
          if (type !== undefined && btfId === 0) throw arg.error(`the kernel has no struct ${type}`);
          return { offset: arg.get('offset').integer(), reg: typeNumber(arg.get('reg').string()), btfId };
        });
      return [name, { name, features: target.get('features').integer(), args }];
    }),
  );
}

function parseTracepoints(json: JsonValue, modules: ModuleTables): Map<string, Tracepoint> {
  const result = new Map<string, Tracepoint>();
  const add = (table: JsonValue) => {
    for (const [name, record] of table.entries()) {
      record.fields('template', 'writable', 'nullArgs');
      const mask = record.find('nullArgs');
      if (mask && !/^0x[0-9a-f]{1,16}$/.test(mask.string())) throw mask.error('not a 64-bit mask');
      result.set(name, {
        template: `__bpf_trace_${record.find('template')?.string() ?? name}`,
        writable: record.find('writable')?.integer() ?? 0,
        nullArgs: BigInt(mask?.string() ?? 0),
        nullArgsKnown: mask !== undefined,
      });
    }
  };
  add(json);
  for (const module of modules.values()) {
    const table = module.find('tracepoints');
    if (table) add(table);
  }
  return result;
}

function parseTrustedFields(json: JsonValue): Map<string, Map<string, string[]>> {
  return new Map(
    json.entries().map(([list, structs]) => [list, new Map(Object.entries(structs.nameLists()))]),
  );
}
