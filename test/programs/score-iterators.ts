/** Compares the verdicts on the iterators of programs/, and on their wrong variants, with the recorded ones. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BpfObject, loadObject, type Program } from '../../loader/index.ts';
import type { Verdict, Verifier } from '../../verifier/index.ts';
import { verifierLoadOptions } from '../../verifier/load-options-node.ts';
import { createVerifier } from '../../verifier/node.ts';
import { programRequest } from '../../verifier/program-request.ts';
import { packageRoot } from '../package-root.ts';

export interface RecordedStats {
  insns_processed: number;
  max_states_per_insn: number;
  total_states: number;
  peak_states: number;
  mark_read: number;
  /** Bytes of each function's stack: "264+136". */
  stack_depth: string;
}

export interface RecordedVerdict {
  object: string;
  program: string;
  verdict: 'accepted' | 'rejected' | 'not-loaded';
  errno?: number;
  /** Last line of the reason. */
  message?: string;
  /** Instruction that the reason was written at; null when the log does not tell. */
  insn?: number | null;
  stats?: RecordedStats;
}

interface Recording {
  kernel: string;
  /** SHA-256 of the objects that the kernel was asked about. */
  objects?: { readonly [object: string]: string };
  programs: RecordedVerdict[];
}

export interface IteratorScore {
  accepted: { good: number; total: number };
  rejected: { good: number; total: number };
  /** What differs, a line each. */
  failures: string[];
}

const KERNEL = '6.12';
const ROOT = 15;
const STATS = 4;

/** What stock kernels answered, and what their rules give for the iterators of the series. */
export const RECORDINGS = ['stock', 'series'] as const;
export type RecordingName = (typeof RECORDINGS)[number];

/** The score over all recordings, or those named. */
export async function scoreIterators(names: readonly RecordingName[] = RECORDINGS): Promise<IteratorScore> {
  const score: IteratorScore = {
    accepted: { good: 0, total: 0 },
    rejected: { good: 0, total: 0 },
    failures: [],
  };
  for (const name of names) {
    const examiner = await Examiner.open(name);
    for (const recorded of examiner.recording.programs) {
      if (recorded.verdict === 'not-loaded') continue;
      const differences = examiner.differences(recorded);
      const count = score[recorded.verdict];
      count.total++;
      if (differences.length === 0) count.good++;
      else score.failures.push(`${recorded.object} ${recorded.program}: ${differences.join('; ')}`);
    }
  }
  return score;
}

/** Verifies the programs of one recording as they were verified for it. */
export class Examiner {
  readonly recording: Recording;
  private readonly verifier: Verifier;
  private readonly stock: boolean;
  private readonly root: string;
  private readonly objects = new Map<string, BpfObject>();

  private constructor(name: RecordingName, verifier: Verifier) {
    this.root = packageRoot();
    const path = join(this.root, 'test', 'programs', 'recorded', `${name}-${KERNEL}.json`);
    this.recording = JSON.parse(readFileSync(path, 'utf8')) as Recording;
    this.verifier = verifier;
    this.stock = name === 'stock';
  }

  static async open(name: RecordingName): Promise<Examiner> {
    return new Examiner(name, await createVerifier(KERNEL, name === 'stock'));
  }

  /** Names of an object's programs. */
  programs(object: string): string[] {
    return this.load(object).programs.map(({ name }) => name);
  }

  program({ object, program }: Pick<RecordedVerdict, 'object' | 'program'>): Program | undefined {
    return this.load(object).programs.find(({ name }) => name === program);
  }

  /** Undefined when the loader refuses the program. */
  verify(recorded: RecordedVerdict): Verdict | undefined {
    const program = this.program(recorded);
    if (!program || program.error !== undefined) return undefined;
    const request = programRequest(this.load(recorded.object), program, { caps: ROOT, logLevel: STATS });
    return this.verifier.verify(request);
  }

  /** What is not as recorded, in words. */
  differences(recorded: RecordedVerdict): string[] {
    const digest = this.recording.objects?.[recorded.object];
    if (this.recording.objects && digest !== this.digest(recorded.object)) {
      return ['the object is not the one that was recorded'];
    }
    const verdict = this.verify(recorded);
    if (!verdict) return recorded.verdict === 'not-loaded' ? [] : ['it is not loaded'];
    const { accepted, errno, message, insn } = verdict;
    const outcome = accepted ? 'accepted' : 'rejected';
    const expected = facts(recorded, recorded.stats);
    const actual = facts({ verdict: outcome, errno, message, insn }, statsOf(verdict));
    return Object.entries(expected)
      .filter(([key, value]) => value !== undefined && actual[key] !== value)
      .map(([key, value]) => `${key} is ${actual[key]}, recorded ${value}`);
  }

  private digest(object: string): string {
    return createHash('sha256').update(this.read(object)).digest('hex');
  }

  private load(object: string): BpfObject {
    const known = this.objects.get(object);
    if (known) return known;
    const loaded = loadObject(this.read(object), {
      ...verifierLoadOptions(KERNEL, this.stock),
      file: object,
    });
    this.objects.set(object, loaded);
    return loaded;
  }

  private read(object: string): Uint8Array {
    return readFileSync(join(this.root, object));
  }
}

type Facts = { [fact: string]: string | number | undefined };

function facts(
  { verdict, errno, message, insn }: Omit<RecordedVerdict, 'object' | 'program'>,
  stats: RecordedStats | undefined,
): Facts {
  return { verdict, errno, message: message || undefined, insn: insn ?? undefined, ...stats };
}

function statsOf({ stats }: Verdict): RecordedStats {
  return {
    insns_processed: stats.insnsProcessed,
    max_states_per_insn: stats.maxStatesPerInsn,
    total_states: stats.totalStates,
    peak_states: stats.peakStates,
    mark_read: stats.markRead,
    stack_depth: stats.stackDepths.join('+'),
  };
}
