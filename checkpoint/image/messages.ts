/** All messages of the images, by name, and the static types of what an entry holds. */
import { ENUMS } from './enums.ts';
import { DRYDOCK_MESSAGES } from './messages/drydock.ts';
import { FILE_MESSAGES } from './messages/files.ts';
import { RING_MESSAGES } from './messages/io-uring.ts';
import { MEMORY_MESSAGES } from './messages/memory.ts';
import { REQUEST_MESSAGES } from './messages/requests.ts';
import { SOCKET_MESSAGES } from './messages/sockets.ts';
import { TASK_MESSAGES } from './messages/task.ts';
import type { EnumTable, Fields, Label, MessageTable, ScalarName, ScalarValues } from './schema.ts';

export const MESSAGES = {
  ...TASK_MESSAGES,
  ...MEMORY_MESSAGES,
  ...FILE_MESSAGES,
  ...SOCKET_MESSAGES,
  ...RING_MESSAGES,
  ...REQUEST_MESSAGES,
  ...DRYDOCK_MESSAGES,
};

export type Messages = typeof MESSAGES;
export type MessageName = keyof Messages;
export type EnumName = keyof typeof ENUMS;

const SCALARS: Readonly<Record<ScalarName, true>> = {
  uint32: true,
  int32: true,
  sint32: true,
  uint64: true,
  int64: true,
  sint64: true,
  fixed64: true,
  bool: true,
  string: true,
  bytes: true,
};

/** The fields of a message, for code that goes over whatever message there is. */
export function fieldsOf(name: MessageName): Fields {
  return MESSAGES[name];
}

/** What the type of a field refers to. */
export type TypeRef =
  | { readonly kind: 'scalar'; readonly name: ScalarName }
  | {
      readonly kind: 'enum';
      readonly name: EnumName;
      readonly values: Readonly<Record<string, number>>;
    }
  | { readonly kind: 'message'; readonly name: MessageName };

export function typeRef(type: string): TypeRef {
  if (Object.hasOwn(SCALARS, type)) return { kind: 'scalar', name: type as ScalarName };
  const values = Object.hasOwn(ENUMS, type) ? (ENUMS as EnumTable)[type] : undefined;
  if (values) return { kind: 'enum', name: type as EnumName, values };
  if (Object.hasOwn(MESSAGES as MessageTable, type)) return { kind: 'message', name: type as MessageName };
  throw new TypeError(`the table of messages has no type ${type}`);
}

type Named<F, L extends Label> = {
  [N in keyof F]: F[N] extends { readonly label: L } ? N : never;
}[keyof F];

type TypeOf<F> = F extends { readonly type: infer T } ? T : never;

/** What a field holds: numbers, bigints for 64 bits, names of enum values, nested entries. */
export type ValueOf<T> = T extends ScalarName
  ? ScalarValues[T]
  : T extends EnumName
    ? keyof (typeof ENUMS)[T] & string
    : T extends MessageName
      ? MessageValue<T>
      : never;

/** An entry as it is read. A repeated field is always there; an optional one only when it was in the image. */
export type MessageValue<M extends MessageName> = {
  -readonly [N in Named<Messages[M], 'required'>]: ValueOf<TypeOf<Messages[M][N]>>;
} & {
  -readonly [N in Named<Messages[M], 'repeated'>]: ValueOf<TypeOf<Messages[M][N]>>[];
} & {
  -readonly [N in Named<Messages[M], 'optional'>]?: ValueOf<TypeOf<Messages[M][N]>>;
};

type InitOf<T> = T extends MessageName ? MessageInit<T> : ValueOf<T>;

/** An entry as it is written: empty repeated fields may be left out. */
export type MessageInit<M extends MessageName> = {
  readonly [N in Named<Messages[M], 'required'>]: InitOf<TypeOf<Messages[M][N]>>;
} & {
  readonly [N in Named<Messages[M], 'repeated'>]?: readonly InitOf<TypeOf<Messages[M][N]>>[];
} & {
  readonly [N in Named<Messages[M], 'optional'>]?: InitOf<TypeOf<Messages[M][N]>>;
};
