/**
 * Externs: symbols that the object declares and the kernel defines. Those in ".kconfig" are values of the
 * kernel's configuration, those in ".ksyms" are kernel symbols: typed variables and kfuncs, which are found in
 * BTF, and typeless ones (`extern const void x __ksym`), which are bare addresses.
 */
import { BTF_INT_BOOL, BTF_INT_SIGNED, type Btf, BtfKind, type BtfType, type TypeId } from '../bpf/btf.ts';
import { Errno } from '../bpf/errno.ts';
import { type ElfFile, type ElfSymbol, SHN_UNDEF, SymbolBind, SymbolType } from './elf.ts';

export const KCONFIG_SECTION = '.kconfig';
export const KSYMS_SECTION = '.ksyms';
/** A .kconfig map cannot be larger than this; what the kernel would refuse need not be built. */
const MAX_KCONFIG = 1 << 20;
/** BTF_VAR_GLOBAL_EXTERN and BTF_FUNC_EXTERN */
const LINKAGE_EXTERN = 2;

export const enum KconfigType {
  Char,
  Bool,
  Int,
  Tristate,
  String,
}

interface ExternBase {
  name: string;
  /** Index of the ELF symbol. */
  symbol: number;
  weak: boolean;
  /** VAR or FUNC in the object's BTF. */
  btfId: TypeId;
  /** DATASEC that lists it. */
  datasec: TypeId;
}

export interface KconfigExtern extends ExternBase {
  kind: 'kconfig';
  type: KconfigType;
  signed: boolean;
  size: number;
  align: number;
  /** Place in the .kconfig map. */
  offset: number;
}

export interface KsymExtern extends ExternBase {
  kind: 'ksym';
  isFunc: boolean;
  /** Type of the variable or function without modifiers, 0 for a typeless symbol. */
  typeId: TypeId;
}

export type Extern = KconfigExtern | KsymExtern;

export function isExtern(symbol: ElfSymbol): boolean {
  return (
    symbol.section === SHN_UNDEF &&
    (symbol.bind === SymbolBind.Global || symbol.bind === SymbolBind.Weak) &&
    symbol.type === SymbolType.NoType
  );
}

/**
 * All externs of an object: .kconfig ones first, by falling alignment, rising size and name (the layout of
 * their map), then .ksyms ones by name. @throws {InputError}
 */
export function collectExterns(elf: ElfFile, btf: Btf | undefined): Extern[] {
  const symbols = elf.symbols.filter((symbol) => isExtern(symbol) && symbol.name !== '');
  if (symbols.length === 0) return [];
  if (!btf) throw elf.error(`extern '${symbols[0]?.name}' has no BTF: the object has no .BTF section`);
  const sections = sectionsOf(btf);
  const names = new Set(symbols.map(({ name }) => name));
  if (names.size < symbols.length) throw elf.error('an extern is declared by two symbols', '.symtab');
  const externs = symbols.map((symbol) => describe(elf, btf, sections, symbol));
  externs.sort(compare);
  placeKconfig(elf, externs);
  return externs;
}

/** The first DATASEC that lists each variable or function. */
function sectionsOf(btf: Btf): Map<TypeId, TypeId> {
  const sections = new Map<TypeId, TypeId>();
  for (let id = btf.firstId; id < btf.typeCount; id++) {
    if (btf.kind(id) !== BtfKind.Datasec) continue;
    for (const variable of btf.type(id).vars) {
      if (!sections.has(variable.type)) sections.set(variable.type, id);
    }
  }
  return sections;
}

function describe(elf: ElfFile, btf: Btf, sections: Map<TypeId, TypeId>, symbol: ElfSymbol): Extern {
  const { name } = symbol;
  const btfId = btf.find(name, BtfKind.Var, BtfKind.Func);
  const type = btf.type(btfId);
  if (btfId === 0 || type.linkage !== LINKAGE_EXTERN) {
    throw elf.error(`failed to find BTF for extern '${name}': ${-Errno.ENOENT}`, '.BTF');
  }
  const datasec = sections.get(btfId);
  if (datasec === undefined) {
    throw elf.error(`failed to find BTF for extern '${name}' [${btfId}] section: ${-Errno.ENOENT}`, '.BTF');
  }
  const base = { name, symbol: symbol.index, weak: symbol.bind === SymbolBind.Weak, btfId, datasec };
  const section = btf.name(datasec);
  if (section === KSYMS_SECTION) {
    const typeId = btf.resolve(type.type).id;
    return { ...base, kind: 'ksym', isFunc: type.kind === BtfKind.Func, typeId };
  }
  if (section !== KCONFIG_SECTION) throw elf.error(`unrecognized extern section '${section}'`, '.BTF');
  if (type.kind === BtfKind.Func) {
    throw elf.error(`extern function ${name} is unsupported under the .kconfig section`, '.BTF');
  }
  const value = kconfigType(btf, btf.resolve(type.type));
  if (!value) throw elf.error(`extern (kcfg) '${name}': type is unsupported`, '.BTF');
  return { ...base, kind: 'kconfig', ...value, offset: 0 };
}

type KconfigValue = Pick<KconfigExtern, 'type' | 'signed' | 'size' | 'align'>;

function kconfigType(btf: Btf, type: BtfType): KconfigValue | undefined {
  const { size } = type;
  switch (type.kind) {
    case BtfKind.Int: {
      const value = { signed: false, size, align: size };
      if (type.encoding & BTF_INT_BOOL) return size === 1 ? { ...value, type: KconfigType.Bool } : undefined;
      const signed = (type.encoding & BTF_INT_SIGNED) !== 0;
      if (size === 1) return { ...value, signed, type: KconfigType.Char };
      return [2, 4, 8].includes(size) ? { ...value, signed, type: KconfigType.Int } : undefined;
    }
    case BtfKind.Enum:
    case BtfKind.Enum64: {
      const isTristate = type.name === 'libbpf_tristate' && (size === 4 || type.kind === BtfKind.Enum64);
      return isTristate ? { type: KconfigType.Tristate, signed: false, size, align: size } : undefined;
    }
    case BtfKind.Array: {
      const element = btf.resolve(type.type);
      // An array of an array would be a string of strings; only the innermost may be characters.
      if (type.count === 0 || element.kind !== BtfKind.Int) return undefined;
      if (kconfigType(btf, element)?.type !== KconfigType.Char) return undefined;
      return { type: KconfigType.String, signed: false, size: type.count, align: 1 };
    }
    default:
      return undefined;
  }
}

function compare(a: Extern, b: Extern): number {
  if (a.kind === 'kconfig' && b.kind === 'kconfig') {
    return b.align - a.align || a.size - b.size || compareNames(a.name, b.name);
  }
  if (a.kind !== b.kind) return a.kind === 'kconfig' ? -1 : 1;
  return compareNames(a.name, b.name);
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function placeKconfig(elf: ElfFile, externs: Extern[]): void {
  let end = 0;
  for (const extern of externs) {
    if (extern.kind !== 'kconfig') continue;
    extern.offset = Math.ceil(end / extern.align) * extern.align;
    end = extern.offset + extern.size;
  }
  if (end > MAX_KCONFIG) throw elf.error(`the .kconfig externs take ${end} bytes`, '.BTF');
}

/** Bytes of the .kconfig map, 0 when there are no such externs. */
export function kconfigSize(externs: readonly Extern[]): number {
  return externs.reduce((end, x) => (x.kind === 'kconfig' ? x.offset + x.size : end), 0);
}
