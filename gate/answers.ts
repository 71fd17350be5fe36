/** Answers to jobs: from the cache where the same was asked before, else from workers. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { profileDirectory } from '../kernel-model/profile-node.ts';
import { cacheKey, type Json, type ResultCache } from './cache.ts';
import type { Answer, Job, ObjectChoice } from './jobs/job.ts';
import type { Pool } from './jobs/pool.ts';

export interface AnswersOptions {
  readonly root: string;
  readonly pool: Pool;
  readonly cache: ResultCache | undefined;
  /** Of Drydock itself: other code may answer otherwise. */
  readonly build: string;
  /** Whenever a job is answered. */
  readonly progress: (done: number, total: number) => void;
}

export interface Answered {
  readonly answer: Answer;
  readonly cached: boolean;
}

export class Answers {
  private readonly options: AnswersOptions;
  private readonly digests = new Map<string, string>();

  constructor(options: AnswersOptions) {
    this.options = options;
  }

  /** One answer for each job, in their order. */
  async all(jobs: readonly Job[]): Promise<Answered[]> {
    const { pool, cache, progress } = this.options;
    const found = new Map<Job, Answered>();
    const open = new Map<Job, string | undefined>();
    for (const job of jobs) {
      const key = cache && this.keyOf(job);
      const known = key === undefined ? undefined : (cache?.get(key) as Answer | undefined);
      if (known) found.set(job, { answer: known, cached: true });
      else open.set(job, key);
    }
    progress(found.size, jobs.length);
    // The largest objects first, so that none is begun when all others are done.
    const queue = [...open.keys()].sort((a, b) => this.sizeOf(b) - this.sizeOf(a));
    await pool.run(queue, (job, answer) => {
      const key = open.get(job);
      if (key !== undefined && isLasting(answer)) cache?.put(key, answer as unknown as Json);
      found.set(job, { answer, cached: false });
      progress(found.size, jobs.length);
    });
    return jobs.flatMap((job) => found.get(job) ?? []);
  }

  /** Undefined where a file cannot be read: the worker will say so. */
  private keyOf(job: Job): string | undefined {
    try {
      return cacheKey([this.options.build, ...this.partsOf(job)]);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      return undefined;
    }
  }

  private partsOf(job: Job): string[] {
    switch (job.kind) {
      case 'verify':
      case 'explain': {
        const { object, ...rest } = job;
        return [JSON.stringify(rest), ...this.objectParts(object)];
      }
      case 'run': {
        const { path, scene, kernel, ...rest } = job;
        const world = scene === null ? 'none' : this.digest(scene);
        return [JSON.stringify(rest), this.kernelDigest(kernel), this.digest(path), world];
      }
      case 'checkpoint': {
        const { scene, kernel, ...rest } = job;
        return [JSON.stringify(rest), this.kernelDigest(kernel), this.digest(scene)];
      }
    }
  }

  private objectParts({ path, kernel, targets, ...rest }: ObjectChoice): string[] {
    const attached = targets.map((target) => relative(this.options.root, target));
    // A target names a file, perhaps with a program of it behind a colon.
    const files = targets.map((target) => this.digest(target.replace(/:[^:/]*$/, '')));
    return [JSON.stringify([rest, attached]), this.kernelDigest(kernel), this.digest(path), ...files];
  }

  /** Built-in profiles are a part of the build. */
  private kernelDigest(kernel: string): string {
    return kernel.includes('/') ? this.digest(profileDirectory(kernel)) : kernel;
  }

  private digest(path: string): string {
    const known = this.digests.get(path);
    if (known !== undefined) return known;
    const digest = digestOf(path);
    this.digests.set(path, digest);
    return digest;
  }

  private sizeOf(job: Job): number {
    const path = job.kind === 'verify' || job.kind === 'explain' ? job.object.path : '';
    return path === '' ? 0 : (statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  }
}

/** What may be another answer the next time is asked again. */
function isLasting(answer: Answer): boolean {
  if (answer.kind === 'crash') return false;
  return answer.kind !== 'verify' || answer.programs.every(({ crash }) => crash === null);
}

/** Of a file, or of all files of a directory with their names. */
function digestOf(path: string): string {
  const hash = createHash('sha256');
  if (!statSync(path).isDirectory()) return hash.update(readFileSync(path)).digest('hex');
  const names = readdirSync(path).sort();
  for (const name of names) hash.update(`${name}\0${digestOf(join(path, name))}\n`);
  return hash.digest('hex');
}
