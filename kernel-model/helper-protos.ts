/** What the kernel's verifier demands of each helper: helpers.json and registers.json, in numbers. */
import { type Btf, BtfKind, type TypeId } from '../bpf/btf.ts';
import type { JsonValue } from './json-value.ts';
import { typeNumber } from './type-numbers.ts';

export interface HelperArg {
  /** Argument type with its flags, as in verifier/types.ts. */
  readonly type: number;
  /** struct that a BTF pointer must point to; 0 when none is prescribed. */
  readonly btfId: TypeId;
  /** The verifier derives the struct itself (bpf_kptr_xchg: from the map's field). */
  readonly derived: boolean;
  /** Bytes, for memory of fixed size; else 0. */
  readonly size: number;
}

export interface HelperProto {
  /** Name of the prototype object; a helper may have several. */
  readonly name: string;
  readonly args: readonly HelperArg[];
  /** Return type with its flags. */
  readonly ret: number;
  readonly retBtfId: TypeId;
  readonly retDerived: boolean;
  readonly gplOnly: boolean;
  readonly packetAccess: boolean;
  readonly mightSleep: boolean;
  readonly fastcall: boolean;
  /** Kernel function that decides for each program, "" for none: see HelperProtos.allowed. */
  readonly allowed: string;
}

const DERIVED = '*';
const STRUCTS = [BtfKind.Struct, BtfKind.Union] as const;

export function parseHelperProtos(json: JsonValue, btf: Btf): Map<string, HelperProto> {
  const protos = new Map<string, HelperProto>();
  for (const [name, record] of json.entries()) protos.set(name, parseProto(name, record, btf));
  return protos;
}

function parseProto(name: string, json: JsonValue, btf: Btf): HelperProto {
  json.fields(
    'func',
    'gpl',
    'packet',
    'sleeps',
    'fastcall',
    'args',
    'ret',
    'argTypes',
    'argSizes',
    'retType',
    'allowed',
  );
  const argTypes = json.find('argTypes');
  const argSizes = json.find('argSizes');
  const args = json
    .get('args')
    .items()
    .map((arg, index): HelperArg => {
      const type = argTypes?.find(String(index + 1))?.string();
      return {
        type: spelled(arg),
        btfId: structId(type, json, btf),
        derived: type === DERIVED,
        size: argSizes?.find(String(index + 1))?.integer() ?? 0,
      };
    });
  const retType = json.find('retType')?.string();
  const flag = (key: string) => json.find(key)?.boolean() ?? false;
  return {
    name,
    args,
    ret: spelled(json.get('ret')),
    retBtfId: structId(retType, json, btf),
    retDerived: retType === DERIVED,
    gplOnly: flag('gpl'),
    packetAccess: flag('packet'),
    mightSleep: flag('sleeps'),
    fastcall: flag('fastcall'),
    allowed: json.find('allowed')?.string() ?? '',
  };
}

function structId(type: string | undefined, json: JsonValue, btf: Btf): TypeId {
  if (type === undefined || type === DERIVED) return 0;
  const id = btf.find(type, ...STRUCTS);
  if (id === 0) throw json.error(`the kernel has no struct ${type}`);
  return id;
}

function spelled(json: JsonValue): number {
  try {
    return typeNumber(json.string());
  } catch (error) {
    throw json.error((error as Error).message);
  }
}

export interface RegisterRules {
  /** Argument base type -> register types it takes, in the order in which a mismatch lists them. */
  readonly accepts: ReadonlyMap<number, readonly number[]>;
  /** Register base type -> kernel struct it can stand for. */
  readonly structs: ReadonlyMap<number, TypeId>;
}

export function parseRegisters(json: JsonValue, btf: Btf): RegisterRules {
  json.fields('accepts', 'structs');
  const accepts = json.get('accepts').entries();
  const structs = json.get('structs').entries();
  return {
    accepts: new Map(accepts.map(([arg, types]) => [typeNumber(arg), types.items().map(spelled)])),
    structs: new Map(structs.map(([reg, type]) => [typeNumber(reg), structId(type.string(), type, btf)])),
  };
}
