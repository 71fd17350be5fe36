/**
 * The verifier log: bytes in chunks of the arena, addressed by position so that it can be cut back to where a
 * path began (level 1 shows only the path that failed). As in the kernel, the end of a log that is longer than
 * its buffer is kept, or (LogLevel.Fixed) its beginning.
 *
 * Formats come from `messages.ts`. Directives: %d %u signed/unsigned decimal, %x hex without and %X with 0x,
 * %s an AssemblyScript string, %z a NUL-terminated byte string, %c a character, %p a signed decimal with its
 * sign always there.
 */
import { allocate } from './arena.ts';
import { spend } from './effort.ts';
import { fd_write } from './wasi_snapshot_preview1.ts';

const PERCENT: i32 = 0x25;
const CHUNK: u32 = 0x1_0000;
/** The buffer has 16 MiB, as libbpf's. */
const CHUNKS: u32 = 256;
const CAPACITY: u64 = <u64>CHUNKS * CHUNK;
/** Addresses of the chunks; behind them that of one for what is not kept. */
const table: usize = memory.data(256 * 4 + 4, 8);

/** Bytes written so far, and of these the first that is still there. */
let position: u64 = 0;
let oldest: u64 = 0;
/** Where the next byte goes, and how many go there before the next chunk. */
let cursor: usize = 0;
let left: u32 = 0;
let enabled: bool = false;
let keepsHead: bool = false;

/** @param fixed what does not fit any more is dropped, and not what came first. */
export function logReset(on: bool, fixed: bool): void {
  position = 0;
  oldest = 0;
  left = 0;
  memory.fill(table, 0, (CHUNKS + 1) * 4);
  enabled = on;
  keepsHead = fixed;
}

/** Notes what was overwritten. */
function dropOldest(): void {
  if (!keepsHead && position > CAPACITY) oldest = max(oldest, position - CAPACITY);
}

export function logPosition(): u64 {
  return position;
}

/** A byte that was just written; 0 where it was not kept. */
export function logByte(at: u64): u32 {
  if (keepsHead && at >= CAPACITY) return 0;
  const index = <u32>(at / CHUNK) % CHUNKS;
  return load<u8>(<usize>load<u32>(table + index * 4) + <u32>(at % CHUNK));
}

/** Cuts the log back. */
export function logCut(to: u64): void {
  if (to >= position) return;
  dropOldest();
  position = to;
  oldest = min(oldest, position);
  left = 0;
}

/** Makes `cursor` the place of the next byte: in a log that takes no more, one that is not shown. */
function nextChunk(): void {
  const within = <u32>(position % CHUNK);
  if (within === 0 && position !== 0) spend(CHUNK / 2);
  const full = keepsHead && position >= CAPACITY;
  const index = full ? CHUNKS : <u32>(position / CHUNK) % CHUNKS;
  let chunk = load<u32>(table + index * 4);
  if (chunk === 0) {
    chunk = <u32>allocate(CHUNK);
    store<u32>(table + index * 4, chunk);
  }
  cursor = <usize>chunk + within;
  left = CHUNK - within;
}

export function putByte(byte: u32): void {
  if (!enabled) return;
  if (left === 0) nextChunk();
  store<u8>(cursor, <u8>byte);
  cursor++;
  left--;
  position++;
}

/** Takes up `count` bytes of the chunk that `left` has room for. */
function advance(count: u32): void {
  cursor += count;
  left -= count;
  position += count;
}

/** ASCII characters of an AssemblyScript string, two bytes each. */
function putChars(from: usize, count: u32): void {
  if (count > left) {
    for (let i: u32 = 0; i < count; i++) putByte(load<u8>(from + i * 2));
    return;
  }
  const to = cursor;
  for (let i: u32 = 0; i < count; i++) store<u8>(to + i, load<u8>(from + i * 2));
  advance(count);
}

export function putString(text: string): void {
  if (enabled) putChars(changetype<usize>(text), text.length);
}

