/**
 * Reading an iterator, as pure values: what `iter/read.ts` does over records, cut into the pieces between which
 * other actors can run. Kernel docs: bpf/bpf_iterators.rst.
 */

/** What the program wrote for one run of it. */
export type Token =
  | { readonly kind: 'header' }
  | { readonly kind: 'entry'; readonly slot: number; readonly item: string }
  | { readonly kind: 'trailer'; readonly index: number | null };

/** An object of the walk: its slot (or the item's number) and what stands there. */
export interface Visited {
  readonly slot: number;
  readonly item: string;
  /** Its last reference is gone: it is not shown. */
  readonly dead?: boolean;
}

/** How a target walks its table. `C` is the private data, `T` the table as it now stands. */
export interface Walk<T, C> {
  readonly start: C;
  first(table: T, cursor: C): Step<C>;
  next(table: T, cursor: C, after: Visited): Step<C>;
  /** Stopped before an object, which the next read shows again. */
  putBack(cursor: C, table: T, object: Visited): C;
  /** Stopped at the end. */
  ended(cursor: C): C;
  /** The index that the program's last run is given, if the target has one. */
  endIndex(cursor: C): number | null;
}

export interface Step<C> {
  readonly object: Visited | null;
  readonly cursor: C;
}

export interface SeqState<C> {
  readonly cursor: C;
  /** What was written and not yet wholly handed out. */
  readonly buffered: readonly Token[];
  /** Bytes of the first of them that the reader has got. */
  readonly given: number;
  /** Number of the object; all from 2 on are alike to programs, and are 2. */
  readonly seqNum: number;
  /** The program has written its header. */
  readonly headed: boolean;
  /** The run after the last object has been made. */
  readonly doneStop: boolean;
  /** Version of the table that the first read met; -1 before. */
  readonly version: number;
}

export interface Printing {
  /** Bytes for each object. */
  readonly recordBytes: number;
  /** The header goes before number 0, or once (the program knows by the index, or by a map). */
  readonly header: 'seq_num' | 'once';
  /** Dead objects use up a number. */
  readonly deadCounted: boolean;
}

const HEADER_BYTES = 2;
const TRAILER_BYTES = 4;

export function newSeq<C>(cursor: C): SeqState<C> {
  return { cursor, buffered: [], given: 0, seqNum: 0, headed: false, doneStop: false, version: -1 };
}

/** Bytes that no reader has got yet. */
export function buffered<C>(seq: SeqState<C>, printing: Printing): number {
  return seq.buffered.reduce((sum, token) => sum + bytesOf(token, printing), 0) - seq.given;
}

/** start(): the first object of this read. */
export function first<T, C>(seq: SeqState<C>, walk: Walk<T, C>, table: T): [SeqState<C>, Visited | null] {
  const { object, cursor } = walk.first(table, seq.cursor);
  return [{ ...seq, cursor }, object];
}

/** next(): the object after one, which gets the next number. */
export function next<T, C>(
  seq: SeqState<C>,
  walk: Walk<T, C>,
  table: T,
  after: Visited,
): [SeqState<C>, Visited | null] {
  const { object, cursor } = walk.next(table, seq.cursor, after);
  return [{ ...seq, cursor, seqNum: object ? Math.min(seq.seqNum + 1, 2) : seq.seqNum }, object];
}

/** show(): the program writes one object. */
export function show<C>(seq: SeqState<C>, object: Visited, printing: Printing): SeqState<C> {
  if (object.dead) return printing.deadCounted ? seq : { ...seq, seqNum: seq.seqNum - 1 };
  return write(seq, { kind: 'entry', slot: object.slot, item: object.item }, printing);
}

/** stop() at the end: the program runs once more, but never twice. */
export function finish<T, C>(seq: SeqState<C>, walk: Walk<T, C>, printing: Printing): SeqState<C> {
  const ended = { ...seq, cursor: walk.ended(seq.cursor), doneStop: true };
  if (seq.doneStop) return ended;
  return write(ended, { kind: 'trailer', index: walk.endIndex(seq.cursor) }, printing);
}

/** Hands out no more than `length` bytes. @returns what is left, the tokens completed, and the number of bytes. */
export function handOut<C>(
  seq: SeqState<C>,
  length: number,
  printing: Printing,
): [SeqState<C>, Token[], number] {
  const size = Math.min(length, buffered(seq, printing));
  const complete: Token[] = [];
  let given = seq.given + size;
  for (const token of seq.buffered) {
    const bytes = bytesOf(token, printing);
    if (given < bytes) break;
    given -= bytes;
    complete.push(token);
  }
  return [{ ...seq, buffered: seq.buffered.slice(complete.length), given }, complete, size];
}

/** One run of the program, with the header when it is time for that. */
function write<C>(seq: SeqState<C>, token: Token, { header }: Printing): SeqState<C> {
  const heads = header === 'seq_num' ? seq.seqNum === 0 : !seq.headed;
  const tokens: Token[] = heads ? [{ kind: 'header' }, token] : [token];
  return { ...seq, headed: seq.headed || heads, buffered: [...seq.buffered, ...tokens] };
}

function bytesOf({ kind }: Token, { recordBytes }: Printing): number {
  if (kind === 'entry') return recordBytes;
  return kind === 'header' ? HEADER_BYTES : TRAILER_BYTES;
}
