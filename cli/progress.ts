/** How far long work has come, on stderr: a line that changes on a terminal, and now and then one elsewhere. */
export class Progress {
  private readonly isTerminal = process.stderr.isTTY === true;
  private shown = 0;
  private isOpen = false;

  show(done: number, total: number, what: string): void {
    if (total === 0) return;
    if (this.isTerminal) this.redraw(`${done} of ${total} ${what}`);
    else this.tell(done, total, what);
  }

  /** A line of its own. */
  say(text: string): void {
    this.end();
    process.stderr.write(`${text}\n`);
  }

  end(): void {
    if (this.isOpen) process.stderr.write('\r\x1b[K');
    this.isOpen = false;
  }

  private redraw(text: string): void {
    process.stderr.write(`\r\x1b[K${text}`);
    this.isOpen = true;
  }

  /** Every tenth, of what is worth it. */
  private tell(done: number, total: number, what: string): void {
    const tenth = Math.floor((10 * done) / total);
    if (total < 100 || tenth === this.shown) return;
    this.shown = tenth;
    if (done > 0) process.stderr.write(`${done} of ${total} ${what}\n`);
  }
}
