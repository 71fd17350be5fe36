/** Memory objects: shared anonymous memory and memfds, each with its pages. */
import type { EntryInit, MessageInit, MessageValue, ValueOf } from '../image/index.ts';
import type { CheckpointState, MemoryObject } from '../state.ts';
import { nothingLeft } from './exhaustive.ts';
import type { ImageReader, Place } from './image-reader.ts';
import type { ImageWriter } from './image-writer.ts';
import { idOf, PAGE_SIZE } from './numbers.ts';
import { readPages, writePages } from './pages.ts';

type Kind = ValueOf<'drydock_object_kind'>;

const KINDS = { shared: 'SHARED', memfd: 'MEMFD', huge: 'HUGE' } as const satisfies Record<
  MemoryObject['kind'],
  Kind
>;
const STATE_KINDS = { SHARED: 'shared', MEMFD: 'memfd', HUGE: 'huge' } as const satisfies Record<
  Kind,
  MemoryObject['kind']
>;

/** Id of a memory object, by which mappings and memfds name it. */
export const shmidOf = idOf;

export function shmemFile(index: number): string {
  return `pagemap-shmem-${shmidOf(index)}.img`;
}

export function objectEntry(object: MemoryObject, index: number): MessageInit<'drydock_object_entry'> {
  const { kind, name, size, pages: _, ...rest } = object;
  nothingLeft(rest);
  return { shmid: shmidOf(index), kind: KINDS[kind], size, ...(name !== undefined && { name }) };
}

/** memfd.img and the pages of all objects. */
export function writeObjects({ objects, files }: CheckpointState, out: ImageWriter): void {
  const memfds: EntryInit<'MEMFD_INODE'>[] = [];
  for (const [index, { kind, name, size, pages }] of objects.entries()) {
    const byAddress = new Map([...pages].map(([page, bytes]) => [page * PAGE_SIZE, bytes]));
    writePages(out, shmemFile(index), byAddress);
    if (kind !== 'memfd') continue;
    const inode = files.find((file) => file.inode.object === index)?.inode;
    memfds.push({
      name: name ?? '',
      uid: inode?.uid ?? 0,
      gid: inode?.gid ?? 0,
      size,
      shmid: shmidOf(index),
      seals: 0,
      inode_id: BigInt(shmidOf(index)),
    });
  }
  out.put('MEMFD_INODE', 'memfd.img', memfds);
}

export function readObjects(
  source: ImageReader,
  entries: readonly MessageValue<'drydock_object_entry'>[],
  place: Place,
): MemoryObject[] {
  // All of it is in the objects' own entries; that it says the same is seen at the end.
  source.bytes('memfd.img');
  return entries.map((entry, index) => {
    const at = place.field('objects', index);
    if (entry.shmid !== shmidOf(index))
      throw at.field('shmid').wrong(`is ${entry.shmid}, not ${shmidOf(index)}`);
    const { kind, size, name } = entry;
    const pages = new Map<number, Uint8Array>();
    for (const page of readPages(source, shmemFile(index))) {
      if (BigInt(page.address) >= size) throw page.place.wrong('a page behind the end of the object');
      pages.set(page.address / PAGE_SIZE, page.bytes);
    }
    return { kind: STATE_KINDS[kind], size, pages, ...(name !== undefined && { name }) };
  });
}
