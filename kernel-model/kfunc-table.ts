/** Which kernel functions a program may call, with which flags: kfuncs.json, hooks.json and modules.json. */
import type { JsonValue } from './json-value.ts';
import { parseKfuncFlags } from './kfunc-flags.ts';
import type { ModuleTables } from './module-tables.ts';
import type { Condition, ConditionCompiler, ConditionRecord, ProgramFacts } from './program-facts.ts';

/** Name of the kernel itself where a module's name can stand. */
export const VMLINUX = 'vmlinux';

interface KfuncSet {
  name: string;
  hooks: readonly string[];
  when: Condition;
  /** Function -> KF_* bits. */
  kfuncs: ReadonlyMap<string, number>;
}

/** Hook of sets that every program may use, and of functions whose return value may be changed. */
const COMMON = 'common';
const MODIFY_RETURN = 'fmodret';

export class KfuncTable {
  /** Sets of the image that hooks.json does not know: their functions cannot be called. */
  readonly unknown = new Set<string>();
  /** Module (or VMLINUX) -> its sets. */
  private readonly sets = new Map<string, KfuncSet[]>();
  private readonly destructors = new Map<string, ReadonlyMap<string, string>>();
  /** Program type -> hook. */
  private readonly hookOf = new Map<number, string>();

  constructor(kfuncs: JsonValue, hooks: JsonValue, modules: ModuleTables, conditions: ConditionCompiler) {
    kfuncs.fields('sets', 'destructors');
    hooks.fields('source', 'hooks', 'sets', 'filters');
    for (const [hook, types] of Object.entries(hooks.get('hooks').nameLists())) {
      for (const type of types) this.hookOf.set(conditions.progType(type), hook);
    }
    this.addImage(kfuncs, hooks, conditions);
    for (const [module, record] of modules) this.addModule(module, record);
  }

  /**
   * KF_* bits that a kfunc has for a program; undefined when the program may not call it.
   * @param module VMLINUX or the module whose BTF has the function.
   */
  flagsFor(module: string, kfunc: string, facts: ProgramFacts): number | undefined {
    const hook = this.hookOf.get(facts.resolvedType);
    for (const wanted of hook === undefined ? [COMMON] : [COMMON, hook]) {
      for (const set of this.sets.get(module) ?? []) {
        const flags = set.hooks.includes(wanted) && set.when(facts) ? set.kfuncs.get(kfunc) : undefined;
        if (flags !== undefined) return flags;
      }
    }
    return undefined;
  }

  /** KF_* bits of a function whose return value fmod_ret programs may change; undefined for others. */
  modifyReturnFlags(module: string, func: string): number | undefined {
    const sets = (this.sets.get(module) ?? []).filter(({ hooks }) => hooks.includes(MODIFY_RETURN));
    return sets.map(({ kfuncs }) => kfuncs.get(func)).find((flags) => flags !== undefined);
  }

  /** Function that frees an object of a struct which a map still owns. */
  destructor(module: string, struct: string): string | undefined {
    return this.destructors.get(module)?.get(struct);
  }

  /** Every kfunc with its module and set. */
  *all(): Iterable<{ module: string; set: string; kfunc: string; flags: number }> {
    for (const [module, sets] of this.sets) {
      for (const set of sets) {
        for (const [kfunc, flags] of set.kfuncs) yield { module, set: set.name, kfunc, flags };
      }
    }
  }

  private addImage(kfuncs: JsonValue, hooks: JsonValue, conditions: ConditionCompiler): void {
    const hooksOf = hooks.get('sets').nameLists();
    const filters = new Map(hooks.get('filters').entries());
    const sets: KfuncSet[] = [];
    for (const [name, record] of kfuncs.get('sets').entries()) {
      record.fields('kfuncs', 'filter');
      const filter = record.find('filter')?.string();
      const condition = filter === undefined ? undefined : filters.get(filter);
      const setHooks = hooksOf[name];
      // a filter that nobody described must not open a function to all programs
      if (!setHooks || (filter !== undefined && !condition)) {
        this.unknown.add(name);
        continue;
      }
      const when = conditions.compile(condition?.raw() as ConditionRecord | undefined);
      sets.push({ name, hooks: setHooks, when, kfuncs: parseSet(record.get('kfuncs')) });
    }
    this.sets.set(VMLINUX, sets);
    this.destructors.set(VMLINUX, parseNames(kfuncs.get('destructors')));
  }

  private addModule(module: string, record: JsonValue): void {
    const sets = (record.find('sets')?.entries() ?? []).map(([name, set]): KfuncSet => {
      set.fields('hooks', 'kfuncs');
      return {
        name,
        hooks: set.get('hooks').strings(),
        when: () => true,
        kfuncs: parseSet(set.get('kfuncs')),
      };
    });
    this.sets.set(module, sets);
    const destructors = record.find('destructors');
    if (destructors) this.destructors.set(module, parseNames(destructors));
  }
}

function parseSet(json: JsonValue): Map<string, number> {
  return new Map(json.entries().map(([name, flags]) => [name, parseKfuncFlags(flags.string())]));
}

function parseNames(json: JsonValue): Map<string, string> {
  return new Map(json.entries().map(([name, value]) => [name, value.string()]));
}
