/** What the BTF of a kernel function says of its parameters and its return value, as records for the core. */
import {
  type Btf,
  BtfKind,
  type BtfParam,
  type BtfType,
  isComposite,
  isEnum,
  isModifier,
  type TypeId,
} from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import { ArgKind, ArgMark, KfuncArg, RetKind } from './kfunc-abi.ts';
import type { Packer } from './packer.ts';

/** Names of the kinds as the kernel's messages have them. */
const KIND_NAMES =
  'UNKNOWN INT PTR ARRAY STRUCT UNION ENUM FWD TYPEDEF VOLATILE CONST RESTRICT FUNC FUNC_PROTO VAR DATASEC FLOAT DECL_TAG TYPE_TAG ENUM64'.split(
    ' ',
  );

const ITER_PREFIX = 'bpf_iter_';
/** Structs inside structs that memory for a kernel function may have. */
const MAX_NESTING = 4;

/** Suffixes of parameter names (kernel docs, bpf/kfuncs.rst); a name must be more than its suffix. */
const SUFFIXES: readonly [suffix: string, mark: ArgMark][] = [
  ['__ign', ArgMark.Ignored],
  ['__k', ArgMark.Constant],
  ['__sz', ArgMark.Size],
  ['__szk', ArgMark.ConstSize],
  ['__opt', ArgMark.Optional],
  ['__map', ArgMark.Map],
  ['__alloc', ArgMark.Allocated],
  ['__uninit', ArgMark.Uninit],
  ['__refcounted_kptr', ArgMark.Refcounted],
  ['__nullable', ArgMark.Nullable],
  ['__str', ArgMark.String],
  ['__iter', ArgMark.Iter],
];

/** Types of the kernel that make a parameter special. */
const STRUCTS: readonly [struct: string, mark: ArgMark][] = [
  ['bpf_dynptr', ArgMark.Dynptr],
  // as it was called before 6.12
  ['bpf_dynptr_kern', ArgMark.Dynptr],
  ['bpf_list_head', ArgMark.ListHead],
  ['bpf_list_node', ArgMark.ListNode],
  ['bpf_rb_root', ArgMark.RbRoot],
  ['bpf_rb_node', ArgMark.RbNode],
  ['bpf_wq', ArgMark.Workqueue],
];

/** How the parameters of one kernel function are read. */
export interface ParamContext {
  /** BTF that the function is in, and the kernel's own. */
  btf: Btf;
  vmlinux: Btf;
  /** Takes an iterator as its first parameter. */
  iterates: boolean;
  /** Whether a pointer to this type is a pointer to the program's context. */
  isCtx(pointee: TypeId): boolean;
}

export function kindName(kind: BtfKind): string {
  return KIND_NAMES[kind] ?? 'UNKNOWN';
}

export function isScalar(type: BtfType): boolean {
  return type.kind === BtfKind.Int || isEnum(type.kind);
}

