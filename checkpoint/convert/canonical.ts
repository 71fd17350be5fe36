/** Whether images are, byte for byte, those that their state is written as. */
import { InputError } from '../../bpf/input-error.ts';
import { differencesOf } from '../compare/differences.ts';
import { decodeImage, kindOfFile } from '../image/index.ts';

type Files = ReadonlyMap<string, Uint8Array>;

/** @throws {InputError} naming the file, and the entry with its field or the offset */
export function checkSame(files: Files, wanted: Files): void {
  for (const name of files.keys()) {
    if (!wanted.has(name)) throw new InputError('belongs to nothing in this checkpoint', { file: name });
  }
  for (const [name, bytes] of wanted) {
    const found = files.get(name);
    if (!found) throw new InputError('is missing', { file: name });
    const offset = firstDifference(found, bytes);
    if (offset !== undefined) throw differs(name, found, bytes, offset);
  }
}

function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  const at = a.findIndex((byte, index) => byte !== b[index]);
  if (at >= 0) return at;
  return a.length === b.length ? undefined : a.length;
}

function differs(file: string, found: Uint8Array, wanted: Uint8Array, offset: number): InputError {
  if (kindOfFile(file) === 'PAGES')
    return new InputError('other pages than its pagemap tells of', { file, offset });
  const [first] = differencesOf(decodeImage(file, wanted).entries, decodeImage(file, found).entries);
  if (!first) return new InputError('is not as the rest of the checkpoint says', { file, offset });
  const { path, before, after } = first;
  const place = path.replace(/^\[(\d+)\]\.?/, 'entry $1, ').replace(/, $/, '');
  return new InputError(`${place}: is ${after}, where the rest of the checkpoint makes it ${before}`, {
    file,
  });
}
