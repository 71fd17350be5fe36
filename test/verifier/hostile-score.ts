/**
 * Whether hostile input ends as it must: in a verdict or in an InputError that says what is wrong, soon, and
 * without harm to the requests that follow.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Btf } from '../../bpf/btf.ts';
import { InputError } from '../../bpf/input-error.ts';
import { openProfile, profileDirectory } from '../../kernel-model/profile-node.ts';
import {
  EXTRACTED_FILES,
  HAND_FILES,
  VerifierData,
  type VerifierFile,
} from '../../kernel-model/verifier-data.ts';
import { openVerifierData } from '../../kernel-model/verifier-data-node.ts';
import { type LoadRequest, type Verdict, Verifier } from '../../verifier/index.ts';
import { verifierWasm } from '../package-root.ts';
import { damageRecords } from './hostile-btf.ts';
import { damageTable } from './hostile-profile.ts';
import { Random } from './hostile-random.ts';
import { type Archive, type Recorded, readArchive } from './hostile-recorded.ts';
import { damageRequest } from './hostile-request.ts';

const KERNEL = '6.12';
const FILES: readonly VerifierFile[] = [...EXTRACTED_FILES, ...HAND_FILES];
/** A request takes a millisecond, one that uses up every limit some seconds; this is a hang. */
const MAX_MILLISECONDS = 20_000;
const MAX_ERRNO = 4095;
/** A good request follows so many bad ones. */
const PROBE = 16;
/** Loads that process no more are damaged where there is little time. */
export const QUICK_INSNS = 50_000;
/** Good requests that take long are no probes. */
const MAX_PROBE_INSNS = 5_000;

export interface HostileScore {
  good: number;
  total: number;
  /** What did not end as it must, with the seed that repeats it. */
  failures: string[];
  /** How the good ones ended. */
  accepted: number;
  rejected: number;
  refused: number;
}

function emptyScore(): HostileScore {
  return { good: 0, total: 0, failures: [], accepted: 0, rejected: 0, refused: 0 };
}

function isVerdict({ accepted, errno, log, message, stats }: Verdict): boolean {
  const numbers = Object.values(stats).flat() as number[];
  return (
    accepted === (errno === 0) &&
    errno >= 0 &&
    errno <= MAX_ERRNO &&
    typeof log === 'string' &&
    typeof message === 'string' &&
    numbers.every((value) => Number.isInteger(value) && value >= 0)
  );
}

/** Runs one attempt; @param attempt gives a verdict, or nothing where there is none to give. */
async function judge(
  score: HostileScore,
  name: string,
  attempt: () => Promise<Verdict[]> | Verdict[],
): Promise<void> {
  const started = performance.now();
  let failure = '';
  try {
    const verdicts = await attempt();
    if (!verdicts.every(isVerdict)) failure = `not a verdict: ${JSON.stringify(verdicts)}`;
    else if (verdicts.every(({ accepted }) => accepted)) score.accepted++;
    else score.rejected++;
  } catch (error) {
    if (error instanceof InputError && error.message !== '') score.refused++;
    else failure = (error as Error).stack?.split('\n').slice(0, 4).join(' ') ?? String(error);
  }
  const took = performance.now() - started;
  if (failure === '' && took > MAX_MILLISECONDS) failure = `took ${Math.round(took)} ms`;
  score.total++;
  if (failure === '') score.good++;
  else score.failures.push(`${name}: ${failure}`);
}

/** How a good request is answered wrongly, "" for not at all. @param untouched has seen good requests only. */
function probeFails(verifier: Verifier, untouched: Verifier, { request, errno }: Recorded): string {
  const expected = untouched.verify(request);
  const verdict = verifier.verify(request);
  if (verdict.errno !== errno) return `errno ${verdict.errno}, Linux ${errno}`;
  if (JSON.stringify(verdict) !== JSON.stringify(expected))
    return 'another answer than from a fresh verifier';
  return '';
}

export class HostileRun {
  private readonly archive: Archive;
  private readonly wasm: WebAssembly.Module;
  private readonly probes: readonly Recorded[];

