/** `drydock run --coverage FILE`: what a run executed, as a tracefile of lcov. */
import { existsSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { hasVerifierData } from '../kernel-model/verifier-data-node.ts';
import { ExecutionCounter, lcovText, SourceCoverage } from '../session/coverage/index.ts';
import type { LoadedObject, Session } from '../session/session.ts';
import { createVerifier } from '../verifier/node.ts';
import { programRequest } from '../verifier/program-request.ts';
import { Trace } from '../verifier/trace/trace.ts';
import type { Verifier } from '../verifier/verifier.ts';

/** All capabilities, and no log. */
const AS_ROOT = { caps: 15, logLevel: 0 };

export class RunCoverage {
  private readonly object: LoadedObject;
  private readonly counter: ExecutionCounter;
  private readonly verifier: Verifier | undefined;

  private constructor(session: Session, object: LoadedObject, verifier: Verifier | undefined) {
    this.object = object;
    this.verifier = verifier;
    this.counter = new ExecutionCounter(session, object.vmObject.programs.values());
  }

  /** From here on all runs count. @param kernel profile; what it cannot verify counts as code throughout. */
  static async start(session: Session, object: LoadedObject, kernel: string): Promise<RunCoverage> {
    const verifier = hasVerifierData(kernel) ? await createVerifier(kernel) : undefined;
    return new RunCoverage(session, object, verifier);
  }

  /** Writes the tracefile; the result says what is in it. */
  write(path: string): string {
    const coverage = new SourceCoverage();
    const { btf } = this.object;
    for (const counts of this.counter.results()) {
      const verified = this.followed(counts.program.name);
      coverage.add({ counts, btf, ...(verified ? { verified } : {}) });
    }
    const files = coverage.results();
    writeFileSync(path, lcovText(files, sourcePath));
    const lines = files.flatMap((file) => [...file.lines.values()]);
    const branches = files.flatMap((file) => file.branches.flatMap(({ fell, jumped }) => [fell, jumped]));
    const without = coverage.withoutSource.map((name) => `; ${name} has no line info`).join('');
    return `executed: ${share(lines)} lines, ${share(branches)} branches (${path})${without}`;
  }

  /** Which instructions the verifier has followed. */
  private followed(name: string): ((slot: number) => boolean) | undefined {
    const { source: object } = this.object.vmObject;
    const program = object.programs.find((each) => each.name === name);
    if (!this.verifier || !program) return undefined;
    const { accepted, events } = this.verifier.verify({
      ...programRequest(object, program, AS_ROOT),
      events: 'all',
    });
    if (!accepted || !events || events.lost) return undefined;
    const { visits } = new Trace(events, program.insns.length / 8).heat;
    return (slot) => (visits[slot] ?? 0) > 0;
  }
}

function share(counts: readonly number[]): string {
  return `${counts.filter((count) => count > 0).length} of ${counts.length}`;
}

/** Compilers write paths as they were given; one that is there is named in full, so that genhtml finds it. */
function sourcePath(path: string): string {
  return existsSync(path) ? resolve(path) : path;
}
