/** What a scene has, as plain data to draw: tasks, mappings with their pages, registered buffers, watches, locks. */
import { PAGE_SIZE } from '../../bpf/address.ts';
import { type EpollItem, EventPoll } from '../../kernel-model/epoll.ts';
import type { File } from '../../kernel-model/file.ts';
import type { MappedBuffer } from '../../kernel-model/io-uring/bvec.ts';
import { IoUring } from '../../kernel-model/io-uring/ring.ts';
import type { Mm } from '../../kernel-model/mm.ts';
import { Pte } from '../../kernel-model/page-table.ts';
import type { Task } from '../../kernel-model/task.ts';
import { type Vma, VmFlag } from '../../kernel-model/vma.ts';
import type { Session } from '../session.ts';

export interface SceneOverview {
  readonly tasks: readonly TaskView[];
  readonly rings: readonly RingView[];
  readonly epolls: readonly EpollView[];
  readonly locks: readonly HeldLock[];
}

export interface TaskView {
  readonly pid: number;
  readonly tgid: number;
  readonly comm: string;
  readonly files: readonly { readonly fd: number; readonly path: string }[];
  readonly mappings: readonly MappingView[];
}

/** Addresses are numbers: user space has 47 bits. */
export interface MappingView {
  readonly start: number;
  readonly end: number;
  /** "rw-p" */
  readonly access: string;
  readonly what: string;
  /** Bytes of one of its pages. */
  readonly pageSize: number;
}

export interface RingView {
  readonly label: string;
  /** Process whose memory the buffers are in; undefined when that is gone. */
  readonly pid: number | undefined;
  /** Pages that are counted as pinned in that memory, by all of its rings. */
  readonly pinned: number;
  readonly buffers: readonly (BufferView | undefined)[];
  readonly files: readonly (string | undefined)[];
}

export interface BufferView {
  readonly slot: number;
  readonly address: number;
  readonly length: number;
  /** Pages charged for it. */
  readonly charged: number;
  /** In the order of the addresses; the first ones only. */
  readonly pages: readonly PageView[];
  readonly pageCount: number;
  /** What is mapped there now, from the mapping of its first byte to that of its last. */
  readonly mappings: readonly MappingView[];
}

export interface PageView {
  /** User address of its first byte, rounded down to a page. */
  readonly address: number;
  readonly bytes: number;
  readonly frame: number;
  /** The address still shows this page. */
  readonly mapped: boolean;
  readonly pins: number;
  readonly references: number;
  /** Slots of other buffers, of any ring, that have the frame too. */
  readonly shared: readonly string[];
}

export interface EpollView {
  readonly label: string;
  readonly items: readonly { readonly fd: number; readonly path: string; readonly events: number }[];
}

export interface HeldLock {
  readonly lock: string;
  readonly by: string;
}

/** Pages of one buffer that are listed. */
const MOST_PAGES = 1024;

export function sceneOverview(session: Session): SceneOverview {
  return new Overview(session).all();
}

class Overview {
  private readonly session: Session;
  private readonly users = new Map<number, string[]>();
  private readonly rings: readonly { readonly label: string; readonly ring: IoUring }[];

  constructor(session: Session) {
    this.session = session;
    this.rings = session.world.rings().map(({ task, fd, file }) => ({
      label: `ring ${fd} of task ${task.tgid}`,
      ring: file.object as IoUring,
    }));
  }

  all(): SceneOverview {
    this.noteUsers();
    const { session } = this;
    return {
      tasks: session.machine.tasks.all
        .filter((task) => task !== session.reader)
        .map((task) => this.task(task)),
      rings: this.rings.map((each) => this.ring(each)),
      epolls: session.world.epolls().map(({ task, fd, file }) => ({
        label: `epoll instance ${fd} of task ${task.tgid}`,
        items: [...(file.object as EventPoll).inOrder()].map((item) => this.item(item)),
      })),
      locks: this.locks(),
    };
  }

  private task(task: Task): TaskView {
    const { pid, tgid, comm, mm } = task;
    const shared = !task.isLeader;
    return {
      pid,
      tgid,
      comm,
      files: shared ? [] : openFiles(task).map(([fd, file]) => ({ fd, path: this.path(file) })),
      mappings: shared || !mm ? [] : mm.mappings.map((vma) => this.mapping(vma)),
    };
  }

  private mapping(vma: Vma): MappingView {
    const flag = (bit: VmFlag, text: string) => (vma.has(bit) ? text : '-');
    const access = flag(VmFlag.Read, 'r') + flag(VmFlag.Write, 'w') + flag(VmFlag.Exec, 'x');
    return {
      start: vma.start,
      end: vma.end,
      access: `${access}${vma.shared ? 's' : 'p'}`,
      what: vma.file ? this.path(vma.file) : vma.has(VmFlag.HugeTlb) ? 'anonymous, huge pages' : 'anonymous',
      pageSize: vma.pageSize,
    };
  }

