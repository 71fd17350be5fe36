/**
 * The kinds of image files: name, magic, messages, what follows a message. A kind has the name that crit gives
 * its magic. Names of files are CRIU's (%d a decimal, %x a hexadecimal number).
 */
import type { MessageName } from './messages.ts';

/** Bytes after a message, that are not protobuf. */
export interface ExtraRule {
  /** Fields of the message whose sum is their number. */
  readonly length: readonly string[];
}

export interface KindDef {
  readonly magic: number;
  readonly files: readonly string[];
  /** The first entry, when it is another message than the rest. */
  readonly head?: MessageName;
  readonly entry: MessageName;
  readonly extra?: ExtraRule;
}

/** First word of all images but the inventory, whose own magic is the first. */
export const COMMON_MAGIC = 0x54564319;

export const KINDS = {
  INVENTORY: { magic: 0x58313116, files: ['inventory.img'], entry: 'inventory_entry' },
  PSTREE: { magic: 0x50273030, files: ['pstree.img'], entry: 'pstree_entry' },
  CORE: { magic: 0x55053847, files: ['core-%d.img'], entry: 'core_entry' },
  IDS: { magic: 0x54432030, files: ['ids-%d.img'], entry: 'task_kobj_ids_entry' },
  CREDS: { magic: 0x54023547, files: ['creds-%d.img'], entry: 'creds_entry' },
  FS: { magic: 0x51403912, files: ['fs-%d.img'], entry: 'fs_entry' },
  MM: { magic: 0x57492820, files: ['mm-%d.img'], entry: 'mm_entry' },
  FDINFO: { magic: 0x56213732, files: ['fdinfo-%d.img'], entry: 'fdinfo_entry' },
  FILES: { magic: 0x56303138, files: ['files.img'], entry: 'file_entry' },
  REMAP_FPATH: { magic: 0x59133954, files: ['remap-fpath.img'], entry: 'remap_file_path_entry' },
  MEMFD_INODE: { magic: 0x48453499, files: ['memfd.img'], entry: 'memfd_inode_entry' },
  PAGEMAP: {
    magic: 0x56084025,
    files: ['pagemap-%d.img', 'pagemap-shmem-%d.img', 'pagemap-iouring-%d.img'],
    head: 'pagemap_head',
    entry: 'pagemap_entry',
  },
  PIPES_DATA: {
    magic: 0x56453709,
    files: ['pipes-data.img'],
    entry: 'pipe_data_entry',
    extra: { length: ['bytes'] },
  },
  FIFO_DATA: {
    magic: 0x59333054,
    files: ['fifo-data.img'],
    entry: 'pipe_data_entry',
    extra: { length: ['bytes'] },
  },
  SK_QUEUES: {
    magic: 0x56264026,
    files: ['sk-queues.img'],
    entry: 'sk_packet_entry',
    extra: { length: ['length'] },
  },
  /** Content in chunks; without them (see headExtra) the head alone, and all of the content behind it. */
  GHOST_FILE: {
    magic: 0x52583605,
    files: ['ghost-file-%x.img'],
    head: 'ghost_file_entry',
    entry: 'ghost_chunk_entry',
    extra: { length: ['len'] },
  },
  // Drydock's own. Magics are coordinates of towns, as CRIU's are: here of towns with dry docks.
  /** Gdansk */
  IO_URING: { magic: 0x54221839, files: ['io_uring.img'], entry: 'io_uring_file_entry' },
  /** Rotterdam */
  IO_URING_DATA: {
    magic: 0x51550428,
    files: ['io_uring-data.img'],
    entry: 'io_uring_data_entry',
    extra: { length: ['sqe_bytes', 'cqe_bytes', 'sq_arr_bytes'] },
  },
  /** Rostock */
  IO_URING_TASK: { magic: 0x54051208, files: ['io_uring-task.img'], entry: 'io_uring_task_entry' },
  /** Portsmouth */
  DRYDOCK: { magic: 0x50480106, files: ['drydock.img'], entry: 'drydock_entry' },
  /** Brest */
  DRYDOCK_CONTENTS: {
    magic: 0x48230429,
    files: ['contents.img'],
    entry: 'drydock_content_entry',
    extra: { length: ['bytes'] },
  },
} as const satisfies Readonly<Record<string, KindDef>>;

export type ImageKind = keyof typeof KINDS;

/** Pages as they are, one behind the other: no magic, no messages. */
const RAW_FILES = ['pages-%d.img'] as const;

export const KIND_NAMES = Object.keys(KINDS) as ImageKind[];

export function kindDef(kind: ImageKind): KindDef {
  return KINDS[kind];
}

/** Numbers are written in one way only, so that no two names mean one file. */
const DECIMAL = '(?:0|[1-9][0-9]{0,19})';
const HEXADECIMAL = '(?:0|[1-9a-f][0-9a-f]{0,15})';

function matcher(pattern: string): RegExp {
  const source = pattern.replace('.', '\\.').replace('%d', DECIMAL).replace('%x', HEXADECIMAL);
  return new RegExp(`^${source}$`);
}

const MATCHERS: readonly (readonly [RegExp, ImageKind | 'PAGES'])[] = [
  ...KIND_NAMES.flatMap((kind) => kindDef(kind).files.map((file) => [matcher(file), kind] as const)),
  ...RAW_FILES.map((file) => [matcher(file), 'PAGES'] as const),
];

/** What a file with this name holds, PAGES for raw pages; undefined when it is no image. */
export function kindOfFile(name: string): ImageKind | 'PAGES' | undefined {
  return MATCHERS.find(([pattern]) => pattern.test(name))?.[1];
}

/** Words that an image of this kind starts with. */
export function magicsOf(kind: ImageKind): readonly number[] {
  return kind === 'INVENTORY' ? [KINDS.INVENTORY.magic] : [COMMON_MAGIC, kindDef(kind).magic];
}

/** Ghost files: the content stands behind the head, up to the end of the file. */
export function headExtra(kind: ImageKind, head: Readonly<Record<string, unknown>>): boolean {
  return kind === 'GHOST_FILE' && head.chunks !== true;
}
