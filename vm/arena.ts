/**
 * Arenas (BPF_MAP_TYPE_ARENA): memory that programs and user space share, page by page. Programs reach it by the low
 * 32 bits of user addresses, and see pages of the vmalloc area. User space itself is not modelled: the user address is
 * a number, as an mmap would have given it.
 */
import { ARENA_PAGES, ARENAS, PAGE_SIZE, VMALLOC, VMALLOC_PAGES } from '../bpf/address.ts';
import { OutOfMemory, type Ram } from '../kernel-model/ram.ts';

const PAGE = BigInt(PAGE_SIZE);
const WINDOW = 1n << 32n;
const LOW_HALF = WINDOW - 1n;
/** Where arenas are mapped that ask for no address: each at the end of a 4 GiB window of its own. */
const USER_WINDOWS = 0x7d00_0000_0000n;
/** `Ram.alias` of a page that gets memory at the first write. */
const FRESH = 1;
/** Pages before an arena that stay empty. */
const GAP = 16;
/** BPF_F_NO_USER_CONV */
const NO_USER_CONV = 0x4_0000;

/** Where the arenas of a vm stand. */
export class ArenaSpace {
  private readonly ram: Ram;
  private readonly places: (Arena | undefined)[] = Array.from({ length: ARENAS }, () => undefined);

  constructor(ram: Ram) {
    this.ram = ram;
  }

  /**
   * @param map kernel address of its `struct bpf_map`.
   * @param user address of its first page, 0n to have one chosen.
   * @returns undefined when there are too many.
   */
  create(map: bigint, pages: number, flags: number, user: bigint): Arena | undefined {
    const place = this.places.indexOf(undefined);
    if (place < 0) return undefined;
    const base = VMALLOC + BigInt(VMALLOC_PAGES + place * ARENA_PAGES + GAP) * PAGE;
    const chosen = USER_WINDOWS + BigInt(place + 1) * WINDOW - BigInt(pages) * PAGE;
    const arena = new Arena(this.ram, { map, base, pages, flags, user: user || chosen });
    this.places[place] = arena;
    return arena;
  }

  /** The arena of a map. */
  of(map: bigint): Arena | undefined {
    return this.places.find((arena) => arena?.map === map);
  }

  destroy(arena: Arena): void {
    arena.free(arena.user, arena.pages);
    this.places[this.places.indexOf(arena)] = undefined;
  }
}

interface ArenaPlace {
  readonly map: bigint;
  /** Kernel address that the low 32 bits of user addresses count from. */
  readonly base: bigint;
  readonly pages: number;
  readonly flags: number;
  readonly user: bigint;
}

export class Arena {
  readonly map: bigint;
  /** User address of its first page. */
  readonly user: bigint;
  readonly pages: number;
  private readonly ram: Ram;
  private readonly base: bigint;
  private readonly flags: number;
  /** By page: 1 for those that exist. */
  private readonly taken: Uint8Array;
  /** No page before this one is free. */
  private firstFree = 0;

  constructor(ram: Ram, { map, base, pages, flags, user }: ArenaPlace) {
    this.ram = ram;
    this.map = map;
    this.base = base;
    this.pages = pages;
    this.flags = flags;
    this.user = user;
    this.taken = new Uint8Array(pages);
  }

  /** What a program is loaded with that uses it (`ProgramOptions.arena`). */
  get placement(): { kernel: bigint; user: bigint; size: number } {
    // A pointer to user space is then what it is to the kernel.
    const user = (this.flags & NO_USER_CONV) !== 0 ? 0n : this.user;
    return { kernel: this.base, user, size: Number(WINDOW) };
  }

  /**
   * Makes pages of zeros: those at a user address, or for 0n the first ones in a row that are free.
   * @returns the user address of the first; 0n when they are not free, not all in the arena, or memory is exhausted.
   */
  alloc(user: bigint, count: number): bigint {
    if (count > this.pages || user % PAGE !== 0n) return 0n;
    const first = user === 0n ? this.findFree(count) : this.isFree(this.pageOf(user), count);
    if (first === undefined) return 0n;
    try {
      for (let page = first; page < first + count; page++) {
        this.ram.alias(this.kernelOf(page), FRESH);
        this.taken[page] = 1;
      }
    } catch (error) {
      if (!(error instanceof OutOfMemory)) throw error;
      this.release(first, count);
      return 0n;
    }
    return this.user + BigInt(first) * PAGE;
  }

  /** Gives the pages of a range back that exist; what is outside of the arena does not matter. */
  free(user: bigint, count: number): void {
    const first = this.pageOf(user);
    const end = Math.min(first + count, this.pages);
    if (first < end) this.release(first, end - first);
  }

  /** Kernel address of a byte, by its distance from the first. */
  kernelAddress(offset: number): bigint {
    return this.base + ((this.user + BigInt(offset)) & LOW_HALF);
  }

  /** The pages that something was written to: user address (8 bytes) and content. */
  *contents(): Generator<{ key: Uint8Array; value: Uint8Array }> {
    for (const page of this.takenIn(0, this.pages)) {
      const offset = this.ram.translate(this.kernelOf(page), PAGE_SIZE, false);
      if (offset < 0) continue;
      const key = new Uint8Array(BigUint64Array.of(this.user + BigInt(page) * PAGE).buffer);
      yield { key, value: new Uint8Array(this.ram.buffer, offset, PAGE_SIZE).slice() };
    }
  }

  private release(first: number, count: number): void {
    for (const page of this.takenIn(first, first + count)) {
      const address = this.kernelOf(page);
      const offset = this.ram.translate(address, 1, false);
      if (offset > 0) this.ram.free(offset, PAGE_SIZE);
      this.ram.alias(address, 0);
    }
    this.taken.fill(0, first, first + count);
    this.firstFree = Math.min(this.firstFree, first);
  }

  private *takenIn(from: number, to: number): Generator<number> {
    const range = this.taken.subarray(from, to);
    for (let at = range.indexOf(1); at >= 0; at = range.indexOf(1, at + 1)) yield from + at;
  }

  private kernelOf(page: number): bigint {
    return this.kernelAddress(page * PAGE_SIZE);
  }

  /** Only the low 32 bits of a user address matter. */
  private pageOf(user: bigint): number {
    return Number(((user - this.user) & LOW_HALF) / PAGE);
  }

  /** `first` when so many pages from there on are free. */
  private isFree(first: number, count: number): number | undefined {
    if (first + count > this.pages) return undefined;
    const taken = this.taken.subarray(first, first + count).indexOf(1);
    return taken < 0 ? first : undefined;
  }

  private findFree(count: number): number | undefined {
    this.firstFree = this.nextFree(this.firstFree);
    for (let first = this.firstFree; first + count <= this.pages; ) {
      const taken = this.taken.subarray(first, first + count).indexOf(1);
      if (taken < 0) return first;
      first = this.nextFree(first + taken + 1);
    }
    return undefined;
  }

  private nextFree(from: number): number {
    const free = this.taken.indexOf(0, from);
    return free < 0 ? this.pages : free;
  }
}
