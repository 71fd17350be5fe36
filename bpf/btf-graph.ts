/**
 * What the types of a BTF blob say of each other: references lead to types that can stand there, values have a
 * size and fit into what holds them, and neither containment nor a chain of pointers and modifiers is a cycle.
 */
import { type Btf, BtfKind, MAX_RESOLVE_DEPTH, type TypeId } from './btf.ts';
import { isIdentifier } from './btf-name.ts';
import type { BtfRecords } from './btf-records.ts';

const POINTER_BYTES = 8;
const MAX_BYTES = 0xffff_ffff;
const MAX_BITFIELD_SPAN = 128;
const ENUM_BITS = 32;
/** Size of what has none. */
const NO_SIZE = -1;

const enum Mark {
  New = 0,
  Open = 1,
  Done = 2,
}

/** @throws {InputError} @param records of a blob whose records are good by themselves. */
export function checkGraph(btf: Btf, records: BtfRecords): void {
  if (btf.base) throw btf.error('split BTF cannot be checked by itself');
  const graph = new GraphCheck(btf, records);
  for (let id = 1; id < btf.typeCount; id++) graph.check(id);
}

function isModifier(kind: BtfKind): boolean {
  switch (kind) {
    case BtfKind.Typedef:
    case BtfKind.Volatile:
    case BtfKind.Const:
    case BtfKind.Restrict:
    case BtfKind.TypeTag:
      return true;
    default:
      return false;
  }
}

/** Kinds that only begin a reference: nothing refers to them but tags and sections. */
function isSource(kind: BtfKind): boolean {
  return kind === BtfKind.Var || kind === BtfKind.DeclTag || kind === BtfKind.Datasec;
}

function isStruct(kind: BtfKind): boolean {
  return kind === BtfKind.Struct || kind === BtfKind.Union;
}

class GraphCheck {
  private readonly btf: Btf;
  private readonly records: BtfRecords;
  /** How far a type was looked at as part of a value, and as part of a chain of pointers. */
  private readonly contained: Uint8Array;
  private readonly chained: Uint8Array;
  /** Bytes of a value of each type that is Done, and the type behind its modifiers. */
  private readonly sizes: Float64Array;
  private readonly targets: Uint32Array;

  constructor(btf: Btf, records: BtfRecords) {
    this.btf = btf;
    this.records = records;
    this.contained = new Uint8Array(btf.typeCount);
    this.chained = new Uint8Array(btf.typeCount);
    this.sizes = new Float64Array(btf.typeCount).fill(NO_SIZE);
    this.targets = new Uint32Array(btf.typeCount);
  }

  check(id: TypeId): void {
    const kind = this.kind(id);
    this.contain(id, 0);
    if (kind === BtfKind.Ptr || isModifier(kind)) this.chain(id, 0);
    if (isModifier(kind)) this.checkTagOrder(id);
    switch (kind) {
      case BtfKind.Var:
        this.checkVariable(id);
        break;
      case BtfKind.Datasec:
        this.checkSection(id);
        break;
      case BtfKind.Func:
        this.checkFunc(id);
        break;
      case BtfKind.FuncProto:
        this.checkProto(id);
        break;
      case BtfKind.DeclTag:
        this.checkTag(id);
        break;
      default:
    }
  }

  private kind(id: TypeId): BtfKind {
    return this.records.kind(id);
  }

  /** Looks at all that a value of the type holds. */
  private contain(id: TypeId, depth: number): void {
    if (this.contained[id] === Mark.Done) return;
    this.enter(this.contained, id, depth);
    const kind = this.kind(id);
    this.targets[id] = id;
    if (kind === BtfKind.Ptr) this.sizes[id] = POINTER_BYTES;
    else if (isStruct(kind)) this.containMembers(id, depth);
    else if (kind === BtfKind.Array) this.containElements(id, depth);
    else if (isModifier(kind)) this.containTarget(id, depth);
    else if (isScalar(kind)) this.sizes[id] = this.records.size(id);
    this.contained[id] = Mark.Done;
  }

  private enter(marks: Uint8Array, id: TypeId, depth: number): void {
    this.demand(marks[id] !== Mark.Open, id, 'part of a cycle');
    this.demand(depth < MAX_RESOLVE_DEPTH, id, `nested more than ${MAX_RESOLVE_DEPTH} deep`);
    marks[id] = Mark.Open;
  }

