/**
 * When a type of the program and a type of the kernel count as the same one, for CO-RE relocations, typed
 * ksyms and kfuncs (kernel docs, bpf/llvm_reloc.rst and bpf/libbpf). Three relations, from loose to strict:
 *
 * - `fieldsCompatible`: may one read a field of the one type where the other was compiled in? Kinds agree;
 *   structs and unions mix; sizes do not matter.
 * - `typesCompatible`: TYPE_EXISTS, TYPE_SIZE, TYPE_ID_TARGET, ksyms and kfuncs: same kind; pointers, arrays
 *   and prototypes are compared by what they refer to, names below the root are not looked at.
 * - `typesMatch`: TYPE_MATCHES: every member, enumerator and parameter has a counterpart of the same name.
 *
 * Names compare without their flavour (`task_struct___old` is `task_struct`). Modifiers and typedefs are
 * skipped throughout.
 */
import {
  BTF_INT_SIGNED,
  type Btf,
  BtfKind,
  type BtfType,
  isComposite,
  isEnum,
  MAX_RESOLVE_DEPTH,
  type TypeId,
} from '../bpf/btf.ts';

/** A type in the BTF it belongs to. */
export interface TypeRef {
  btf: Btf;
  id: TypeId;
}

/** Type graphs deeper than this (prototypes in prototypes, structs in structs) are refused. */
const MAX_NESTING = 32;
/**
 * Comparisons of types and members that one question may take. Real ones take some hundreds; a graph that
 * branches at every one of the 32 levels would otherwise take 2^32.
 */
const MAX_STEPS = 20_000;

/** The types are nested too deeply to compare. */
export class TooDeep extends Error {
  override readonly name = 'TooDeep';
}

/** The part of a name that counts: without the last `___flavour`. */
export function essentialName(name: string): string {
  if (!name.includes('___')) return name;
  for (let at = name.length - 5; at >= 0; at--) {
    if (name.startsWith('___', at + 1) && name[at] !== '_' && name[at + 4] !== '_') {
      return name.slice(0, at + 1);
    }
  }
  return name;
}

/** Same kind, or both an enum of either width. */
export function kindsCompatible(a: BtfKind, b: BtfKind): boolean {
  return a === b || (isEnum(a) && isEnum(b));
}

export function fieldsCompatible(local: TypeRef, target: TypeRef): boolean {
  let a = local.btf.resolve(local.id);
  let b = target.btf.resolve(target.id);
  for (let depth = 0; ; depth++) {
    if (depth === MAX_RESOLVE_DEPTH) throw new TooDeep('arrays are nested too deeply');
    if (isComposite(a.kind) && isComposite(b.kind)) return true;
    if (!kindsCompatible(a.kind, b.kind)) return false;
    if (a.kind !== BtfKind.Array) return leavesCompatible(a, b);
    a = local.btf.resolve(a.type);
    b = target.btf.resolve(b.type);
  }
}

function leavesCompatible(a: BtfType, b: BtfType): boolean {
  switch (a.kind) {
    case BtfKind.Ptr:
    case BtfKind.Float:
      return true;
    case BtfKind.Fwd:
    case BtfKind.Enum:
    case BtfKind.Enum64: {
      const [local, target] = [essentialName(a.name), essentialName(b.name)];
      return local === '' || target === '' || local === target;
    }
    case BtfKind.Int:
      // Integers with an offset are a deprecated form of bitfields.
      return a.intOffset === 0 && b.intOffset === 0;
    default:
      return false;
  }
}

/** @throws {TooDeep} */
export function typesCompatible(local: TypeRef, target: TypeRef): boolean {
  if (!kindsCompatible(local.btf.kind(local.id), target.btf.kind(target.id))) return false;
  return new Comparison(local.btf, target.btf).compatible(local.id, target.id, MAX_NESTING);
}

/** @throws {TooDeep} */
export function typesMatch(local: TypeRef, target: TypeRef): boolean {
  if (!kindsCompatible(local.btf.kind(local.id), target.btf.kind(target.id))) return false;
  return new Comparison(local.btf, target.btf).match(local.id, target.id, false, MAX_NESTING);
}

class Comparison {
  private steps = 0;
  private readonly local: Btf;
  private readonly target: Btf;

  constructor(local: Btf, target: Btf) {
    this.local = local;
    this.target = target;
  }

