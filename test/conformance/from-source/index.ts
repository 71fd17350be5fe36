/**
 * Part: the selftests built from the kernel's source, every program through the loader and the verifier as
 * `drydock verify` does it, compared with what Linux answered to the same programs.
 */
import { join } from 'node:path';
import type { RecordedLoad } from '../archive.ts';
import { type Context, wantedLoads } from '../context.ts';
import { IsolatedVerifier } from '../isolated-verifier.ts';
import type { Answer } from '../job.ts';
import type { Failures } from '../known-failures.ts';
import { type Line, skippedLine } from '../line.ts';
import { scoreLogs } from '../logs.ts';
import { capabilities, logLevel } from '../recorded-request.ts';
import { Scorecard } from '../scorecard.ts';
import { ToolError } from './command.ts';
import { isRecorded } from './packages.ts';
import { buildSelftests, type Selftests, versionNote } from './selftests.ts';

const NAME = 'from source';
const PREFIX = `${NAME}: `;
const PROGRESS_EVERY = 1000;

export async function fromSource(context: Context): Promise<Line[]> {
  try {
    return await score(context, await buildSelftests(context));
  } catch (error) {
    if (error instanceof ToolError) return [skippedLine(NAME, error.message)];
    throw error;
  }
}

async function score(context: Context, { version, source, objects }: Selftests): Promise<Line[]> {
  const { config } = source;
  const { wasm, recorded } = context;
  const verifier = new IsolatedVerifier({ wasm, recorded, ...(config ? { config } : {}) });
  const card = new Scorecard();
  const loads = wantedLoads(context).filter(({ set }) => set !== 'struct');
  const known = new Set(objects.names);
  // The programs of one object one after the other: it is opened once.
  for (const load of loads.toSorted((a, b) => (a.object < b.object ? -1 : Number(a.object > b.object)))) {
    const answer = known.has(load.object)
      ? await verifier.run(jobOf(load, objects.folder))
      : ({ kind: 'refused', reason: 'the object could not be built' } satisfies Answer);
    card.add(load, answer);
    if (card.loads % PROGRESS_EVERY === 0) context.progress(`${card.loads} programs from source`);
  }
  const logs = await scoreLogs(context, verifier, (load, { byLoader = false }, logLevel) =>
    known.has(load.object) ? { ...jobOf(load, objects.folder), logLevel, explained: byLoader } : undefined,
  );
  await verifier.close();
  // Another version of the source has other programs: scored, but not held against what this one reached.
  const loose = !isRecorded(version);
  if (!loose) {
    context.failed('source', merged(card.failures));
    context.failed('source-log', merged(logs.failures));
  }
  const needed = new Set(loads.map(({ object }) => object));
  const lines: Line[] = [
    {
      name: `${PREFIX}objects built`,
      good: [...needed].filter((object) => known.has(object)).length,
      total: needed.size,
      notes: [versionNote(version), ...objects.failed],
    },
    card.total(`${PREFIX}verifier_* privileged`, /^verifier priv verdict/, { count: 1360 }),
    card.total(`${PREFIX}all privileged`, /^(verifier|others) priv verdict/, { percent: 97 }),
    card.total(`${PREFIX}unprivileged`, /^verifier unpriv verdict/, { count: 485 }),
    card.total(`${PREFIX}privileged messages`, / priv messages/, { percent: 98 }),
    card.total(`${PREFIX}unprivileged messages`, / unpriv messages/, { percent: 98 }),
    ...card.safetyLines(PREFIX),
    ...card.setLines(PREFIX),
    ...logs.lines(PREFIX),
  ];
  return loose ? lines.map((line) => ({ ...line, loose })) : lines;
}

/** Of several kinds of failures, whatever stands last of a load. */
function merged(failures: Readonly<Record<string, Failures>>): Failures {
  return new Map(Object.values(failures).flatMap((each) => [...each]));
}

function jobOf(load: RecordedLoad, folder: string) {
  return {
    kind: 'object' as const,
    path: join(folder, `${load.object}.bpf.o`),
    program: load.program,
    caps: capabilities(load),
    logLevel: logLevel(load),
  };
}