  private containTarget(id: TypeId, depth: number): void {
    const target = this.records.ref(id);
    const kind = this.kind(target);
    this.demand(!isSource(kind) && kind !== BtfKind.Func, id, `refers to type ${target}`);
    if (target !== 0) this.contain(target, depth + 1);
    this.sizes[id] = this.sizeOf(target);
    this.targets[id] = this.targets[target] ?? 0;
  }

  private containElements(id: TypeId, depth: number): void {
    const [element, index, count] = [0, 1, 2].map((word) => this.records.tail(id, word)) as [
      number,
      number,
      number,
    ];
    this.contain(index, depth + 1);
    this.contain(element, depth + 1);
    const indexType = this.targets[index] ?? 0;
    this.demand(this.isRegularInt(indexType), id, `index type ${index}`);
    const elementType = this.targets[element] ?? 0;
    const size = this.sizeOf(element);
    this.demand(size >= 0, id, `elements of type ${element}, which has no size`);
    const plain = this.kind(elementType) !== BtfKind.Int || this.isRegularInt(elementType);
    this.demand(plain, id, 'elements that are bitfields');
    this.demand(size * count <= MAX_BYTES, id, 'larger than 4 GiB');
    this.sizes[id] = size * count;
  }

  private containMembers(id: TypeId, depth: number): void {
    for (let i = 0; i < this.records.vlen(id); i++) {
      const { type } = this.records.member(id, i);
      this.contain(type, depth + 1);
      this.demand(this.sizeOf(type) >= 0, id, `member ${i} has no size`);
      this.checkMember(id, i);
    }
    this.sizes[id] = this.records.size(id);
  }

  private checkMember(id: TypeId, index: number): void {
    const { type, offset, width } = this.records.member(id, index);
    const target = this.targets[type] ?? 0;
    const kind = this.kind(target);
    const bits = 8 * this.records.size(id);
    const fits = (end: number) => this.demand(end <= bits, id, `member ${index} reaches behind its end`);
    if (kind === BtfKind.Int) {
      this.checkIntMember(id, index, target);
      return;
    }
    const bitfield = width !== 0 && kind === BtfKind.Enum;
    this.demand(width === 0 || bitfield, id, `member ${index} is a bitfield`);
    this.demand(bitfield || offset % 8 === 0, id, `member ${index} is not on a byte`);
    if (bitfield) {
      this.demand(width <= ENUM_BITS, id, `member ${index} has ${width} bits`);
      fits(8 * Math.ceil((offset + width) / 8));
      return;
    }
    if (kind === BtfKind.Float) {
      const alignment = Math.min(this.records.size(target), POINTER_BYTES);
      this.demand((offset / 8) % alignment === 0, id, `member ${index} is not aligned`);
    }
    fits(offset + 8 * this.sizeOf(type));
  }

  private checkIntMember(id: TypeId, index: number, int: TypeId): void {
    const { offset, width } = this.records.member(id, index);
    const data = this.records.tail(int, 0);
    const intBits = data & 0xff;
    const start = this.records.kindFlag(id) ? offset : offset + ((data >>> 16) & 0xff);
    if (this.records.kindFlag(id)) {
      this.demand(this.isRegularInt(int), id, `member ${index} is a bitfield of a bitfield`);
      this.demand(width !== 0 || offset % 8 === 0, id, `member ${index} is not on a byte`);
      this.demand(width <= intBits, id, `member ${index} has ${width} bits`);
    }
    const span = (width === 0 ? intBits : width) + (start % 8);
    this.demand(span <= MAX_BITFIELD_SPAN, id, `member ${index} has ${span} bits`);
    const end = Math.floor(start / 8) + Math.ceil(span / 8);
    this.demand(end <= this.records.size(id), id, `member ${index} reaches behind its end`);
  }

  /** An int that is neither a bitfield nor of an odd size. */
  private isRegularInt(id: TypeId): boolean {
    if (this.kind(id) !== BtfKind.Int) return false;
    const data = this.records.tail(id, 0);
    const bytes = (data & 0xff) / 8;
    return (
      ((data >>> 16) & 0xff) === 0 && bytes === this.records.size(id) && [1, 2, 4, 8, 16].includes(bytes)
    );
  }

  /** Bytes of a value of a type that was looked at. */
  private sizeOf(id: TypeId): number {
    return this.sizes[id] ?? NO_SIZE;
  }

