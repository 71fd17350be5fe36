/** Images on the user's disk: one by one, or all of them as an archive. */
import { archive } from './archive.ts';
import type { ImageFile } from './protocol.ts';
import { tar } from './tar.ts';

const FOLDER = 'images';

export async function saveAll(images: readonly ImageFile[]): Promise<void> {
  save(`${FOLDER}.tar`, tar(FOLDER, await archive(images)));
}

export function save(name: string, bytes: Uint8Array<ArrayBuffer>): void {
  const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The download has its own hold on the bytes once it has begun.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
