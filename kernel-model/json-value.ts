/** Reads JSON data of a profile with checks at every step: what is not as expected is named with its path. */
import { InputError } from '../bpf/input-error.ts';

export class JsonValue {
  private readonly value: unknown;
  private readonly path: string;
  private readonly file: string;

  private constructor(value: unknown, path: string, file: string) {
    this.value = value;
    this.path = path;
    this.file = file;
  }

  /** @throws {InputError} when the text is not JSON. */
  static parse(text: string, file: string): JsonValue {
    try {
      return new JsonValue(JSON.parse(text), '', file);
    } catch (error) {
      throw new InputError(`not JSON: ${(error as Error).message}`, { file });
    }
  }

  /** Data that was not read from a file; `source` names where it is from. */
  static of(value: unknown, source: string): JsonValue {
    return new JsonValue(value, '', source);
  }

  /** The object, all of whose keys must be among `keys`. */
  fields(...keys: string[]): this {
    for (const key of Object.keys(this.object())) {
      if (!keys.includes(key)) throw this.error(`unknown property "${key}"`);
    }
    return this;
  }

  has(key: string): boolean {
    return Object.hasOwn(this.object(), key);
  }

  get(key: string): JsonValue {
    const object = this.object();
    if (!Object.hasOwn(object, key)) throw this.error(`property "${key}" is missing`);
    return this.child(object[key], key);
  }

  find(key: string): JsonValue | undefined {
    return this.has(key) ? this.get(key) : undefined;
  }

  entries(): [key: string, value: JsonValue][] {
    return Object.entries(this.object()).map(([key, value]) => [key, this.child(value, key)]);
  }

  items(): JsonValue[] {
    if (!Array.isArray(this.value)) throw this.error('not an array');
    return this.value.map((item, index) => this.child(item, String(index)));
  }

  get isNull(): boolean {
    return this.value === null;
  }

  get isString(): boolean {
    return typeof this.value === 'string';
  }

  string(): string {
    if (typeof this.value !== 'string') throw this.error('not a string');
    return this.value;
  }

  strings(): string[] {
    return this.items().map((item) => item.string());
  }

  /** A non-negative integer below 2^53, or any integer with `signed`. */
  integer(signed = false): number {
    if (!Number.isSafeInteger(this.value) || (!signed && (this.value as number) < 0)) {
      throw this.error('not an integer');
    }
    return this.value as number;
  }

  boolean(): boolean {
    if (typeof this.value !== 'boolean') throw this.error('not true or false');
    return this.value;
  }

  /** An object that maps names to lists of names. */
  nameLists(): { [name: string]: string[] } {
    return Object.fromEntries(this.entries().map(([key, value]) => [key, value.strings()]));
  }

  /** The value as it was parsed. */
  raw(): unknown {
    return this.value;
  }

  error(reason: string): InputError {
    return new InputError(this.path === '' ? reason : `${this.path}: ${reason}`, { file: this.file });
  }

  private child(value: unknown, key: string): JsonValue {
    return new JsonValue(value, this.path === '' ? key : `${this.path}.${key}`, this.file);
  }

  private object(): { [key: string]: unknown } {
    if (typeof this.value !== 'object' || this.value === null || Array.isArray(this.value)) {
      throw this.error('not an object');
    }
    return this.value as { [key: string]: unknown };
  }
}
