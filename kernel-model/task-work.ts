/**
 * Work that is done on the way out of the kernel (task work): completions of requests that an event has finished.
 * An event that comes while a system call runs waits until that call has let go of its locks.
 */
export class TaskWork {
  private depth = 0;
  private running = false;
  private readonly queue: (() => void)[] = [];

  /** A system call begins. */
  enter(): void {
    this.depth++;
  }

  /** It ends; with the outermost one, what waits is done. */
  leave(): void {
    this.depth--;
    this.run();
  }

  /** Runs a call between `enter` and `leave`. */
  during<T>(call: () => T): T {
    this.enter();
    try {
      return call();
    } finally {
      this.leave();
    }
  }

  /** Does something as soon as no system call is under way. */
  add(work: () => void): void {
    this.queue.push(work);
    this.run();
  }

  private run(): void {
    if (this.depth > 0 || this.running) return;
    this.running = true;
    try {
      for (let work = this.queue.shift(); work; work = this.queue.shift()) work();
    } finally {
      this.running = false;
    }
  }
}
