/**
 * How the table of messages is written. One table serves for everything: the protobuf descriptors, the static
 * types of entries and the JSON view are all made from it.
 */

/** What a field of each scalar type holds in an entry. */
export interface ScalarValues {
  uint32: number;
  int32: number;
  sint32: number;
  uint64: bigint;
  int64: bigint;
  sint64: bigint;
  fixed64: bigint;
  bool: boolean;
  string: string;
  bytes: Uint8Array;
}

export type ScalarName = keyof ScalarValues;
export type Label = 'required' | 'optional' | 'repeated';

/** How crit shows a field: all but `text` only when it is asked to print pretty. */
export interface Show {
  /** In hexadecimal; in a field that holds a message, all of the message's integers. */
  readonly hex?: true;
  /** Names of the bits that are set; the value is the name of the map. */
  readonly flags?: string;
  /** Name of the value, from the map of this group that has the field's name. */
  readonly dict?: string;
  /** major:minor of a dev_t as the kernel keeps it. */
  readonly device?: true;
  /** major:minor of a dev_t as C libraries encode it. */
  readonly oldDevice?: true;
  /** An IPv4 or IPv6 address. */
  readonly address?: true;
  /** Bytes that are mostly text: quoted-printable, and not only when printing pretty. */
  readonly text?: true;
}

export interface Field<T extends string = string, L extends Label = Label> {
  readonly number: number;
  readonly label: L;
  /** A scalar, an enum or another message. */
  readonly type: T;
  readonly show: Show;
}

/** Name of a field to the field. The order of the numbers, not of the names, is the order on the wire. */
export type Fields = Readonly<Record<string, Field>>;
export type MessageTable = Readonly<Record<string, Fields>>;
export type EnumTable = Readonly<Record<string, Readonly<Record<string, number>>>>;

const PLAIN: Show = {};

export function required<T extends string>(number: number, type: T, show = PLAIN): Field<T, 'required'> {
  return { number, label: 'required', type, show };
}

export function optional<T extends string>(number: number, type: T, show = PLAIN): Field<T, 'optional'> {
  return { number, label: 'optional', type, show };
}

/** Never packed: CRIU's messages are older than that encoding. */
export function repeated<T extends string>(number: number, type: T, show = PLAIN): Field<T, 'repeated'> {
  return { number, label: 'repeated', type, show };
}
