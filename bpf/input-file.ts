/** Files that the user names (Node only). */
import { readFileSync } from 'node:fs';
import { InputError } from './input-error.ts';

/** @param missing what to say when there is no such file. @throws {InputError} when it cannot be read. */
export function readInputFile(path: string, missing = 'there is no such file'): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InputError(code === 'ENOENT' ? missing : `cannot be read (${code})`, { file: path });
  }
}

/** As readInputFile, as text. */
export function readInputText(path: string, missing?: string): string {
  return new TextDecoder().decode(readInputFile(path, missing));
}
