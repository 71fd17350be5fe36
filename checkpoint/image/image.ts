/** Image files: magic, then size, message and what follows it, again and again up to the end of the file. */
import { InputError } from '../../bpf/input-error.ts';
import {
  headExtra,
  type ImageKind,
  type KINDS,
  type KindDef,
  kindDef,
  kindOfFile,
  magicsOf,
} from './kinds.ts';
import { decodeMessage, encodeUnknown } from './message.ts';
import type { MessageInit, MessageName, MessageValue } from './messages.ts';
import { bad, quote } from './value.ts';

/** No message comes near it: whatever is larger is not one. */
const MAX_MESSAGE = 16 << 20;
const WORD = 4;

type Extra = { extra: Uint8Array };
type DefOf<K extends ImageKind> = (typeof KINDS)[K];
type HeadOf<K extends ImageKind> =
  DefOf<K> extends { readonly head: infer H extends MessageName } ? H : never;
type HasExtra<K extends ImageKind> = DefOf<K> extends { readonly extra: object } ? true : false;

/** An entry of an image; `extra` holds the bytes behind the message where the kind has such. */
export type Entry<K extends ImageKind> = MessageValue<DefOf<K>['entry']> &
  (HasExtra<K> extends true ? Extra : unknown);
export type EntryInit<K extends ImageKind> = MessageInit<DefOf<K>['entry']> &
  (HasExtra<K> extends true ? Readonly<Extra> : unknown);

/** All entries. Where the first is another message (pagemaps, ghost files), it is always there. */
export type Entries<K extends ImageKind> = [HeadOf<K>] extends [never]
  ? Entry<K>[]
  : [MessageValue<HeadOf<K>> & Partial<Extra>, ...Entry<K>[]];
export type EntriesInit<K extends ImageKind> = [HeadOf<K>] extends [never]
  ? readonly EntryInit<K>[]
  : readonly [MessageInit<HeadOf<K>> & Partial<Extra>, ...EntryInit<K>[]];

export type Image = { [K in ImageKind]: { readonly kind: K; readonly entries: Entries<K> } }[ImageKind];

type AnyEntry = Readonly<Record<string, unknown>>;

/** @throws {InputError} naming the field that holds what it cannot hold */
export function encodeImage<K extends ImageKind>(kind: K, entries: EntriesInit<K>): Uint8Array {
  return encodeEntries(kind, entries);
}

/** As encodeImage, of entries whose types are not known to be right. */
export function encodeEntries(kind: ImageKind, entries: readonly unknown[]): Uint8Array {
  const def = kindDef(kind);
  if (def.head && entries.length === 0) throw bad(kind, `the first entry, a ${def.head}, is missing`);
  const parts: Uint8Array[] = magicsOf(kind).map(word);
  entries.forEach((entry, index) => {
    const path = `${kind}[${index}]`;
    if (typeof entry !== 'object' || entry === null) throw bad(path, `${quote(entry)} is no entry`);
    const { extra, ...fields } = entry as AnyEntry;
    const message = encodeUnknown(messageAt(def, index), fields, path);
    if (message.length > MAX_MESSAGE) throw bad(path, `${message.length} bytes are more than a message has`);
    parts.push(word(message.length), message);
    const wanted = extraLength(kind, fields, index);
    if (wanted !== undefined) parts.push(checkExtra(extra, wanted, path));
    else if (extra !== undefined) throw bad(`${path}.extra`, 'nothing follows this message');
  });
  checkHeadAlone(kind, entries);
  return concat(parts);
}

function messageAt(def: KindDef, index: number): MessageName {
  return index === 0 && def.head ? def.head : def.entry;
}

/** Number of bytes behind a message: undefined when the kind has none, 'rest' for all that there are. */
function extraLength(kind: ImageKind, fields: AnyEntry, index: number): bigint | 'rest' | undefined {
  const { head, extra } = kindDef(kind);
  if (head && index === 0) return headExtra(kind, fields) ? 'rest' : undefined;
  return extra?.length.reduce((sum, name) => sum + BigInt(fields[name] as number | bigint), 0n);
}

