/** Root of the checkout: tests run from their sources, the conformance run from build/, and the data is in one place. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/** Recordings of what the kernel answered to its own selftests. */
export function recordedFolder(): string {
  return join(packageRoot(), 'test', 'conformance', 'recorded');
}

/** The built verifier. */
export function verifierWasm(): string {
  return join(packageRoot(), 'build', 'verifier.wasm');
}
