/** Images as text, for people: which there are, and what one of them says. */
import { InputError } from '../../bpf/input-error.ts';
import { decodeAs, decodeImage } from './image.ts';
import { writeJson } from './json-text.ts';
import { imageToJson, type ShowOptions } from './json-view.ts';
import { kindOfFile } from './kinds.ts';

const PAGE_SIZE = 4096;
const INDENT = 4;

/** A line for each file: its name, its bytes, what is in it. @throws {InputError} for a file that is no image */
export function listImages(files: ReadonlyMap<string, Uint8Array>): string {
  const rows = [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, bytes]) => [name, `${bytes.length}`, imageSummary(name, bytes)] as const);
  const width = (column: 0 | 1) => Math.max(0, ...rows.map((row) => row[column].length));
  const [names, sizes] = [width(0), width(1)];
  return rows
    .map(([name, size, what]) => `${name.padEnd(names)}  ${size.padStart(sizes)}  ${what}\n`)
    .join('');
}

/** "FILES, 4 entries" @throws {InputError} for a file that is no image */
export function imageSummary(name: string, bytes: Uint8Array): string {
  const kind = kindOfFile(name);
  if (kind === undefined) throw new InputError('no image has such a name', { file: name });
  if (kind === 'PAGES') return counted(bytes.length / PAGE_SIZE, 'page', 'pages');
  return `${kind}, ${counted(decodeAs(kind, name, bytes).length, 'entry', 'entries')}`;
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** What `crit decode` prints. @throws {InputError} */
export function showImage(
  files: ReadonlyMap<string, Uint8Array>,
  name: string,
  options: ShowOptions = {},
): string {
  const bytes = files.get(name);
  if (!bytes) throw new InputError('there is no such image', { file: name });
  return `${writeJson(imageToJson(decodeImage(name, bytes), options), options.pretty ? INDENT : 0)}\n`;
}
