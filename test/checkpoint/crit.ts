/** crit, CRIU's tool for images, where it is installed (Debian: package criu). */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { packageRoot } from '../package-root.ts';

export interface CritField {
  readonly name: string;
  readonly number: number;
  readonly label: string;
  readonly type: string;
  readonly show: Readonly<Record<string, boolean | string>>;
}

export interface CritTables {
  readonly messages: Readonly<Record<string, readonly CritField[]>>;
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly magics: Readonly<Record<string, number>>;
  /** Kinds of images that it can show. */
  readonly handled: readonly string[];
  readonly flags: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface CritRequest {
  readonly image: Uint8Array;
  readonly pretty: boolean;
  /** JSON to make an image of, instead of crit's own. */
  readonly json?: string;
}

export interface CritAnswer {
  readonly json: string;
  readonly image: Uint8Array;
}

const MAX_OUTPUT = 1 << 28;

function find(program: string): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

export const critProgram = find('crit');

/** The Python that crit runs on: it is the one that has its modules. */
function python(): string {
  const [first = ''] = readFileSync(critProgram ?? '', 'utf8').split('\n');
  const words = first.replace('#!', '').trim().split(/\s+/);
  return words[0]?.endsWith('/env') ? (words[1] ?? 'python3') : (words[0] ?? 'python3');
}

function batch(mode: string, input: string): string {
  const script = join(packageRoot(), 'test', 'checkpoint', 'crit-batch.py');
  return execFileSync(python(), [script, mode], { input, encoding: 'utf8', maxBuffer: MAX_OUTPUT });
}

export function critTables(): CritTables {
  return JSON.parse(batch('tables', '')) as CritTables;
}

export function critAnswers(requests: readonly CritRequest[]): CritAnswer[] {
  const lines = requests.map(({ image, ...rest }) =>
    JSON.stringify({ ...rest, image: Buffer.from(image).toString('base64') }),
  );
  const answers = batch('images', `${lines.join('\n')}\n`)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { json: string; image: string; error?: string });
  return answers.map(({ json, image, error }) => {
    if (error !== undefined) throw new Error(`crit: ${error}`);
    return { json, image: Uint8Array.from(Buffer.from(image, 'base64')) };
  });
}

/** The program itself. */
export function crit(...args: string[]): string {
  return execFileSync(critProgram ?? 'crit', args, { encoding: 'utf8', maxBuffer: MAX_OUTPUT });
}

/** CRIU has renamed a field: the name that this crit uses. */
export function nameInCrit(tables: CritTables | undefined, message: string, field: string): string {
  if (message !== 'pagemap_entry' || field !== 'compat_nr_pages') return field;
  return tables?.messages.pagemap_entry?.find(({ number }) => number === 2)?.name ?? field;
}

/** Our JSON text with the names that this crit uses. */
export function renamed(tables: CritTables | undefined, text: string): string {
  return text.replaceAll('"compat_nr_pages"', `"${nameInCrit(tables, 'pagemap_entry', 'compat_nr_pages')}"`);
}
