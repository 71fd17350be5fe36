/**
 * Images as JSON by the conventions of crit, CRIU's tool for images: what it prints is read here, and what is
 * printed here it reads. Pretty, some integers are shown as names, addresses or in hexadecimal.
 */
import { base64Decode, base64Encode } from '@bufbuild/protobuf/wire';
import { InputError } from '../../bpf/input-error.ts';
import { parseAddress, showAddress } from './address.ts';
import { codecOf, type FieldCodec, type MessageCodec } from './descriptor.ts';
import { decodeAs, encodeEntries, type Image } from './image.ts';
import type { JsonObject, JsonValue } from './json-text.ts';
import { headExtra, type ImageKind, KIND_NAMES, kindDef } from './kinds.ts';
import { decodeQuotedPrintable, encodeQuotedPrintable } from './quoted-printable.ts';
import type { ScalarName } from './schema.ts';
import { parseInteger, showInteger } from './show.ts';
import { bad, checkRange, isInteger, isWide, quote } from './value.ts';

type Plain = Readonly<Record<string, unknown>>;

export interface ShowOptions {
  readonly pretty?: boolean;
}

/** `{magic, entries}`. Empty lists and absent fields are left out, as crit does. */
export function imageToJson(image: Image, options: ShowOptions = {}): JsonObject {
  const pretty = options.pretty === true;
  const entries = image.entries.map((entry: Plain, index) => {
    const { extra, ...fields } = entry;
    const shown = showMessage(codecAt(image.kind, index), fields, pretty, false);
    return extra instanceof Uint8Array ? { ...shown, extra: toBase64(extra) } : shown;
  });
  return { magic: image.kind, entries };
}

function codecAt(kind: ImageKind, index: number): MessageCodec {
  const { head, entry } = kindDef(kind);
  return codecOf(index === 0 && head ? head : entry);
}

function showMessage(codec: MessageCodec, message: Plain, pretty: boolean, hex: boolean): JsonObject {
  const shown: Record<string, JsonValue> = {};
  for (const field of codec.fields) {
    const value = message[field.name];
    if (value === undefined) continue;
    if (!Array.isArray(value)) shown[field.name] = showValue(field, value, pretty, hex);
    else if (value.length > 0) shown[field.name] = showList(field, value, pretty, hex);
  }
  return shown;
}

function showList(field: FieldCodec, list: unknown[], pretty: boolean, hex: boolean): JsonValue {
  const address = pretty && field.show.address ? showAddress(list as number[]) : undefined;
  return address === undefined ? list.map((item) => showValue(field, item, pretty, hex)) : [address];
}

function showValue(field: FieldCodec, value: unknown, pretty: boolean, outerHex: boolean): JsonValue {
  const hex = outerHex || field.show.hex === true;
  if (field.type.kind === 'message') {
    return showMessage(codecOf(field.type.name), value as Plain, pretty, hex);
  }
  if (value instanceof Uint8Array) return field.show.text ? encodeQuotedPrintable(value) : toBase64(value);
  if (typeof value !== 'number' && typeof value !== 'bigint') return value as string | boolean;
  const text = pretty ? showInteger(field, BigInt(value), hex) : undefined;
  return text ?? (Number.isSafeInteger(Number(value)) ? Number(value) : value);
}

/**
 * The image that a JSON view shows; pretty ones are understood too.
 * @param view as readJson gives it
 * @throws {InputError} naming the field
 */
export function imageFromJson(view: unknown, file = 'the JSON of an image'): Image {
  try {
    const { magic, entries, ...others } = objectOf(view, 'the image');
    const [other] = Object.keys(others);
    if (other !== undefined) throw bad('the image', `has no ${other}`);
    const kind = KIND_NAMES.find((name) => name === magic);
    if (!kind) throw bad('magic', `${quote(magic)} is the magic of no image`);
    const plain = listOf(entries, 'entries').map((entry, index) => parseEntry(kind, entry, index));
    return { kind, entries: decodeAs(kind, file, encodeEntries(kind, plain)) } as Image;
  } catch (error) {
    if (!(error instanceof InputError) || error.file !== undefined) throw error;
    throw new InputError(error.reason, { file });
  }
}

