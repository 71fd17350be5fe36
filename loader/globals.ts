/**
 * Other initial values for an object's global variables, as a loader gives them before it loads: a program that
 * is configured by `const volatile` variables is another program for the verifier with each configuration.
 */
import {
  BTF_INT_BOOL,
  BTF_INT_SIGNED,
  type Btf,
  BtfKind,
  type BtfType,
  isComposite,
  type TypeId,
} from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import { whatThereIs } from './near-names.ts';
import type { MapDef } from './program.ts';

/** Structs without a name within such structs, deeper than this, are not looked into. */
const MAX_DEPTH = 32;
/** Zeros that are made for a .bss section: a small file may name a huge one. */
const MAX_ZEROS = 256 << 20;

const INTEGER = /^-?(0x[0-9a-f]+|0|[1-9][0-9]*)$/i;
const STEP = /^\s*(?:\.\s*(?<member>[A-Za-z_$][\w$]*)|\[\s*(?<index>0x[0-9a-fA-F]+|[0-9]+)\s*\])/;

/** Where variables are found. */
interface Variables {
  maps: readonly MapDef[];
  btf: Btf | undefined;
  /** Byte order of the object's file. */
  littleEndian: boolean;
}

interface Variable {
  name: string;
  map: MapDef;
  type: TypeId;
  offset: number;
}

/** Where a value stands, from the start of its map. */
interface Place {
  type: TypeId;
  bitOffset: number;
  /** 0 when not a bitfield. */
  bits: number;
}

interface Integer {
  bitOffset: number;
  bits: number;
  signed: boolean;
}

/**
 * Puts values into the data of the maps.
 * @param globals path of a variable (`name`, `name.member`, `name[3].member`) to a value: an integer, true, false, or
 *   a name of the variable's enum.
 * @throws {InputError} for a variable that is not there and a value that it cannot have.
 */
export function setGlobals(
  globals: ReadonlyMap<string, string>,
  { maps, btf, littleEndian }: Variables,
): void {
  if (globals.size === 0) return;
  if (!btf) throw new InputError('global variables cannot be set: the object has no BTF that names them');
  const variables = variablesOf(maps, btf);
  for (const [path, value] of globals) {
    const setter = new Setter(btf, littleEndian, path.trim());
    setter.set(variables, value.trim());
  }
}

/** Variables of the sections that are maps, static ones too. */
function variablesOf(maps: readonly MapDef[], btf: Btf): Variable[] {
  return maps.filter(isVariables).flatMap((map) => {
    const datasec = btf.find(map.section, BtfKind.Datasec);
    const { vars } = btf.type(datasec);
    return vars
      .filter(({ type }) => btf.kind(type) === BtfKind.Var)
      .map(({ type, offset }) => ({ name: btf.name(type), map, type: btf.type(type).type, offset }));
  });
}

function isVariables({ section }: MapDef): boolean {
  return /^\.(rodata|data|bss)(\.|$)/.test(section);
}

class Setter {
  private readonly btf: Btf;
  private readonly littleEndian: boolean;
  private readonly path: string;

  constructor(btf: Btf, littleEndian: boolean, path: string) {
    this.btf = btf;
    this.littleEndian = littleEndian;
    this.path = path;
  }

  set(variables: readonly Variable[], text: string): void {
    const variable = this.find(variables);
    const { type, bitOffset, bits } = this.follow(variable);
    const resolved = this.btf.resolve(type);
    const integer = this.integer(resolved, bitOffset, bits);
    const value = this.value(resolved, integer, text);
    this.write(variable.map, integer, value);
  }

