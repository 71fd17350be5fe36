/** What the verifier finds out about the recorded programs, by the name that `RecordedRun` has. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { InsnFacts } from '../../bpf/insn-facts.ts';
import { builtCore } from '../../bpf/package-root.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { openVerifierData } from '../../kernel-model/verifier-data-node.ts';
import { Verifier } from '../../verifier/index.ts';
import { type Archive, openArchive } from './archive.ts';
import { recordedRequest } from './recorded-request.ts';

const KERNEL = '6.12';

/** The recorded loads of this kernel. */
export function openRecorded(): Archive {
  return openArchive(fileURLToPath(new URL('recorded', import.meta.url)));
}

/** Verifies the programs of these names. A program that is not accepted, or not recorded, has no facts. */
export async function collectFacts(
  names: ReadonlySet<string>,
  archive: Archive = openRecorded(),
): Promise<Map<string, InsnFacts>> {
  const verifier = await Verifier.create({
    wasm: readFileSync(builtCore('verifier.wasm')),
    kernel: {
      btf: openProfile(KERNEL).vmlinux,
      data: openVerifierData(KERNEL),
      modules: archive.modules,
    },
  });
  const facts = new Map<string, InsnFacts>();
  for (const load of archive.loads) {
    const name = load.set === 'struct' ? `test_verifier/${load.program}` : `${load.object}/${load.program}`;
    if (load.mode !== 'priv' || load.errno !== 0 || !names.has(name) || facts.has(name)) continue;
    const verdict = verifier.verify({ ...recordedRequest(load, archive.blobs), facts: true });
    if (verdict.facts) facts.set(name, verdict.facts);
  }
  return facts;
}
