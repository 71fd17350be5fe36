/** Files as one tar archive: ustar, of POSIX.1-1988. */

const BLOCK = 512;
/** The longest name that needs no prefix. */
const MOST_NAME = 100;
const OFFSETS = { mode: 100, uid: 108, gid: 116, size: 124, time: 136, sum: 148, type: 156, magic: 257 };

export interface TarFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** @param folder in which the files stand; the same files give the same bytes. */
export function tar(folder: string, files: readonly TarFile[]): Uint8Array<ArrayBuffer> {
  const padded = (size: number) => Math.ceil(size / BLOCK) * BLOCK;
  const total = files.reduce((sum, { bytes }) => sum + BLOCK + padded(bytes.length), 2 * BLOCK);
  const archive = new Uint8Array(total);
  let at = 0;
  for (const { name, bytes } of files) {
    archive.set(header(`${folder}/${name}`, bytes.length), at);
    archive.set(bytes, at + BLOCK);
    at += BLOCK + padded(bytes.length);
  }
  return archive;
}

function header(name: string, size: number): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const encoded = new TextEncoder().encode(name);
  if (encoded.length > MOST_NAME) throw new Error(`${name} is too long for a tar archive`);
  const put = (text: string, at: number) => block.set(new TextEncoder().encode(text), at);
  const octal = (value: number, digits: number) => `${value.toString(8).padStart(digits, '0')}\0`;
  block.set(encoded);
  put(octal(0o644, 7), OFFSETS.mode);
  put(octal(0, 7), OFFSETS.uid);
  put(octal(0, 7), OFFSETS.gid);
  put(octal(size, 11), OFFSETS.size);
  put(octal(0, 11), OFFSETS.time);
  put('0', OFFSETS.type);
  put('ustar\x0000', OFFSETS.magic);
  // The sum is made with spaces where it will stand.
  block.fill(0x20, OFFSETS.sum, OFFSETS.sum + 8);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0 `, OFFSETS.sum);
  return block;
}
