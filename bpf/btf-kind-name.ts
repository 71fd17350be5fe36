import type { BtfKind } from './btf-kind.ts';

const NAMES =
  'void int ptr array struct union enum fwd typedef volatile const restrict func func_proto var datasec float decl_tag type_tag enum64'.split(
    ' ',
  );

/** Name of a kind, as libbpf and bpftool have it. */
export function kindName(kind: BtfKind): string {
  return NAMES[kind] ?? 'unknown';
}
