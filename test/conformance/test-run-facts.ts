/** What the verifier finds out about the recorded programs, by the name that `RecordedRun` has. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { InsnFacts } from '../../bpf/insn-facts.ts';
import { builtCore } from '../../bpf/package-root.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { openVerifierData } from '../../kernel-model/verifier-data-node.ts';
import { Verifier } from '../../verifier/index.ts';
import { openArchive } from './archive.ts';
import { recordedRequest } from './recorded-request.ts';
import { runName } from './test-run.ts';

const KERNEL = '6.12';

/** Verifies the programs of these names. A program that is not accepted, or not recorded, has no facts. */
export async function collectFacts(names: ReadonlySet<string>): Promise<Map<string, InsnFacts>> {
  const archive = openArchive(fileURLToPath(new URL('recorded', import.meta.url)));
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
    const name = runName({ ...load, object: load.set === 'struct' ? 'test_verifier' : load.object });
    if (load.errno !== 0 || !names.has(name) || facts.has(name)) continue;
    const verdict = verifier.verify({ ...recordedRequest(load, archive.blobs), facts: true });
    if (verdict.facts) facts.set(name, verdict.facts);
  }
  return facts;
}
