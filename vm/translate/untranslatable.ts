/** What the translated tier leaves to the interpreter, and why. */
export class Untranslatable {
  /** For people: no full stop, no program name. */
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}
