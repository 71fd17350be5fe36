/** The verifier behind a watchdog: whatever a load does to it, there is an answer within a bounded time. */
import { Worker } from 'node:worker_threads';
import type { Answer, Job, WorkerSetup } from './job.ts';

/** Longest time one load may take. The slowest needs about a second of it. */
const LIMIT_MS = 60_000;

export class IsolatedVerifier {
  private readonly setup: WorkerSetup;
  private worker: Worker | undefined;
  /** Takes the answer to the job that is under way. */
  private settle: (answer: Answer) => void = () => {};

  constructor(setup: WorkerSetup) {
    this.setup = setup;
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
    const worker = new Worker(new URL('./verify-worker.js', import.meta.url), { workerData: this.setup });
    worker.on('message', (answer: Answer) => this.settle(answer));
    worker.on('error', (error) => this.settle({ kind: 'crash', reason: String(error) }));
    worker.on('exit', (code) => this.settle({ kind: 'crash', reason: `worker exited with code ${code}` }));
    return worker;
  }

  private ask(worker: Worker, job: Job): Promise<Answer> {
    return new Promise((resolve) => {
      const reason = `no answer after ${LIMIT_MS / 1000} s`;
      const watchdog = setTimeout(() => this.settle({ kind: 'hang', reason }), LIMIT_MS);
      this.settle = (answer) => {
        clearTimeout(watchdog);
        resolve(answer);
      };
      worker.postMessage(job);
    });
  }
}