function objectOf(value: unknown, path: string): Plain {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw bad(path, `${quote(value)} is no object`);
  }
  return value as Plain;
}

function listOf(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw bad(path, `${quote(value)} is no list`);
  return value;
}

function parseEntry(kind: ImageKind, entry: unknown, index: number): Plain {
  const path = `entries[${index}]`;
  const { extra, ...fields } = objectOf(entry, path);
  const parsed = parseMessage(codecAt(kind, index), fields, path);
  if (!takesExtra(kind, parsed, index)) {
    if (extra !== undefined) throw bad(`${path}.extra`, 'nothing follows this message');
    return parsed;
  }
  return { ...parsed, extra: fromBase64(extra, `${path}.extra`) };
}

function takesExtra(kind: ImageKind, message: Plain, index: number): boolean {
  const { head, extra } = kindDef(kind);
  return head && index === 0 ? headExtra(kind, message) : extra !== undefined;
}

function parseMessage(codec: MessageCodec, view: unknown, path: string): Plain {
  const parsed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(objectOf(view, path))) {
    const field = codec.byName.get(name);
    if (!field) throw bad(path, `${codec.name} has no field ${name}`);
    const at = `${path}.${name}`;
    parsed[name] = field.label === 'repeated' ? parseList(field, value, at) : parseValue(field, value, at);
  }
  return parsed;
}

function parseList(field: FieldCodec, value: unknown, path: string): unknown[] {
  const list = listOf(value, path);
  const [only] = list;
  if (field.show.address && list.length === 1 && typeof only === 'string' && /[.:]/.test(only)) {
    return parseAddress(only, path);
  }
  return list.map((item, index) => parseValue(field, item, `${path}[${index}]`));
}

function parseValue(field: FieldCodec, value: unknown, path: string): unknown {
  const { type } = field;
  if (type.kind === 'message') return parseMessage(codecOf(type.name), value, path);
  if (type.kind === 'enum') return value;
  if (type.name === 'bytes') return parseBytes(field, value, path);
  return isInteger(type.name) ? parseInt64(field, type.name, value, path) : value;
}

function parseBytes(field: FieldCodec, value: unknown, path: string): Uint8Array {
  if (!field.show.text) return fromBase64(value, path);
  if (typeof value !== 'string') throw bad(path, `${quote(value)} is no text`);
  return decodeQuotedPrintable(value, path);
}

function parseInt64(field: FieldCodec, type: ScalarName, value: unknown, path: string): number | bigint {
  const integer = typeof value === 'string' ? parseInteger(field, value, path) : exact(value, path);
  checkRange(type, integer, path);
  return isWide(type) ? integer : Number(integer);
}

function exact(value: unknown, path: string): bigint {
  if (typeof value === 'bigint' || Number.isSafeInteger(value)) return BigInt(value as number | bigint);
  throw bad(path, `${quote(value)} is no integer`);
}

const BASE64_LINE = 76;

/** Lines as of a mail, each with its end. */
function toBase64(bytes: Uint8Array): string {
  const text = base64Encode(bytes);
  let lines = '';
  for (let at = 0; at < text.length; at += BASE64_LINE) lines += `${text.slice(at, at + BASE64_LINE)}\n`;
  return lines;
}

function fromBase64(value: unknown, path: string): Uint8Array {
  if (typeof value !== 'string') throw bad(path, `${quote(value)} is no base64`);
  const text = value.replace(/\s+/g, '');
  try {
    const bytes = base64Decode(text);
    if (base64Encode(bytes) === text) return bytes;
  } catch {
    // Told below, as what does not come out the same.
  }
  throw bad(path, `${quote(value)} is no base64`);
}
