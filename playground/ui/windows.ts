/** A long list of which the worker gives windows; what is not there yet comes when it is looked at. */
import { signal } from '@preact/signals';

const SIZE = 128;
/** Windows that are kept: older ones can be asked for again. */
const KEPT = 64;

export class Windows<Row> {
  private readonly windows = new Map<number, readonly Row[]>();
  private readonly asked = new Set<number>();
  /** Changes when rows arrive, so that who has read it is drawn again. */
  private readonly arrived = signal(0);
  private readonly fetch: (from: number, count: number) => Promise<readonly Row[]>;

  constructor(fetch: (from: number, count: number) => Promise<readonly Row[]>) {
    this.fetch = fetch;
  }

  /** Undefined until it has come. */
  row(index: number): Row | undefined {
    void this.arrived.value;
    const number = Math.floor(index / SIZE);
    const window = this.windows.get(number);
    if (!window) this.ask(number);
    return window?.[index % SIZE];
  }

  private ask(number: number): void {
    if (this.asked.has(number)) return;
    this.asked.add(number);
    this.fetch(number * SIZE, SIZE)
      .then((rows) => this.keep(number, rows))
      // A list that is gone is not looked at any more.
      .catch(() => {})
      .finally(() => this.asked.delete(number));
  }

  private keep(number: number, rows: readonly Row[]): void {
    this.windows.set(number, rows);
    const [oldest] = this.windows.keys();
    if (this.windows.size > KEPT && oldest !== undefined) this.windows.delete(oldest);
    this.arrived.value++;
  }
}
