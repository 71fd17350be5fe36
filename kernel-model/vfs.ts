/**
 * The file systems of the modelled machine: one disk file system at the root, more by `mount`, and the kernel's
 * internal ones for files that stand in no directory (pipes, sockets, anonymous inodes, memfds).
 */
import { Errno } from '../bpf/errno.ts';
import { InputError } from '../bpf/input-error.ts';
import type { Cred } from './cred.ts';
import { File, type FileOperations, Open } from './file.ts';
import type { KernelHeap } from './heap.ts';
import {
  Dentry,
  type DentryInit,
  type DynamicName,
  FileType,
  Inode,
  Mount,
  type Path,
  SuperBlock,
} from './inode.ts';
import type { PageAllocator } from './page.ts';
import { PageCache } from './page-cache.ts';
import type { SymbolTable } from './symbols.ts';

/** In UTF-8, of one UTF-16 unit. */
const MAX_UNIT_BYTES = 3;
/** Longest name of one path component, longest path (with its NUL). */
const NAME_MAX = 255;
const PATH_MAX = 4096;
/** Inode numbers start here in every file system, so that 0 stays "none". */
const FIRST_INO = 1025;

/** Statfs magic numbers. */
const MAGIC: { readonly [type: string]: number } = {
  ext4: 0xef53,
  tmpfs: 0x0102_1994,
  hugetlbfs: 0x9584_58f6,
  pipefs: 0x5049_5045,
  sockfs: 0x534f_434b,
  anon_inodefs: 0x0904_1934,
};

const FILE_OPS: { readonly [type: string]: { file: string; directory: string } } = {
  ext4: { file: 'ext4_file_operations', directory: 'ext4_dir_operations' },
  tmpfs: { file: 'shmem_file_operations', directory: 'simple_dir_operations' },
  hugetlbfs: { file: 'hugetlbfs_file_operations', directory: 'simple_dir_operations' },
};

/** Internal file system, and dentry operations, of each kind of path that is made up when it is read. */
const DYNAMIC: { readonly [Name in DynamicName]: { type: string; operations: string } } = {
  anon_inode: { type: 'anon_inodefs', operations: 'anon_inodefs_dentry_operations' },
  pipe: { type: 'pipefs', operations: 'pipefs_dentry_operations' },
  socket: { type: 'sockfs', operations: 'sockfs_dentry_operations' },
  simple: { type: 'tmpfs', operations: 'anon_ops' },
};

export interface NewFile {
  /** Path of a new regular file or directory, absolute. Missing directories are made. */
  path: string;
  /** Permission bits, default 0644 or 0755. */
  mode?: number;
  uid?: number;
  gid?: number;
  type?: FileType.Regular | FileType.Directory | FileType.CharDevice | FileType.Fifo;
  /** Symbol of the file operations; needed for character devices ("null_fops"). */
  ops?: string;
  /** Number of a device. */
  device?: number;
  /** Content of a regular file. */
  content?: Uint8Array;
}

export interface PseudoFile {
  kind: DynamicName;
  /** What stands in the path, e.g. "[eventfd]" or "memfd:name". */
  name: string;
  ops: FileOperations;
  /** O_* */
  flags: number;
  cred: Cred;
  /** An inode of its own; without it the file shares its file system's one (anonymous inodes do). */
  inode?: Inode;
}

export class Vfs {
  readonly root: Mount;
  private readonly heap: KernelHeap;
  private readonly pages: PageAllocator;
  private readonly symbols: SymbolTable;
  private readonly mounts = new Map<Dentry, Mount>();
  private readonly byVfsmount = new Map<bigint, Mount>();
  private readonly internal = new Map<DynamicName | 'hugetlb', Mount>();
  private readonly kinds = new Map<string, FileOperations>();
  private readonly dentries = new Map<bigint, Dentry>();
  private devices = 0;
  private lastIno = FIRST_INO - 1;
  private sharedAnonInode: Inode | undefined;

  constructor(heap: KernelHeap, pages: PageAllocator, symbols: SymbolTable) {
    this.heap = heap;
    this.pages = pages;
    this.symbols = symbols;
    this.root = this.mountNew('ext4', undefined);
  }

