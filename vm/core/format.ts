/**
 * Format strings of bpf_seq_printf, bpf_trace_printk, bpf_trace_vprintk and bpf_snprintf.
 *
 * As in Linux, two passes: the first checks the whole string and lays out what must be read from memory
 * (strings, addresses) in an area of 512 bytes, so that an error leaves no partial output; the second prints.
 */
import { Errno } from '../../bpf/errno.ts';
import { HostCall, SymbolStyle } from '../../bpf/vm-call.ts';
import { isAlnum, isDigit, isPrint, isPunct, isSpace } from './ctype.ts';
import { askHost } from './kernel.ts';
import { isUserAddress, probeKernel, probeKernelString, probeUserString } from './probe.ts';
import {
  beginText,
  endText,
  Pad,
  putByte,
  putBytes,
  putField,
  putInteger,
  putPrepared,
  putRepeated,
} from './text.ts';

/** Arguments one call may have (MAX_BPRINTF_VARARGS). */
export const MAX_ARGS: u32 = 12;
/** Bytes for the arguments of one call (MAX_BPRINTF_BIN_ARGS). */
const AREA: u32 = 512;
/** A width is a 24-bit signed number. */
const WIDTH_BITS: i32 = 24;

/** Odd multipliers, in halves: a literal of all 64 bits is not exact in JavaScript, which linters assume. */
const MIX_FIRST: u64 = ((<u64>0xff51_afd7) << 32) | 0xed55_8ccd;
const MIX_SECOND: u64 = ((<u64>0xc4ce_b9fe) << 32) | 0x1a85_ec53;

const enum Kind {
  Bad = 0,
  Percent = 1,
  Integer = 2,
  Char = 3,
  String = 4,
  KernelString = 5,
  UserString = 6,
  /** %p: hashed */
  Pointer = 7,
  /** %pK: as %p, unless kptr_restrict says otherwise */
  RestrictedPointer = 8,
  /** %px */
  RawPointer = 9,
  SymbolName = 10,
  SymbolOffset = 11,
  Backtrace = 12,
  Ip4 = 13,
  Ip6 = 14,
}

/** The conversion that `parse` read last. */
let kind: u32 = Kind.Bad;
let flags: u32 = 0;
let width: i32 = 0;
/** Integers: bytes (4, 8), base, sign, capitals. IP addresses: written with separators (%pI) or as %pi. */
let size: u32 = 0;
let base: u32 = 10;
let signed: bool = false;
let upper: bool = false;

const area: usize = memory.data(AREA, 8);
/** What each argument's text in the area is: u32 offset, u32 length. */
const texts: usize = memory.data(MAX_ARGS * 8, 8);
const symbol: usize = memory.data(256, 8);

/** Whether and where a NUL ends the format: its offset, or 0 when there is none within `length` bytes. */
export function endOfFormat(format: u32, length: u32): u32 {
  for (let at = format; at < format + length; at++) if (load<u8>(at) === 0) return at;
  return 0;
}

/**
 * First pass over a NUL-terminated format.
 * @param args linear offset of `count` u64 arguments
 * @returns 0, -EINVAL (malformed, or more conversions than arguments), -ENOSPC (the area is full)
 */
export function prepareFormat(format: u32, args: u32, count: u32): i32 {
  let used: u32 = 0;
  let room: u32 = 0;
  for (let at = format; load<u8>(at) !== 0; ) {
    const c = load<u8>(at);
    if (!isPrint(c) && !isSpace(c)) return -Errno.EINVAL;
    if (c !== 0x25) {
      at++;
      continue;
    }
    if (load<u8>(at + 1) === 0x25) {
      at += 2;
      continue;
    }
    if (used >= count) return -Errno.EINVAL;
    at = parse(at);
    if (kind === Kind.Bad) return -Errno.EINVAL;
    const next = layOut(used, load<u64>(args + used * 8), room);
    if (next < 0) return next;
    room = next;
    used++;
  }
  return 0;
}

/**
 * Second pass: prints what `prepareFormat` accepted to [to, to + room).
 * @returns the length without the NUL that it has or, where the room is too small, would have had
 */
