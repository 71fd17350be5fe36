/** Accesses to map values: permission, bounds, special fields. */
import { Errno } from '../../bpf/errno.ts';
import { MapField } from '../abi.ts';
import { Reg } from '../types.ts';
import * as env from './env.ts';
import { checkFieldAccess } from './field-access.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { RegState, setConstScalar } from './reg.ts';
import { checkRegion } from './region.ts';

/** BPF_F_* of map creation that say what programs may do. */
const RDONLY_PROG: u32 = 128;
const WRONLY_PROG: u32 = 256;
/** BPF_MAP_TYPE_ARRAY */
const TYPE_ARRAY: u32 = 2;

export function mapWord(map: u32, field: u32): u32 {
  return load<u32>(<usize>map + field);
}

/** Whether the program may read (or write) the map's values at all. 0 or -EACCES. */
export function checkMapPermission(register: u32, off: i32, size: i32, write: bool): i32 {
  const map = env.currentReg(register).word0;
  const flags = mapWord(map, MapField.Flags);
  const forbidden = write ? (flags & RDONLY_PROG) !== 0 : (flags & WRONLY_PROG) !== 0;
  if (!forbidden) return 0;
  const message = write ? M.MAP_WRITE_FORBIDDEN : M.MAP_READ_FORBIDDEN;
  say(message, mapWord(map, MapField.ValueSize), off, size);
  return -Errno.EACCES;
}

/** Bounds, and special fields in the range. `direct`: by an instruction, not by a helper. */
export function checkMapValue(register: u32, off: i32, size: i32, zeroAllowed: bool, direct: bool): i32 {
  const map = env.currentReg(register).word0;
  const error = checkRegion(register, off, size, mapWord(map, MapField.ValueSize), zeroAllowed);
  return error !== 0 ? error : checkFieldAccess(register, off, size, direct);
}

/** Whether [off, off + size) lies in the value the register points into. 0 or a negative errno. */
export function mapAccessInBounds(register: u32, off: i32, size: u32, zeroAllowed: bool): i32 {
  return checkMapValue(register, off, size, zeroAllowed, false);
}

/** Whether loads at a constant offset are known when the program is verified: frozen read-only arrays. */
export function isConstantMap(map: u32): bool {
  return (
    mapWord(map, MapField.Type) === TYPE_ARRAY &&
    mapWord(map, MapField.MaxEntries) === 1 &&
    (mapWord(map, MapField.Flags) & RDONLY_PROG) !== 0 &&
    mapWord(map, MapField.Frozen) !== 0 &&
    mapWord(map, MapField.Data) !== 0
  );
}

/** Loads from such a map; sign-extending where the instruction does. */
export function loadConstant(dst: RegState, map: u32, off: i32, size: u32, signExtend: bool): void {
  const at = <usize>mapWord(map, MapField.Data) + off;
  let value: u64 = 0;
  switch (size) {
    case 1:
      value = signExtend ? <u64>(<i64>load<i8>(at)) : load<u8>(at);
      break;
    case 2:
      value = signExtend ? <u64>(<i64>load<i16>(at)) : load<u16>(at);
      break;
    case 4:
      value = signExtend ? <u64>(<i64>load<i32>(at)) : load<u32>(at);
      break;
    default:
      value = load<u64>(at);
  }
  dst.type = Reg.Scalar;
  setConstScalar(dst, value);
}
