/**
 * The open file that stands for each memfd: CRIU lets a mapping of a memfd name a file, not the memory. A memfd that
 * nobody has open any more gets one of its own, behind the files of the state.
 */
import type { CheckpointState } from '../state.ts';
import { idOf } from './numbers.ts';

export class MemfdFiles {
  /** Objects whose file is in no table of the state, in the order of their ids. */
  readonly unopened: readonly number[];
  private readonly ids = new Map<number, number>();

  constructor({ files, objects }: CheckpointState) {
    for (const [index, { inode }] of files.entries()) {
      if (inode.object !== undefined && !this.ids.has(inode.object)) this.ids.set(inode.object, idOf(index));
    }
    const memfds = [...objects.keys()].filter((object) => objects[object]?.kind === 'memfd');
    this.unopened = memfds.filter((object) => !this.ids.has(object));
    for (const [index, object] of this.unopened.entries()) this.ids.set(object, idOf(files.length + index));
  }

  /** Id in files.img of the file of a memfd. */
  fileOf(object: number): number {
    return this.ids.get(object) ?? 0;
  }
}