/** Skips modifiers, tags and typedefs; undefined where the BTF is malformed. */
export function resolved(btf: Btf, id: TypeId): BtfType | undefined {
  try {
    return btf.resolve(id);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** Bytes of a value; undefined for types without a size. */
export function byteSize(btf: Btf, id: TypeId): number | undefined {
  try {
    return btf.sizeOf(id);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/**
 * ArgMark.ToScalarStruct for a struct (or union) of numbers and arrays of numbers, and of structs of them;
 * ArgMark.TooDeep for one that was not looked at to its end; else 0.
 */
function structMark(btf: Btf, type: BtfType, depth = 1): number {
  if (!isComposite(type.kind)) return 0;
  for (const member of type.members) {
    const mark = memberMark(btf, member.type, depth);
    if (mark !== ArgMark.ToScalarStruct) return mark;
  }
  return ArgMark.ToScalarStruct;
}

function memberMark(btf: Btf, id: TypeId, depth: number): number {
  const type = resolved(btf, id);
  if (!type) return 0;
  if (isComposite(type.kind)) return depth < MAX_NESTING ? structMark(btf, type, depth + 1) : ArgMark.TooDeep;
  const scalar = type.kind === BtfKind.Array && type.count !== 0 ? resolved(btf, type.type) : type;
  return scalar && isScalar(scalar) ? ArgMark.ToScalarStruct : 0;
}

function nameMarks(name: string): number {
  let marks = 0;
  for (const [suffix, mark] of SUFFIXES) {
    if (name.length > suffix.length && name.endsWith(suffix)) marks |= mark;
  }
  if (name === 'rdonly_buf_size') marks |= ArgMark.RdonlyBufSize;
  if (name === 'rdwr_buf_size') marks |= ArgMark.RdwrBufSize;
  return marks;
}

function pointeeMarks(context: ParamContext, pointer: BtfType, pointee: BtfType): number {
  const { btf, vmlinux } = context;
  let marks = 0;
  for (const [struct, mark] of STRUCTS) {
    if (pointee.id !== 0 && pointee.id === vmlinux.find(struct, BtfKind.Struct)) marks |= mark;
  }
  if (isScalar(pointee)) marks |= ArgMark.ToScalar;
  marks |= structMark(btf, pointee);
  if (pointee.kind === BtfKind.Void) marks |= ArgMark.ToVoid;
  if (pointee.kind === BtfKind.Struct || pointee.kind === BtfKind.Union) marks |= ArgMark.ToStruct;
  if (pointee.kind === BtfKind.FuncProto) marks |= ArgMark.Callback;
  if (context.isCtx(pointer.type)) marks |= ArgMark.Ctx;
  return marks;
}

function packPointer(packer: Packer, at: number, context: ParamContext, pointer: BtfType): number {
  const pointee = resolved(context.btf, pointer.type);
  if (!pointee) return 0;
  packer.u32(at + KfuncArg.RefId, pointee.id);
  packer.u32(at + KfuncArg.RefKindName, packer.text(kindName(pointee.kind)));
  packer.u32(at + KfuncArg.RefName, packer.text(pointee.id === 0 ? '' : pointee.name));
  packer.u32(at + KfuncArg.RefSize, (byteSize(context.btf, pointee.id) ?? -1) >>> 0);
  if (pointee.kind === BtfKind.Struct && pointee.name.startsWith(ITER_PREFIX)) {
    packer.u32(at + KfuncArg.IterId, pointee.id);
    packer.u32(at + KfuncArg.IterSlots, pointee.size >>> 3);
    packer.u32(at + KfuncArg.IterName, packer.text(pointee.name.slice(ITER_PREFIX.length)));
  }
  return pointeeMarks(context, pointer, pointee);
}

/** Writes the record of one parameter. */
export function packParam(
  packer: Packer,
  at: number,
  context: ParamContext,
  param: BtfParam,
  index: number,
): void {
  const type = resolved(context.btf, param.type);
  let marks = nameMarks(param.name);
  // The iterator of an iterator's own functions is their first parameter, whatever its name.
  if (context.iterates) marks = index === 0 ? marks | ArgMark.Iter : marks & ~ArgMark.Iter;
  let kind = ArgKind.Other;
  let size = type?.size ?? 0;
  if (type && isScalar(type)) kind = ArgKind.Scalar;
  if (type?.kind === BtfKind.Ptr) {
    kind = ArgKind.Pointer;
    size = 8;
    marks |= packPointer(packer, at, context, type);
  }
  packer.u32(at + KfuncArg.Kind, kind);
  packer.u32(at + KfuncArg.Size, size);
  packer.u32(at + KfuncArg.Marks, marks >>> 0);
  packer.u32(at + KfuncArg.KindName, packer.text(kindName(type?.kind ?? BtfKind.Void)));
}

/** What a function returns: its kind, the bytes and type of what is pointed to. */
export function returnOf(btf: Btf, id: TypeId): { kind: RetKind; size: number; pointee?: BtfType } {
  const type = resolved(btf, id);
  if (!type) return { kind: RetKind.Other, size: 0 };
  if (type.kind === BtfKind.Void) return { kind: RetKind.Void, size: 0 };
  if (isScalar(type)) return { kind: RetKind.Scalar, size: type.size };
  if (type.kind !== BtfKind.Ptr) return { kind: RetKind.Other, size: 0 };
  const pointee = resolved(btf, type.type);
  if (!pointee) return { kind: RetKind.Other, size: 0 };
  if (pointee.kind === BtfKind.Void) return { kind: RetKind.VoidPointer, size: 0, pointee };
  if (pointee.kind === BtfKind.Struct) return { kind: RetKind.Struct, size: pointee.size, pointee };
  return { kind: RetKind.Pointer, size: byteSize(btf, pointee.id) ?? 0, pointee };
}

/** Skips everything but typedefs: their names can matter. */
export function withoutModifiers(btf: Btf, id: TypeId): BtfType {
  let type = btf.type(id);
  for (let depth = 0; isModifier(type.kind) && depth < 32; depth++) type = btf.type(type.type);
  return type;
}
