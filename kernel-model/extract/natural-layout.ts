/** Lays out C-like struct definitions by the x86-64 ABI. */

/** "type name", or an unnamed struct or union, optionally aligned to more than its members need. */
export type Declaration =
  | string
  | { readonly union: readonly Declaration[]; readonly align?: number }
  | { readonly struct: readonly Declaration[]; readonly align?: number };

export interface Placed {
  name: string;
  /** As written; empty for a nested struct or union. */
  type: string;
  /** Bytes from the start of the struct around it. */
  offset: number;
  size: number;
  nested?: { union: boolean; members: Placed[] };
}

export interface PlacedStruct {
  size: number;
  align: number;
  members: Placed[];
}

/** Size and alignment of a type as written. */
export type SizeOf = (type: string) => readonly [size: number, align: number];

export function layOut(declarations: readonly Declaration[], sizeOf: SizeOf, isUnion = false): PlacedStruct {
  const members: Placed[] = [];
  let align = 1;
  let end = 0;
  for (const declaration of declarations) {
    const placed = place(declaration, sizeOf);
    align = Math.max(align, placed.align);
    const offset = isUnion ? 0 : alignUp(end, placed.align);
    members.push({ ...placed.member, offset });
    end = Math.max(end, offset + placed.member.size);
  }
  return { size: alignUp(end, align), align, members };
}

function place(declaration: Declaration, sizeOf: SizeOf): { member: Placed; align: number } {
  if (typeof declaration === 'string') {
    const space = declaration.lastIndexOf(' ');
    const type = declaration.slice(0, space);
    const [size, align] = sizeOf(type);
    return { member: { name: declaration.slice(space + 1), type, offset: 0, size }, align };
  }
  const union = 'union' in declaration;
  const inner = layOut(union ? declaration.union : declaration.struct, sizeOf, union);
  const align = Math.max(inner.align, declaration.align ?? 1);
  const nested = { union, members: inner.members };
  return { member: { name: '', type: '', offset: 0, size: inner.size, nested }, align };
}

function alignUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}