  /** @param step takes every `step`-th recorded load. @param maxInsns leaves those out that process more. */
  constructor(step: number, maxInsns: number) {
    const { loads, modules } = readArchive(step);
    this.archive = { loads: loads.filter(({ insnsProcessed }) => insnsProcessed <= maxInsns), modules };
    this.probes = this.archive.loads.filter(({ insnsProcessed }) => insnsProcessed < MAX_PROBE_INSNS);
    this.wasm = new WebAssembly.Module(readFileSync(verifierWasm()));
  }

  verifier(btf = openProfile(KERNEL).vmlinux, data = openVerifierData(KERNEL)): Promise<Verifier> {
    return Verifier.create({ wasm: this.wasm, kernel: { btf, data, modules: this.archive.modules } });
  }

  /** The request that a seed stands for. */
  request(seed: number): LoadRequest {
    const random = new Random(seed);
    const good = random.pick(this.archive.loads);
    return damageRequest(good.request, random.pick(this.archive.loads).request, random);
  }

  /** Damaged requests, all to one verifier, which answers good ones right in between. */
  async requests(from: number, count: number): Promise<HostileScore> {
    const score = emptyScore();
    let verifier = await this.verifier();
    const untouched = await this.verifier();
    for (let seed = from; seed < from + count; seed++) {
      const request = this.request(seed);
      await judge(score, `request ${seed}`, () => [verifier.verify(request)]);
      if (seed % PROBE !== 0) continue;
      const probe = this.probes[seed % this.probes.length] as Recorded;
      const wrong = probeFails(verifier, untouched, probe);
      if (wrong === '') continue;
      score.failures.push(`after request ${seed}, ${probe.name}: ${wrong}`);
      verifier = await this.verifier();
    }
    return score;
  }

  /** Damaged tables: the reader refuses them, or programs are verified with them. */
  async tables(from: number, count: number): Promise<HostileScore> {
    const score = emptyScore();
    const directory = profileDirectory(KERNEL);
    const texts = new Map(FILES.map((file) => [file, readFileSync(join(directory, file), 'utf8')]));
    const { vmlinux } = openProfile(KERNEL);
    for (let seed = from; seed < from + count; seed++) {
      const random = new Random(seed);
      const damaged = random.pick(FILES);
      const text = damageTable(texts.get(damaged) ?? '', random);
      await judge(score, `${damaged} ${seed}`, async () => {
        const data = VerifierData.parse('damaged', vmlinux, (file) =>
          file === damaged ? text : texts.get(file),
        );
        return this.verifySome(await this.verifier(vmlinux, data), random);
      });
    }
    return score;
  }

  /** Damaged types of the kernel. */
  async kernels(from: number, count: number): Promise<HostileScore> {
    const score = emptyScore();
    const { bytes } = openProfile(KERNEL).vmlinux;
    const data = openVerifierData(KERNEL);
    for (let seed = from; seed < from + count; seed++) {
      const random = new Random(seed);
      const damaged = damageRecords(bytes, 1 << random.below(14), !random.once(8), random);
      await judge(score, `kernel BTF ${seed}`, async () =>
        this.verifySome(await this.verifier(Btf.parse(damaged), data), random),
      );
    }
    return score;
  }

  private verifySome(verifier: Verifier, random: Random): Verdict[] {
    return Array.from({ length: 6 }, () => verifier.verify(random.pick(this.probes).request));
  }
}

/** The requests, tables and kernels that the conformance run counts. */
export async function scoreHostile(): Promise<{ good: number; total: number; failures: string[] }> {
  const run = new HostileRun(4, QUICK_INSNS);
  const parts = [await run.requests(0, 2000), await run.tables(0, 60), await run.kernels(0, 10)];
  return {
    good: parts.reduce((sum, { good }) => sum + good, 0),
    total: parts.reduce((sum, { total }) => sum + total, 0),
    failures: parts.flatMap(({ failures }) => failures),
  };
}
