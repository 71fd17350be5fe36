/**
 * Worker threads that do jobs side by side. Who finds no job left helps with an object that another one is at. A worker that
 * crashes or hangs is replaced, and the program that it was at answered for.
 */
import { Worker } from 'node:worker_threads';
import {
  type Answer,
  type Assignment,
  type Job,
  type Message,
  MOST_CLAIMS,
  type ProgramAnswer,
  type Turn,
} from './job.ts';

export interface PoolOptions {
  /** Threads. */
  readonly size: number;
  /** Milliseconds that one program, or another job, may take. */
  readonly limit: number;
  /** Module that the threads run. */
  readonly script?: URL;
}

/** A job that workers are at. */
class Running {
  readonly assignment: Assignment;
  readonly job: Job;
  /** Workers that are at it. */
  workers = 0;
  /** Another one has come to help. */
  isShared = false;
  private readonly programs = new Map<number, ProgramAnswer>();
  /** Of another job, or why the object cannot be verified. */
  private other: Answer | undefined;

  constructor(job: Job) {
    this.job = job;
    // One number is taken by jobs that are not shared.
    const count = job.kind === 'verify' ? MOST_CLAIMS : 1;
    this.assignment = { job, claims: new Int32Array(new SharedArrayBuffer(4 * count)) };
  }

  add(index: number, program: ProgramAnswer): void {
    this.programs.set(index, program);
  }

  end(answer: Answer): void {
    if (answer.kind !== 'verify') this.other = answer;
  }

  get answer(): Answer {
    const programs = [...this.programs].sort(([a], [b]) => a - b).map(([, program]) => program);
    return this.other ?? { kind: 'verify', programs };
  }
}

export class Pool {
  private readonly workers: readonly JobWorker[];
  private readonly running = new Set<Running>();
  private stopped = false;

  constructor({ size, limit, script }: PoolOptions) {
    const module = script ?? new URL('./worker.js', import.meta.url);
    this.workers = Array.from({ length: size }, () => new JobWorker(module, limit));
  }

  /** Has the threads begin before there is a job: where nothing is known, all of them will be needed. */
  warm(): void {
    for (const worker of this.workers) worker.warm();
  }

  /** Answers come as they are there, in no order. */
  async run<J extends Job>(jobs: readonly J[], answered: (job: J, answer: Answer) => void): Promise<void> {
    const queue = jobs[Symbol.iterator]();
    const done = (running: Running) => answered(running.job as J, running.answer);
    const workers = jobs.length === 0 ? [] : this.workers;
    await Promise.all(workers.map((worker) => this.serve(worker, queue, done)));
  }

  /** Jobs that are under way are given up. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.workers.map((worker) => worker.close()));
  }

  private async serve(
    worker: JobWorker,
    queue: Iterator<Job>,
    done: (running: Running) => void,
  ): Promise<void> {
    for (let next = this.take(queue); next && !this.stopped; next = this.take(queue)) {
      next.workers++;
      await worker.do(next);
      next.workers--;
      if (this.stopped || next.workers > 0) continue;
      this.running.delete(next);
      done(next);
    }
  }

  /** The next job, or one that somebody else is at and nobody helps with. */
  private take(queue: Iterator<Job>): Running | undefined {
    const { done, value } = queue.next() as IteratorResult<Job, undefined>;
    if (done) return this.share();
    const running = new Running(value);
    this.running.add(running);
    return running;
  }

  /** An object that nobody helps with yet. */
  private share(): Running | undefined {
    const open = [...this.running].find(({ job, isShared }) => job.kind === 'verify' && !isShared);
    if (open) open.isShared = true;
    return open;
  }
}

class JobWorker {
  private readonly script: URL;
  private readonly limit: number;
  private worker: Worker | undefined;
  private running: Running | undefined;
  /** The program whose turn it is. */
  private turn: Turn | undefined;
  private watchdog: NodeJS.Timeout | undefined;
  private settle: (answer: Answer) => void = () => {};

  constructor(script: URL, limit: number) {
    this.script = script;
    this.limit = limit;
  }

  warm(): void {
    this.worker ??= this.start();
  }

  /** One job at a time; once more from the next program on where one has brought the thread down. */
  async do(running: Running): Promise<void> {
    this.running = running;
    for (;;) {
      this.turn = undefined;
      const answer = await this.once(running.assignment);
      const turn = this.turn as Turn | undefined;
      if (answer.kind !== 'crash' || !turn) return running.end(answer);
      const { index, program, section, mode } = turn;
      running.add(index, { program, section, mode, result: null, crash: answer.reason });
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.watchdog);
    const { worker } = this;
    this.worker = undefined;
    await worker?.terminate();
  }

  private async once(assignment: Assignment): Promise<Answer> {
    this.worker ??= this.start();
    const worker = this.worker;
    const answer = await new Promise<Answer>((resolve) => {
      this.settle = resolve;
      this.watch();
      worker.postMessage(assignment);
    });
    clearTimeout(this.watchdog);
    if (answer.kind === 'crash') await this.close();
    return answer;
  }

  private start(): Worker {
    const worker = new Worker(this.script);
    const crash = (reason: string) => {
      // One that was replaced has nothing to say any more.
      if (this.worker === worker || this.worker === undefined) this.settle({ kind: 'crash', reason });
    };
    worker.on('message', (message: Message) => {
      if (this.worker === worker) this.hear(message);
    });
    worker.on('error', (error) =>
      crash(error instanceof Error ? (error.stack ?? error.message) : String(error)),
    );
    worker.on('exit', (code) => crash(`the worker ended with code ${code}`));
    return worker;
  }

  private hear(message: Message): void {
    if ('answer' in message) this.settle(message.answer);
    else if ('begins' in message) {
      this.turn = message.begins;
      this.watch();
    } else {
      this.turn = undefined;
      this.running?.add(message.index, message.program);
    }
  }

  private watch(): void {
    clearTimeout(this.watchdog);
    const reason = `no end after ${this.limit / 1000} s`;
    this.watchdog = setTimeout(() => this.settle({ kind: 'crash', reason }), this.limit);
  }
}
