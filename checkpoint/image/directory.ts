/**
 * A directory of images. Writing is atomic: there is no directory, or all of it. Reading checks all of it before
 * anything is handed out.
 */
import { createHash } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError } from '../../bpf/input-error.ts';
import { checkMagic } from './image.ts';
import { type ImageFs, nodeFs } from './image-fs.ts';
import { kindOfFile } from './kinds.ts';
import { type FileRecord, MANIFEST, type Manifest, readManifest, writeManifest } from './manifest.ts';

/** Name of a file to its bytes. */
export type ImageFiles = ReadonlyMap<string, Uint8Array>;

export interface WriteOptions {
  /** Replace a directory of images that is there. Anything else is never replaced. */
  readonly force?: boolean;
  readonly fs?: ImageFs;
}

export interface ReadOptions {
  readonly fs?: ImageFs;
}

const MAX_MANIFEST = 16 << 20;
const MAX_FILE = 2 ** 30;

/**
 * Writes the files, and a manifest, as a new directory.
 *
 * They go to a temporary directory beside it, which is renamed when all is on the disk. A process that is killed
 * leaves no more than that one behind (`.NAME.*`, to be removed by hand). When a directory is replaced, it is put
 * aside, and there is none for a moment between two renames.
 * @throws {InputError} when the directory may not be written, or cannot: then nothing is left of it
 */
export function writeImages(directory: string, files: ImageFiles, options: WriteOptions = {}): void {
  const fs = options.fs ?? nodeFs;
  const target = resolve(directory);
  for (const [name, bytes] of files) checkFile(name, bytes);
  const replaces = guard(directory, 'look at', () => checkTarget(fs, target, options.force === true));
  const prefix = join(dirname(target), `.${basename(target)}.`);
  const temporary = guard(directory, 'make a directory beside', () => fs.makeTemporary(prefix));
  try {
    fill(fs, temporary, files);
    guard(directory, 'put in place', () => {
      if (replaces) replace(fs, temporary, target, prefix);
      else fs.rename(temporary, target);
      fs.syncDirectory(dirname(target));
    });
  } catch (error) {
    removeQuietly(fs, temporary);
    throw error;
  }
}

/** The name and the magic; nothing else may get into a directory that could not be read again. */
function checkFile(name: string, bytes: Uint8Array): void {
  const kind = kindOfFile(name);
  if (kind === undefined) throw new InputError('no image has such a name', { file: name });
  if (kind !== 'PAGES') checkMagic(kind, name, bytes);
  if (bytes.length > MAX_FILE) throw new InputError(`${bytes.length} bytes: too large`, { file: name });
}

/** @returns whether there is a directory of images that will be replaced */
function checkTarget(fs: ImageFs, target: string, force: boolean): boolean {
  const found = fs.stat(target);
  if (!found) return false;
  const fail = (reason: string) => new InputError(reason, { file: target });
  if (found.type !== 'directory') throw fail('is there, and is no directory');
  const names = fs.list(target);
  if (names.length === 0) return false;
  if (!isImageDirectory(fs, target)) throw fail('is there, and is no directory of images: not replaced');
  if (!force) throw fail('is there; it is replaced only by force');
  const foreign = names.find((name) => name !== MANIFEST && kindOfFile(name) === undefined);
  if (foreign !== undefined) throw fail(`is there, and holds ${foreign}, which is no image: not replaced`);
  return true;
}

