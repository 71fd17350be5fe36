// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/**
 * Types of objects and of map values, as far as the kernel looks after parts of them. The host reads them out of
 * BTF and registers each before it is used; equal ones share a number, so that loading the same program over and
 * over takes no memory.
 */
import { ObjectField } from '../../bpf/object-abi.ts';
import { privateAlloc } from './heap.ts';
import { MAX_FIELDS } from './map.ts';

@unmanaged
export class FieldRecord {
  /** `ObjectField` */
  kind: u32;
  /** Bytes from the start of the object or value, and bytes of the field. */
  offset: u32;
  size: u32;
  /** Roots: offset of the node in what they hold. */
  node: u32;
}

@unmanaged
export class ObjectType {
  /** Bytes of an object. */
  size: u32;
  fieldCount: u32;
  /** Offset of the reference count; -1 for none. */
  refcount: i32;
  pad: u32;
}

const HEAD: u32 = <u32>offsetof<ObjectType>();
const FIELD: u32 = <u32>offsetof<FieldRecord>();
const TYPE_SIZE: u32 = HEAD + MAX_FIELDS * FIELD;
const PAGE: u32 = 64;
const MAX_PAGES: u32 = 256;

const pages: usize = memory.data(MAX_PAGES * 4, 4);
/** Types registered: their numbers are 1.. */
let count: u32 = 0;
/** The type that is being told. */
const draft = changetype<ObjectType>(memory.data(TYPE_SIZE, 8));

/** The type of a number; null when there is none. */
export function objectType(number: u32): ObjectType | null {
  return number === 0 || number > count ? null : changetype<ObjectType>(place(number));
}

/** Field `index` of a type. */
export function fieldOf(type: ObjectType, index: u32): FieldRecord {
  return changetype<FieldRecord>(changetype<usize>(type) + HEAD + index * FIELD);
}

/** Begins to tell a type of so many bytes. */
export function beginType(size: u32): void {
  memory.fill(changetype<usize>(draft), 0, TYPE_SIZE);
  draft.size = size;
  draft.refcount = -1;
}

/** Tells a field of it. @returns false when it does not fit or there are too many. */
export function addTypeField(kind: u32, offset: u32, size: u32, node: u32): bool {
  if (draft.fieldCount === MAX_FIELDS || <u64>offset + size > draft.size) return false;
  const field = fieldOf(draft, draft.fieldCount++);
  field.kind = kind;
  field.offset = offset;
  field.size = size;
  field.node = node;
  if (kind === ObjectField.Refcount) draft.refcount = <i32>offset;
  return true;
}

/** Number of the type that was told; 0 when there is no more room. */
export function registerType(): u32 {
  for (let number: u32 = 1; number <= count; number++) {
    if (memory.compare(place(number), changetype<usize>(draft), TYPE_SIZE) === 0) return number;
  }
  const page = pages + (count / PAGE) * 4;
  if (count === PAGE * MAX_PAGES) return 0;
  if (load<u32>(page) === 0) store<u32>(page, privateAlloc(TYPE_SIZE * PAGE, 8));
  if (load<u32>(page) === 0) return 0;
  count++;
  memory.copy(place(count), changetype<usize>(draft), TYPE_SIZE);
  return count;
}

function place(number: u32): usize {
  const index = number - 1;
  return <usize>load<u32>(pages + (index / PAGE) * 4) + (index % PAGE) * TYPE_SIZE;
}
