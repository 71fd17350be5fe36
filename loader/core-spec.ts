/**
 * Access specifications of CO-RE relocations: "0:1:3" says element 0, then member 1, then element or member 3,
 * starting at a root type (kernel docs, bpf/llvm_reloc.rst, "CO-RE Relocations"). A local specification is
 * read against the program's BTF and then found again, by names, in a type of the kernel.
 */
import { type Btf, BtfKind, type BtfType, isComposite, isEnum, type TypeId } from '../bpf/btf.ts';
import { CoreKind } from './btf-ext.ts';
import {
  essentialName,
  fieldsCompatible,
  TooDeep,
  type TypeRef,
  typesCompatible,
  typesMatch,
} from './core-match.ts';

/** One step that means something: a named member (or enumerator), or an array element. */
export interface Accessor {
  /** The struct, union or enum of the member, or the type of the element. */
  typeId: TypeId;
  index: number;
  /** Empty for an array element. */
  name: string;
}

export interface CoreSpec {
  btf: Btf;
  rootId: TypeId;
  accessors: Accessor[];
  /** Bits from the start of the root type. */
  bitOffset: number;
}

/** Steps an access may have, anonymous members included. */
const MAX_LENGTH = 64;
/** Characters of a step, its colon included. */
const MAX_DIGITS = 11;
/** Members that one search may look at; the largest struct of a kernel has some hundreds, unions included. */
const MAX_MEMBERS = 1_000_000;

/** The specification does not fit its type; `message` says how. */
export class BadSpec extends Error {
  override readonly name = 'BadSpec';
}

export function isFieldBased(kind: CoreKind): boolean {
  return kind >= CoreKind.FieldByteOffset && kind <= CoreKind.FieldRshift;
}

export function isTypeBased(kind: CoreKind): boolean {
  return (kind >= CoreKind.TypeIdLocal && kind <= CoreKind.TypeSize) || kind === CoreKind.TypeMatches;
}

export function isEnumvalBased(kind: CoreKind): boolean {
  return kind === CoreKind.EnumvalExists || kind === CoreKind.EnumvalValue;
}

/** Reads a local specification. @throws {BadSpec} */
export function parseSpec(btf: Btf, kind: CoreKind, rootId: TypeId, access: string): CoreSpec {
  const spec: CoreSpec = { btf, rootId, accessors: [], bitOffset: 0 };
  const steps = parseSteps(access);
  if (isTypeBased(kind)) {
    if (access !== '0') throw new BadSpec(`access "${access}" of a type relocation is not "0"`);
    return spec;
  }
  const first = steps[0] as number;
  const root = btf.resolve(rootId);
  if (isEnumvalBased(kind)) {
    const value = root.values[first];
    if (!isEnum(root.kind) || steps.length > 1 || !value) {
      throw new BadSpec(`access "${access}" does not name an enumerator`);
    }
    spec.accessors.push({ typeId: root.id, index: first, name: value.name });
    return spec;
  }
  if (!isFieldBased(kind)) throw new BadSpec(`unknown relocation kind ${kind}`);
  spec.accessors.push({ typeId: root.id, index: first, name: '' });
  spec.bitOffset = first * btf.sizeOf(root.id) * 8;
  let type = root;
  for (const step of steps.slice(1)) type = descend(spec, type, step, access);
  return spec;
}

function parseSteps(access: string): number[] {
  if (access.length > MAX_LENGTH * MAX_DIGITS) throw new BadSpec(`access of ${access.length} characters`);
  if (!/^\d{1,10}(:\d{1,10})*$/.test(access)) throw new BadSpec(`malformed access "${access}"`);
  const steps = access.split(':').map(Number);
  if (steps.length > MAX_LENGTH) throw new BadSpec(`access of more than ${MAX_LENGTH} steps`);
  return steps;
}

function descend(spec: CoreSpec, type: BtfType, index: number, access: string): BtfType {
  const { btf } = spec;
  if (isComposite(type.kind)) {
    const member = type.members[index];
    if (!member) throw new BadSpec(`access "${access}": ${type.name || '<anon>'} has no member ${index}`);
    spec.bitOffset += member.bitOffset;
    if (member.name) spec.accessors.push({ typeId: type.id, index, name: member.name });
    return btf.resolve(member.type);
  }
  if (type.kind !== BtfKind.Array) throw new BadSpec(`access "${access}" enters type ${type.id}, a scalar`);
  if (index >= type.count && !isFlexible(btf, spec.accessors.at(-1), type)) {
    throw new BadSpec(`access "${access}": element ${index} of an array of ${type.count}`);
  }
  const element = btf.resolve(type.type);
  spec.accessors.push({ typeId: element.id, index, name: '' });
  spec.bitOffset += index * btf.sizeOf(element.id) * 8;
  return element;
}

