/** Images as the files of a directory that `drydock restore` takes. */
import { MANIFEST, writeManifest } from '../../checkpoint/image/manifest.ts';
import type { ImageFile } from './protocol.ts';
import type { TarFile } from './tar.ts';

/** The images, and last the manifest that says what they have to be. */
export async function archive(images: readonly ImageFile[]): Promise<TarFile[]> {
  return [...images, { name: MANIFEST, bytes: await manifestOf(images) }];
}

async function manifestOf(images: readonly ImageFile[]): Promise<Uint8Array> {
  if (!('subtle' in crypto))
    throw new Error(
      'The browser computes the checksums of an archive only for pages from https or localhost.',
    );
  const records = images.map(async ({ name, bytes }) => {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return [name, { size: bytes.length, sha256 }] as const;
  });
  return writeManifest(new Map(await Promise.all(records)));
}
