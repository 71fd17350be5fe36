/** Types as C writes them, and what users write for them. */
import { type Btf, BtfKind, type BtfType, isModifier, type TypeId } from '../../bpf/btf.ts';
import { InputError } from '../../bpf/input-error.ts';

const MOST_LEVELS = 16;
const PREFIXES: { readonly [kind: number]: string } = {
  [BtfKind.Struct]: 'struct ',
  [BtfKind.Union]: 'union ',
  [BtfKind.Enum]: 'enum ',
  [BtfKind.Enum64]: 'enum ',
  [BtfKind.Fwd]: 'struct ',
};

/** "struct file *", "char[16]", "u64". Qualifiers are left out. */
export function typeName(btf: Btf, id: TypeId): string {
  let stars = '';
  let dimensions = '';
  let type = btf.type(id);
  for (let level = 0; level < MOST_LEVELS; level++) {
    if (type.kind === BtfKind.Ptr) stars += '*';
    else if (type.kind === BtfKind.Array) dimensions += `[${type.count}]`;
    else if (!isModifier(type.kind)) break;
    type = btf.type(type.type);
  }
  const base = type.kind === BtfKind.FuncProto ? 'function' : `${PREFIXES[type.kind] ?? ''}${nameOf(type)}`;
  return `${base}${stars && ` ${stars}`}${dimensions}`;
}

function nameOf({ kind, name }: BtfType): string {
  if (kind === BtfKind.Void) return 'void';
  return name || '(anonymous)';
}

/** What memory is to be looked at as. */
export interface NamedType {
  readonly btf: Btf;
  readonly typeId: TypeId;
  /** So many of them next to each other; undefined for just one. */
  readonly count: number | undefined;
}

const FORM = /^(?:const\s+)?(?:(struct|union|enum)\s+)?([\w.]+(?:\s+[\w.]+)*)\s*(\*)?\s*(?:\[(\d+)\])?$/;
const KINDS: { readonly [prefix: string]: readonly BtfKind[] } = {
  struct: [BtfKind.Struct],
  union: [BtfKind.Union],
  enum: [BtfKind.Enum, BtfKind.Enum64],
};
const NAMED = [
  BtfKind.Struct,
  BtfKind.Union,
  BtfKind.Typedef,
  BtfKind.Int,
  BtfKind.Enum,
  BtfKind.Enum64,
] as const;

/**
 * The type that a user names: "struct io_ring_ctx", "io_ring_ctx *" (an address is always that of the value), "u32",
 * "char[64]".
 * @param types in which it is looked for, the first one first.
 * @throws {InputError}
 */
export function findType(types: readonly (Btf | undefined)[], text: string): NamedType {
  const [, prefix, name, , count] = FORM.exec(text.trim()) ?? [];
  if (name === undefined)
    throw new InputError(`"${text}" is no type: write "struct file", "u32" or "char[64]"`);
  const kinds = prefix === undefined ? NAMED : (KINDS[prefix] ?? NAMED);
  for (const btf of types) {
    const typeId = btf?.find(name, ...kinds) ?? 0;
    if (btf && typeId !== 0) return { btf, typeId, count: count === undefined ? undefined : Number(count) };
  }
  throw new InputError(`there is no type "${text.trim()}"`);
}