/** NUL-terminated bytes. */
export function putBytes(from: usize): void {
  if (!enabled) return;
  let end = from;
  while (load<u8>(end) !== 0) end++;
  const count = <u32>(end - from);
  if (count > left) {
    for (let at = from; at < end; at++) putByte(load<u8>(at));
    return;
  }
  memory.copy(cursor, from, count);
  advance(count);
}

export function putUnsigned(value: u64): void {
  if (!enabled) return;
  let divisor: u64 = 1;
  while (value / divisor >= 10) divisor *= 10;
  for (; divisor !== 0; divisor /= 10) putByte(0x30 + <u32>((value / divisor) % 10));
}

export function putSigned(value: i64): void {
  if (value < 0) {
    putByte(0x2d);
    putUnsigned(0 - <u64>value);
  } else {
    putUnsigned(<u64>value);
  }
}

/** Lower-case hex without leading zeros. */
export function putHex(value: u64): void {
  if (!enabled) return;
  let shift: i32 = value === 0 ? 0 : <i32>((63 - clz(value)) & ~3);
  for (; shift >= 0; shift -= 4) {
    const digit = <u32>(value >> shift) & 15;
    putByte(digit < 10 ? 0x30 + digit : 0x57 + digit);
  }
}

/** Hex as the kernel's "%#x" prints it: always with the prefix. */
export function putHexPrefixed(value: u64): void {
  putString('0x');
  putHex(value);
}

function putDirective(directive: i32, value: i64): void {
  switch (directive) {
    case 0x64: // d
      putSigned(value);
      break;
    case 0x75: // u
      putUnsigned(<u64>value);
      break;
    case 0x78: // x
      putHex(<u64>value);
      break;
    case 0x58: // X
      putHexPrefixed(<u64>value);
      break;
    case 0x73: // s
      putString(changetype<string>(<usize>value));
      break;
    case 0x7a: // z
      putBytes(<usize>value);
      break;
    case 0x63: // c
      putByte(<u32>value);
      break;
    case 0x70: // p
      if (value >= 0) putByte(0x2b);
      putSigned(value);
      break;
    default:
      putByte(directive);
  }
}

/** Passes a string to `say` as the value of %s. */
export function text(value: string): i64 {
  return <i64>changetype<usize>(value);
}

/** Writes a message; directives take a, b, c, ... in turn. */
export function say(
  format: string,
  a: i64 = 0,
  b: i64 = 0,
  c: i64 = 0,
  d: i64 = 0,
  e: i64 = 0,
  f: i64 = 0,
): void {
  if (!enabled) return;
  const chars = changetype<usize>(format);
  const n = <u32>format.length;
  let argument = 0;
  for (let i: u32 = 0; i < n; i++) {
    const start = i;
    while (i < n && load<u16>(chars + i * 2) !== PERCENT) i++;
    if (i > start) putChars(chars + start * 2, i - start);
    if (i + 1 >= n) {
      if (i < n) putByte(PERCENT);
      return;
    }
    i++;
    const directive = <i32>load<u16>(chars + i * 2);
    if (directive === PERCENT) {
      putByte(PERCENT);
      continue;
    }
    let value = a;
    if (argument === 1) value = b;
    else if (argument === 2) value = c;
    else if (argument === 3) value = d;
    else if (argument === 4) value = e;
    else if (argument === 5) value = f;
    argument++;
    putDirective(directive, value);
  }
}

const STDOUT: i32 = 1;
const iov: usize = memory.data(16, 8);

/** Writes the log to stdout and forgets it. */
export function logFlush(): void {
  dropOldest();
  const end = keepsHead ? min(position, CAPACITY) : position;
  for (let at = oldest; at < end; ) {
    const within = <u32>(at % CHUNK);
    const bytes = <u32>min(end - at, <u64>(CHUNK - within));
    store<u32>(iov, load<u32>(table + (<u32>(at / CHUNK) % CHUNKS) * 4) + within);
    store<u32>(iov, bytes, 4);
    fd_write(STDOUT, iov, 1, iov + 8);
    at += bytes;
  }
  position = 0;
  oldest = 0;
  left = 0;
}