  /** Mounts a new, empty file system on a directory, made when it does not exist. */
  mount(type: 'ext4' | 'tmpfs' | 'hugetlbfs', at: string): Mount {
    const point = this.makeDirectories(at);
    const mount = this.mountNew(type, point);
    this.mounts.set(point.dentry, mount);
    return mount;
  }

  /** Follows an absolute path; -ENOENT, -ENOTDIR, -ENAMETOOLONG, or -EINVAL for a relative one. */
  lookup(path: string): Path | number {
    const names = splitPath(path);
    if (typeof names === 'number') return names;
    let at = this.cross({ mount: this.root, dentry: this.root.root });
    for (const name of names) {
      if (!at.dentry.inode.isDirectory) return -Errno.ENOTDIR;
      const next = this.step(at, name);
      if (!next) return -Errno.ENOENT;
      at = next;
    }
    return at;
  }

  /**
   * Makes a file or directory.
   * @throws {InputError} when the path cannot be made: relative, too long, through a file, taken.
   */
  create(file: NewFile): Path {
    const slash = file.path.lastIndexOf('/');
    const name = file.path.slice(slash + 1);
    const parent = this.makeDirectories(file.path.slice(0, slash) || '/');
    const made = this.createIn(parent, name, file);
    if (typeof made === 'number') throw new InputError(`cannot create ${file.path}: errno ${-made}`);
    return made;
  }

  /** Makes a file in a directory; -EEXIST, -ENOTDIR, -ENAMETOOLONG, -EINVAL. */
  createIn(parent: Path, name: string, file: Omit<NewFile, 'path'>): Path | number {
    if (name === '' || name === '.' || name === '..' || name.includes('/')) return -Errno.EINVAL;
    if (new TextEncoder().encode(name).length > NAME_MAX) return -Errno.ENAMETOOLONG;
    if (!parent.dentry.inode.isDirectory) return -Errno.ENOTDIR;
    if (parent.dentry.children.has(name)) return -Errno.EEXIST;
    const type = file.type ?? FileType.Regular;
    const permissions = file.mode ?? (type === FileType.Directory ? 0o755 : 0o644);
    const superBlock = parent.mount.superBlock;
    const inode = this.newInode(superBlock, type | (permissions & 0o7777), file);
    if (type === FileType.Regular) this.addContent(inode, file.content);
    const dentry = this.newDentry({ superBlock, name, inode, parent: parent.dentry, operations: 0n });
    return { mount: parent.mount, dentry };
  }

  /** Moves a file or directory; what stood at the new place is unlinked. A negative errno: see rename(2). */
  rename(source: Path, parent: Path, name: string): number {
    if (name === '' || name === '.' || name === '..') return -Errno.EBUSY;
    if (new TextEncoder().encode(name).length > NAME_MAX) return -Errno.ENAMETOOLONG;
    if (!parent.dentry.inode.isDirectory) return -Errno.ENOTDIR;
    const { dentry } = source;
    const mounted = dentry === source.mount.root;
    const from = mounted ? (source.mount.parent?.mount ?? source.mount) : source.mount;
    if (from !== parent.mount) return -Errno.EXDEV;
    if (mounted) return -Errno.EBUSY;
    if (isWithin(parent.dentry, dentry)) return -Errno.EINVAL;
    const replaced = parent.dentry.children.get(name);
    if (replaced === dentry || replaced?.inode === dentry.inode) return 0;
    const error = replaced ? this.checkReplace(dentry, replaced) : 0;
    if (error < 0) return error;
    replaced?.unlink();
    dentry.move(parent.dentry, name);
    return 0;
  }

  private checkReplace(dentry: Dentry, replaced: Dentry): number {
    if (!replaced.inode.isDirectory) return dentry.inode.isDirectory ? -Errno.ENOTDIR : 0;
    if (!dentry.inode.isDirectory) return -Errno.EISDIR;
    if (this.mounts.has(replaced)) return -Errno.EBUSY;
    return replaced.children.size > 0 ? -Errno.ENOTEMPTY : 0;
  }

  /** Opens a file that stands in a directory. */
  openPath(path: Path, flags: number, cred: Cred): File {
    const symbol = path.dentry.inode.ops;
    const ops = this.kinds.get(symbol) ?? { symbol, pollable: false };
    return new File(this.heap, { path, ops, flags, cred, opsAddress: this.symbols.opaque(ops.symbol) });
  }