function isImageDirectory(fs: ImageFs, directory: string): boolean {
  const path = join(directory, MANIFEST);
  const found = fs.stat(path);
  if (found?.type !== 'file' || found.size > MAX_MANIFEST) return false;
  try {
    readManifest(fs.read(path, found.size));
    return true;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

function fill(fs: ImageFs, directory: string, files: ImageFiles): void {
  const manifest = new Map<string, FileRecord>();
  for (const name of [...files.keys()].sort()) {
    const bytes = files.get(name) as Uint8Array;
    manifest.set(name, { size: bytes.length, sha256: sha256(bytes) });
    guard(name, 'write', () => writeFile(fs, join(directory, name), bytes));
  }
  guard(MANIFEST, 'write', () => {
    fs.syncDirectory(directory);
    writeFile(fs, join(directory, MANIFEST), writeManifest(manifest));
    fs.syncDirectory(directory);
  });
}

function writeFile(fs: ImageFs, path: string, bytes: Uint8Array): void {
  const file = fs.create(path);
  try {
    let done = 0;
    while (done < bytes.length) {
      const count = fs.write(file, bytes.subarray(done));
      if (count === 0) throw new InputError(`the file takes no more than ${done} bytes`, { file: path });
      done += count;
    }
    fs.sync(file);
  } finally {
    fs.close(file);
  }
}

/** A directory cannot be renamed over one that is not empty. */
function replace(fs: ImageFs, temporary: string, target: string, prefix: string): void {
  const aside = fs.makeTemporary(prefix);
  const old = join(aside, basename(target));
  try {
    fs.rename(target, old);
    fs.rename(temporary, target);
  } catch (error) {
    // When it cannot be put back, it stays where it is: it is never removed before the new one is there.
    if (fs.stat(old)) fs.rename(old, target);
    removeQuietly(fs, aside);
    throw error;
  }
  removeQuietly(fs, aside);
}

/** What went wrong before is what has to be told. */
function removeQuietly(fs: ImageFs, path: string): void {
  try {
    fs.remove(path);
  } catch {
    // It stays behind.
  }
}

/** Errors of the system become errors that name the file. */
function guard<T>(file: string, what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof InputError || !(error instanceof Error) || !('code' in error)) throw error;
    const reason = error.code === 'ENOSPC' ? 'no space is left on the device (ENOSPC)' : error.message;
    throw new InputError(`cannot ${what} it: ${reason}`, { file });
  }
}

/**
 * All files of a directory, after all of them were found to be as they were written.
 * @throws {InputError} naming the file, and the offset where it is known
 */
export function readImages(directory: string, options: ReadOptions = {}): Map<string, Uint8Array> {
  const fs = options.fs ?? nodeFs;
  return guard(directory, 'read', () => {
    if (fs.stat(directory)?.type !== 'directory') {
      throw new InputError('is no directory', { file: directory });
    }
    const manifest = loadManifest(fs, directory);
    checkNames(fs, directory, manifest);
    const files = new Map<string, Uint8Array>();
    for (const [name, record] of manifest) files.set(name, loadFile(fs, directory, name, record));
    return files;
  });
}

function loadManifest(fs: ImageFs, directory: string): Manifest {
  const path = join(directory, MANIFEST);
  const found = fs.stat(path);
  if (!found) throw new InputError('is missing: no directory of images, or not all of one', { file: path });
  if (found.type !== 'file') throw new InputError('is no file', { file: path });
  if (found.size > MAX_MANIFEST) throw new InputError(`${found.size} bytes: too large`, { file: path });
  return readManifest(fs.read(path, found.size), path);
}

function checkNames(fs: ImageFs, directory: string, manifest: Manifest): void {
  for (const name of fs.list(directory).sort()) {
    if (name !== MANIFEST && !manifest.has(name)) {
      throw new InputError('the manifest does not know of it', { file: join(directory, name) });
    }
  }
}

function loadFile(fs: ImageFs, directory: string, name: string, record: FileRecord): Uint8Array {
  const path = join(directory, name);
  const found = fs.stat(path);
  if (!found) throw new InputError('is missing', { file: path });
  if (found.type !== 'file') throw new InputError('is no file', { file: path });
  checkSize(path, found.size, record.size);
  if (record.size > MAX_FILE) throw new InputError(`${record.size} bytes: too large`, { file: path });
  const bytes = fs.read(path, record.size);
  checkSize(path, bytes.length, record.size);
  checkContent(path, name, bytes, record);
  return bytes;
}

function checkSize(path: string, size: number, written: number): void {
  if (size === written) return;
  const place = { file: path, offset: Math.min(size, written) };
  throw new InputError(`has ${size} bytes, ${written} were written`, place);
}

function checkContent(path: string, name: string, bytes: Uint8Array, record: FileRecord): void {
  const kind = kindOfFile(name);
  if (kind !== undefined && kind !== 'PAGES') checkMagic(kind, path, bytes);
  if (sha256(bytes) === record.sha256) return;
  throw new InputError('the bytes are not those that were written (sha256)', { file: path, offset: 0 });
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