export function printFormat(to: u32, room: u32, format: u32, args: u32): u32 {
  beginText(to, room);
  let used: u32 = 0;
  let at = format;
  while (true) {
    const literal = at;
    while (load<u8>(at) !== 0 && load<u8>(at) !== 0x25) at++;
    putBytes(literal, at - literal);
    if (load<u8>(at) === 0) return endText();
    at = parse(at);
    if (kind === Kind.Percent) putByte(0x25);
    else {
      print(used, load<u64>(args + used * 8));
      used++;
      // Linux skips whatever letters and digits follow a pointer conversion.
      if (isPointer(kind)) while (isAlnum(load<u8>(at))) at++;
    }
  }
}

/** Reads the conversion at a '%' into the variables above; the offset after it. */
function parse(at: u32): u32 {
  kind = Kind.Bad;
  flags = Pad.None;
  width = 0;
  at++;
  if (load<u8>(at) === 0x25) {
    kind = Kind.Percent;
    return at + 1;
  }
  for (let flag = padFlag(load<u8>(at)); flag !== Pad.None; flag = padFlag(load<u8>(at))) {
    flags |= flag;
    at++;
  }
  for (; isDigit(load<u8>(at)); at++) width = width * 10 + (load<u8>(at) - 0x30);
  width = (width << (32 - WIDTH_BITS)) >> (32 - WIDTH_BITS);
  const c = load<u8>(at);
  if (c === 0x70) return parsePointer(at + 1);
  if (c === 0x73) return parseString(Kind.String, at + 1);
  if (c === 0x63) {
    kind = Kind.Char;
    return at + 1;
  }
  return parseInteger(at);
}

function padFlag(c: u8): u32 {
  if (c === 0x30) return Pad.Zero;
  if (c === 0x2b) return Pad.Plus;
  if (c === 0x2d) return Pad.Left;
  return c === 0x20 ? Pad.Space : Pad.None;
}

/** d i u x X, with l or ll. */
function parseInteger(at: u32): u32 {
  size = 4;
  for (let i = 0; i < 2 && load<u8>(at) === 0x6c; i++, at++) size = 8;
  const c = load<u8>(at);
  upper = c === 0x58;
  base = c === 0x78 || upper ? 16 : 10;
  signed = c === 0x64 || c === 0x69;
  if (base === 16 || signed || c === 0x75) kind = Kind.Integer;
  return at + 1;
}

/** A string conversion must not run into a word. */
function parseString(what: u32, at: u32): u32 {
  if (endsWord(load<u8>(at))) kind = what;
  return at;
}

function endsWord(c: u8): bool {
  return c === 0 || isSpace(c) || isPunct(c);
}

/** What follows %p. */
function parsePointer(at: u32): u32 {
  const c = load<u8>(at);
  const d: u8 = c === 0 ? 0 : load<u8>(at + 1);
  if (endsWord(c)) {
    kind = Kind.Pointer;
    return at;
  }
  if (c === 0x6b && d === 0x73) return parseString(Kind.KernelString, at + 2);
  if (c === 0x75 && d === 0x73) return parseString(Kind.UserString, at + 2);
  if ((c === 0x69 || c === 0x49) && (d === 0x34 || d === 0x36)) {
    kind = d === 0x34 ? Kind.Ip4 : Kind.Ip6;
    upper = c === 0x49;
    return at + 2;
  }
  if (c === 0x4b) kind = Kind.RestrictedPointer;
  else if (c === 0x78) kind = Kind.RawPointer;
  else if (c === 0x73) kind = Kind.SymbolName;
  else if (c === 0x53) kind = Kind.SymbolOffset;
  else if (c === 0x42) kind = Kind.Backtrace;
  return at + 1;
}

function isPointer(what: u32): bool {
  return what >= <u32>Kind.KernelString;
}

/**
 * Gives an argument its place in the area from `room` bytes on, reading what it points to.
 * @returns bytes of the area in use then, or -ENOSPC
 */
function layOut(index: u32, value: u64, room: u32): i32 {
  switch (kind) {
    case Kind.Integer:
      return reserve(room, size);
    case Kind.Char:
      return room >= AREA ? -Errno.ENOSPC : room + 1;
    case Kind.String:
    case Kind.KernelString:
    case Kind.UserString:
      return layOutString(index, value, room);
    case Kind.Ip4:
    case Kind.Ip6:
      return layOutIp(index, value, room);
    case Kind.Backtrace:
      if (room >= AREA) return -Errno.ENOSPC;
      return keepText(index, room, symbolText(value, SymbolStyle.Backtrace));
    default:
      return reserve(room, 8);
  }
}

/** Numbers stand on a multiple of 4. */
function reserve(room: u32, bytes: u32): i32 {
  const end = ((room + 3) & ~3) + bytes;
  return end > AREA ? -Errno.ENOSPC : end;
}

