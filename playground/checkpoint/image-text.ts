/** Images as lines of text: JSON as `drydock images` prints it; of pages, their bytes. */
import { kindOfFile, showImage } from '../../checkpoint/image/index.ts';

const WIDTH = 16;
/** Lines of zeros beyond this many in a row are left out. */
const MOST_ALIKE = 1;

/** @throws {InputError} for what is no image */
export function imageText(images: ReadonlyMap<string, Uint8Array>, name: string, pretty: boolean): string[] {
  if (kindOfFile(name) === 'PAGES') return hexLines(images.get(name) ?? new Uint8Array());
  return showImage(images, name, { pretty }).trimEnd().split('\n');
}

/** Sixteen bytes a line, with their offset. */
export function hexLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  let zeros = 0;
  for (let at = 0; at < bytes.length; at += WIDTH) {
    const row = bytes.subarray(at, at + WIDTH);
    zeros = row.every((byte) => byte === 0) ? zeros + 1 : 0;
    if (zeros <= MOST_ALIKE) lines.push(hexLine(row, at));
    else if (zeros === MOST_ALIKE + 1) lines.push('*');
  }
  return lines;
}

function hexLine(row: Uint8Array, at: number): string {
  const hex = [...row].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const text = [...row]
    .map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'))
    .join('');
  return `${at.toString(16).padStart(8, '0')}  ${hex.padEnd(3 * WIDTH)} ${text}`;
}
