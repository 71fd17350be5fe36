/**
 * Contexts as JSON: `{"mark": 1, "cb": [1, 2]}` for contexts that are a struct of the ABI, `{"args": [1, 2]}` or
 * hexadecimal bytes for those that are just bytes.
 */
import { type Btf, BtfKind } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import { ProgType } from '../loader/prog-type.ts';
import { SKB_TYPES } from '../vm/context/rewrite.ts';
import { parseHex } from './hex.ts';

interface Field {
  readonly name: string;
  readonly offset: number;
  /** Bytes of one value: 1, 2, 4 or 8. */
  readonly width: number;
  readonly count: number;
}

/** Arguments that fit into a context of u64 words. */
const MAX_ARGUMENTS = 8191;

/** Name of the struct that `ctx_in` of a program type is; undefined for plain bytes. */
function structOf(type: number): string | undefined {
  if (type === ProgType.Xdp) return 'xdp_md';
  if (type === ProgType.FlowDissector) return 'bpf_flow_keys';
  if (type === ProgType.SkLookup) return 'bpf_sk_lookup';
  return SKB_TYPES.has(type) ? '__sk_buff' : undefined;
}

/** `ctx_in` for a program type out of JSON text. @throws {InputError} */
export function encodeContext(text: string, type: number, btf: Btf): Uint8Array {
  const value = parse(text);
  if (typeof value === 'string') return parseHex(value, '--ctx-in');
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InputError('--ctx-in is neither an object nor a string of hexadecimal digits');
  try {
    return encodeFields(value, type, btf);
  } catch (error) {
    if (error instanceof InputError) throw new InputError(`--ctx-in: ${error.reason}`);
    throw error;
  }
}

/** `ctx_in` for a program type out of its fields, or out of `args` for those without a struct. @throws {InputError} */
export function encodeFields(value: object, type: number, btf: Btf): Uint8Array {
  const struct = structOf(type);
  const entries = Object.entries(value);
  if (struct === undefined) return encodeArguments(entries);
  const { fields, size } = fieldsOf(btf, struct);
  const bytes = new Uint8Array(size);
  for (const [name, given] of entries) {
    const field = fields.find((candidate) => candidate.name === name);
    if (!field) {
      const known = fields.map((candidate) => candidate.name).join(', ');
      throw new InputError(`struct ${struct} has no field ${name}; it has ${known}`);
    }
    put(bytes, field, Array.isArray(given) ? given : [given]);
  }
  return bytes;
}

/** `ctx_out` for people and programs: fields that are not 0, or hexadecimal bytes. */
export function decodeContext(bytes: Uint8Array, type: number, btf: Btf): object | string {
  const struct = structOf(type);
  if (struct === undefined) return Buffer.from(bytes).toString('hex');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = fieldsOf(btf, struct).fields.map(({ name, offset, width, count }) => {
    const values = Array.from({ length: count }, (_, i) => read(view, offset + i * width, width));
    return [name, count === 1 ? values[0] : values] as const;
  });
  const isZero = (value: unknown) => (Array.isArray(value) ? value.every((each) => each === 0) : value === 0);
  return Object.fromEntries(found.filter(([, value]) => !isZero(value)));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`--ctx-in is no JSON: ${(error as Error).message}`);
  }
}

function encodeArguments(entries: readonly (readonly [string, unknown])[]): Uint8Array {
  const [first, ...others] = entries;
  const args: unknown = first?.[1];
  if (first?.[0] !== 'args' || others.length > 0 || !Array.isArray(args) || args.length > MAX_ARGUMENTS)
    throw new InputError('this program type takes {"args": [...]} or hexadecimal digits');
  const bytes = new Uint8Array(args.length * 8);
  put(bytes, { name: 'args', offset: 0, width: 8, count: args.length }, args);
  return bytes;
}

function put(bytes: Uint8Array, field: Field, values: readonly unknown[]): void {
  const { name, offset, width, count } = field;
  if (values.length > count) throw new InputError(`${name} has ${count} values, not ${values.length}`);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => {
    const number = BigInt.asUintN(width * 8, integer(name, value, width));
    for (let byte = 0; byte < width; byte++)
      view.setUint8(offset + i * width + byte, Number((number >> BigInt(8 * byte)) & 0xffn));
  });
}

/** Numbers, and text for those that JSON has no room for. */
function integer(name: string, value: unknown, width: number): bigint {
  const isText = typeof value === 'string' && /^-?(\d+|0x[0-9a-f]+)$/i.test(value);
  const isNumber = typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value));
  if (!isText && !isNumber) throw new InputError(`${name} has to be a whole number`);
  const text = String(value);
  const number = text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
  const bits = BigInt(width * 8);
  if (number >= 1n << bits || number < -(1n << (bits - 1n))) throw new InputError(`${name} has ${bits} bits`);
  return number;
}

function read(view: DataView, at: number, width: number): number | string {
  if (width === 1) return view.getUint8(at);
  if (width === 2) return view.getUint16(at, true);
  if (width === 4) return view.getUint32(at, true);
  const value = view.getBigUint64(at, true);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : `0x${value.toString(16)}`;
}

/** Plain and array members of a struct, those of anonymous structs and unions too. */
function fieldsOf(btf: Btf, struct: string): { fields: Field[]; size: number } {
  const id = btf.find(struct, BtfKind.Struct);
  if (id === 0) throw new InputError(`this kernel has no struct ${struct}`);
  const fields: Field[] = [];
  collect(btf, id, 0, fields);
  return { fields, size: btf.sizeOf(id) };
}

function collect(btf: Btf, id: number, base: number, fields: Field[]): void {
  const type = btf.type(id);
  if (type.kind !== BtfKind.Struct && type.kind !== BtfKind.Union) return;
  for (const member of type.members) {
    const offset = base + member.bitOffset / 8;
    if (member.bitfieldSize !== 0) continue;
    if (member.name === '') {
      collect(btf, member.type, offset, fields);
      continue;
    }
    const under = btf.resolve(member.type);
    const element = under.kind === BtfKind.Array ? under.type : member.type;
    const count = under.kind === BtfKind.Array ? under.count : 1;
    const width = btf.sizeOf(element);
    if ([1, 2, 4, 8].includes(width)) fields.push({ name: member.name, offset, width, count });
  }
}
