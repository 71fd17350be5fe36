/** Pages of memory: a pagemap that says where they are, and the pages themselves in a raw image. */
import { InputError } from '../../bpf/input-error.ts';
import type { Entry, EntryInit } from '../image/index.ts';
import { type ImageReader, Place } from './image-reader.ts';
import type { ImageWriter } from './image-writer.ts';
import { PAGE_SIZE, smallNumber, wide } from './numbers.ts';

/** The page is in the raw image. */
const PE_PRESENT = 4;

export interface PageAt {
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Of the run in the pagemap. */
  readonly place: Place;
}

/** @param pages by address */
export function writePages(out: ImageWriter, file: string, pages: ReadonlyMap<number, Uint8Array>): void {
  const sorted = [...pages].sort(([a], [b]) => a - b);
  const runs: { start: number; count: number }[] = [];
  for (const [address, page] of sorted) {
    if (page.length !== PAGE_SIZE) {
      throw new InputError(`a page at 0x${address.toString(16)} has ${page.length} bytes`, { file });
    }
    const last = runs.at(-1);
    if (last && last.start + last.count * PAGE_SIZE === address) last.count++;
    else runs.push({ start: address, count: 1 });
  }
  const id = out.putPages(sorted.map(([, page]) => page));
  const entries: EntryInit<'PAGEMAP'>[] = runs.map(({ start, count }) => ({
    vaddr: wide(start, `an address in ${file}`),
    compat_nr_pages: count,
    flags: PE_PRESENT,
  }));
  out.put('PAGEMAP', file, [{ pages_id: id }, ...entries]);
}

/** All pages of a pagemap, ascending. */
export function readPages(source: ImageReader, file: string): PageAt[] {
  const [head, ...runs] = source.entries('PAGEMAP', file);
  const raw = `pages-${head.pages_id}.img`;
  if (!source.has(raw)) throw Place.entry(file, 0).field('pages_id').wrong(`there is no ${raw}`);
  const bytes = source.bytes(raw);
  const pages: PageAt[] = [];
  let offset = 0;
  let free = 0;
  for (const [index, run] of runs.entries()) {
    const place = Place.entry(file, index + 1);
    const count = countOf(run, (bytes.length - offset) / PAGE_SIZE, place);
    const start = smallNumber(run.vaddr, place.field('vaddr'));
    if (start % PAGE_SIZE !== 0) throw place.field('vaddr').wrong('is no address of a page');
    if (start < free) throw place.field('vaddr').wrong('lies below the end of the run before');
    for (let i = 0; i < count; i++, offset += PAGE_SIZE) {
      const page = bytes.slice(offset, offset + PAGE_SIZE);
      pages.push({ address: start + i * PAGE_SIZE, bytes: page, place });
    }
    free = start + count * PAGE_SIZE;
  }
  if (offset !== bytes.length) {
    throw Place.entry(file, 0)
      .field('pages_id')
      .wrong(`${raw} has ${bytes.length} bytes, the entries tell of ${offset}`);
  }
  return pages;
}

function countOf(run: Entry<'PAGEMAP'>, left: number, place: Place): number {
  const { compat_nr_pages: count, flags, in_parent } = run;
  if (flags !== PE_PRESENT || in_parent)
    throw place.field('flags').wrong('the pages are not in this checkpoint');
  if (count === 0) throw place.field('compat_nr_pages').wrong('a run of no pages');
  if (count > left) {
    throw place.field('compat_nr_pages').wrong(`${count} pages, where ${Math.floor(left)} are left`);
  }
  return count;
}
