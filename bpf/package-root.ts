/** The package on disk (Node only). */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's directory, which holds the data that is not compiled: `cli/` and `dist/cli/` are in it. */
export function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) throw new Error('package.json is not above the program');
    directory = parent;
  }
  return directory;
}

/** A core that `npm run build:wasm` makes: vm.wasm or verifier.wasm. @throws when it was not built */
export function builtCore(name: string): string {
  const path = join(packageRoot(), 'build', name);
  if (!existsSync(path)) throw new Error(`${path} is missing: run npm run build:wasm`);
  return path;
}
