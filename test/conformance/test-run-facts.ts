/** What the verifier finds out about the recorded programs, by the name that `RecordedRun` has. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Btf, type TypeId } from '../../bpf/btf.ts';
import type { InsnFacts } from '../../bpf/insn-facts.ts';
import { builtCore } from '../../bpf/package-root.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { openVerifierData } from '../../kernel-model/verifier-data-node.ts';
import { Verifier } from '../../verifier/index.ts';
import { type Archive, openArchive, type RecordedLoad } from './archive.ts';
import { recordedRequest } from './recorded-request.ts';
import { runName } from './test-run.ts';

const KERNEL = '6.12';

/** What is known of a program besides its recorded run. */
export interface RecordedFacts {
  facts: InsnFacts;
  /** The program's own types. */
  btf?: Btf;
  /** Types of its maps' values, by the map's name. */
  values: ReadonlyMap<string, ValueType>;
}

export interface ValueType {
  btf: Btf;
  typeId: TypeId;
}

/** The recorded loads of this kernel. */
export function openRecorded(): Archive {
  return openArchive(fileURLToPath(new URL('recorded', import.meta.url)));
}

/** Verifies the programs of these names. A program that is not accepted, or not recorded, has no facts. */
export async function collectFacts(
  names: ReadonlySet<string>,
  archive: Archive = openRecorded(),
): Promise<Map<string, RecordedFacts>> {
  const verifier = await Verifier.create({
    wasm: readFileSync(builtCore('verifier.wasm')),
    kernel: {
      btf: openProfile(KERNEL).vmlinux,
      data: openVerifierData(KERNEL),
      modules: archive.modules,
    },
  });
  const facts = new Map<string, RecordedFacts>();
  const types = new Types(archive.blobs);
  for (const load of archive.loads) {
    const name = runName({ ...load, object: load.set === 'struct' ? 'test_verifier' : load.object });
    if (load.errno !== 0 || !names.has(name) || facts.has(name)) continue;
    const verdict = verifier.verify({ ...recordedRequest(load, archive.blobs), facts: true });
    if (verdict.facts) facts.set(name, { facts: verdict.facts, ...types.of(load) });
  }
  return facts;
}

/** The types of recorded loads: programs of an object share theirs. */
class Types {
  private readonly blobs: readonly Uint8Array[];
  private readonly parsed = new Map<number, Btf>();

  constructor(blobs: readonly Uint8Array[]) {
    this.blobs = blobs;
  }

  of({ btf, maps }: RecordedLoad): Omit<RecordedFacts, 'facts'> {
    const own = this.parse(btf);
    const values = new Map<string, ValueType>();
    for (const map of maps ?? []) {
      const types = this.parse(map?.btf);
      if (map?.valueType && types) values.set(map.name, { btf: types, typeId: map.valueType });
    }
    return { ...(own ? { btf: own } : {}), values };
  }

  private parse(index: number | undefined): Btf | undefined {
    const bytes = index === undefined ? undefined : this.blobs[index];
    if (index === undefined || !bytes) return undefined;
    const btf = this.parsed.get(index) ?? Btf.parse(bytes);
    this.parsed.set(index, btf);
    return btf;
  }
}
