/** Values of a scene's fields: quantities in range, text with places filled in, repeated items. */
import type { ParsedScene } from './parsed-scene.ts';
import { evaluate, expand, type Names, QuantityError } from './quantity.ts';
import type { Quantity } from './scene.ts';
import type { ScenePath } from './scene-error.ts';

/** Items that all repetitions of a scene may make together. */
export const MAX_ITEMS = 1 << 20;
/** Pages that a scene may fill, register or copy, all together: 32 GiB. Bounds the time that building takes. */
export const MAX_PAGES = 1 << 23;

export interface Range {
  min?: bigint;
  max?: bigint;
}

interface Counter {
  items: number;
  pages: number;
}

const INT32: Range = { min: -(1n << 31n), max: (1n << 31n) - 1n };
const UINT32: Range = { min: 0n, max: (1n << 32n) - 1n };
const UINT64: Range = { min: 0n, max: (1n << 64n) - 1n };
const SAFE: Range = { min: 0n, max: BigInt(Number.MAX_SAFE_INTEGER) };

/** What names mean at one place of a scene. */
export class Scope {
  private readonly source: ParsedScene;
  private readonly names: ReadonlyMap<string, bigint>;
  private readonly counter: Counter;

  constructor(
    source: ParsedScene,
    names: ReadonlyMap<string, bigint> = new Map(),
    counter: Counter = { items: 0, pages: 0 },
  ) {
    this.source = source;
    this.names = names;
    this.counter = counter;
  }

  /** The same with other names; repetitions still count together. */
  with(names: ReadonlyMap<string, bigint>): Scope {
    return new Scope(this.source, names, this.counter);
  }

  error(path: ScenePath, reason: string, errno = 0) {
    return this.source.error(path, reason, errno);
  }

  /** A descriptor or another C int. */
  int(value: Quantity, path: ScenePath): number {
    return Number(this.big(value, path, INT32));
  }

  uint32(value: Quantity, path: ScenePath): number {
    return Number(this.big(value, path, UINT32));
  }

  uint64(value: Quantity, path: ScenePath): bigint {
    return this.big(value, path, UINT64);
  }

  /** Sizes and user addresses: exact as a number. */
  size(value: Quantity, path: ScenePath): number {
    return Number(this.big(value, path, SAFE));
  }

  big(value: Quantity, path: ScenePath, range: Range): bigint {
    const result =
      typeof value === 'number'
        ? this.exact(value, path)
        : this.guard(path, () => evaluate(value, this.lookup));
    const { min, max } = range;
    if (min !== undefined && result < min) throw this.error(path, `${result} is less than ${min}`);
    if (max !== undefined && result > max) throw this.error(path, `${result} is more than ${max}`);
    return result;
  }

  text(value: string, path: ScenePath): string {
    return this.guard(path, () => expand(value, this.lookup));
  }

  /** Calls `each` for every repetition of an item, with `i` known. */
  repeat(
    item: { readonly repeat?: Quantity },
    path: ScenePath,
    each: (scope: Scope, index: number) => void,
  ): void {
    if (item.repeat === undefined) {
      this.count(1, path);
      each(this, 0);
      return;
    }
    const count = this.size(item.repeat, [...path, 'repeat']);
    this.count(count, [...path, 'repeat']);
    const names = new Map(this.names);
    const scope = this.with(names);
    for (let index = 0; index < count; index++) {
      names.set('i', BigInt(index));
      each(scope, index);
    }
  }

  /** Accounts for pages that are filled, registered or copied. */
  spend(pages: number, path: ScenePath): void {
    this.counter.pages += pages;
    if (this.counter.pages > MAX_PAGES) {
      throw this.error(path, `the scene fills, registers and copies more than ${MAX_PAGES} pages`);
    }
  }

  private readonly lookup: Names = (name) => this.names.get(name);

  private exact(value: number, path: ScenePath): bigint {
    if (Number.isSafeInteger(value)) return BigInt(value);
    throw this.error(path, 'a number this large has to be in quotes');
  }

  private count(items: number, path: ScenePath): void {
    this.counter.items += items;
    if (this.counter.items > MAX_ITEMS) throw this.error(path, `more than ${MAX_ITEMS} items in the scene`);
  }

  private guard<T>(path: ScenePath, compute: () => T): T {
    try {
      return compute();
    } catch (error) {
      if (error instanceof QuantityError) throw this.error(path, error.message);
      throw error;
    }
  }
}
