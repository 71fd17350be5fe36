/** Profile tables with something wrong in them. */
import { damageBytes, type Random } from './hostile-random.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const ODD: readonly Json[] = [
  ...[null, true, 0, -1, 1.5, 2 ** 53, 1e308, '', 'x', '__proto__', 'constructor', '>a<', 'a..b', '8|4</2'],
  ...[
    'PTR_TO_BTF_ID',
    'ARG_PTR_TO_MEM',
    'bpf_map',
    '*',
    'task_struct',
    [],
    {},
    [[]],
    { a: 1 },
    [-1, 2 ** 40],
  ],
];

/** A value that is likely to be wrong where another one stood. */
function oddValue(old: Json, other: Json, random: Random): Json {
  switch (random.below(6)) {
    case 0:
      return other;
    case 1:
      return [old];
    case 2:
      return Array.isArray(old) ? [...old, ...old, null] : { x: old };
    case 3:
      return typeof old === 'number' ? random.word(old) : `${JSON.stringify(old).slice(0, 40)}_`;
    default:
      return random.pick(ODD);
  }
}

/** Some value of the tree, the deeper the rarer. */
function somewhere(json: Json, random: Random): Json {
  if (json === null || typeof json !== 'object') return json;
  const values = Object.values(json) as Json[];
  return values.length === 0 || random.once(4) ? json : somewhere(random.pick(values), random);
}

/** Replaces, removes or adds one value of the tree. */
function damageTree(json: Json, root: Json, random: Random): Json {
  if (json === null || typeof json !== 'object' || random.once(8)) {
    return oddValue(json, somewhere(root, random), random);
  }
  if (Array.isArray(json)) {
    const at = random.below(json.length);
    if (random.once(8)) return json.filter((_, i) => i !== at);
    return json.map((item, i) => (i === at ? damageTree(item, root, random) : item));
  }
  const key = random.pick(Object.keys(json));
  if (key === undefined || random.once(8))
    return { ...json, [random.once(2) ? 'when' : 'odd']: random.pick(ODD) };
  const { [key]: value, ...rest } = json;
  if (random.once(10)) return rest;
  if (random.once(10)) return { ...rest, [String(random.pick(ODD))]: value as Json };
  return { ...json, [key]: damageTree(value as Json, root, random) };
}

/** A damaged copy of a table. */
export function damageTable(text: string, random: Random): string {
  if (random.once(10)) return new TextDecoder().decode(damageBytes(new TextEncoder().encode(text), random));
  const json = JSON.parse(text) as Json;
  return JSON.stringify(damageTree(json, json, random));
}
