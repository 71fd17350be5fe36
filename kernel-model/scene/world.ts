/** A scene that has been built: the machine with everything in it, and where to find what iterators attach to. */
import { EventPoll } from '../epoll.ts';
import type { File } from '../file.ts';
import { IoUring } from '../io-uring/ring.ts';
import type { Machine } from '../machine.ts';
import type { Task } from '../task.ts';

/** A BPF map to be made. The machine has no maps of its own, so whoever runs programs makes them. */
export interface SceneMap {
  readonly name: string;
  /** BPF_MAP_TYPE_* */
  readonly type: number;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly entries: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[];
}

/** An open file and the lowest descriptor that some task has for it. */
export interface OpenFile {
  readonly task: Task;
  readonly fd: number;
  readonly file: File;
}

export class World {
  readonly machine: Machine;
  readonly maps: readonly SceneMap[];

  constructor(machine: Machine, maps: readonly SceneMap[]) {
    this.machine = machine;
    this.maps = maps;
  }

  /** io_uring instances that any task has open, by task and descriptor. */
  rings(): OpenFile[] {
    return this.openFiles((object) => object instanceof IoUring);
  }

  /** epoll instances that any task has open, by task and descriptor. */
  epolls(): OpenFile[] {
    return this.openFiles((object) => object instanceof EventPoll);
  }

  private openFiles(wanted: (object: unknown) => boolean): OpenFile[] {
    const found: OpenFile[] = [];
    const seen = new Set<unknown>();
    for (const task of this.machine.tasks.all) {
      if (!task.files) continue;
      for (let fd = 0; fd < task.files.maxFds; fd++) {
        const file = task.files.get(fd);
        if (!file || !wanted(file.object) || seen.has(file.object)) continue;
        seen.add(file.object);
        found.push({ task, fd, file });
      }
    }
    return found;
  }
}
