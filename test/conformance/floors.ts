/** Scores that were reached once and must not be lost again: floors-6.12.json and floors-6.1.json, line name -> good. */
import { readFileSync, writeFileSync } from 'node:fs';
import { hasFloor, type Line } from './line.ts';

export class Floors {
  private readonly path: string;
  private readonly values: Map<string, number>;

  private constructor(path: string, values: Map<string, number>) {
    this.path = path;
    this.values = values;
  }

  static read(path: string): Floors {
    const json = JSON.parse(readFileSync(path, 'utf8')) as Record<string, number>;
    return new Floors(path, new Map(Object.entries(json)));
  }

  of(line: Line): number {
    return this.values.get(line.name) ?? 0;
  }

  /** Lines that have risen above their floor. */
  risen(lines: readonly Line[]): Line[] {
    return lines.filter((line) => hasFloor(line) && line.good > this.of(line));
  }

  /** Lifts the floors to what was reached; none sinks. */
  raise(lines: readonly Line[]): void {
    for (const { name, good } of this.risen(lines)) this.values.set(name, good);
    const sorted = [...this.values].sort(([a], [b]) => (a < b ? -1 : 1));
    writeFileSync(this.path, `${JSON.stringify(Object.fromEntries(sorted), undefined, 2)}\n`);
  }

  /** Names that no line has any more: a score that was dropped or renamed would no longer be held. */
  orphans(lines: readonly Line[]): string[] {
    const names = new Set(lines.map(({ name }) => name));
    return [...this.values.keys()].filter((name) => !names.has(name));
  }
}
