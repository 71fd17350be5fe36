/** What paths are made of: super blocks, mounts, inodes and dentries, each with its record. */
import type { KernelHeap } from './heap.ts';
import { hlistAddHead, hlistDel, listInit } from './list.ts';
import type { PageCache } from './page-cache.ts';
import type { Record } from './record.ts';
import { utf8 } from './utf8.ts';

/** S_IF* bits of i_mode. */
export const enum FileType {
  None = 0,
  Fifo = 0o010000,
  CharDevice = 0o020000,
  Directory = 0o040000,
  Regular = 0o100000,
  Socket = 0o140000,
  Mask = 0o170000,
}

/** How the path of a dentry that stands in no directory is written. */
export type DynamicName = 'anon_inode' | 'pipe' | 'socket' | 'simple';

/** A mounted file system instance: `struct super_block`. */
export class SuperBlock {
  readonly record: Record;
  /** File system type, e.g. "ext4", "tmpfs". */
  readonly type: string;
  /** st_dev: (major << 20) | minor, as the kernel keeps it. */
  readonly device: number;

  constructor(record: Record, type: string, magic: number, device: number) {
    this.record = record;
    this.type = type;
    this.device = device;
    record.assign({ s_magic: magic, s_dev: device, s_blocksize: 4096 }).setText('s_id', type);
  }
}

/** `struct mount`, of which paths hold the embedded `struct vfsmount`. */
export class Mount {
  readonly superBlock: SuperBlock;
  readonly root: Dentry;
  readonly record: Record;
  /** Where it is mounted; undefined for the root mount and for internal mounts. */
  readonly parent: Path | undefined;
  /** Address of the vfsmount in it. */
  readonly vfsmount: bigint;

  constructor(record: Record, root: Dentry, parent: Path | undefined) {
    this.record = record;
    this.superBlock = root.superBlock;
    this.root = root;
    this.parent = parent;
    this.vfsmount = record.addressOf('mnt');
    record
      .point('mnt.mnt_root', root.record)
      .point('mnt.mnt_sb', root.superBlock.record)
      .point('mnt_parent', parent ? parent.mount.record : record)
      .point('mnt_mountpoint', (parent?.dentry ?? root).record);
  }
}

export interface Path {
  readonly mount: Mount;
  readonly dentry: Dentry;
}

export interface InodeInit {
  superBlock: SuperBlock;
  ino: number;
  /** Type and permission bits; a type of 0 as for anonymous inodes. */
  mode: number;
  uid: number;
  gid: number;
  /** Symbol of the file operations that an open gets, and its address. */
  ops: string;
  opsAddress: bigint;
}

export class Inode {
  readonly record: Record;
  readonly superBlock: SuperBlock;
  readonly ino: number;
  /** Symbol of the file operations that an open gets. */
  readonly ops: string;
  /** Content of a regular file, shmem object or shared anonymous memory. */
  pages: PageCache | undefined;
  private readonly heap: KernelHeap;

  constructor(heap: KernelHeap, init: InodeInit) {
    this.heap = heap;
    this.superBlock = init.superBlock;
    this.ino = init.ino;
    this.ops = init.ops;
    this.record = heap.allocate('inode');
    this.record
      .assign({ i_mode: init.mode, i_uid: init.uid, i_gid: init.gid, i_ino: init.ino })
      .assign({ i_count: 1, i_blkbits: 12, i_fop: init.opsAddress })
      .set(this.record.has('__i_nlink') ? '__i_nlink' : 'i_nlink', 1)
      .point('i_sb', init.superBlock.record)
      .set('i_mapping', this.record.addressOf('i_data'));
    if (this.record.has('i_data.host')) this.record.point('i_data.host', this.record);
  }

  get mode(): number {
    return this.record.get('i_mode');
  }

  get uid(): number {
    return this.record.get('i_uid');
  }

  get isRegular(): boolean {
    return (this.mode & FileType.Mask) === FileType.Regular;
  }

  get isDirectory(): boolean {
    return (this.mode & FileType.Mask) === FileType.Directory;
  }

  /** Bytes. */
  get size(): number {
    return this.record.get('i_size');
  }

  set size(bytes: number) {
    this.record.set('i_size', bytes);
  }

  /** Hard links. */
  get links(): number {
    return this.record.get('i_nlink');
  }

  set links(count: number) {
    this.record.set(this.record.has('__i_nlink') ? '__i_nlink' : 'i_nlink', count);
  }

