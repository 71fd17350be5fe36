/** The vm under Node: finds the built vm.wasm. */
import { readFileSync } from 'node:fs';
import { builtCore } from '../bpf/package-root.ts';
import { Vm } from './vm.ts';

let compiled: WebAssembly.Module | undefined;

/** build/vm.wasm of this package, compiled once. @throws when it was not built (`npm run build:wasm`). */
export function vmModule(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(readFileSync(builtCore('vm.wasm')));
  return compiled;
}

/** A machine over `vmModule()`. */
export function createVm(): Promise<Vm> {
  return Vm.create({ wasm: vmModule() });
}