function layOutString(index: u32, address: u64, room: u32): i32 {
  if (room >= AREA) return -Errno.ENOSPC;
  const to = <u32>area + room;
  const user = kind === Kind.UserString || (kind === Kind.String && isUserAddress(address));
  let length = user ? probeUserString(to, address, AREA - room) : probeKernelString(to, address, AREA - room);
  if (length < 0) {
    store<u8>(to, 0);
    length = 1;
  }
  store<u32>(texts + index * 8, to);
  store<u32>(texts + index * 8, length - 1, 4);
  return room + length;
}

function layOutIp(index: u32, address: u64, room: u32): i32 {
  const bytes: u32 = kind === Kind.Ip4 ? 4 : 16;
  if (room >= AREA || AREA - room < bytes) return -Errno.ENOSPC;
  if (probeKernel(<u32>symbol, address, bytes) < 0) memory.fill(symbol, 0, bytes);
  beginText(<u32>symbol + 16, 64);
  for (let i: u32 = 0; i < bytes; i++) {
    if (kind === Kind.Ip4) {
      if (i > 0) putByte(0x2e);
      putInteger(load<u8>(symbol + i), 10, false, false, Pad.Zero, upper ? 0 : 3);
    } else {
      if (upper && i > 0 && (i & 1) === 0) putByte(0x3a);
      putInteger(load<u8>(symbol + i), 16, false, false, Pad.Zero, 2);
    }
  }
  const length = endText();
  memory.copy(symbol, symbol + 16, length);
  return keepText(index, room, length);
}

/** Moves text from `symbol` to the area; it is cut where the area ends. */
function keepText(index: u32, room: u32, length: u32): i32 {
  const fits = min<u32>(length, AREA - room - 1);
  memory.copy(area + room, symbol, fits);
  store<u32>(texts + index * 8, <u32>area + room);
  store<u32>(texts + index * 8, fits, 4);
  return min<u32>(room + length + 1, AREA);
}

function print(index: u32, value: u64): void {
  switch (kind) {
    case Kind.Integer:
      if (size === 4) value = signed ? <u64>(<i64>(<i32>value)) : <u64>(<u32>value);
      putInteger(value, base, signed, upper, flags, width);
      break;
    case Kind.Char:
      putChar(<u8>value);
      break;
    case Kind.String:
      putField(load<u32>(texts + index * 8), load<u32>(texts + index * 8, 4), flags, width);
      break;
    case Kind.Pointer:
    case Kind.RestrictedPointer:
      putPointer(isPlainPointer(value) ? value : hashPointer(value));
      break;
    case Kind.RawPointer:
      putPointer(value);
      break;
    case Kind.SymbolName:
      putField(<u32>symbol, symbolText(value, SymbolStyle.Name), flags, width);
      break;
    case Kind.SymbolOffset:
      putField(<u32>symbol, symbolText(value, SymbolStyle.Offset), flags, width);
      break;
    default:
      // Laid out in the first pass: flags and width have no effect.
      putPrepared(load<u32>(texts + index * 8), load<u32>(texts + index * 8, 4));
  }
}

function putChar(c: u8): void {
  if ((flags & Pad.Left) === 0) putRepeated(0x20, width - 1);
  putByte(c);
  if ((flags & Pad.Left) !== 0) putRepeated(0x20, width - 1);
}

/** Sixteen hexadecimal digits, or as a number of the given width. */
function putPointer(value: u64): void {
  if (width === 0) putInteger(value, 16, false, false, flags | Pad.Zero, 16);
  else putInteger(value, 16, false, false, flags, width);
}

/** NULL and error pointers are printed as they are. */
function isPlainPointer(value: u64): bool {
  return value === 0 || value >= <u64>-4095;
}

/**
 * Stand-in for Linux's hashed pointers, which differ from boot to boot: 32 bits that depend on the address
 * alone, so that equal pointers read alike and distinct ones differ.
 */
export function hashPointer(value: u64): u64 {
  value ^= value >> 33;
  value *= MIX_FIRST;
  value ^= value >> 29;
  value *= MIX_SECOND;
  return value >> 32;
}

/** Has the host write a symbol's text to `symbol`; its length. */
function symbolText(address: u64, style: u32): u32 {
  return <u32>askHost(HostCall.SymbolText, address, style, symbol, 256, 0);
}
