/**
 * The modelled machine's memory: low physical memory (== linear offsets), sparse user frames above 4 GiB and
 * the sparse `struct page` array. The vm implements it over the interpreter's own linear memory, so what the
 * kernel model writes here is what a program reads. See `bpf/address.ts` for the map.
 */
export interface Ram {
  /** The linear memory. Read anew after every call that may allocate: growing detaches the old buffer. */
  readonly buffer: ArrayBuffer;
  /** View over `buffer`, made anew when that changed. */
  readonly view: DataView;
  /** Zeroed kernel memory; the result is its linear offset, a multiple of `align` (a power of two, default 8).
   * @throws {OutOfMemory} when the linear memory's limit is reached. */
  alloc(size: number, align?: number): number;
  /** Gives memory of `alloc` back. Its content must no longer be used. */
  free(offset: number, size: number): void;
  /**
   * Linear offset that backs [address, address + length), or -1 where the range is outside the model, crosses
   * a page of sparse memory, or (for a read) has no backing yet and so reads as zeros: see `isMapped`.
   * With `write`, sparse memory gets its backing.
   */
  translate(address: bigint, length: number, write: boolean): number;
  /** Whether a kernel address belongs to the model, backed or not. */
  isMapped(address: bigint, length: number): boolean;
  /**
   * Makes a page of the vmalloc area another name of a page by its linear offset; of none for 0.
   * @throws {OutOfMemory}
   */
  alias(address: bigint, offset: number): void;
  /** Copies kernel memory out (unbacked sparse memory as zeros); null when a byte is outside the model. */
  read(address: bigint, length: number): Uint8Array | null;
  /** Copies into kernel memory; false (and nothing written) when a byte is outside the model. */
  write(address: bigint, bytes: Uint8Array): boolean;
}

/** The linear memory has reached its limit. */
export class OutOfMemory extends Error {
  override readonly name = 'OutOfMemory';
  constructor(readonly requested: number) {
    super(`the model is out of memory: ${requested} more bytes do not fit into the 4 GiB linear memory`);
  }
}
