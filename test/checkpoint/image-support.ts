/** Entries and images at random, made from the same table that the codec is made from. */
import fc, { type Arbitrary } from 'fast-check';
import { codecOf, type FieldCodec } from '../../checkpoint/image/descriptor.ts';
import { encodeEntries, type Image } from '../../checkpoint/image/image.ts';
import { headExtra, type ImageKind, KIND_NAMES, kindDef } from '../../checkpoint/image/kinds.ts';
import { MESSAGES, type MessageName } from '../../checkpoint/image/messages.ts';
import type { ScalarName } from '../../checkpoint/image/schema.ts';
import { isWide } from '../../checkpoint/image/value.ts';

export const MESSAGE_NAMES = Object.keys(MESSAGES) as MessageName[];

export type Entry = Record<string, unknown>;

/** What may be generated; everything when left out. */
export interface Limits {
  field?: (message: MessageName, field: FieldCodec) => boolean;
  enumValue?: (type: string, value: string) => boolean;
  /** Takes the place of the value that was drawn. */
  adapt?: (field: FieldCodec, value: unknown) => unknown;
}

function signed(bits: number): Arbitrary<bigint> {
  const half = 1n << BigInt(bits - 1);
  return fc.oneof(
    fc.bigInt({ min: -half, max: half - 1n }),
    fc.constantFrom(0n, 1n, -1n, half - 1n, -half),
    fc.bigInt({ min: -300n, max: 300n }),
  );
}

function unsigned(bits: number): Arbitrary<bigint> {
  const max = (1n << BigInt(bits)) - 1n;
  return fc.oneof(
    fc.bigInt({ min: 0n, max }),
    fc.constantFrom(0n, 1n, 127n, 128n, max, max >> 1n),
    fc.bigInt({ min: 0n, max: 300n }),
  );
}

function scalar(type: ScalarName): Arbitrary<unknown> {
  switch (type) {
    case 'bool':
      return fc.boolean();
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 12 });
    case 'bytes':
      return fc.uint8Array({ maxLength: 130 });
    default: {
      const number = type.startsWith('u') || type === 'fixed64' ? unsigned : signed;
      return isWide(type) ? number(64) : number(32).map(Number);
    }
  }
}

function value(field: FieldCodec, limits: Limits): Arbitrary<unknown> {
  const { type } = field;
  if (type.kind === 'message') return entryOf(type.name, limits);
  if (type.kind === 'scalar') return scalar(type.name).map((drawn) => limits.adapt?.(field, drawn) ?? drawn);
  const names = Object.keys(type.values).filter((name) => limits.enumValue?.(type.name, name) ?? true);
  return fc.constantFrom(...names);
}

function fieldOf(field: FieldCodec, limits: Limits): Arbitrary<unknown> {
  if (field.label !== 'repeated') return value(field, limits);
  return fc
    .array(value(field, limits), { maxLength: 4 })
    .map((list) => (limits.adapt?.(field, list) as unknown[] | undefined) ?? list);
}

/** An entry as it is read: with all repeated fields. */
export function entryOf(name: MessageName, limits: Limits = {}): Arbitrary<Entry> {
  const fields = codecOf(name).fields.filter((field) => limits.field?.(name, field) ?? true);
  const model = Object.fromEntries(fields.map((field) => [field.name, fieldOf(field, limits)]));
  const requiredKeys = fields.filter(({ label }) => label !== 'optional').map((field) => field.name);
  return fc.record(model, { requiredKeys, noNullPrototype: true });
}

/** Bytes behind the message, and the fields that tell of them. */
function withExtra(kind: ImageKind, entry: Arbitrary<Entry>): Arbitrary<Entry> {
  const lengths = kindDef(kind).extra?.length;
  if (!lengths) return entry;
  const parts = fc.array(fc.uint8Array({ maxLength: 90 }), {
    minLength: lengths.length,
    maxLength: lengths.length,
  });
  return fc.tuple(entry, parts).map(([fields, bytes]) => {
    const told = lengths.map((name, index) => {
      const size = bytes[index]?.length ?? 0;
      return [name, typeof fields[name] === 'bigint' ? BigInt(size) : size] as const;
    });
    return { ...fields, ...Object.fromEntries(told), extra: Uint8Array.from(bytes.flatMap((b) => [...b])) };
  });
}

export function entriesOf(kind: ImageKind, limits: Limits = {}): Arbitrary<Entry[]> {
  const { head, entry } = kindDef(kind);
  const rest = fc.array(withExtra(kind, entryOf(entry, limits)), { maxLength: 3 });
  if (!head) return rest;
  return fc
    .tuple(entryOf(head, limits), rest, fc.uint8Array({ maxLength: 90 }))
    .map(([first, others, extra]) => (headExtra(kind, first) ? [{ ...first, extra }] : [first, ...others]));
}

export function imageOf(kind: ImageKind, limits: Limits = {}): Arbitrary<Image> {
  return entriesOf(kind, limits).map((entries) => ({ kind, entries }) as unknown as Image);
}

export function anyImage(limits: Limits = {}): Arbitrary<Image> {
  return fc.oneof(...KIND_NAMES.map((kind) => imageOf(kind, limits)));
}

export function bytesOf(image: Image): Uint8Array {
  return encodeEntries(image.kind, image.entries);
}

/** A name that files of this kind have. */
export function fileOf(kind: ImageKind): string {
  return (kindDef(kind).files[0] as string).replace('%d', '7').replace('%x', '1f');
}
