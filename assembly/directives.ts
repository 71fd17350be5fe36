/** Lines that begin with a dot: what a program is, and the maps it has. */
import { whatThereIs } from '../loader/near-names.ts';
import { findSectionDef, SECTION_PATTERNS } from '../loader/sections.ts';
import { type FlagNames, MAP_FLAGS, PROGRAM_FLAGS } from './flags.ts';
import { findMapType, MAP_TYPES, type MapTypeRow } from './map-types.ts';
import type { AssemblyKfunc, AssemblyMap, Place } from './source.ts';
import { BadDirective, type Word, words } from './words.ts';

export const DIRECTIVES = [
  '.type',
  '.section',
  '.license',
  '.flags',
  '.map',
  '.data',
  '.kfunc',
  '.module',
] as const;
type Directive = (typeof DIRECTIVES)[number];

export const MAP_WORDS = ['key', 'value', 'entries', 'flags', 'extra', 'inner', 'frozen'];

/** Names of sections without what they attach to: "iter" of "iter/task". */
export const SECTION_NAMES: readonly string[] = SECTION_PATTERNS.map((pattern) => pattern.replace('+', ''));

const NAME = /^[A-Za-z_.$][\w.$]*$/;
const MAX_U32 = 0xffff_ffffn;
const MAX_U64 = 0xffff_ffff_ffff_ffffn;
/** Of a value with a content. */
const MOST_BYTES = 1 << 20;
const MOST_MODULES = 64;
const MOST_MAPS = 256;
const MOST_KFUNCS = 256;

/** Whether a line is a directive: a dot, and no label. */
export function isDirective(line: string): boolean {
  const name = /^\s*\.[\w.$]*/.exec(line)?.[0];
  return name !== undefined && !/^\s*:/.test(line.slice(name.length));
}

export class Directives {
  section: { name: string; place: Place } | undefined;
  license: string | undefined;
  flags = 0;
  readonly maps: AssemblyMap[] = [];
  private readonly mapsByName = new Map<string, AssemblyMap>();
  readonly kfuncs: AssemblyKfunc[] = [];
  readonly modules: string[] = [];
  /** Map -> the name of the one it has inside; it may come later. */
  private readonly inner = new Map<AssemblyMap, Word>();
  /** Parts of what maps begin with. */
  private readonly data = new Map<string, { name: Word; parts: Word[] }>();

  /** @throws {BadDirective} */
  read(text: string, line: number): void {
    const [first, ...rest] = words(text, line) as [Word, ...Word[]];
    const name = first.text;
    switch (name as Directive) {
      case '.type':
      case '.section':
        this.readSection(only(first, rest, 'a section name, for example xdp or iter/task'));
        return;
      case '.license':
        if (this.license !== undefined) throw new BadDirective(first, 'the license is given twice');
        this.license = some(first, rest, 'a license, for example GPL')
          .map((word) => word.text)
          .join(' ');
        return;
      case '.flags':
        for (const word of some(first, rest, 'flags, for example sleepable')) {
          this.flags |= flagBits(word, PROGRAM_FLAGS);
        }
        return;
      case '.map':
        this.readMap(first, rest);
        return;
      case '.data':
        this.readData(first, rest);
        return;
      case '.kfunc':
        this.readKfunc(first, rest);
        return;
      case '.module':
        if (this.modules.length >= MOST_MODULES) throw new BadDirective(first, 'too many modules');
        this.modules.push(only(first, rest, 'the name of a module').text);
        return;
      default:
        throw new BadDirective(
          first,
          `there is no directive ${short(name)}; ${whatThereIs(name, DIRECTIVES)}`,
        );
    }
  }

