/** What modules add to the tables of a kernel's verifier: modules.json of a profile, and overlays. */
import type { FeatureName } from './features.ts';
import { JsonValue } from './json-value.ts';

/** Something that is added to a kernel as a module would be: types of its own, and what programs may do with it. */
export interface Overlay {
  /** Stands for a module's name. */
  readonly name: string;
  /** Split BTF over the kernel's. */
  readonly btf: Uint8Array;
  /** A record of the form that modules.json has. */
  readonly tables: object;
  /** What the kernel's verifier has to do for it, whatever it does without. */
  readonly features?: readonly FeatureName[];
}

/** Module -> its record: kfunc sets, destructors, struct_ops, tracepoints, iterator targets; none is required. */
export type ModuleTables = ReadonlyMap<string, JsonValue>;

/** @param json modules.json. @throws {InputError} for a record that is not as expected. */
export function parseModules(json: JsonValue, overlays: readonly Overlay[]): ModuleTables {
  const records = json.fields('source', 'modules').get('modules').entries();
  for (const { name, tables } of overlays) records.push([name, JsonValue.of(tables, `overlay ${name}`)]);
  for (const [, record] of records) record.fields('sets', 'destructors', 'structOps', 'tracepoints', 'iters');
  return new Map(records);
}
