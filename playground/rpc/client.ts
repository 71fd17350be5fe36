/** A worker, as the page calls it. One for each view, so that none waits for another. */
import type { Call, Place, Progress, Reply, ServiceName, Services } from './protocol.ts';

/** What a worker refused or failed at. */
export class CallError extends Error {
  override readonly name = 'CallError';
  /** Drydock is wrong, not the input. */
  readonly bug: boolean;
  /** Where in the text that was sent. */
  readonly at: Place | undefined;

  constructor(message: string, bug: boolean, at?: Place) {
    super(bug ? `This is a bug in Drydock, please report it: ${message}` : message);
    this.bug = bug;
    this.at = at;
  }
}

/** A call was given up because the worker was stopped. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Client<Name extends ServiceName> {
  private readonly service: Name;
  private worker: Worker | undefined;
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;
  private readonly progress: ((progress: unknown) => void) | undefined;

  /** @param progress told what the service says while it answers */
  constructor(service: Name, progress?: (progress: unknown) => void) {
    this.service = service;
    this.progress = progress;
  }

  /** Starts the worker when it is first needed. @throws {CallError} or {Stopped} */
  call<Method extends keyof Services[Name] & string>(
    method: Method,
    ...args: Services[Name][Method] extends (...args: infer A) => unknown ? A : never
  ): Promise<Services[Name][Method] extends (...args: never) => infer R ? Awaited<R> : never> {
    const id = ++this.lastId;
    const call: Call = { id, service: this.service, method, args };
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.worker ??= this.start();
      this.worker.postMessage(call);
    });
  }

  /** Ends what is under way: a verification or a run cannot be asked to stop. The next call starts anew. */
  stop(): void {
    this.giveUp(new Stopped('stopped'));
  }

  private giveUp(why: Error): void {
    this.worker?.terminate();
    this.worker = undefined;
    for (const { reject } of this.waiting.values()) reject(why);
    this.waiting.clear();
  }

  private start(): Worker {
    const worker = new Worker(new URL('../worker.ts', import.meta.url), {
      type: 'module',
      name: this.service,
    });
    worker.onmessage = ({ data }: MessageEvent<Reply | Progress>) => {
      // Messages of one that was stopped may still be on their way.
      if (worker !== this.worker) return;
      if ('progress' in data) this.progress?.(data.progress);
      else this.settle(data);
    };
    worker.onerror = ({ message }) => {
      // It may answer nothing more: the next call starts anew.
      if (worker === this.worker) this.giveUp(new CallError(message || 'the worker has failed', true));
    };
    return worker;
  }

  private settle(reply: Reply): void {
    const waiting = this.waiting.get(reply.id);
    this.waiting.delete(reply.id);
    if ('error' in reply) waiting?.reject(new CallError(reply.error, reply.bug, reply.at));
    else waiting?.resolve(reply.value);
  }
}
