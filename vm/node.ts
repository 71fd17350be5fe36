/** The vm under Node: finds the built vm.wasm. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Vm } from './vm.ts';

let compiled: WebAssembly.Module | undefined;

/** build/vm.wasm of this package, compiled once. @throws when it was not built (`npm run build:wasm`). */
export function vmModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(vmPath()));
  return compiled;
}

/** A machine over `vmModule()`. */
export function createVm(): Promise<Vm> {
  return Vm.create({ wasm: vmModule() });
}

/** The package root is where package.json stands: one up from vm/, two from dist/vm/. */
function vmPath(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('cannot find the package root of drydock');
    folder = parent;
  }
  const path = join(folder, 'build', 'vm.wasm');
  if (!existsSync(path)) throw new Error(`${path} is missing: run npm run build:wasm`);
  return path;
}