  /** A file that stands in no directory. Takes over the caller's reference to the inode. */
  openPseudo(file: PseudoFile): File {
    const mount = this.internalMount(file.kind);
    const inode = file.inode ?? this.anonInode(mount).get();
    const { operations } = DYNAMIC[file.kind];
    const dentry = this.newDentry({
      superBlock: mount.superBlock,
      name: file.name,
      inode,
      dynamicName: file.kind,
      operations: this.symbols.opaque(operations),
    });
    const opsAddress = this.symbols.opaque(file.ops.symbol);
    const path = { mount, dentry };
    return new File(this.heap, { path, ops: file.ops, flags: file.flags, cred: file.cred, opsAddress });
  }

  /** Another open file over the same dentry (the other end of a pipe). */
  openAgain(file: File, flags: number, cred = file.cred): File {
    const { path, ops } = file;
    return new File(this.heap, {
      path,
      ops,
      flags,
      cred,
      opsAddress: this.symbols.opaque(ops.symbol),
    });
  }

  /** An inode for `openPseudo`, with an inode number of its own. */
  pseudoInode(kind: DynamicName, mode: number): Inode {
    return this.newInode(this.internalMount(kind).superBlock, mode, {});
  }

  /** An open file of unnamed memory: memfd, shared anonymous or huge pages. @param order 9 for huge pages. */
  openMemory(name: string, bytes: number, cred: Cred, order = 0): File {
    const symbol = order > 0 ? 'hugetlbfs_file_operations' : 'shmem_file_operations';
    const ops = this.kinds.get(symbol) ?? { symbol, pollable: false };
    const inode = this.memoryInode(bytes, order);
    return this.openPseudo({ kind: 'simple', name, ops, flags: Open.RdWr | Open.LargeFile, cred, inode });
  }

  /** An unnamed shmem (or, by order 9, hugetlbfs) object: memfd, shared anonymous memory. */
  private memoryInode(bytes: number, order = 0): Inode {
    const mount = order > 0 ? this.hugetlbMount() : this.internalMount('simple');
    const inode = this.newInode(mount.superBlock, FileType.Regular | 0o777, {});
    inode.size = bytes;
    inode.links = 0;
    const kind = order > 0 ? 'hugetlb' : 'shmem';
    inode.pages = new PageCache(this.pages, kind, inode.record.addressOf('i_data'), order);
    return inode;
  }

  /** Says what the files of an operations table do; without it they can be opened and mapped only. */
  register(ops: FileOperations): void {
    this.kinds.set(ops.symbol, ops);
  }

  /**
   * Text of a `struct path`, as d_path gives it relative to the root; -ENOENT for a mount or dentry that the
   * model does not know.
   */
  pathText(vfsmount: bigint, dentryAddress: bigint): string | number {
    const mount = this.byVfsmount.get(vfsmount);
    const dentry = this.dentries.get(dentryAddress);
    if (!mount || !dentry) return -Errno.EFAULT;
    if (dentry.dynamicName) return dynamicText(dentry);
    const text = this.absolute({ mount, dentry });
    return dentry.deleted ? `${text} (deleted)` : text;
  }

  private absolute(path: Path): string {
    const names: string[] = [];
    let { mount, dentry } = path;
    for (;;) {
      if (dentry === mount.root) {
        if (!mount.parent) return `/${names.reverse().join('/')}`;
        ({ mount, dentry } = mount.parent);
      } else {
        names.push(dentry.name);
        dentry = dentry.parent as Dentry;
      }
    }
  }

  private step(at: Path, name: string): Path | undefined {
    if (name === '.') return at;
    if (name === '..') return this.up(at);
    const dentry = at.dentry.children.get(name);
    return dentry && this.cross({ mount: at.mount, dentry });
  }

  private up(at: Path): Path {
    if (at.dentry.parent) return { mount: at.mount, dentry: at.dentry.parent };
    return at.mount.parent ? this.up(at.mount.parent) : at;
  }

  /** The root of what is mounted here, if anything is. */
  private cross(path: Path): Path {
    const mount = this.mounts.get(path.dentry);
    return mount ? this.cross({ mount, dentry: mount.root }) : path;
  }

  private makeDirectories(path: string): Path {
    const names = splitPath(path);
    if (typeof names === 'number') throw new InputError(`not an absolute path: "${path}"`);
    let at = this.cross({ mount: this.root, dentry: this.root.root });
    for (const name of names) {
      const next = this.step(at, name) ?? this.createIn(at, name, { type: FileType.Directory });
      if (typeof next === 'number') throw new InputError(`cannot create ${path}: errno ${-next}`);
      at = next;
    }
    return at;
  }