  /** What can be said only when all lines are read. */
  finish(report: (error: BadDirective) => void): void {
    for (const [map, name] of this.inner) {
      const index = this.maps.findIndex((each) => each.name === name.text);
      if (index >= 0 && this.maps[index] !== map) map.inner = index;
      else report(new BadDirective(name, this.noMap(name.text)));
    }
    for (const { name, parts } of this.data.values()) {
      const map = this.mapsByName.get(name.text);
      const length = parts.reduce((sum, part) => sum + part.bytes!.length, 0);
      if (!map) report(new BadDirective(name, this.noMap(name.text)));
      else if (map.valueSize > MOST_BYTES || length > map.valueSize) {
        const what = `${length} bytes do not fit into the ${map.valueSize} of a value`;
        report(new BadDirective(parts[0]!, what));
      } else map.data = filled(map.valueSize, parts);
    }
  }

  private noMap(name: string): string {
    const names = this.maps.map((map) => map.name);
    return `map ${short(name)} is not defined; ${whatThereIs(name, names)}`;
  }

  private readSection(word: Word): void {
    const { text: name, line, column, endColumn } = word;
    if (this.section) throw new BadDirective(word, 'the program has a type already');
    this.section = { name, place: { line, column, endColumn } };
    if (findSectionDef(name)) return;
    const stem = name.split('/')[0]!;
    throw new BadDirective(
      word,
      `there is no program type ${short(name)}; ${whatThereIs(stem, SECTION_NAMES)}`,
    );
  }

  private readKfunc(first: Word, rest: readonly Word[]): void {
    const [name, module, extra] = rest;
    if (!name || !NAME.test(name.text)) throw new BadDirective(name ?? first, 'a function’s name is missing');
    if (extra) throw new BadDirective(extra, 'nothing follows the name of the module');
    if (this.kfuncs.length >= MOST_KFUNCS)
      throw new BadDirective(first, `more than ${MOST_KFUNCS} functions`);
    if (this.kfuncs.some((kfunc) => kfunc.name === name.text)) {
      throw new BadDirective(name, `${short(name.text)} is declared twice`);
    }
    this.kfuncs.push({ name: name.text, ...(module ? { module: module.text } : {}), place: placeOf(name) });
  }

  private readData(first: Word, rest: readonly Word[]): void {
    const [name, ...parts] = some(first, rest, 'the name of a map');
    if (parts.length === 0) throw new BadDirective(name!, 'text in quotes is missing');
    for (const part of parts) {
      if (!part.bytes) throw new BadDirective(part, 'data stands in quotes: "text\\0\\x1f"');
    }
    const known = this.data.get(name!.text);
    if (known) for (const part of parts) known.parts.push(part);
    else this.data.set(name!.text, { name: name!, parts: [...parts] });
  }

  private readMap(first: Word, rest: readonly Word[]): void {
    const [name, typeName, ...settings] = rest;
    if (!name) throw new BadDirective(first, 'a name is missing: .map counts hash key 4 value 8 entries 16');
    if (!NAME.test(name.text)) throw new BadDirective(name, `${short(name.text)} is no name of a map`);
    if (this.maps.length >= MOST_MAPS) throw new BadDirective(first, `more than ${MOST_MAPS} maps`);
    if (this.mapsByName.has(name.text)) {
      throw new BadDirective(name, `map ${short(name.text)} is defined twice`);
    }
    if (!typeName) throw new BadDirective(name, 'the map’s type is missing, for example hash or array');
    const type = findMapType(typeName.text);
    const map: AssemblyMap = {
      name: name.text,
      type: type?.number ?? 0,
      keySize: type?.key ?? 0,
      valueSize: type?.value ?? 0,
      maxEntries: type?.entries ?? 0,
      flags: 0,
      extra: 0n,
      frozen: false,
      place: placeOf(name),
    };
    // It is a map whatever else is wrong with it, so that what names it is right.
    this.maps.push(map);
    this.mapsByName.set(map.name, map);
    if (!type) {
      const names = MAP_TYPES.map((row) => row.name);
      const what = `there is no map type ${short(typeName.text)}; ${whatThereIs(typeName.text, names)}`;
      throw new BadDirective(typeName, what);
    }
    this.readSettings(map, type, settings);
  }

