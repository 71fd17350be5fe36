import { join } from 'node:path';
import { packageRoot } from '../package-root.ts';

/** Absolute path of a file of the package. */
export function packageFile(path: string): string {
  return join(packageRoot(), path);
}
