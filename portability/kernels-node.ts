/** Opens the kernels of a report (Node only). */
import { InputError } from '../bpf/input-error.ts';
import {
  openKernelConfig,
  openModules,
  openProfile,
  openSymbolNames,
  profileNames,
} from '../kernel-model/profile-node.ts';
import { hasVerifierData, openVerifierData } from '../kernel-model/verifier-data-node.ts';
import { verifierLoadOptions } from '../verifier/load-options-node.ts';
import { type Kernel, ReleaseKernel } from './kernel.ts';
import { ProfileKernel } from './profile-kernel.ts';
import { isRelease } from './release.ts';

/** Profiles of kernels that carry the series under this ending have it whatever is asked. */
const SERIES = '+series';

/** Names of the profiles that a report is about when none is named: those of real kernels. */
export function defaultKernels(): string[] {
  return profileNames().filter((name) => !name.endsWith(SERIES));
}

/**
 * @param name of a profile, path of one (with a slash in it), or a release: "5.10".
 * @param series with what the series on io_uring and epoll iterators adds to kernels.
 * @throws {InputError} when there is no such kernel.
 */
export function openKernel(name: string, series: boolean): Kernel {
  if (isRelease(name) && !profileNames().includes(name)) return new ReleaseKernel(name);
  if (!/[/\\]/.test(name) && !profileNames().includes(name)) throw unknownKernel(name);
  const profile = openProfile(name);
  const isStock = !series && !name.endsWith(SERIES);
  const data = hasVerifierData(name) ? openVerifierData(name, isStock ? [] : [profile.overlay]) : undefined;
  const symbols = openSymbolNames(name);
  const own = () => [profile, ...defaultKernels().map(openProfile)];
  return new ProfileKernel({
    name,
    profile,
    options: verifierLoadOptions(name, isStock),
    helpers: isStock ? {} : profile.dialect.helpers,
    hasModules: openModules(name).size > 0,
    isOwn: (text, ...kinds) => own().some(({ vmlinux }) => vmlinux.find(text, ...kinds) !== 0),
    hasConfig: openKernelConfig(name) !== undefined,
    ...(data ? { data } : {}),
    ...(symbols ? { symbols } : {}),
  });
}

function unknownKernel(name: string): InputError {
  return new InputError(
    `unknown kernel "${name}"; profiles: ${profileNames().join(', ')}; or a release of mainline Linux ("5.10"), or the directory of a profile`,
  );
}