  compatible(localId: TypeId, targetId: TypeId, level: number): boolean {
    for (let depth = 0; ; depth++) {
      this.step(depth);
      const a = this.local.resolve(localId);
      const b = this.target.resolve(targetId);
      if (!kindsCompatible(a.kind, b.kind)) return false;
      switch (a.kind) {
        case BtfKind.Void:
        case BtfKind.Struct:
        case BtfKind.Union:
        case BtfKind.Enum:
        case BtfKind.Enum64:
        case BtfKind.Fwd:
          return true;
        case BtfKind.Int:
          return a.intOffset === 0 && b.intOffset === 0;
        case BtfKind.Ptr:
        case BtfKind.Array:
          break;
        case BtfKind.FuncProto:
          if (!this.parametersCompatible(a, b, level)) return false;
          break;
        default:
          return false;
      }
      localId = a.type;
      targetId = b.type;
    }
  }

  private parametersCompatible(a: BtfType, b: BtfType, level: number): boolean {
    if (a.params.length !== b.params.length) return false;
    if (a.params.length > 0 && level <= 0) throw new TooDeep('function prototypes are nested too deeply');
    return a.params.every((param, index) => {
      const other = b.params[index]?.type ?? 0;
      return this.compatible(this.local.resolve(param.type).id, this.target.resolve(other).id, level - 1);
    });
  }

  match(localId: TypeId, targetId: TypeId, behindPointer: boolean, level: number): boolean {
    if (level <= 0) throw new TooDeep('types are nested too deeply');
    for (let depth = 0; ; depth++) {
      this.step(depth);
      const a = this.local.resolve(localId);
      const b = this.target.resolve(targetId);
      if (!namesMatch(a.name, b.name)) return false;
      switch (a.kind) {
        case BtfKind.Ptr:
          if (b.kind !== BtfKind.Ptr) return false;
          behindPointer = true;
          break;
        case BtfKind.Array:
          if (b.kind !== BtfKind.Array || a.count !== b.count) return false;
          break;
        case BtfKind.FuncProto:
          if (b.kind !== BtfKind.FuncProto || !this.parametersMatch(a, b, behindPointer, level)) return false;
          break;
        default:
          return this.leavesMatch(a, b, behindPointer, level);
      }
      localId = a.type;
      targetId = b.type;
    }
  }

  private parametersMatch(a: BtfType, b: BtfType, behindPointer: boolean, level: number): boolean {
    if (a.params.length !== b.params.length) return false;
    return a.params.every((param, index) =>
      this.match(param.type, b.params[index]?.type ?? 0, behindPointer, level - 1),
    );
  }

  private leavesMatch(a: BtfType, b: BtfType, behindPointer: boolean, level: number): boolean {
    switch (a.kind) {
      case BtfKind.Void:
        return b.kind === BtfKind.Void;
      case BtfKind.Fwd:
        if (b.kind === BtfKind.Fwd) return a.kindFlag === b.kindFlag;
        return behindPointer && b.kind === (a.kindFlag ? BtfKind.Union : BtfKind.Struct);
      case BtfKind.Enum:
      case BtfKind.Enum64:
        return isEnum(b.kind) && enumsMatch(a, b);
      case BtfKind.Struct:
      case BtfKind.Union:
        if (!behindPointer) return a.kind === b.kind && this.membersMatch(a, b, level);
        if (b.kind === BtfKind.Fwd) return b.kindFlag === (a.kind === BtfKind.Union);
        return a.kind === b.kind;
      case BtfKind.Int:
        return (
          b.kind === BtfKind.Int &&
          a.size === b.size &&
          (a.encoding & BTF_INT_SIGNED) === (b.encoding & BTF_INT_SIGNED)
        );
      default:
        return false;
    }
  }

  private membersMatch(a: BtfType, b: BtfType, level: number): boolean {
    if (a.members.length > b.members.length) return false;
    this.spend(b.members.length);
    const byName = groupByName(b.members);
    return a.members.every((member) => {
      const others = byName.get(essentialName(member.name)) ?? [];
      return others.some((other) => this.match(member.type, other.type, false, level - 1));
    });
  }

  private step(depth: number): void {
    if (depth === MAX_RESOLVE_DEPTH) throw new TooDeep('types are nested too deeply');
    this.spend(1);
  }

  private spend(steps: number): void {
    this.steps += steps;
    if (this.steps > MAX_STEPS) throw new TooDeep('the types are too large to compare');
  }
}

/** An anonymous target matches an anonymous type only. */
function namesMatch(local: string, target: string): boolean {
  return target === '' ? local === '' : essentialName(local) === essentialName(target);
}

function enumsMatch(a: BtfType, b: BtfType): boolean {
  if (a.size !== b.size || a.values.length > b.values.length) return false;
  const names = new Set(b.values.map((value) => essentialName(value.name)));
  return a.values.every((value) => names.has(essentialName(value.name)));
}

function groupByName<T extends { name: string }>(items: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = essentialName(item.name);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return groups;
}
