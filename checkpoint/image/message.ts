/**
 * One message: an entry to protobuf bytes and back. Reading is strict. Bytes that would not come out the same
 * when the entry is written again (an unknown field, a field twice, a number written longer than needed) are
 * refused: what is read is all that there was.
 */
import { fromBinary, type Message, toBinary } from '@bufbuild/protobuf';
import { type ReflectList, type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { InputError } from '../../bpf/input-error.ts';
import { codecOf, type FieldCodec, type MessageCodec } from './descriptor.ts';
import type { MessageInit, MessageName, MessageValue } from './messages.ts';
import { bad, checkScalar, quote } from './value.ts';

/** No message of the table nests as deep. */
const MAX_DEPTH = 16;

/** @throws {InputError} naming the field that holds what it cannot hold */
export function encodeMessage<M extends MessageName>(name: M, entry: MessageInit<M>): Uint8Array {
  return encodeUnknown(name, entry);
}

/** As encodeMessage, of something whose type is not known to be right. */
export function encodeUnknown(name: MessageName, entry: unknown, path: string = name): Uint8Array {
  const codec = codecOf(name);
  return toBinary(codec.desc, build(codec, entry, path).message);
}

function build(codec: MessageCodec, entry: unknown, path: string): ReflectMessage {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry) || entry instanceof Uint8Array) {
    throw bad(path, `${quote(entry)} is no ${codec.name}`);
  }
  const given = entry as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    if (!codec.byName.has(name)) throw bad(path, `${codec.name} has no field ${name}`);
  }
  const message = reflect(codec.desc);
  for (const field of codec.fields) {
    const value = Object.hasOwn(given, field.name) ? given[field.name] : undefined;
    setField(message, field, value, `${path}.${field.name}`);
  }
  return message;
}

function setField(message: ReflectMessage, field: FieldCodec, value: unknown, path: string): void {
  if (value === undefined) {
    if (field.label === 'required') throw bad(path, 'is missing');
  } else if (field.label !== 'repeated') {
    message.set(field.desc, protoValue(field, value, path));
  } else if (Array.isArray(value)) {
    const list = message.get(field.desc) as ReflectList;
    for (const [index, item] of value.entries()) list.add(protoValue(field, item, `${path}[${index}]`));
  } else {
    throw bad(path, `${quote(value)} is no list`);
  }
}

function protoValue(field: FieldCodec, value: unknown, path: string): unknown {
  const { type } = field;
  switch (type.kind) {
    case 'message':
      return build(codecOf(type.name), value, path);
    case 'enum': {
      const number =
        typeof value === 'string' && Object.hasOwn(type.values, value) ? type.values[value] : undefined;
      if (number === undefined) throw bad(path, `${quote(value)} is no ${type.name}`);
      return number;
    }
    case 'scalar':
      checkScalar(type.name, value, path);
      return value;
  }
}

/**
 * @param offset of the bytes in the file, for the error
 * @throws {InputError}
 */
export function decodeMessage<M extends MessageName>(
  name: M,
  bytes: Uint8Array,
  place: { file?: string; offset?: number } = {},
): MessageValue<M> {
  const codec = codecOf(name);
  try {
    const message = parse(codec, bytes);
    const entry = read(codec, reflect(codec.desc, message), name);
    checkCanonical(codec, message, bytes);
    return entry as MessageValue<M>;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(error.reason, { ...place, offset: (place.offset ?? 0) + (error.offset ?? 0) });
  }
}

/** The library tells broken bytes by plain errors of many kinds. */
function parse(codec: MessageCodec, bytes: Uint8Array): Message {
  try {
    return fromBinary(codec.desc, bytes, { recursionLimit: MAX_DEPTH });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw bad(codec.name, `the bytes are no such message (${reason})`);
  }
}

function read(codec: MessageCodec, message: ReflectMessage, path: string): Record<string, unknown> {
  const unknown = message.getUnknown()?.[0];
  if (unknown) throw unknownField(codec, unknown.no, path);
  const entry: Record<string, unknown> = {};
  for (const field of codec.fields) {
    if (field.label === 'repeated') {
      const list = message.get(field.desc) as ReflectList;
      entry[field.name] = Array.from(list, (item, index) =>
        plainValue(field, item, `${path}.${field.name}[${index}]`),
      );
    } else if (message.isSet(field.desc)) {
      entry[field.name] = plainValue(field, message.get(field.desc), `${path}.${field.name}`);
    } else if (field.label === 'required') {
      throw bad(`${path}.${field.name}`, 'is missing');
    }
  }
  return entry;
}

/** The library also calls unknown what is not one of the values of an enum. */
function unknownField(codec: MessageCodec, number: number, path: string): InputError {
  const field = codec.byNumber.get(number);
  if (!field) return bad(path, `${codec.name} has no field with number ${number}`);
  return bad(`${path}.${field.name}`, `the number is none of ${field.type.name}`);
}

function plainValue(field: FieldCodec, value: unknown, path: string): unknown {
  const { type } = field;
  switch (type.kind) {
    case 'message':
      return read(codecOf(type.name), value as ReflectMessage, path);
    case 'enum': {
      const name = Object.keys(type.values).find((key) => type.values[key] === value);
      if (name === undefined) throw bad(path, `${quote(value)} is none of ${type.name}`);
      return name;
    }
    case 'scalar':
      // A copy: the library hands out parts of the file.
      return value instanceof Uint8Array ? value.slice() : value;
  }
}

function checkCanonical(codec: MessageCodec, message: Message, bytes: Uint8Array): void {
  const again = toBinary(codec.desc, message);
  const length = Math.min(again.length, bytes.length);
  for (let at = 0; at < length; at++) {
    if (again[at] !== bytes[at]) throw notCanonical(codec, at);
  }
  if (again.length !== bytes.length) throw notCanonical(codec, length);
}

function notCanonical(codec: MessageCodec, offset: number): InputError {
  return new InputError(`${codec.name}: the bytes are not in the one form that writers use`, { offset });
}
