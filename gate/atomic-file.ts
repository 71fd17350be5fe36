/** Files that are there whole or as they were before, whenever a writer is killed. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Begin and end of a temporary file's name; the name of the file stands between. */
const PREFIX = '.';
const SUFFIX = '.drydock-tmp';

/** Whether a file of this name is one that a writer was killed over. */
export function isTemporary(name: string): boolean {
  return name.startsWith(PREFIX) && name.endsWith(SUFFIX);
}

export interface AtomicOptions {
  /** It can be made again: it need not be there after a power failure, and a link is not followed but replaced. */
  readonly disposable?: boolean;
}

/**
 * Puts a file in place of one that may be there, in one step: a temporary file in the same folder, synced, is renamed.
 * A link stays one, to the new content; a file that is there keeps its permissions. Nothing is left when it fails.
 */
export function writeAtomically(
  path: string,
  bytes: Uint8Array | string,
  { disposable = false }: AtomicOptions = {},
): void {
  const target = disposable ? path : followLink(path);
  const unique = randomBytes(6).toString('hex');
  const temporary = join(dirname(target), `${PREFIX}${basename(target).slice(0, 64)}.${unique}${SUFFIX}`);
  const file = openSync(temporary, 'wx', 0o666);
  try {
    try {
      const mode = disposable ? undefined : statSync(target, { throwIfNoEntry: false })?.mode;
      if (mode !== undefined) fchmodSync(file, mode & 0o777);
      writeFileSync(file, bytes);
      if (!disposable) fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (!disposable) syncFolder(dirname(target));
}

function followLink(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path; // there is none yet
  }
}

/** The new name is on the disk as well. Not every system can, and the file is whole even so. */
function syncFolder(path: string): void {
  try {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // What was there before may come back after a power failure.
  }
}
