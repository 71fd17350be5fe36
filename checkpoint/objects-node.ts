/** The bundled programs that checkpoints are made with. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../bpf/package-root.ts';

export function checkpointObject(name: string): Uint8Array {
  const folder = name === 'bvec_pages' ? name : 'checkpoint';
  return readFileSync(join(packageRoot(), 'programs', folder, `${name}.bpf.o`));
}
