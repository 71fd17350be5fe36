/** A thread that does jobs, so that a crash or a hang of one does not take the gate with it. */
import { parentPort } from 'node:worker_threads';
import { InputError } from '../../bpf/input-error.ts';
import type { Answer, Assignment, Message, ProgramAnswer, Turn } from './job.ts';

function tell(message: Message): void {
  parentPort?.postMessage(message);
}

const TELLING = {
  begins: (begins: Turn) => tell({ begins }),
  is: (index: number, program: ProgramAnswer) => tell({ index, program }),
};

/** What a job needs is loaded with the first of its kind: most gates run nothing. */
async function doJob({ job, claims }: Assignment): Promise<Answer> {
  switch (job.kind) {
    case 'verify':
      return (await import('./verify-job.ts')).verifyJob(job, claims, TELLING);
    case 'explain':
      return (await import('./verify-job.ts')).explainJob(job);
    case 'run':
      return (await import('./run-job.ts')).runJob(job);
    case 'checkpoint':
      return (await import('./run-job.ts')).checkpointJob(job);
  }
}

async function answer(assignment: Assignment): Promise<Answer> {
  try {
    return await doJob(assignment);
  } catch (error) {
    if (error instanceof InputError) return { kind: 'refused', reason: error.message };
    return { kind: 'crash', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

// Most jobs verify: it is loaded while the first job is still being looked for.
void import('./verify-job.ts');

parentPort?.on('message', async (assignment: Assignment) => tell({ answer: await answer(assignment) }));