  get(): this {
    this.record.add('i_count', 1);
    return this;
  }

  /** Drops a reference. The inode of a file that still has a name stays, as in the inode cache. */
  put(): void {
    if (this.record.add('i_count', -1) > 0) return;
    this.pages?.release();
    this.heap.free(this.record);
  }
}

export interface DentryInit {
  superBlock: SuperBlock;
  name: string;
  inode: Inode;
  /** Undefined for the root of a file system and for files outside of any directory. */
  parent?: Dentry | undefined;
  dynamicName?: DynamicName | undefined;
  /** Address of the dentry operations, 0n for none. */
  operations: bigint;
  /** Told when the dentry is freed. */
  freed: (dentry: Dentry) => void;
}

export class Dentry {
  readonly record: Record;
  readonly superBlock: SuperBlock;
  /** Name and directory change by `move` only. */
  name: string;
  parent: Dentry | undefined;
  readonly inode: Inode;
  readonly dynamicName: DynamicName | undefined;
  readonly children = new Map<string, Dentry>();
  private readonly heap: KernelHeap;
  private readonly freed: (dentry: Dentry) => void;
  private hashed = true;
  private externalName: { offset: number; size: number } | undefined;

  /** Takes over the caller's reference to the inode. */
  constructor(heap: KernelHeap, init: DentryInit) {
    this.heap = heap;
    this.superBlock = init.superBlock;
    this.name = init.name;
    this.parent = init.parent;
    this.inode = init.inode;
    this.dynamicName = init.dynamicName;
    this.freed = init.freed;
    this.record = heap.allocate('dentry');
    this.record
      .point('d_inode', init.inode.record)
      .point('d_parent', (init.parent ?? this).record)
      .point('d_sb', init.superBlock.record)
      .set('d_op', init.operations);
    this.writeName();
    if (this.record.has('d_subdirs')) listInit(heap.ram, this.record.addressOf('d_subdirs'));
    hlistAddHead(heap.ram, this.aliasNode, init.inode.record.addressOf('i_dentry'));
    init.parent?.children.set(init.name, this);
    init.parent?.get();
    this.count = init.parent ? 1 : 0;
  }

  /** Unlinked, but kept by who still uses it. */
  get deleted(): boolean {
    return !this.hashed;
  }

  get(): this {
    this.count += 1;
    return this;
  }

  put(): void {
    this.count -= 1;
    if (this.count > 0) return;
    this.freed(this);
    hlistDel(this.heap.ram, this.aliasNode);
    this.inode.put();
    if (this.externalName) this.heap.freeBytes(this.externalName.offset, this.externalName.size);
    this.heap.free(this.record);
    this.parent?.put();
  }

  /** Takes the name out of its directory: the name's own reference goes. */
  unlink(): void {
    this.hashed = false;
    this.parent?.children.delete(this.name);
    this.inode.links -= 1;
    this.put();
  }

  /** Gives it another name, in this or another directory of the same file system. */
  move(parent: Dentry, name: string): void {
    const old = this.parent;
    old?.children.delete(this.name);
    this.name = name;
    this.parent = parent.get();
    parent.children.set(name, this);
    this.record.point('d_parent', parent.record);
    this.writeName();
    old?.put();
  }

  private get count(): number {
    return this.record.get('d_lockref.count');
  }

  private set count(value: number) {
    this.record.set('d_lockref.count', value);
  }

  private get aliasNode(): bigint {
    return this.record.addressOf(this.record.has('d_u.d_alias') ? 'd_u.d_alias' : 'd_alias');
  }

  /** Short names stand in the dentry itself, longer ones beside it. */
  private writeName(): void {
    const bytes = utf8(this.name);
    const inline = this.record.layout.field('d_iname');
    let at = this.record.offset + inline.offset;
    if (this.externalName) this.heap.freeBytes(this.externalName.offset, this.externalName.size);
    this.externalName = undefined;
    new Uint8Array(this.heap.ram.buffer, at, inline.size).fill(0);
    if (bytes.length >= inline.size) {
      const size = bytes.length + 1;
      at = this.heap.allocateBytes(size);
      this.externalName = { offset: at, size };
    }
    new Uint8Array(this.heap.ram.buffer, at, bytes.length).set(bytes);
    this.record.set('d_name.len', bytes.length).set('d_name.name', this.heap.addressOf(at));
  }
}
