/**
 * Decodes what the programs of programs/checkpoint write: records whose layouts stand in the BTF of the object that
 * wrote them, found by name (enumerator RECORD_task of enum record_kind: struct record_task).
 */
import { BTF_INT_SIGNED, type Btf, BtfKind, type BtfMember, type BtfType } from '../../bpf/btf.ts';
import { InputError } from '../../bpf/input-error.ts';

/** Integers of up to 32 bits are numbers, wider ones bigints, arrays of characters text. */
export type Value = number | bigint | string | readonly number[] | readonly bigint[];

export interface DumpRecord {
  /** "task", "ring", ... */
  readonly kind: string;
  readonly [member: string]: Value | Uint8Array;
  /** What stands behind the fixed members. */
  readonly tail: Uint8Array;
}

interface Member {
  readonly name: string;
  readonly offset: number;
  read(view: DataView, at: number): Value;
}

interface RecordLayout {
  readonly kind: string;
  /** Bytes of the fixed members. */
  readonly size: number;
  readonly members: readonly Member[];
}

const HEAD_SIZE = 8;
const PREFIX = 'RECORD_';

export class RecordLayouts {
  private readonly byNumber = new Map<number, RecordLayout>();

  /** @throws {InputError} when the object declares no records. */
  constructor(btf: Btf) {
    const kinds = btf.find('record_kind', BtfKind.Enum);
    if (kinds === 0) throw new InputError('the object has no enum record_kind');
    for (const { name, value } of btf.type(kinds).values) {
      const kind = name.slice(PREFIX.length);
      const id = btf.find(`record_${kind}`, BtfKind.Struct);
      if (id !== 0) this.byNumber.set(Number(value), layoutOf(btf, kind, btf.type(id)));
    }
  }

  /** @throws {InputError} for bytes that are no sequence of records. */
  *decode(bytes: Uint8Array): Generator<DumpRecord> {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; ) {
      const left = bytes.length - at;
      const size = left < HEAD_SIZE ? left : view.getUint32(at + 4, true);
      const layout = left < HEAD_SIZE ? undefined : this.byNumber.get(view.getUint32(at, true));
      if (!layout || size < layout.size || size > left) {
        throw new InputError('the programs wrote something that is no record', { offset: at });
      }
      const record: { [member: string]: Value | Uint8Array } = { kind: layout.kind };
      for (const member of layout.members) record[member.name] = member.read(view, at + member.offset);
      record.tail = bytes.slice(at + layout.size, at + size);
      yield record as unknown as DumpRecord;
      at += size;
    }
  }
}

function layoutOf(btf: Btf, kind: string, type: BtfType): RecordLayout {
  const members = type.members.filter(({ name }) => name !== 'head').map((member) => memberOf(btf, member));
  return { kind, size: type.size, members };
}

function memberOf(btf: Btf, { name, type, bitOffset }: BtfMember): Member {
  const offset = bitOffset / 8;
  const resolved = btf.resolve(type);
  if (resolved.kind !== BtfKind.Array) return { name, offset, read: readerOf(resolved) };
  const element = btf.resolve(resolved.type);
  const { count } = resolved;
  if (element.size === 1) return { name, offset, read: (view, at) => textAt(view, at, count) };
  const read = readerOf(element);
  const all = (view: DataView, at: number) =>
    Array.from({ length: count }, (_, i) => read(view, at + i * element.size)) as number[] | bigint[];
  return { name, offset, read: all };
}

function readerOf({ kind, size, encoding, name }: BtfType): (view: DataView, at: number) => number | bigint {
  const signed = kind === BtfKind.Int && (encoding & BTF_INT_SIGNED) !== 0;
  if (kind !== BtfKind.Int && kind !== BtfKind.Enum)
    throw new InputError(`a record has a member of type ${name}`);
  if (size === 8) return (view, at) => (signed ? view.getBigInt64(at, true) : view.getBigUint64(at, true));
  if (size !== 4) throw new InputError(`a record has a member of ${size} bytes`);
  return (view, at) => (signed ? view.getInt32(at, true) : view.getUint32(at, true));
}

function textAt(view: DataView, at: number, length: number): string {
  return textOf(new Uint8Array(view.buffer, view.byteOffset + at, length));
}

/** Text up to its NUL. */
export function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end));
}
