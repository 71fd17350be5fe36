/** Where the source of a program is in the repository, as reports link to it. */
import { existsSync } from 'node:fs';
import { isAbsolute, join, relative, sep } from 'node:path';
import type { SourcePlace } from './check.ts';

/** Debug information has the names that the compiler was given, perhaps on another machine or from another directory. */
export class SourcePlaces {
  private readonly root: string;
  private readonly known = new Map<string, string>();

  constructor(root: string) {
    this.root = root;
  }

  /** With the file relative to the root where it is found there. */
  find(place: SourcePlace | null): SourcePlace | null {
    return place && { ...place, file: this.fileOf(place.file) };
  }

  private fileOf(name: string): string {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const file = this.search(name);
    this.known.set(name, file);
    return file;
  }

  /** The longest end of the name that is a file here. */
  private search(name: string): string {
    const inside = isAbsolute(name) ? relative(this.root, name) : name;
    const parts = inside.split(/[/\\]/).filter((part) => part !== '' && part !== '.');
    while (parts[0] === '..') parts.shift();
    for (let from = 0; from < parts.length; from++) {
      const end = parts.slice(from).join(sep);
      if (!end.includes('..') && existsSync(join(this.root, end))) return parts.slice(from).join('/');
    }
    return isAbsolute(name) ? name : parts.join('/');
  }
}
