/** A list of whole numbers that grows: what an array of a million of them costs, and not eight times that. */

const FIRST = 1024;

export class Growing {
  length = 0;
  private numbers = new Int32Array(FIRST);

  push(value: number): void {
    if (this.length === this.numbers.length) {
      const larger = new Int32Array(this.numbers.length * 2);
      larger.set(this.numbers);
      this.numbers = larger;
    }
    this.numbers[this.length++] = value;
  }

  at(index: number): number {
    return this.numbers[index] ?? -1;
  }

  set(index: number, value: number): void {
    while (this.length <= index) this.push(-1);
    this.numbers[index] = value;
  }

  /** A copy of exactly the length. */
  values<T>(kind: { new (from: Int32Array): T }): T {
    return new kind(this.numbers.subarray(0, this.length));
  }
}