  private ring({ label, ring }: { label: string; ring: IoUring }): RingView {
    const mm = ring.payer.mm?.record.live ? ring.payer.mm : undefined;
    const owner = this.session.machine.tasks.all.find((task) => mm !== undefined && task.mm === mm);
    const { buffers, files } = ring;
    const buffer = (slot: number) => buffers?.at(slot);
    return {
      label,
      pid: owner?.tgid,
      pinned: mm ? Number(mm.record.big('pinned_vm')) : 0,
      buffers: Array.from({ length: buffers?.size ?? 0 }, (_, slot) => {
        const found = buffer(slot);
        return found && this.buffer(`${label}, slot ${slot}`, slot, found, mm);
      }),
      files: Array.from({ length: files?.size ?? 0 }, (_, slot) => {
        const file = files?.at(slot);
        return file && this.path(file);
      }),
    };
  }

  private buffer(label: string, slot: number, buffer: MappedBuffer, mm: Mm | undefined): BufferView {
    const address = Number(buffer.address);
    const { length } = buffer;
    const all = [...buffer.frames()];
    return {
      slot,
      address,
      length,
      charged: buffer.accountedPages,
      pages: this.pages(label, address, buffer, all.slice(0, MOST_PAGES), mm),
      pageCount: all.length,
      mappings: mm ? mm.overlapping(address, address + length).map((vma) => this.mapping(vma)) : [],
    };
  }

  private pages(
    label: string,
    address: number,
    { record }: MappedBuffer,
    frames: readonly number[],
    mm: Mm | undefined,
  ): PageView[] {
    const { pages } = this.session.machine;
    const size = record.has('folio_shift') ? 2 ** record.get('folio_shift') : PAGE_SIZE;
    const first = address - (address % size);
    return frames.map((frame, index) => {
      const start = first + index * size;
      const entry = mm?.memory.table.get(start / PAGE_SIZE) ?? 0;
      return {
        address: start,
        bytes: size,
        frame,
        mapped: entry !== 0 && (entry & Pte.FrameMask) === frame,
        pins: pages.pinned(frame),
        references: pages.references(frame),
        shared: (this.users.get(frame) ?? []).filter((other) => other !== label),
      };
    });
  }

  private noteUsers(): void {
    for (const { label, ring } of this.rings) {
      for (let slot = 0; slot < (ring.buffers?.size ?? 0); slot++) {
        for (const frame of ring.buffers?.at(slot)?.frames() ?? []) {
          const users = this.users.get(frame) ?? [];
          const user = `${label}, slot ${slot}`;
          if (!users.includes(user)) users.push(user);
          this.users.set(frame, users);
        }
      }
    }
  }

  private item({ fd, file, record }: EpollItem): EpollView['items'][number] {
    return { fd, path: this.path(file), events: record.get('event.events') };
  }

  private locks(): HeldLock[] {
    const { machine, world } = this.session;
    const held: HeldLock[] = [];
    const note = (lock: string, owner: bigint) => {
      if (owner === 0n) return;
      const task = machine.tasks.at(owner);
      held.push({ lock, by: task ? `task ${task.pid} (${task.comm})` : 'a task that is gone' });
    };
    for (const { label, ring } of this.rings) note(`uring_lock of ${label}`, ring.lock.owner);
    for (const { task, fd, file } of world.epolls()) {
      note(`mtx of epoll instance ${fd} of task ${task.tgid}`, (file.object as EventPoll).lock.owner);
    }
    for (const task of machine.tasks.all) {
      if (!task.isLeader || !task.mm?.writeLocked) continue;
      note(`mmap_lock of task ${task.pid}`, BigInt.asUintN(64, task.mm.lock.big('owner')) & ~7n);
    }
    return held;
  }

  private path({ path, object }: File): string {
    if (object instanceof IoUring) return 'io_uring';
    if (object instanceof EventPoll) return 'epoll';
    const { vfs } = this.session.machine;
    const text = vfs.pathText(path.mount.vfsmount, path.dentry.record.address);
    return typeof text === 'string' ? text : '(no path)';
  }
}

function openFiles({ files }: Task): [number, File][] {
  const found: [number, File][] = [];
  for (let fd = 0; files && fd < files.maxFds; fd++) {
    const file = files.get(fd);
    if (file) found.push([fd, file]);
  }
  return found;
}
