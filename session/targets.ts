/** What an iterator can be attached to in a scene. */
import type { LinkCreateAttr } from '../kernel-model/iter/link.ts';
import type { OpenFile } from '../kernel-model/scene/index.ts';
import type { BpfMapView } from '../kernel-model/services.ts';
import type { Session } from './session.ts';

/** What bpf_iter_link_info is to say, and how to name it for people. */
export type IterChoice = { readonly label: string } & (
  | { readonly kind: 'all' }
  | { readonly kind: 'file'; readonly pid: number; readonly fd: number }
  | { readonly kind: 'map'; readonly map: BpfMapView }
  | { readonly kind: 'task'; readonly pid: number }
);

/** What the user asks for; everything that fits when empty. */
export interface Selection {
  /** Task whose descriptors are meant, or that task iterators are narrowed to. */
  readonly task?: number;
  readonly fd?: number;
  /** Name of a map. */
  readonly map?: string;
}

/** Every object of the scene that a target attaches to, as far as selected; in a fixed order. */
export function choices(session: Session, target: string, selection: Selection = {}): IterChoice[] {
  switch (target) {
    case 'io_uring_buf':
    case 'io_uring_file':
    case 'io_uring_bvec':
      return files('ring', session.world.rings(), selection);
    case 'epoll':
      return files('epoll instance', session.world.epolls(), selection);
    case 'bpf_map_elem':
      return maps(session, selection);
    case 'task':
    case 'task_file':
    case 'task_vma':
      return selection.task === undefined
        ? [{ kind: 'all', label: 'all tasks' }]
        : [{ kind: 'task', pid: selection.task, label: `task ${selection.task}` }];
    default:
      return [{ kind: 'all', label: 'all' }];
  }
}

/** Attributes of BPF_LINK_CREATE; `fd` is the reader's descriptor for a file or map. */
export function linkInfo(choice: IterChoice, fd: number): LinkCreateAttr {
  if (choice.kind === 'all') return {};
  const size = choice.kind === 'task' ? 16 : 4;
  const iterInfo = new Uint8Array(size);
  const view = new DataView(iterInfo.buffer);
  if (choice.kind === 'task') view.setUint32(4, choice.pid, true);
  else view.setInt32(0, fd, true);
  return { iterInfo, iterInfoLength: size };
}

/** A descriptor that the user names is taken as it is, so that a wrong one fails as it does on Linux. */
function files(what: string, found: readonly OpenFile[], { task, fd }: Selection): IterChoice[] {
  if (task !== undefined && fd !== undefined) {
    return [{ kind: 'file', pid: task, fd, label: `descriptor ${fd} of task ${task}` }];
  }
  return found
    .filter((file) => (task === undefined || file.task.pid === task) && (fd === undefined || file.fd === fd))
    .map((file) => ({
      kind: 'file',
      pid: file.task.tgid,
      fd: file.fd,
      label: `${what} ${file.fd} of task ${file.task.tgid}`,
    }));
}

/** Maps of the scene when it has any, else the object's own. */
function maps(session: Session, { map: name }: Selection): IterChoice[] {
  const count = session.world.maps.length;
  const { all } = session.maps;
  const candidates =
    name !== undefined ? all.filter((map) => map.name === name) : count > 0 ? all.slice(0, count) : all;
  return candidates
    .filter(({ type, name: own }) => WALKABLE.has(type) && (name !== undefined || !own.includes('.')))
    .map((map) => ({ kind: 'map', map, label: `map ${map.name}` }));
}

/** BPF_MAP_TYPE_* of hashes and arrays, per-CPU and LRU kinds too. */
const WALKABLE = new Set([1, 2, 5, 6, 9, 10]);
