/** What a program may do with a map of each type: types.json and map-rules.json. */
import { type Btf, BtfKind, type TypeId } from '../bpf/btf.ts';
import type { JsonValue } from './json-value.ts';
import type { Condition, ConditionCompiler, ConditionRecord, ProgramFacts } from './program-facts.ts';

export interface MapTypeInfo {
  readonly name: string;
  /** struct that a pointer to such a map may be read as. */
  readonly structId: TypeId;
  /** Callbacks of bpf_map_ops that the type has ("map_for_each_callback"). */
  readonly ops: ReadonlySet<string>;
}

/** Whether a map can be passed to a helper. */
export const enum MapFit {
  Fits,
  /** "cannot pass map_type ..." */
  Mismatch,
  /** The same, after "cannot update sockmap in this context". */
  SockmapContext,
}

interface SockmapRule {
  helpers: readonly string[];
  when: Condition;
}

export class MapRules {
  /** Map type -> description, for the types that this kernel has. */
  readonly types: ReadonlyMap<number, MapTypeInfo>;
  private readonly helpersOf = new Map<number, ReadonlySet<string>>();
  private readonly mapsOf = new Map<string, ReadonlySet<number>>();
  private readonly sockmaps: ReadonlySet<number>;
  private readonly sockmapRules: readonly SockmapRule[];
  private readonly sleepable: ReadonlySet<number>;
  private readonly never: ReadonlySet<number>;

  constructor(types: JsonValue, rules: JsonValue, btf: Btf, conditions: ConditionCompiler) {
    rules.fields('source', 'maps', 'sockmapUpdate', 'helpers', 'sleepable', 'never');
    const number = (name: string) => conditions.mapType(name);
    const all = (names: string[]) => new Set(names.map(number));
    this.types = new Map(types.entries().map(([name, type]) => [number(name), parseType(name, type, btf)]));
    for (const [map, helpers] of Object.entries(rules.get('maps').nameLists())) {
      this.helpersOf.set(number(map), new Set(helpers));
    }
    for (const [helper, maps] of Object.entries(rules.get('helpers').nameLists())) {
      this.mapsOf.set(helper, all(maps));
    }
    this.sockmaps = all(['sockmap', 'sockhash']);
    this.sockmapRules = rules
      .get('sockmapUpdate')
      .items()
      .map((rule) => {
        rule.fields('helpers', 'when');
        const when = conditions.compile(rule.get('when').raw() as ConditionRecord);
        return { helpers: rule.get('helpers').strings(), when };
      });
    this.sleepable = all(rules.get('sleepable').strings());
    this.never = all(rules.get('never').strings());
  }

  /** @param helper name without "bpf_". */
  fit(mapType: number, helper: string, facts: ProgramFacts): MapFit {
    const helpers = this.helpersOf.get(mapType);
    if (helpers && !helpers.has(helper)) {
      const rules = this.sockmaps.has(mapType)
        ? this.sockmapRules.filter((rule) => rule.helpers.includes(helper))
        : [];
      if (rules.length === 0) return MapFit.Mismatch;
      if (!rules.some(({ when }) => when(facts))) return MapFit.SockmapContext;
    }
    const maps = this.mapsOf.get(helper);
    return !maps || maps.has(mapType) ? MapFit.Fits : MapFit.Mismatch;
  }

  /** Whether sleepable programs may use maps of the type. */
  sleepableMayUse(mapType: number): boolean {
    return this.sleepable.has(mapType);
  }

  /** Whether no program may refer to a map of the type. */
  isBarred(mapType: number): boolean {
    return this.never.has(mapType);
  }

  /** Helper names that some rule mentions. */
  *helpers(): Iterable<string> {
    yield* this.mapsOf.keys();
    for (const helpers of this.helpersOf.values()) yield* helpers;
  }
}

function parseType(name: string, json: JsonValue, btf: Btf): MapTypeInfo {
  json.fields('struct', 'ops');
  const struct = json.get('struct').string();
  const structId = btf.find(struct, BtfKind.Struct);
  if (structId === 0) throw json.error(`the kernel has no struct ${struct}`);
  return { name, structId, ops: new Set(json.get('ops').strings()) };
}
