/** Constant strings, and formats of bpf_snprintf() and its kin. */
import { Errno } from '../../bpf/errno.ts';
import { MapField, MapOp, Request } from '../abi.ts';
import { Reg } from '../types.ts';
import * as env from './env.ts';
import { say } from './log.ts';
import { checkMapValue, mapWord } from './map-value.ts';
import * as M from './messages.ts';

/** BPF_F_RDONLY_PROG */
const RDONLY_PROG: u32 = 128;

function refuse(message: string, errno: i32): i32 {
  say(message);
  return -errno;
}

/** A pointer to a NUL-terminated string in a map that nobody changes any more. 0 or a negative errno. */
export function checkConstString(register: u32): i32 {
  const reg = env.currentReg(register);
  if (reg.type !== Reg.MapValue) return -Errno.EINVAL;
  const map = reg.word0;
  const flags = mapWord(map, MapField.Flags);
  if ((flags & RDONLY_PROG) === 0 || mapWord(map, MapField.Frozen) === 0) {
    say(M.STRING_NOT_READONLY, register);
    return -Errno.EACCES;
  }
  if (reg.mask !== 0) {
    say(M.STRING_NOT_CONSTANT, register);
    return -Errno.EACCES;
  }
  const ops = load<u8>(<usize>env.requestWord(Request.MapOps) + mapWord(map, MapField.Type));
  if ((ops & MapOp.DirectValue) === 0) return refuse(M.NO_DIRECT_VALUE, Errno.EACCES);
  const size = mapWord(map, MapField.ValueSize);
  const error = checkMapValue(register, reg.off, <i32>size - reg.off, false, false);
  if (error !== 0) return error;
  if (mapWord(map, MapField.Data) === 0) return refuse(M.STRING_NO_ACCESS, Errno.EINVAL);
  for (let at = stringAt(register); at < <usize>mapWord(map, MapField.Data) + size; at++) {
    if (load<u8>(at) === 0) return 0;
  }
  return refuse(M.STRING_UNTERMINATED, Errno.EINVAL);
}

/** Address of the string in a register that `checkConstString` has let pass. */
function stringAt(register: u32): usize {
  const reg = env.currentReg(register);
  return <usize>mapWord(reg.word0, MapField.Data) + reg.off + <usize>reg.value;
}

function isDigit(char: u32): bool {
  return char >= 0x30 && char <= 0x39;
}

function isSpace(char: u32): bool {
  return char === 0x20 || (char >= 9 && char <= 13);
}

function isPunctuation(char: u32): bool {
  const printable = char > 0x20 && char < 0x7f;
  const letter = (char | 0x20) >= 0x61 && (char | 0x20) <= 0x7a;
  return printable && !letter && !isDigit(char);
}

/** The conversion ends here: nothing that could belong to it follows. */
function isEnd(char: u32): bool {
  return char === 0 || isSpace(char) || isPunctuation(char);
}

function isControl(char: u32): bool {
  return char < 0x80 && (char < 0x20 || char === 0x7f) && !isSpace(char);
}

/** Skips flags and width of a conversion. */
function skipWidth(from: usize): usize {
  let at = from;
  while (isWidthFlag(load<u8>(at))) at++;
  while (isDigit(load<u8>(at))) at++;
  return at;
}

function isWidthFlag(char: u32): bool {
  return char === 0x30 || char === 0x2b || char === 0x2d || char === 0x20;
}

/** Last character of a pointer conversion whose 'p' is at `at`; 0 for one that is not supported. */
function endOfPointer(at: usize): usize {
  const next = load<u8>(at, 1);
  const third = next === 0 ? 0 : load<u8>(at, 2);
  if (isEnd(next)) return at;
  // %pks and %pus: strings of the kernel and of user memory.
  if ((next === 0x6b || next === 0x75) && third === 0x73) return isEnd(load<u8>(at, 3)) ? at + 2 : 0;
  // %pK %px %ps %pS %pB
  if (next === 0x4b || next === 0x78 || next === 0x73 || next === 0x53 || next === 0x42) return at + 1;
  // %pi4 %pI4 %pi6 %pI6
  const address = (next | 0x20) === 0x69 && (third === 0x34 || third === 0x36);
  return address ? at + 2 : 0;
}

/** Last character of an integer conversion that begins at `at`; 0 for what is none. */
function endOfInteger(from: usize): usize {
  let at = from;
  if (load<u8>(at) === 0x6c) at++;
  if (load<u8>(at) === 0x6c) at++;
  switch (load<u8>(at)) {
    case 0x69: // i
    case 0x64: // d
    case 0x75: // u
    case 0x78: // x
    case 0x58: // X
      return at;
    default:
      return 0;
  }
}

function endOfConversion(from: usize): usize {
  const at = skipWidth(from);
  switch (load<u8>(at)) {
    case 0x70: // p
      return endOfPointer(at);
    case 0x73: // s
      return isEnd(load<u8>(at, 1)) ? at : 0;
    case 0x63: // c
      return at;
    default:
      return endOfInteger(at);
  }
}

function isFormat(text: usize, argumentCount: u32): bool {
  let used: u32 = 0;
  for (let at = text; load<u8>(at) !== 0; at++) {
    const char = load<u8>(at);
    if (isControl(char)) return false;
    if (char !== 0x25) continue;
    if (load<u8>(at, 1) === 0x25) {
      at++;
      continue;
    }
    if (used++ >= argumentCount) return false;
    at = endOfConversion(at + 1);
    if (at === 0) return false;
  }
  return true;
}

/** bpf_snprintf: R3 is the format, R5 the bytes of its arguments, 8 each. 0 or -EINVAL. */
export function checkSnprintf(): i32 {
  const bytes = env.currentReg(5).value;
  if (bytes % 8 !== 0) return -Errno.EINVAL;
  return isFormat(stringAt(3), <u32>(bytes / 8)) ? 0 : refuse(M.BAD_FORMAT, Errno.EINVAL);
}
