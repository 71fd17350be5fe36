/** `drydock run --coverage FILE`: what a run executed, as a tracefile of lcov. */
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { BpfObject } from '../loader/index.ts';
import { ExecutionCounter, lcovText, SourceCoverage } from '../session/coverage/index.ts';
import type { Session } from '../session/session.ts';
import { programRequest } from '../verifier/program-request.ts';
import { Trace } from '../verifier/trace/trace.ts';
import type { Verifier } from '../verifier/verifier.ts';
import type { VmObject, VmProgram } from '../vm/index.ts';

/** All capabilities, and no log. */
const AS_ROOT = { caps: 15, logLevel: 0 };

/** The verifier of the kernel that a session models, and the object as loaded for it. */
export interface VerifiedObject {
  readonly verifier: Verifier;
  readonly object: BpfObject;
}

export class RunCoverage {
  private readonly counter: ExecutionCounter;
  private readonly object: VmObject;
  private readonly verified: VerifiedObject | undefined;

  /** From here on all runs count. @param verified without it, instructions that no path reaches count as code, too. */
  constructor(session: Session, object: VmObject, verified: VerifiedObject | undefined) {
    this.object = object;
    this.verified = verified;
    this.counter = new ExecutionCounter(session, object.programs.values());
  }

  /** A program whose runs count, for runs that the session does not start. */
  counting(program: VmProgram): VmProgram {
    return this.counter.counting(program);
  }

  /** Writes the tracefile; the result says what is in it. */
  write(path: string): string {
    const coverage = new SourceCoverage();
    const { btf, file } = this.object.source;
    for (const counts of this.counter.results()) {
      const verified = this.followed(counts.program.name);
      coverage.add({ counts, btf, ...(verified ? { verified } : {}) });
    }
    const files = coverage.results();
    writeFileSync(
      path,
      lcovText(files, (source) => sourcePath(source, file)),
    );
    const lines = files.flatMap((file) => [...file.lines.values()]);
    const branches = files.flatMap((file) => file.branches.flatMap(({ fell, jumped }) => [fell, jumped]));
    const without = coverage.withoutSource.map((name) => `; ${name} has no line info`).join('');
    return `executed: ${share(lines)} lines, ${share(branches)} branches (${path})${without}`;
  }

  /** Which instructions the verifier has followed. */
  private followed(name: string): ((slot: number) => boolean) | undefined {
    const { verified } = this;
    const program = verified?.object.programs.find((each) => each.name === name);
    if (!verified || !program || program.error !== undefined) return undefined;
    const request = programRequest(verified.object, program, AS_ROOT);
    const { accepted, events } = verified.verifier.verify({ ...request, events: 'all' });
    if (!accepted || !events || events.lost) return undefined;
    const { visits } = new Trace(events, program.insns.length / 8).heat;
    return (slot) => (visits[slot] ?? 0) > 0;
  }
}

function share(counts: readonly number[]): string {
  return `${counts.filter((count) => count > 0).length} of ${counts.length}`;
}

/**
 * Compilers write paths as they were given, from wherever they were called. One that is there, seen from here or from
 * the object's folder, is named in full, so that genhtml finds it.
 */
function sourcePath(path: string, objectFile: string): string {
  const found = [path, join(dirname(objectFile), path)].find((candidate) => existsSync(candidate));
  return found === undefined ? path : resolve(found);
}
