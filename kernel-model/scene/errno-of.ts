/** Names of errnos in scenes. */
import { errnoName } from '../../bpf/errno-name.ts';

/** Beyond the last errno that has a name. */
const MAX_ERRNO = 200;

/** The errno (positive) of a name, undefined when no errno has it. */
export function errnoOf(name: string): number | undefined {
  for (let errno = 1; errno < MAX_ERRNO; errno++) if (errnoName(errno) === name) return errno;
  return undefined;
}
