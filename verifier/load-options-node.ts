/** What the loader has to know of a kernel whose profile is on disk (Node only). */
import { openKernelConfig, openModules, openProfile, openSymbolNames } from '../kernel-model/profile-node.ts';
import type { LoadOptions } from '../loader/index.ts';
import { loadOptionsOf } from './load-options.ts';

/**
 * @param kernel as for `openProfile`.
 * @param stock the kernel alone, without the overlay that profiles carry.
 * @throws {InputError} when there is no such profile.
 */
export function verifierLoadOptions(kernel: string, stock = false): LoadOptions {
  const files = {
    profile: openProfile(kernel),
    modules: openModules(kernel),
    symbols: () => openSymbolNames(kernel),
    config: openKernelConfig(kernel),
  };
  return loadOptionsOf(files, stock);
}
