/** The selftests' objects, built from the kernel's source; what was built before is kept. */
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { type BuiltObjects, buildObjects } from './build-objects.ts';
import { prepareSource, type SelftestSource } from './kernel-source.ts';
import { isRecorded, needTools, RECORDED_VERSION, sourcePackage } from './packages.ts';

export interface Selftests {
  version: string;
  source: SelftestSource;
  objects: BuiltObjects;
}

/** @throws {ToolError} where they cannot be built. */
export async function buildSelftests({ root, install, progress }: Context): Promise<Selftests> {
  const cache = join(root, 'build/selftests');
  await needTools(install);
  const source = await sourcePackage(join(cache, 'packages'), install);
  const folder = join(cache, source.version);
  const btf = join(root, 'kernel-model/profiles/6.12/btf.bin.gz');
  const prepared = await prepareSource(source, folder, btf, progress);
  const objects = await buildObjects(prepared, join(folder, 'objects'), progress);
  return { version: source.version, source: prepared, objects };
}

/** What the summary says of the version. */
export function versionNote(version: string): string {
  if (isRecorded(version)) return `built from linux-source ${version}, the version that was recorded`;
  return `built from linux-source ${version}; recorded was ${RECORDED_VERSION}, which the mirror no longer has`;
}
