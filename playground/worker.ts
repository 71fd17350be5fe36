/** Verifies what the page sends, beside it: the page stays free however long that takes. */
import { errnoName } from '../bpf/errno-name.ts';
import { InputError } from '../bpf/input-error.ts';
import { loadObject } from '../loader/index.ts';
import { diagnosisText } from '../verifier/diagnosis/diagnosis-text.ts';
import { examine, type Report } from '../verifier/examine.ts';
import { type Bench, openBench } from './kernel.ts';
import type { Answer, ProgramReport, Site, VerifyRequest } from './protocol.ts';

/** Every path: what the page shows is what it is asked for. */
const LOG_LEVEL = 2;
const base = new URL('../', self.location.href);
const site: Promise<Site> = fetch(new URL('site.json', base)).then(
  (response) => response.json() as Promise<Site>,
);
const benches = new Map<string, Promise<Bench>>();

async function benchOf({ kernel, stock }: VerifyRequest): Promise<Bench> {
  const key = JSON.stringify([kernel, stock]);
  const { kernels } = await site;
  const found = kernels.find(({ name }) => name === kernel);
  if (!found) throw new InputError(`unknown kernel "${kernel}"`);
  const bench = benches.get(key) ?? openBench(base, found, stock);
  benches.set(key, bench);
  return bench;
}

async function verify(request: VerifyRequest): Promise<Answer> {
  const { verifier, options } = await benchOf(request);
  const begin = performance.now();
  const object = loadObject(request.bytes, { ...options, file: request.file, programs: 'all' });
  const programs = object.programs.map((program) =>
    reportOf(
      examine(
        { verifier },
        { path: request.file, object, program },
        { unpriv: request.unprivileged, log: LOG_LEVEL },
      ),
    ),
  );
  return { id: request.id, programs, milliseconds: performance.now() - begin };
}

function reportOf({ program, verdict, refusal, diagnosis }: Report): ProgramReport {
  const { name, section } = program;
  const stats = verdict?.stats;
  return {
    name,
    section,
    verdict: verdict ? (verdict.accepted ? 'accepted' : 'rejected') : 'not-loaded',
    errno: verdict && !verdict.accepted ? errnoName(verdict.errno) : '',
    message: verdict?.message ?? refusal ?? '',
    source: diagnosis?.source ?? null,
    numbers: stats
      ? `${stats.insnsProcessed} insns, ${stats.totalStates} states, stack ${stats.stackDepths.join('+')}`
      : '',
    explanation: diagnosis ? diagnosisText(diagnosis) : [],
    log: verdict?.log ?? '',
  };
}

async function answer(request: VerifyRequest): Promise<Answer> {
  try {
    return await verify(request);
  } catch (error) {
    const isBad = error instanceof InputError;
    // A trap leaves the core as it was in the middle of something.
    if (!isBad) benches.clear();
    return { id: request.id, error: error instanceof Error ? error.message : String(error), bug: !isBad };
  }
}

self.onmessage = async ({ data }: MessageEvent<VerifyRequest>) => self.postMessage(await answer(data));
