/**
 * Results that are known from an earlier run, by what they depend on. A cache may be lost, damaged or shared at any
 * time: then less is known, and nothing else changes.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  type Dirent,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isTemporary, writeAtomically } from './atomic-file.ts';

/** An entry is this word, the checksum of its key and body, a line feed and the body, in JSON. */
const MAGIC = 'drydock-cache-1 ';
const HEADER = MAGIC.length + 64 + 1;
/** Larger ones are neither written nor read. */
const MAX_ENTRY = 64 << 20;
/** A temporary file that is older than this has no writer any more. */
const HOUR = 3_600_000;
const KEY = /^[0-9a-f]{64}$/;

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export interface CacheOptions {
  /** Told once, when the directory cannot be used. */
  readonly warn?: (message: string) => void;
}

/** Key of what these parts make up: other parts, or the same ones split elsewhere, have another. */
export function cacheKey(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const isText = typeof part === 'string';
    // UTF-16 keeps apart what is no proper Unicode, which names of files may be.
    const bytes = isText ? Buffer.from(part, 'utf16le') : part;
    const prefix = Buffer.alloc(9, isText ? 's' : 'b');
    prefix.writeBigUInt64LE(BigInt(bytes.length), 1);
    hash.update(prefix).update(bytes);
  }
  return hash.digest('hex');
}

export class ResultCache {
  private readonly directory: string;
  private readonly warn: (message: string) => void;
  private warned = false;
  /** False as soon as it has failed. */
  private writable = true;
  private swept = false;

  constructor(directory: string, options: CacheOptions = {}) {
    this.directory = directory;
    this.warn = options.warn ?? (() => {});
  }

  /** Whether there is anything to find in it. */
  get isThere(): boolean {
    return existsSync(this.directory);
  }

  /** The value that was put, whole; undefined when there is none. An entry that is not whole is removed. */
  get(key: string): unknown {
    const path = this.pathOf(key);
    let bytes: Buffer | undefined;
    try {
      bytes = readEntry(path);
    } catch (error) {
      // A link is none of ours, and goes; whatever else keeps an entry from being read may pass.
      if (codeOf(error) === 'ELOOP') this.remove(path);
      else if (codeOf(error) !== 'ENOENT') this.complain(error);
      return undefined;
    }
    const value = bytes && decode(key, bytes);
    if (value === undefined) this.remove(path);
    else touch(path);
    return value?.body;
  }

  put(key: string, value: Json): void {
    const path = this.pathOf(key);
    const body = JSON.stringify(value);
    if (!this.writable || HEADER + Buffer.byteLength(body) > MAX_ENTRY) return;
    try {
      mkdirSync(dirname(path), { recursive: true });
      if (!this.swept) this.sweep();
      writeAtomically(path, `${MAGIC}${checksum(key, Buffer.from(body))}\n${body}`, { disposable: true });
    } catch (error) {
      this.writable = false;
      this.complain(error);
    }
  }

  /**
   * Drops the entries that were not used for the longest time until the others fit.
   * @returns bytes of the others
   */
  prune(maxBytes: number): number {
    this.sweep();
    const entries = this.files((name, folder) => KEY.test(folder + name)).flatMap((path) => {
      const found = statOf(path);
      return found ? [{ path, size: found.size, used: found.mtimeMs }] : [];
    });
    entries.sort((a, b) => a.used - b.used || (a.path < b.path ? -1 : 1));
    let total = entries.reduce((sum, { size }) => sum + size, 0);
    for (const { path, size } of entries) {
      if (total <= maxBytes) break;
      if (this.remove(path)) total -= size;
    }
    return total;
  }

  /** Removes what writers that were killed have left. */
  private sweep(): void {
    this.swept = true;
    for (const path of this.files(isTemporary)) {
      const found = statOf(path);
      if (found && found.mtimeMs < Date.now() - HOUR) this.remove(path);
    }
  }

  /** Files in the folders of entries. Whatever else is in the directory is left alone. */
  private files(wanted: (name: string, folder: string) => boolean): string[] {
    const folders = list(this.directory).filter(
      (entry) => entry.isDirectory() && /^[0-9a-f]{2}$/.test(entry.name),
    );
    return folders.flatMap(({ name: folder }) => {
      const files = list(join(this.directory, folder)).filter((entry) => entry.isFile());
      return files
        .filter(({ name }) => wanted(name, folder))
        .map(({ name }) => join(this.directory, folder, name));
    });
  }

  private pathOf(key: string): string {
    if (!KEY.test(key)) throw new TypeError(`'${key}' is no key: they are made by cacheKey()`);
    return join(this.directory, key.slice(0, 2), key.slice(2));
  }

  /** @returns whether it is gone */
  private remove(path: string): boolean {
    try {
      rmSync(path, { force: true });
      return true;
    } catch (error) {
      // A folder in the place of an entry is somebody's, and stays a miss.
      if (codeOf(error) !== 'ERR_FS_EISDIR') this.complain(error);
      return false;
    }
  }

  private complain(error: unknown): void {
    if (codeOf(error) === undefined) throw error;
    if (this.warned) return;
    this.warned = true;
    this.warn(`the cache ${this.directory} cannot be used as it should: ${(error as Error).message}`);
  }
}

/** Undefined for what cannot be an entry. Does not wait for the writer of a pipe. */
function readEntry(path: string): Buffer | undefined {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const found = fstatSync(file);
    return found.isFile() && found.size <= MAX_ENTRY ? readFileSync(file) : undefined;
  } finally {
    closeSync(file);
  }
}

/** The body of a whole entry with this key. */
function decode(key: string, bytes: Buffer): { body: unknown } | undefined {
  const body = bytes.subarray(HEADER);
  const header = `${MAGIC}${checksum(key, body)}\n`;
  if (bytes.toString('latin1', 0, HEADER) !== header) return undefined;
  try {
    return { body: JSON.parse(body.toString()) };
  } catch {
    return undefined; // whole, but not written by this cache
  }
}

/** The key is in it: an entry under another name is not taken for that one. */
function checksum(key: string, body: Uint8Array): string {
  return createHash('sha256').update(key).update(body).digest('hex');
}

/** Marks an entry as used just now; where that is not possible, it is dropped earlier. */
function touch(path: string): void {
  try {
    const now = new Date();
    utimesSync(path, now, now);
  } catch {
    // Read-only, or another process has just removed it.
  }
}

function statOf(path: string): { size: number; mtimeMs: number } | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function list(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
