/** Object files on disk (Node only). */
import { InputError } from '../bpf/input-error.ts';
import { readInputFile } from '../bpf/input-file.ts';

/** Larger files are no BPF objects. */
const MAX_OBJECT_SIZE = 256 << 20;

/** @throws {InputError} when it cannot be read, or is too large. */
export function readObject(path: string): Uint8Array {
  const bytes = readInputFile(path);
  if (bytes.length > MAX_OBJECT_SIZE) throw new InputError('too large for a BPF object', { file: path });
  return bytes;
}