  /** Follows pointers and modifiers to something that is neither. */
  private chain(id: TypeId, depth: number): void {
    if (this.chained[id] === Mark.Done) return;
    this.enter(this.chained, id, depth);
    const target = this.records.ref(id);
    const kind = this.kind(target);
    this.demand(!isSource(kind) && kind !== BtfKind.Func, id, `refers to type ${target}`);
    if (kind === BtfKind.Ptr || isModifier(kind)) this.chain(target, depth + 1);
    this.chained[id] = Mark.Done;
  }

  /** Type tags stand before all other modifiers. */
  private checkTagOrder(id: TypeId): void {
    const target = this.records.ref(id);
    const late = this.kind(id) !== BtfKind.TypeTag && this.kind(target) === BtfKind.TypeTag;
    this.demand(!late, id, 'a type tag that does not precede the modifiers');
  }

  private checkVariable(id: TypeId): void {
    const type = this.records.ref(id);
    this.demand(!isSource(this.kind(type)), id, `refers to type ${type}`);
    this.contain(type, 0);
    this.demand(this.sizeOf(type) >= 0, id, 'a type without a size');
  }

  private checkSection(id: TypeId): void {
    for (let i = 0; i < this.records.vlen(id); i++) {
      const variable = this.records.tail(id, 3 * i);
      this.demand(this.kind(variable) === BtfKind.Var, id, `type ${variable} is no variable`);
      this.contain(this.records.ref(variable), 0);
      const size = this.sizeOf(this.records.ref(variable));
      const place = this.records.tail(id, 3 * i + 2);
      this.demand(size >= 0 && size <= place, id, `variable ${i} has ${size} bytes, but ${place} there`);
    }
  }

  private checkFunc(id: TypeId): void {
    const proto = this.records.ref(id);
    const good = proto < this.btf.typeCount && this.kind(proto) === BtfKind.FuncProto;
    this.demand(good, id, `type ${proto} is no prototype`);
    for (let i = 0; i < this.records.vlen(proto); i++) {
      const named = this.records.tail(proto, 2 * i) !== 0 || this.records.tail(proto, 2 * i + 1) === 0;
      this.demand(named, id, `argument ${i + 1} has no name`);
    }
  }

  private checkProto(id: TypeId): void {
    const result = this.records.ref(id);
    if (result !== 0) this.checkValue(id, result, 'result');
    const count = this.records.vlen(id);
    for (let i = 0; i < count; i++) {
      const type = this.records.tail(id, 2 * i + 1);
      const name = this.records.nameAt(this.records.tail(id, 2 * i));
      const unnamed = this.records.tail(id, 2 * i) === 0;
      // "..." is a last argument without type and name
      if (type === 0 && unnamed && i === count - 1) continue;
      this.demand(unnamed || (name !== undefined && isIdentifier(name)), id, `argument ${i + 1}: a bad name`);
      this.checkValue(id, type, `argument ${i + 1}`);
    }
  }

  private checkValue(id: TypeId, type: TypeId, what: string): void {
    const good = type !== 0 && type < this.btf.typeCount && !isSource(this.kind(type));
    this.demand(good, id, `${what} of type ${type}`);
    this.contain(type, 0);
    this.demand(this.sizeOf(type) >= 0, id, `${what} has no size`);
  }

  private checkTag(id: TypeId): void {
    const target = this.records.ref(id);
    this.demand(target !== 0 && target < this.btf.typeCount, id, `refers to type ${target}`);
    const component = this.records.tail(id, 0) | 0;
    const parts = this.partsOf(target);
    this.demand(parts >= 0, id, `type ${target} cannot have a tag`);
    this.demand(component < parts, id, `type ${target} has no part ${component}`);
  }

  /** Members or parameters that tags can be on; -1 when not even the type can have one. */
  private partsOf(id: TypeId): number {
    switch (this.kind(id)) {
      case BtfKind.Struct:
      case BtfKind.Union:
        return this.records.vlen(id);
      case BtfKind.Func: {
        const proto = this.records.ref(id);
        return proto < this.btf.typeCount && this.kind(proto) === BtfKind.FuncProto
          ? this.records.vlen(proto)
          : 0;
      }
      case BtfKind.Var:
      case BtfKind.Typedef:
        return 0;
      default:
        return -1;
    }
  }

  private demand(good: boolean, id: TypeId, problem: string): void {
    if (good) return;
    throw this.btf.error(`type ${id} (${this.records.kindName(id)}): ${problem}`, this.btf.recordOffset(id));
  }
}

function isScalar(kind: BtfKind): boolean {
  return kind === BtfKind.Int || kind === BtfKind.Enum || kind === BtfKind.Enum64 || kind === BtfKind.Float;
}
