/**
 * Checks what decoding alone does not: that all ids and strings that types refer to exist, that each refers to
 * a type of a kind that can stand there, and that no type contains itself by value.
 */
import { type Btf, BtfKind, type BtfType, isComposite, isModifier, type TypeId } from './btf.ts';

/** @throws {InputError} for the first bad type; time and memory grow with the size of the blob. */
export function validateBtf(btf: Btf): void {
  for (let id = btf.firstId; id < btf.typeCount; id++) checkReferences(btf, btf.type(id));
  checkContainment(btf);
}

function checkReferences(btf: Btf, type: BtfType): void {
  const at = btf.recordOffset(type.id);
  for (const id of referredTo(type)) {
    if (id >= btf.typeCount) {
      throw btf.error(`type ${type.id} refers to type ${id}; the last is ${btf.typeCount - 1}`, at);
    }
  }
  const kind = btf.kind(type.type);
  if (type.kind === BtfKind.Func && kind !== BtfKind.FuncProto) {
    throw btf.error(`function ${type.id} has type ${type.type}, which is no function prototype`, at);
  }
  if (type.kind === BtfKind.Int && (type.size === 0 || type.bits > type.size * 8)) {
    throw btf.error(`integer ${type.id} of ${type.size} bytes has ${type.bits} bits`, at);
  }
}

/** Ids that a type refers to in any way. */
function referredTo(type: BtfType): TypeId[] {
  const ids = type.kind === BtfKind.Array ? [type.type, type.index] : [type.type];
  for (const list of [type.members, type.params, type.vars]) for (const item of list) ids.push(item.type);
  return ids;
}

/** Ids whose values a value of the type consists of. */
function contained(type: BtfType): TypeId[] {
  if (isComposite(type.kind)) return type.members.map((member) => member.type);
  const passes = isModifier(type.kind) || type.kind === BtfKind.Typedef || type.kind === BtfKind.Array;
  return passes ? [type.type] : [];
}

const enum Mark {
  New = 0,
  Open = 1,
  Done = 2,
}

/** Depth-first search for cycles, without recursion: chains can be as long as the blob. */
function checkContainment(btf: Btf): void {
  const { firstId } = btf;
  const marks = new Uint8Array(btf.typeCount - firstId);
  for (let root = firstId; root < btf.typeCount; root++) {
    if (marks[root - firstId] !== Mark.New) continue;
    const open = [{ id: root, parts: contained(btf.type(root)), next: 0 }];
    marks[root - firstId] = Mark.Open;
    for (let top = open.at(-1); top; top = open.at(-1)) {
      const part = top.parts[top.next++];
      if (part === undefined) {
        marks[top.id - firstId] = Mark.Done;
        open.pop();
      } else if (part >= firstId && marks[part - firstId] !== Mark.Done) {
        if (marks[part - firstId] === Mark.Open) {
          throw btf.error(`type ${part} contains itself`, btf.recordOffset(part));
        }
        marks[part - firstId] = Mark.Open;
        open.push({ id: part, parts: contained(btf.type(part)), next: 0 });
      }
    }
  }
}