function checkExtra(extra: unknown, wanted: bigint | 'rest', path: string): Uint8Array {
  if (!(extra instanceof Uint8Array)) throw bad(`${path}.extra`, `${quote(extra)} is no bytes`);
  if (wanted !== 'rest' && BigInt(extra.length) !== wanted) {
    throw bad(`${path}.extra`, `${extra.length} bytes, where the message tells of ${wanted}`);
  }
  return extra;
}

function checkHeadAlone(kind: ImageKind, entries: readonly unknown[]): void {
  const head = entries[0];
  if (entries.length > 1 && headExtra(kind, head as AnyEntry)) {
    throw bad(`${kind}[1]`, 'a ghost file that is not kept in chunks has one entry');
  }
}

/**
 * The image in a file; the name says of what kind it is.
 * @throws {InputError} with the offset
 */
export function decodeImage(file: string, bytes: Uint8Array): Image {
  const kind = kindOfFile(file);
  if (kind === undefined) throw new InputError('no image has such a name', { file });
  if (kind === 'PAGES') throw new InputError('holds raw pages, not messages', { file });
  return { kind, entries: decodeAs(kind, file, bytes) } as Image;
}

/** The entries of a file that is known to be of this kind. @throws {InputError} with the offset */
export function decodeAs<K extends ImageKind>(kind: K, file: string, bytes: Uint8Array): Entries<K> {
  const def = kindDef(kind);
  const entries: unknown[] = [];
  let offset = checkMagic(kind, file, bytes);
  while (offset < bytes.length) {
    const size = readSize(file, bytes, offset);
    offset += WORD;
    const message = take(file, bytes, offset, BigInt(size), 'the message');
    const fields = decodeMessage(messageAt(def, entries.length), message, { file, offset });
    offset += size;
    const length = extraLength(kind, fields, entries.length);
    if (length === undefined) {
      entries.push(fields);
      continue;
    }
    const wanted = length === 'rest' ? BigInt(bytes.length - offset) : length;
    const extra = take(file, bytes, offset, wanted, 'the data behind the message').slice();
    entries.push({ ...fields, extra });
    offset += extra.length;
  }
  if (def.head && entries.length === 0) {
    throw new InputError(`the first entry, a ${def.head}, is missing`, { file, offset });
  }
  return entries as Entries<K>;
}

/** @returns the offset of the first entry @throws {InputError} */
export function checkMagic(kind: ImageKind, file: string, bytes: Uint8Array): number {
  let offset = 0;
  for (const magic of magicsOf(kind)) {
    if (bytes.length < offset + WORD) throw cut(file, bytes, offset, 'the magic', WORD);
    const found = view(bytes).getUint32(offset, true);
    if (found !== magic) {
      const reason = `the magic is ${hex(found)}, that of ${kind} images is ${hex(magic)}`;
      throw new InputError(reason, { file, offset });
    }
    offset += WORD;
  }
  return offset;
}

function readSize(file: string, bytes: Uint8Array, offset: number): number {
  if (bytes.length < offset + WORD) throw cut(file, bytes, offset, 'the size of a message', WORD);
  const size = view(bytes).getUint32(offset, true);
  if (size <= MAX_MESSAGE) return size;
  throw new InputError(`a message of ${size} bytes: more than one has`, { file, offset });
}

function take(file: string, bytes: Uint8Array, offset: number, length: bigint, what: string): Uint8Array {
  if (length > BigInt(bytes.length - offset)) throw cut(file, bytes, offset, what, length);
  return bytes.subarray(offset, offset + Number(length));
}

function cut(
  file: string,
  bytes: Uint8Array,
  offset: number,
  what: string,
  length: number | bigint,
): InputError {
  const reason = `${what} has ${length} bytes, the file ends after ${bytes.length - offset} of them`;
  return new InputError(reason, { file, offset });
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}

function word(value: number): Uint8Array {
  const bytes = new Uint8Array(WORD);
  view(bytes).setUint32(0, value, true);
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
