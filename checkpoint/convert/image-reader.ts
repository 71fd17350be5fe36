/** The images of a checkpoint as they are read. Everything that is wrong is told with the file and the entry. */
import { InputError } from '../../bpf/input-error.ts';
import { decodeAs, type Entries, type Entry, type ImageKind } from '../image/index.ts';

/** What small images may stand for: empty slots of tables, and pages named by runs, which cost more. */
const MAX_EXPANDED = 1 << 24;

export class ImageReader {
  private readonly files: ReadonlyMap<string, Uint8Array>;
  private readonly read = new Set<string>();
  private expanded = 0;

  constructor(files: ReadonlyMap<string, Uint8Array>) {
    this.files = files;
  }

  has(file: string): boolean {
    return this.files.has(file);
  }

  /** @throws {InputError} when the file is missing, or is no such image */
  entries<K extends ImageKind>(kind: K, file: string): Entries<K> {
    return decodeAs(kind, file, this.bytes(file));
  }

  /** The entry of an image that has exactly one. */
  only<K extends ImageKind>(kind: K, file: string): Entry<K> {
    const entries: readonly unknown[] = this.entries(kind, file);
    if (entries.length !== 1) throw new InputError(`${entries.length} entries, not one`, { file });
    return entries[0] as Entry<K>;
  }

  bytes(file: string): Uint8Array {
    const bytes = this.files.get(file);
    if (!bytes) throw new InputError('is missing', { file });
    if (this.read.has(file)) throw new InputError('belongs to more than one thing', { file });
    this.read.add(file);
    return bytes;
  }

  /** To be called before as many elements are made as an image says, without having them. */
  expand(count: number, place: Place): void {
    this.expanded += count;
    if (this.expanded > MAX_EXPANDED) throw place.wrong('stands for more than there is memory for');
  }
}

/** Where in an image something stands. */
export class Place {
  readonly file: string;
  readonly path: string;

  constructor(file: string, path: string) {
    this.file = file;
    this.path = path;
  }

  static entry(file: string, index: number): Place {
    return new Place(file, `entry ${index}`);
  }

  field(name: string, index?: number): Place {
    const separator = this.path.startsWith('entry') && !this.path.includes(',') ? ', ' : '.';
    return new Place(this.file, `${this.path}${separator}${name}${index === undefined ? '' : `[${index}]`}`);
  }

  wrong(reason: string): InputError {
    return new InputError(`${this.path}: ${reason}`, { file: this.file });
  }

  /** A part of a message that has to be there. */
  need<T>(value: T | undefined): T {
    if (value === undefined) throw this.wrong('is missing');
    return value;
  }
}
