/** Where registered buffers, their mappings and their pages stand on a strip of the address space. */
import type {
  BufferView,
  MappingView,
  PageView,
  RingView,
} from '../../../session/debugger/scene-overview.ts';

/** A stretch of the address space and what is drawn along it; positions are parts of its width. */
export interface Strip {
  readonly start: number;
  readonly end: number;
  /** Of the buffers and pages alone. */
  readonly first: number;
  readonly last: number;
  readonly mappings: readonly Placed<MappingView>[];
  /** One row for each set of buffers that do not overlap. */
  readonly lanes: readonly (readonly Placed<BufferView>[])[];
  readonly pages: readonly Placed<PageRun>[];
}

export interface Placed<T> {
  readonly of: T;
  readonly left: number;
  readonly width: number;
  /** It goes on beyond the strip. */
  readonly before: boolean;
  readonly after: boolean;
}

/** Pages next to each other in user memory and in physical memory alike. */
export interface PageRun {
  readonly start: number;
  readonly end: number;
  readonly frame: number;
  readonly count: number;
  readonly bytes: number;
  readonly mapped: boolean;
  readonly pins: number;
  readonly shared: readonly string[];
}

/** Of a strip's width, shown on either side of the buffers. */
const MARGIN = 0.06;
const PAGE = 4096;

export function stripsOf(ring: RingView): Strip[] {
  const groups = new Map<number, BufferView[]>();
  for (const buffer of ring.buffers) {
    if (!buffer) continue;
    // what no mapping shows any more stands for itself
    const key = buffer.mappings[0]?.start ?? -1 - buffer.slot;
    groups.set(key, [...(groups.get(key) ?? []), buffer]);
  }
  return [...groups.values()].map(strip).sort((a, b) => a.start - b.start);
}

function strip(buffers: readonly BufferView[]): Strip {
  const pages = runs(buffers);
  const first = Math.min(
    ...buffers.map(({ address }) => address - (address % PAGE)),
    ...pages.map(({ start }) => start),
  );
  const last = Math.max(
    ...buffers.map(({ address, length }) => address + length),
    ...pages.map(({ end }) => end),
  );
  const margin = (last - first) * MARGIN;
  const start = Math.max(0, first - margin);
  const end = last + margin;
  const place = <T>(of: T, from: number, to: number): Placed<T> => ({
    of,
    left: (Math.max(from, start) - start) / (end - start),
    width: (Math.min(to, end) - Math.max(from, start)) / (end - start),
    before: from < start,
    after: to > end,
  });
  const mappings = new Map(
    buffers.flatMap((buffer) => buffer.mappings.map((each) => [each.start, each] as const)),
  );
  return {
    start,
    end,
    first,
    last,
    mappings: [...mappings.values()].map((each) => place(each, each.start, each.end)),
    lanes: lanes(buffers).map((lane) =>
      lane.map((each) => place(each, each.address, each.address + each.length)),
    ),
    pages: pages.map((each) => place(each, each.start, each.end)),
  };
}

function lanes(buffers: readonly BufferView[]): BufferView[][] {
  const found: BufferView[][] = [];
  for (const buffer of [...buffers].sort((a, b) => a.address - b.address)) {
    const lane = found.find((each) => {
      const last = each.at(-1);
      return last !== undefined && last.address + last.length <= buffer.address;
    });
    if (lane) lane.push(buffer);
    else found.push([buffer]);
  }
  return found;
}

/** Each page once, whichever buffers have it. */
function runs(buffers: readonly BufferView[]): PageRun[] {
  const pages = new Map<string, PageView>();
  for (const page of buffers.flatMap((buffer) => buffer.pages))
    pages.set(`${page.address}:${page.frame}`, page);
  const found: PageRun[] = [];
  for (const page of [...pages.values()].sort((a, b) => a.address - b.address || a.frame - b.frame)) {
    const last = found.at(-1);
    if (last && follows(last, page))
      found[found.length - 1] = { ...last, end: last.end + page.bytes, count: last.count + 1 };
    else found.push(runOf(page));
  }
  return found;
}

function runOf({ address, bytes, frame, mapped, pins, shared }: PageView): PageRun {
  return { start: address, end: address + bytes, frame, count: 1, bytes, mapped, pins, shared };
}

function follows(run: PageRun, page: PageView): boolean {
  return (
    run.end === page.address &&
    run.frame + (run.count * run.bytes) / PAGE === page.frame &&
    run.bytes === page.bytes &&
    run.mapped === page.mapped &&
    run.pins === page.pins &&
    run.shared.join() === page.shared.join()
  );
}

/** "4 KiB" */
export function sizeText(bytes: number): string {
  for (const [unit, size] of [
    ['GiB', 1 << 30],
    ['MiB', 1 << 20],
    ['KiB', 1 << 10],
  ] as const) {
    if (bytes >= size && bytes % (size / 4) === 0) return `${bytes / size} ${unit}`;
  }
  return `${bytes.toLocaleString('en')} ${bytes === 1 ? 'byte' : 'bytes'}`;
}

export function hexText(value: number): string {
  return `0x${value.toString(16)}`;
}

/** "frames 0x100000-0x100003: 4 pages, pinned once, shared with ..." */
export function pageText(run: PageRun): string {
  const { frame, count, bytes, mapped, pins, shared } = run;
  const frames = (count * bytes) / PAGE;
  const range =
    frames === 1 ? `frame ${hexText(frame)}` : `frames ${hexText(frame)} to ${hexText(frame + frames - 1)}`;
  const size = `${count} ${count === 1 ? 'page' : 'pages'} of ${sizeText(bytes)}`;
  const also = shared.length > 0 ? `, also of ${shared.join(', ')}` : '';
  const gone = mapped ? '' : ', not mapped there any more';
  return `${range}: ${size} at ${hexText(run.start)}, pinned ${pins === 1 ? 'once' : `${pins} times`}${also}${gone}`;
}

export function bufferText(buffer: BufferView): string {
  const { slot, address, length, pageCount, charged } = buffer;
  return `slot ${slot}: ${sizeText(length)} at ${hexText(address)}, ${pageCount} ${pageCount === 1 ? 'piece' : 'pieces'}, ${charged} pages charged`;
}

export function mappingText({ start, end, access, what }: MappingView): string {
  return `${hexText(start)}-${hexText(end)} ${access} ${what}, ${sizeText(end - start)}`;
}
