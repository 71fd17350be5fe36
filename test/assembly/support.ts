/** What the tests of assembly share. */

import { openModules, openProfile } from '../../kernel-model/profile-node.ts';
import type { LoadOptions } from '../../loader/index.ts';
import { loadOptionsOf } from '../../verifier/load-options.ts';

export const ROOT = 15;
export const STATS = 4;
export const LOG_FULL = 6;
export const PROGRAMS = new URL('../../programs/', import.meta.url);

/** What programs are loaded with on 6.12, with the iterators of the series. */
export function kernelOptions(): LoadOptions {
  const files = { symbols: () => undefined, config: undefined };
  return loadOptionsOf({ profile: openProfile('6.12'), modules: openModules('6.12'), ...files }, false);
}