  private mountNew(type: string, parent: Path | undefined): Mount {
    this.devices++;
    const superBlock = new SuperBlock(
      this.heap.allocate('super_block'),
      type,
      MAGIC[type] as number,
      this.devices,
    );
    const inode = this.newInode(superBlock, FileType.Directory | 0o755, {});
    const root = this.newDentry({ superBlock, name: '/', inode, operations: 0n });
    root.get();
    const mount = new Mount(this.heap.allocate('mount'), root, parent);
    this.byVfsmount.set(mount.vfsmount, mount);
    return mount;
  }

  private internalMount(kind: DynamicName): Mount {
    let mount = this.internal.get(kind);
    if (!mount) {
      mount = this.mountNew(DYNAMIC[kind].type, undefined);
      this.internal.set(kind, mount);
    }
    return mount;
  }

  private hugetlbMount(): Mount {
    let mount = this.internal.get('hugetlb');
    if (!mount) {
      mount = this.mountNew('hugetlbfs', undefined);
      this.internal.set('hugetlb', mount);
    }
    return mount;
  }

  private anonInode(mount: Mount): Inode {
    this.sharedAnonInode ??= this.newInode(mount.superBlock, FileType.None | 0o600, {});
    return this.sharedAnonInode;
  }

  private newInode(
    superBlock: SuperBlock,
    mode: number,
    init: { uid?: number; gid?: number; ops?: string; device?: number },
  ): Inode {
    const defaults = FILE_OPS[superBlock.type];
    const directory = (mode & FileType.Mask) === FileType.Directory;
    const ops = init.ops ?? (directory ? defaults?.directory : defaults?.file) ?? 'no_open_fops';
    const inode = new Inode(this.heap, {
      superBlock,
      ino: ++this.lastIno,
      mode,
      uid: init.uid ?? 0,
      gid: init.gid ?? 0,
      ops,
      opsAddress: this.symbols.opaque(ops),
    });
    if (init.device !== undefined) inode.record.set('i_rdev', init.device);
    return inode;
  }

  private newDentry(init: Omit<DentryInit, 'freed'>): Dentry {
    const freed = (gone: Dentry) => this.dentries.delete(gone.record.address);
    const dentry = new Dentry(this.heap, { ...init, freed });
    this.dentries.set(dentry.record.address, dentry);
    return dentry;
  }

  private addContent(inode: Inode, content: Uint8Array | undefined): void {
    const type = inode.superBlock.type;
    const kind = type === 'ext4' ? 'file' : type === 'tmpfs' ? 'shmem' : 'hugetlb';
    inode.pages = new PageCache(
      this.pages,
      kind,
      inode.record.addressOf('i_data'),
      kind === 'hugetlb' ? 9 : 0,
    );
    if (content) inode.pages.write(0, content);
    inode.size = content?.length ?? 0;
  }
}

/** Whether one is the other or stands somewhere in it. */
function isWithin(dentry: Dentry, directory: Dentry): boolean {
  for (let at: Dentry | undefined = dentry; at; at = at.parent) if (at === directory) return true;
  return false;
}

function dynamicText(dentry: Dentry): string {
  switch (dentry.dynamicName) {
    case 'anon_inode':
      return `anon_inode:${dentry.name}`;
    case 'pipe':
      return `pipe:[${dentry.inode.ino}]`;
    case 'socket':
      return `socket:[${dentry.inode.ino}]`;
    default:
      return `/${dentry.name} (deleted)`;
  }
}

/** Components of an absolute path; a negative errno when it is none. */
function splitPath(path: string): string[] | number {
  if (!path.startsWith('/')) return path === '' ? -Errno.ENOENT : -Errno.EINVAL;
  const isLonger = (text: string, most: number) =>
    MAX_UNIT_BYTES * text.length > most && new TextEncoder().encode(text).length > most;
  if (isLonger(path, PATH_MAX - 1)) return -Errno.ENAMETOOLONG;
  const names = path.split('/').filter((name) => name !== '');
  return names.some((name) => isLonger(name, NAME_MAX)) ? -Errno.ENAMETOOLONG : names;
}
