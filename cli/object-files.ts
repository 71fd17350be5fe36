/** The objects that a command line names. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../bpf/input-error.ts';

/** A file itself, or the *.o files of a directory. @throws {InputError} for a directory without any. */
export function objectFiles(path: string): string[] {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!isDirectory) return [path];
  const names = readdirSync(path).filter((name) => name.endsWith('.o'));
  if (names.length === 0) throw new InputError('there are no *.o files in this directory', { file: path });
  return names.sort().map((name) => join(path, name));
}