  /** The longest name that the path begins with: a static variable of a function has a dot in its own. */
  private find(variables: readonly Variable[]): Variable {
    const { path } = this;
    const named = variables.filter(
      ({ name }) => name !== '' && path.startsWith(name) && /^\s*([.[]|$)/.test(path.slice(name.length)),
    );
    const length = Math.max(0, ...named.map(({ name }) => name.length));
    const [found, ...others] = named.filter(({ name }) => name.length === length);
    if (!found) {
      const name = path.split(/[.[]/, 1)[0]!.trim();
      const names = [...new Set(variables.map((variable) => variable.name))].filter((known) => known !== '');
      throw this.error(`there is no such variable; ${whatThereIs(name, names)}`);
    }
    if (others.length > 0) {
      const sections = [found, ...others].map(({ map }) => map.section).join(', ');
      throw this.error(`several variables have this name (in ${sections})`);
    }
    return found;
  }

  /** Goes by the members and indices behind the variable's name. */
  private follow(variable: Variable): Place {
    let place: Place = { type: variable.type, bitOffset: 8 * variable.offset, bits: 0 };
    let rest = this.path.slice(variable.name.length);
    while (rest.trim() !== '') {
      const step = STEP.exec(rest);
      if (!step) throw this.error(`'${rest.trim()}' is neither a .member nor an [index]`);
      const { member, index } = step.groups as { member?: string; index?: string };
      place = member === undefined ? this.element(place, BigInt(index!)) : this.member(place, member);
      rest = rest.slice(step[0].length);
    }
    return place;
  }

  private element(place: Place, index: bigint): Place {
    const array = this.btf.resolve(place.type);
    if (array.kind !== BtfKind.Array) throw this.error(`what [${index}] stands behind is no array`);
    if (index >= BigInt(array.count)) {
      throw this.error(`index ${index} is out of range: the array has ${array.count} elements`);
    }
    const size = this.btf.sizeOf(array.type);
    return { type: array.type, bitOffset: place.bitOffset + 8 * size * Number(index), bits: 0 };
  }

  private member(place: Place, name: string): Place {
    const struct = this.btf.resolve(place.type);
    if (!isComposite(struct.kind))
      throw this.error(`what .${name} stands behind is neither struct nor union`);
    const found = this.search(struct, name, 0, new Set());
    if (found) return { ...found, bitOffset: place.bitOffset + found.bitOffset };
    throw this.error(`there is no member ${name}; ${whatThereIs(name, this.memberNames(struct))}`);
  }

  /** Looks into members without a name as well. @param seen types that do not have it */
  private search(struct: BtfType, name: string, depth: number, seen: Set<TypeId>): Place | undefined {
    if (depth > MAX_DEPTH || seen.has(struct.id)) return undefined;
    seen.add(struct.id);
    for (const { name: own, type, bitOffset, bitfieldSize } of struct.members) {
      if (own === name) return { type, bitOffset, bits: bitfieldSize };
      const inner = own === '' ? this.btf.resolve(type) : undefined;
      if (!inner || !isComposite(inner.kind)) continue;
      const found = this.search(inner, name, depth + 1, seen);
      if (found) return { ...found, bitOffset: bitOffset + found.bitOffset };
    }
    return undefined;
  }

  private memberNames(struct: BtfType): string[] {
    const seen = new Set<TypeId>();
    const names: string[] = [];
    const collect = ({ id, members }: BtfType, depth: number): void => {
      if (depth > MAX_DEPTH || seen.has(id)) return;
      seen.add(id);
      for (const { name, type } of members) {
        if (name !== '') names.push(name);
        else if (isComposite(this.btf.resolve(type).kind)) collect(this.btf.resolve(type), depth + 1);
      }
    };
    collect(struct, 0);
    return names;
  }

  /** @throws {InputError} when the path does not lead to an integer. */
  private integer(type: BtfType, bitOffset: number, bitfield: number): Integer {
    switch (type.kind) {
      case BtfKind.Int: {
        // Old compilers have types of their own for bitfields.
        const bits = bitfield || type.bits;
        if (bits !== 8 * type.size) this.expectLittleEndian();
        const signed = (type.encoding & BTF_INT_SIGNED) !== 0;
        return { bitOffset: bitOffset + type.intOffset, bits, signed };
      }
      case BtfKind.Enum:
      case BtfKind.Enum64: {
        if (bitfield > 0) this.expectLittleEndian();
        const signed = type.kindFlag || type.values.some(({ value }) => value < 0n);
        return { bitOffset, bits: bitfield || 8 * type.size, signed };
      }
      case BtfKind.Array:
        throw this.error(`it is an array of ${type.count} elements: name one, as in ${this.path}[0]`);
      case BtfKind.Struct:
      case BtfKind.Union: {
        const names = this.memberNames(type).slice(0, 8).join(', ');
        throw this.error(`it has members (${names}): name one, as in ${this.path}.NAME`);
      }
      default:
        throw this.error('it is not an integer, so it cannot be set');
    }
  }

  /** The data of other objects has been turned around value by value, and their bitfields count from the other end. */
  private expectLittleEndian(): void {
    if (!this.littleEndian) throw this.error('bitfields of big-endian objects cannot be set');
  }

  private value(type: BtfType, { bits, signed }: Integer, text: string): bigint {
    const value = this.parse(type, text);
    const isBool = (type.encoding & BTF_INT_BOOL) !== 0;
    const least = signed ? -(1n << BigInt(bits - 1)) : 0n;
    const most = isBool ? 1n : (1n << BigInt(signed ? bits - 1 : bits)) - 1n;
    if (value < least || value > most) {
      throw this.error(`${text} does not fit: it takes ${least} to ${most}`);
    }
    return value;
  }

  private parse(type: BtfType, text: string): bigint {
    if (INTEGER.test(text)) return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
    const names = new Map(type.values.map(({ name, value }) => [name, value]));
    const named = names.get(text);
    if (named !== undefined) return named;
    if (text === 'true') return 1n;
    if (text === 'false') return 0n;
    if (names.size > 0) {
      throw this.error(
        `'${text}' is neither an integer nor of its enum; ${whatThereIs(text, [...names.keys()])}`,
      );
    }
    throw this.error(`'${text}' is not an integer (decimal, 0x hexadecimal, true or false)`);
  }

  private write(map: MapDef, { bitOffset, bits }: Integer, value: bigint): void {
    if (bitOffset + bits > 8 * map.valueSize) {
      throw this.error(`it stands behind the end of section ${map.section}`);
    }
    map.data ??= this.zeros(map);
    for (let bit = 0; bit < bits; bit++) {
      const at = Math.floor((bitOffset + bit) / 8);
      const mask = 1 << ((bitOffset + bit) % 8);
      const isSet = ((value >> BigInt(bit)) & 1n) === 1n;
      map.data[at] = isSet ? map.data[at]! | mask : map.data[at]! & ~mask;
    }
  }

  private zeros({ valueSize, section }: MapDef): Uint8Array {
    if (valueSize <= MAX_ZEROS) return new Uint8Array(valueSize);
    throw this.error(`section ${section} has ${valueSize} bytes, more than ${MAX_ZEROS}`);
  }

  private error(reason: string): InputError {
    return new InputError(`global variable '${this.path}': ${reason}`);
  }
}
