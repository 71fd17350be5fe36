/**
 * The names of a kernel's symbols, as /proc/kallsyms lists them without modules: what `extern ... __ksym` without a
 * type can be resolved to. Addresses differ from boot to boot and are not kept.
 *
 * As text: one name a line, sorted, with "*" behind it when symbols at different addresses share the name, and then
 * "+" when there is a `__pfx_` symbol (the padding before a function) of that name just as well.
 */
import { InputError } from '../bpf/input-error.ts';

/** The text in a profile's directory, compressed. */
export const SYMBOLS_FILE = 'symbols.txt.gz';

const PADDING = '__pfx_';
const SEVERAL = '*';
const PADDED = '+';

export class SymbolNames {
  /** Name -> whether several symbols have it. */
  private readonly names: ReadonlyMap<string, boolean>;

  private constructor(names: ReadonlyMap<string, boolean>) {
    this.names = names;
  }

  /** @throws {InputError} for a line that is no name. */
  static parse(text: string, file: string): SymbolNames {
    const names = new Map<string, boolean>();
    for (const line of text.split('\n')) {
      if (line === '') continue;
      const [, name, several, padded] = /^([^\s*+]+)(\*?)(\+?)$/.exec(line) ?? [];
      if (name === undefined) throw new InputError(`"${line.slice(0, 80)}" is no symbol`, { file });
      names.set(name, several !== '');
      if (padded !== '') names.set(PADDING + name, several !== '');
    }
    return new SymbolNames(names);
  }

  /** Whether one symbol has the name, or several; undefined when the kernel has none. */
  find(name: string): 'one' | 'several' | undefined {
    const several = this.names.get(name);
    if (several === undefined) return undefined;
    return several ? 'several' : 'one';
  }

  get size(): number {
    return this.names.size;
  }
}

/** The text of all names. */
export function writeSymbolNames(
  symbols: Iterable<{ readonly name: string; readonly address: bigint }>,
): string {
  const places = new Map<string, { address: bigint; several: boolean }>();
  for (const { name, address } of symbols) {
    const known = places.get(name);
    if (!known) places.set(name, { address, several: false });
    else if (known.address !== address) known.several = true;
  }
  const isFolded = (name: string, several: boolean) => places.get(name)?.several === several;
  const lines: string[] = [];
  for (const name of [...places.keys()].sort()) {
    const several = places.get(name)?.several === true;
    if (name.startsWith(PADDING) && isFolded(name.slice(PADDING.length), several)) continue;
    const padded = isFolded(PADDING + name, several) ? PADDED : '';
    lines.push(`${name}${several ? SEVERAL : ''}${padded}\n`);
  }
  return lines.join('');
}
