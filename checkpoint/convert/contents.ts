/**
 * What files hold. A deleted file has a ghost image, as in CRIU, by which it can be made again and unlinked. A file that
 * still has a name is expected in the file system by CRIU; a restore into an empty model needs what is in it, so it is
 * carried in contents.img, an image of Drydock's own which other tools may leave aside.
 */
import type { EntryInit } from '../image/index.ts';
import type { CheckpointState, FileState, InodeState } from '../state.ts';
import { type ImageReader, Place } from './image-reader.ts';
import type { ImageWriter } from './image-writer.ts';
import { idOf } from './numbers.ts';

/** A ghost is named by its inode, in hexadecimal. */
function ghostFile(inode: number): string {
  return `ghost-file-${inode.toString(16)}.img`;
}

/** remap-fpath.img, ghost-file-N.img and contents.img. */
export function writeContents(state: CheckpointState, out: ImageWriter): void {
  const remaps: EntryInit<'REMAP_FPATH'>[] = [];
  const contents: EntryInit<'DRYDOCK_CONTENTS'>[] = [];
  for (const [index, file] of state.files.entries()) {
    const { inode } = file;
    const id = idOf(inode.first);
    const isGhost = inode.deleted && file.kind === 'regular' && !isMemory(state, inode);
    if (isGhost) remaps.push({ orig_id: idOf(index), remap_id: id, remap_type: 'GHOST' });
    if (inode.first !== index) continue;
    if (isGhost) writeGhost(inode, id, out);
    else if (inode.content) {
      contents.push({ inode_id: id, bytes: BigInt(inode.content.length), extra: inode.content });
    }
  }
  out.put('REMAP_FPATH', 'remap-fpath.img', remaps);
  out.put('DRYDOCK_CONTENTS', 'contents.img', contents);
}

/** What it holds is then in the pages of a memory object. */
function isMemory({ files }: CheckpointState, { first }: InodeState): boolean {
  return files[first]?.inode.object !== undefined;
}

function writeGhost({ uid, gid, mode, device, content }: InodeState, id: number, out: ImageWriter): void {
  const rdev = device === undefined ? {} : { rdev: oldDevice(device) };
  const extra = content ?? new Uint8Array();
  out.put('GHOST_FILE', ghostFile(id), [{ uid, gid, mode, ...rdev, extra }]);
}

/** A device's number as C libraries write it: 8 bits of the minor, 12 of the major, the rest of the minor. */
function oldDevice(device: number): number {
  const major = device >>> 20;
  const minor = device & 0xf_ffff;
  return (((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0) >>> 0;
}

export class Contents {
  private readonly source: ImageReader;
  private readonly named = new Map<number, Uint8Array>();

  constructor(source: ImageReader) {
    this.source = source;
    // Which files are ghosts stands in drydock.img too; that both agree is seen at the end.
    source.bytes('remap-fpath.img');
    for (const [index, { inode_id, extra }] of source.entries('DRYDOCK_CONTENTS', 'contents.img').entries()) {
      const place = Place.entry('contents.img', index).field('inode_id');
      if (this.named.has(inode_id)) throw place.wrong(`there is content of file ${inode_id} already`);
      this.named.set(inode_id, extra);
    }
  }

  /** @param length as the file's entry tells */
  of(kind: FileState['kind'], id: number, deleted: boolean, length: bigint | undefined, place: Place) {
    const content = deleted && kind === 'regular' ? this.ghost(id, place) : this.named.get(id);
    if (length === undefined) return undefined;
    if (!content) throw place.wrong(`contents.img has nothing of file ${id}`);
    if (BigInt(content.length) !== length) {
      throw place.wrong(`${length} bytes, where the content of file ${id} has ${content.length}`);
    }
    return content;
  }

  private ghost(id: number, place: Place): Uint8Array | undefined {
    const file = ghostFile(id);
    if (!this.source.has(file)) throw place.wrong(`there is no ${file}`);
    const [head, ...chunks] = this.source.entries('GHOST_FILE', file);
    if (chunks.length > 0) throw Place.entry(file, 1).wrong('ghosts in chunks are not read');
    return head.extra;
  }
}
