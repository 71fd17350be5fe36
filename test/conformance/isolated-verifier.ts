/** The verifier behind a watchdog: whatever a load does to it, there is an answer within a bounded time. */
import { Worker } from 'node:worker_threads';
import type { Answer, Job, WorkerSetup } from './job.ts';

/** Longest time one load may take. The slowest needs about a second of it. */
const LIMIT_MS = 60_000;

export interface IsolationOptions {
  /** Milliseconds until a job counts as hanging. */
  limit?: number;
  /** Module that the worker runs. */
  script?: URL;
}

export class IsolatedVerifier {
  private readonly setup: WorkerSetup;
  private readonly limit: number;
  private readonly script: URL;
  private worker: Worker | undefined;
  /** Takes the answer to the job that is under way. */
  private settle: (answer: Answer) => void = () => {};

  constructor(setup: WorkerSetup, options: IsolationOptions = {}) {
    this.setup = setup;
    this.limit = options.limit ?? LIMIT_MS;
    this.script = options.script ?? new URL('./verify-worker.js', import.meta.url);
  }

  /** One job at a time. A worker that crashed or hung is replaced. */
  async run(job: Job): Promise<Answer> {
    this.worker ??= this.start();
    const answer = await this.ask(this.worker, job);
    if (answer.kind === 'crash' || answer.kind === 'hang') await this.close();
    return answer;
  }

  async close(): Promise<void> {
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }

  private start(): Worker {
    const worker = new Worker(this.script, { workerData: this.setup });
    worker.on('message', (answer: Answer) => this.settle(answer));
    worker.on('error', (error) => this.settle({ kind: 'crash', reason: String(error) }));
    worker.on('exit', (code) => this.settle({ kind: 'crash', reason: `worker exited with code ${code}` }));
    return worker;
  }

  private ask(worker: Worker, job: Job): Promise<Answer> {
    return new Promise((resolve) => {
      const reason = `no answer after ${this.limit / 1000} s`;
      const watchdog = setTimeout(() => this.settle({ kind: 'hang', reason }), this.limit);
      this.settle = (answer) => {
        clearTimeout(watchdog);
        resolve(answer);
      };
      worker.postMessage(job);
    });
  }
}