/** Whether an array is the flexible one at the end of the struct that the accessor before it entered. */
function isFlexible(btf: Btf, before: Accessor | undefined, array: BtfType): boolean {
  if (!before?.name || array.count > 0) return false;
  return before.index === btf.type(before.typeId).vlen - 1;
}

/**
 * Finds a local specification again in a candidate type of the kernel; undefined when the candidate does not
 * have it. @throws {BadSpec | TooDeep}
 */
export function matchSpec(local: CoreSpec, kind: CoreKind, target: TypeRef): CoreSpec | undefined {
  const spec: CoreSpec = { btf: target.btf, rootId: target.id, accessors: [], bitOffset: 0 };
  if (isTypeBased(kind)) {
    const compare = kind === CoreKind.TypeMatches ? typesMatch : typesCompatible;
    return compare({ btf: local.btf, id: local.rootId }, target) ? spec : undefined;
  }
  if (isEnumvalBased(kind)) return matchEnumerator(local, spec);
  const search = new MemberSearch(local.btf, spec);
  let typeId = target.id;
  for (const [step, accessor] of local.accessors.entries()) {
    const next = accessor.name ? search.find(accessor, typeId, 0) : findElement(accessor, spec, typeId, step);
    if (next === undefined) return undefined;
    typeId = next;
  }
  return spec;
}

function matchEnumerator(local: CoreSpec, spec: CoreSpec): CoreSpec | undefined {
  const type = spec.btf.resolve(spec.rootId);
  if (!isEnum(type.kind)) return undefined;
  const wanted = essentialName(local.accessors[0]?.name ?? '');
  const index = type.values.findIndex((value) => essentialName(value.name) === wanted);
  if (index < 0) return undefined;
  spec.accessors.push({ typeId: type.id, index, name: wanted });
  return spec;
}

function findElement(accessor: Accessor, spec: CoreSpec, typeId: TypeId, step: number): TypeId | undefined {
  const { btf } = spec;
  let type = btf.resolve(typeId);
  // The first accessor indexes the root type itself, as if through a pointer to it.
  if (step > 0) {
    if (type.kind !== BtfKind.Array) return undefined;
    if (accessor.index >= type.count && !isFlexible(btf, spec.accessors.at(-1), type)) return undefined;
    type = btf.resolve(type.type);
  }
  spec.accessors.push({ typeId: type.id, index: accessor.index, name: '' });
  spec.bitOffset += accessor.index * btf.sizeOf(type.id) * 8;
  return type.id;
}

/** Looks for named members, also inside anonymous structs and unions, and extends a specification by them. */
class MemberSearch {
  private looked = 0;
  private readonly local: Btf;
  private readonly spec: CoreSpec;

  constructor(local: Btf, spec: CoreSpec) {
    this.local = local;
    this.spec = spec;
  }

  /** The member's type; undefined when the type has no compatible member of that name. */
  find(accessor: Accessor, typeId: TypeId, depth: number): TypeId | undefined {
    const { spec } = this;
    if (depth === MAX_LENGTH) throw new TooDeep('anonymous members are nested too deeply');
    const type = spec.btf.resolve(typeId);
    if (!isComposite(type.kind)) return undefined;
    for (const [index, member] of type.members.entries()) {
      if (++this.looked > MAX_MEMBERS) throw new TooDeep('there are too many anonymous members');
      if (member.name === '') {
        const start = spec.bitOffset;
        spec.bitOffset = start + member.bitOffset;
        const found = this.find(accessor, member.type, depth + 1);
        if (found !== undefined) return found;
        spec.bitOffset = start;
      } else if (member.name === accessor.name) {
        if (!this.isCompatible(accessor, member.type)) return undefined;
        spec.accessors.push({ typeId: type.id, index, name: member.name });
        spec.bitOffset += member.bitOffset;
        return member.type;
      }
    }
    return undefined;
  }

  private isCompatible(accessor: Accessor, typeId: TypeId): boolean {
    const member = this.local.type(accessor.typeId).members[accessor.index];
    return fieldsCompatible({ btf: this.local, id: member?.type ?? 0 }, { btf: this.spec.btf, id: typeId });
  }
}
