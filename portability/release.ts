/** Releases of mainline Linux, by their first two numbers: "5.17". */

/** Text of a release; `compareReleases` orders them. */
export type Release = string;

const FORM = /^(\d{1,3})\.(\d{1,3})$/;

export function isRelease(text: string): boolean {
  return FORM.test(text);
}

/** Below 0 when `a` came before `b`. */
export function compareReleases(a: Release, b: Release): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA - majorB || minorA - minorB;
}

/** Release of a LINUX_VERSION_CODE: (major << 16) + (minor << 8) + patch. */
export function releaseOf(versionCode: number): Release {
  return `${versionCode >>> 16}.${(versionCode >>> 8) & 0xff}`;
}
