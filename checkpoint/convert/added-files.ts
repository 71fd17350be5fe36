/**
 * Open files that CRIU's images need and a state does not have; they stand behind the files of the state. CRIU lets a
 * mapping of a memfd name a file, not the memory: a memfd that nobody has open any more gets one of its own. And
 * processes have a root directory, where they also work: the model knows no other.
 */
import type { EntryInit } from '../image/index.ts';
import type { CheckpointState, MmState } from '../state.ts';
import { idOf } from './numbers.ts';
import { shmidOf } from './objects.ts';
import { protOf } from './vma-flags.ts';

/** O_RDWR and O_LARGEFILE: how memfd_create opens. */
const MEMFD_FLAGS = 0o100002;
const O_DIRECTORY = 0o200000;
const S_IFDIR = 0o040000;
const PROT_EXEC = 4;
export const NO_OWNER = { uid: 0, euid: 0, signum: 0, pid_type: 0, pid: 0 } as const;

export class AddedFiles {
  /** Id of the root directory. */
  readonly root: number;
  private readonly memfds = new Map<number, number>();
  /** Objects whose file is in no table of the state. */
  private readonly unopened: readonly number[];

  constructor({ files, objects }: CheckpointState) {
    for (const [index, { inode }] of files.entries()) {
      if (inode.object !== undefined && !this.memfds.has(inode.object)) {
        this.memfds.set(inode.object, idOf(index));
      }
    }
    this.root = idOf(files.length);
    const memfds = [...objects.keys()].filter((object) => objects[object]?.kind === 'memfd');
    this.unopened = memfds.filter((object) => !this.memfds.has(object));
    for (const [index, object] of this.unopened.entries()) this.memfds.set(object, this.root + 1 + index);
  }

  /** Id in files.img of the file of a memfd. */
  memfd(object: number): number {
    return this.memfds.get(object) ?? 0;
  }

  /** The file that a process runs: the first that is mapped to be executed. */
  executable({ files }: CheckpointState, { mappings }: MmState): number {
    for (const { flags, backing } of mappings) {
      if (backing.kind !== 'file' || (protOf(flags) & PROT_EXEC) === 0) continue;
      if (files[backing.file]?.kind === 'regular') return idOf(backing.file);
    }
    return this.root;
  }

  entries(): EntryInit<'FILES'>[] {
    const common = { pos: 0n, fown: NO_OWNER };
    const reg = { id: this.root, flags: O_DIRECTORY, ...common, name: '/', mode: S_IFDIR | 0o755 };
    return [
      { type: 'REG', id: this.root, reg },
      ...this.unopened.map((object): EntryInit<'FILES'> => {
        const id = this.memfd(object);
        return { type: 'MEMFD', id, memfd: { id, flags: MEMFD_FLAGS, ...common, inode_id: shmidOf(object) } };
      }),
    ];
  }
}
