/** The schema of scenes, as fields of a form: whatever the format has, the form has. */
import schema from '../../../kernel-model/scene/schema.json' with { type: 'json' };

export interface SchemaNode {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly properties?: { readonly [name: string]: SchemaNode };
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

/** How a value is edited. */
export type Field =
  | { readonly kind: 'text'; readonly isNumber: boolean }
  | { readonly kind: 'flag' }
  /** There is one value only: it is there or not. */
  | { readonly kind: 'constant'; readonly value: unknown }
  | { readonly kind: 'choice'; readonly values: readonly string[] }
  | { readonly kind: 'choices'; readonly values: readonly string[] }
  | { readonly kind: 'list'; readonly item: SchemaNode }
  | {
      readonly kind: 'group';
      readonly members: { readonly [name: string]: SchemaNode };
      readonly required: readonly string[];
    }
  | { readonly kind: 'either'; readonly options: readonly SchemaNode[] };

export const SCENE = schema as unknown as SchemaNode & {
  readonly definitions: { readonly [name: string]: SchemaNode };
};

/** Follows references; a description beside one counts more than that of its target. */
export function resolve(node: SchemaNode): SchemaNode {
  const name = node.$ref?.split('/').at(-1);
  const target = name === undefined ? undefined : SCENE.definitions[name];
  if (!target) return node;
  return { ...resolve(target), ...(node.description === undefined ? {} : { description: node.description }) };
}

export function fieldOf(node: SchemaNode): Field {
  const { type, properties, required = [], items, anyOf, enum: values, ...rest } = resolve(node);
  if ('const' in rest) return { kind: 'constant', value: rest.const };
  if (values) return { kind: 'choice', values: values.map(String) };
  if (properties) return { kind: 'group', members: properties, required };
  if (items) {
    const allowed = resolve(items).enum;
    return allowed ? { kind: 'choices', values: allowed.map(String) } : { kind: 'list', item: items };
  }
  if (anyOf) return anyOf.length === 1 ? fieldOf(anyOf[0] as SchemaNode) : { kind: 'either', options: anyOf };
  if (type === 'boolean') return { kind: 'flag' };
  return { kind: 'text', isNumber: type !== 'string' };
}

/** Which of several forms a value has. */
export function optionOf(options: readonly SchemaNode[], value: unknown): number {
  const found = options.findIndex((option) => fits(fieldOf(option), value));
  return found < 0 ? 0 : found;
}

function fits(field: Field, value: unknown): boolean {
  const isObject = typeof value === 'object' && value !== null;
  if (field.kind === 'constant') return value === field.value;
  if (field.kind === 'group') return isObject && !Array.isArray(value);
  if (field.kind === 'list' || field.kind === 'choices') return Array.isArray(value);
  return !isObject;
}

/** What a form is called where one is chosen. */
export function optionName(option: SchemaNode): string {
  const field = fieldOf(option);
  if (field.kind === 'constant') return String(field.value);
  if (field.kind === 'group') return 'with fields';
  return field.kind === 'list' ? 'several' : 'value';
}

/** New tasks begin at full hundreds. */
const ID_STEP = 100;

/** What a field begins with: as little as the format allows. @param others values beside it in a list. */
export function blank(node: SchemaNode, others: readonly unknown[] = []): unknown {
  const field = fieldOf(node);
  switch (field.kind) {
    case 'text':
      return field.isNumber ? (resolve(node).minimum ?? 0) : '';
    case 'flag':
      return true;
    case 'constant':
      return field.value;
    case 'choice':
      return field.values[0] ?? '';
    case 'choices':
    case 'list':
      return [];
    case 'either': {
      const last = others.at(-1);
      const like = last === undefined ? 0 : optionOf(field.options, last);
      return blank(field.options[like] as SchemaNode, others);
    }
    case 'group':
      return Object.fromEntries(
        field.required.map((name) => [name, unused(name, others) ?? blank(field.members[name] ?? {})]),
      );
  }
}

/** Ids of tasks must differ, also from those that threads of the kernel get: these follow upon their task's. */
function unused(name: string, others: readonly unknown[]): number | undefined {
  if (name !== 'pid' && name !== 'tid') return undefined;
  const taken = others.map((other) => Number((other as { [name: string]: unknown } | null)?.[name]) || 0);
  return (Math.floor(Math.max(0, ...taken) / ID_STEP) + 1) * ID_STEP;
}

/** An item of a list in a few words: its first plain values. */
export function summary(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `${value.length} items`;
  const parts: string[] = [];
  for (const [name, each] of Object.entries(value)) {
    if (typeof each !== 'object') parts.push(`${name} ${each === true ? '' : String(each)}`.trim());
    else if (Array.isArray(each) && each.every((item) => typeof item !== 'object') && each.length < 9)
      parts.push(`${name} ${each.join(', ')}`);
    else parts.push(name);
  }
  return parts.slice(0, 4).join(' · ');
}
