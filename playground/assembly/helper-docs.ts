/** What helpers take and return, for people: from the prototypes in a profile's helpers.json. */
import { HELPER_NAMES } from '../../assembly/parse.ts';

export interface HelperDoc {
  /** "bpf_map_lookup_elem(map, key)" */
  readonly call: string;
  /** "address of a map's value, or NULL" */
  readonly returns: string;
  readonly gplOnly: boolean;
}

export type HelperDocs = ReadonlyMap<string, HelperDoc>;

interface Prototype {
  readonly args: readonly string[];
  readonly ret: string;
  readonly gpl?: boolean;
  readonly argTypes?: { readonly [index: string]: string };
  readonly retType?: string;
}

const ARGS: { readonly [arg: string]: string } = {
  ARG_CONST_MAP_PTR: 'map',
  ARG_PTR_TO_MAP_KEY: 'key',
  ARG_PTR_TO_MAP_VALUE: 'value',
  ARG_PTR_TO_MEM: 'memory',
  ARG_CONST_SIZE: 'size',
  ARG_CONST_SIZE_OR_ZERO: 'size or 0',
  ARG_CONST_ALLOC_SIZE_OR_ZERO: 'size',
  ARG_PTR_TO_CTX: 'ctx',
  ARG_ANYTHING: 'number',
  ARG_SCALAR: 'number',
  ARG_PTR_TO_SPIN_LOCK: 'spin lock',
  ARG_PTR_TO_SOCK_COMMON: 'sock_common',
  ARG_PTR_TO_SOCKET: 'socket',
  ARG_PTR_TO_BTF_ID: 'kernel object',
  ARG_PTR_TO_BTF_ID_SOCK_COMMON: 'sock_common',
  ARG_PTR_TO_RINGBUF_MEM: 'reserved record',
  ARG_PTR_TO_PERCPU_BTF_ID: 'per-CPU variable',
  ARG_PTR_TO_FUNC: 'function',
  ARG_PTR_TO_STACK: 'stack',
  ARG_PTR_TO_CONST_STR: 'constant text',
  ARG_PTR_TO_TIMER: 'timer',
  ARG_KPTR_XCHG_DEST: 'kernel pointer in a map',
  ARG_PTR_TO_DYNPTR: 'dynptr',
};

const RETURNS: { readonly [ret: string]: string } = {
  RET_INTEGER: 'a number',
  RET_VOID: 'nothing',
  RET_PTR_TO_MAP_VALUE: 'address of a map’s value',
  RET_PTR_TO_SOCKET: 'a socket',
  RET_PTR_TO_TCP_SOCK: 'a tcp_sock',
  RET_PTR_TO_SOCK_COMMON: 'a sock_common',
  RET_PTR_TO_MEM: 'address of memory',
  RET_PTR_TO_MEM_OR_BTF_ID: 'address of memory or of a kernel object',
  RET_PTR_TO_BTF_ID: 'a kernel object',
};

/** @param json text of helpers.json */
export function helperDocs(json: string): HelperDocs {
  const { protos } = JSON.parse(json) as { protos: { [name: string]: Prototype } };
  const prototypes = new Map<string, Prototype>();
  for (const [object, prototype] of Object.entries(protos)) {
    const name = object.replace(/_proto\w*$/, '');
    if (!prototypes.has(name)) prototypes.set(name, prototype);
  }
  // Of some helpers there is one for each program type, and none without.
  const alike = (name: string) =>
    [...prototypes].find(([candidate]) => candidate.includes(name.replace(/^bpf_/, '')))?.[1];
  return new Map(
    HELPER_NAMES.flatMap((name) => {
      const prototype = prototypes.get(name) ?? alike(name);
      return prototype ? [[name, docOf(name, prototype)] as const] : [];
    }),
  );
}

function docOf(name: string, { args, ret, gpl, argTypes, retType }: Prototype): HelperDoc {
  const shown = args.map((arg, index) => described(ARGS, arg, argTypes?.[String(index + 1)]));
  return {
    call: `${name}(${shown.join(', ')})`,
    returns: described(RETURNS, ret, retType),
    gplOnly: gpl === true,
  };
}

/** "*" for a type: the verifier finds it out. */
function described(names: { readonly [kind: string]: string }, text: string, type?: string): string {
  const [kind = '', ...flags] = text.split('|');
  const name = type === undefined || type === '*' ? (names[kind] ?? kind) : `struct ${type}`;
  const output = flags.includes('MEM_UNINIT') ? `${name} to write` : name;
  return flags.includes('PTR_MAYBE_NULL') ? `${output} or NULL` : output;
}