  private readSettings(map: AssemblyMap, type: MapTypeRow, settings: readonly Word[]): void {
    const said = new Set<string>();
    for (let at = 0; at < settings.length; at++) {
      const setting = settings[at]!;
      if (said.has(setting.text)) throw new BadDirective(setting, `${setting.text} is given twice`);
      said.add(setting.text);
      if (setting.text === 'frozen') {
        map.frozen = true;
        continue;
      }
      if (!MAP_WORDS.includes(setting.text)) {
        const what = `a map has no ${short(setting.text)}; ${whatThereIs(setting.text, MAP_WORDS)}`;
        throw new BadDirective(setting, what);
      }
      const value = settings[++at];
      if (!value) throw new BadDirective(setting, `what ${setting.text} is, is missing`);
      this.set(map, setting.text, value);
    }
    const missing = (['key', 'value', 'entries'] as const).filter(
      (size) => type[size] === undefined && !said.has(size),
    );
    if (missing.length > 0) {
      throw new BadDirective(map.place, `map ${map.name} needs ${missing.join(' and ')}`);
    }
    const isSized = !said.has('entries') || map.maxEntries > 0 || type.entries === 0;
    if (!isSized && type.name !== 'arena') {
      throw new BadDirective(map.place, `map ${map.name} has no entries: the kernel refuses it`);
    }
  }

  private set(map: AssemblyMap, setting: string, value: Word): void {
    switch (setting) {
      case 'key':
        map.keySize = Number(numberOf(value, MAX_U32));
        break;
      case 'value':
        map.valueSize = Number(numberOf(value, MAX_U32));
        break;
      case 'entries':
        map.maxEntries = Number(numberOf(value, MAX_U32));
        break;
      case 'flags':
        map.flags = flagBits(value, MAP_FLAGS);
        break;
      case 'extra':
        map.extra = numberOf(value, MAX_U64);
        break;
      default:
        this.inner.set(map, value);
    }
  }
}

/** A value that begins with these. */
function filled(size: number, parts: readonly Word[]): Uint8Array {
  const value = new Uint8Array(size);
  let at = 0;
  for (const { bytes } of parts) {
    value.set(bytes!, at);
    at += bytes!.length;
  }
  return value;
}

function placeOf({ line, column, endColumn }: Place): Place {
  return { line, column, endColumn };
}

function only(first: Word, rest: readonly Word[], what: string): Word {
  const [word, extra] = some(first, rest, what);
  if (extra) throw new BadDirective(extra, `one word is enough: ${what}`);
  return word!;
}

function some(first: Word, rest: readonly Word[], what: string): readonly Word[] {
  if (rest.length === 0) throw new BadDirective(first, `${first.text} needs ${what}`);
  return rest;
}

function numberOf(word: Word, most: bigint): bigint {
  if (!/^(0[xX][0-9a-fA-F]{1,16}|\d{1,20})$/.test(word.text)) {
    throw new BadDirective(word, `${short(word.text)} is not a number`);
  }
  const value = BigInt(word.text);
  if (value > most) throw new BadDirective(word, `${word.text} does not fit (0 to ${most})`);
  return value;
}

/** A number, or names with "|" between. */
function flagBits(word: Word, names: FlagNames): number {
  if (/^\d/.test(word.text)) return Number(numberOf(word, MAX_U32));
  let bits = 0;
  for (const name of word.text.toLowerCase().split(/[|,]/)) {
    const bit = names.get(name.replace(/^bpf_f_/, ''));
    if (bit === undefined) {
      throw new BadDirective(
        word,
        `there is no flag ${short(name)}; ${whatThereIs(name, [...names.keys()])}`,
      );
    }
    bits |= bit;
  }
  return bits >>> 0;
}

function short(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
