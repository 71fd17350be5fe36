/** Spin locks and timers in map values: arguments that must point exactly at the field. */
import { Errno } from '../../bpf/errno.ts';
import { MapField } from '../abi.ts';
import { Field, Reg } from '../types.ts';
import { meta } from './call-meta.ts';
import * as env from './env.ts';
import { say, text } from './log.ts';
import { mapWord } from './map-value.ts';
import * as M from './messages.ts';
import { fieldOffset, mapHasField, pointsToSpinLock } from './record.ts';
import { invalidateNonOwning } from './refs.ts';
import { RegState } from './reg.ts';

const KPTR: usize = memory.data<u8>([0x6b, 0x70, 0x74, 0x72, 0]);

function refuse(message: string): i32 {
  say(message);
  return -Errno.EINVAL;
}

function mapName(map: u32): i64 {
  return <i64>mapWord(map, MapField.Name);
}

function checkLockPlace(register: u32, reg: RegState): i32 {
  if (reg.mask !== 0) {
    say(M.LOCK_OFFSET, register);
    return -Errno.EINVAL;
  }
  const inMap = reg.type === Reg.MapValue;
  if (inMap && mapWord(reg.word0, MapField.Btf) === 0) {
    say(M.LOCK_NO_BTF, mapName(reg.word0));
    return -Errno.EINVAL;
  }
  if (!pointsToSpinLock(reg)) {
    say(M.LOCK_NONE, text(inMap ? 'map' : 'local'), inMap ? mapName(reg.word0) : <i64>KPTR);
    return -Errno.EINVAL;
  }
  const off = <i64>reg.value + reg.off;
  const place = fieldOffset(reg, Field.SpinLock);
  if (off === place) return 0;
  say(M.LOCK_PLACE, off, place);
  return -Errno.EINVAL;
}

/** bpf_spin_lock and bpf_spin_unlock: one lock at a time, and the same one is given back. */
export function checkSpinLock(register: u32, locks: bool): i32 {
  const reg = env.currentReg(register);
  const error = checkLockPlace(register, reg);
  if (error !== 0) return error;
  const state = env.state;
  if (locks) {
    if (state.lockObject !== 0) return refuse(M.LOCK_TWO);
    state.lockObject = reg.word0;
    state.lockId = reg.id;
    return 0;
  }
  if (state.lockObject === 0) return refuse(M.UNLOCK_NONE);
  if (state.lockObject !== reg.word0 || state.lockId !== reg.id) return refuse(M.UNLOCK_OTHER);
  invalidateNonOwning();
  state.lockObject = 0;
  state.lockId = 0;
  return 0;
}

/** A bpf_timer argument; its map is what the call is about. */
export function checkTimer(register: u32): i32 {
  const reg = env.currentReg(register);
  const map = reg.word0;
  if (reg.mask !== 0) {
    say(M.TIMER_OFFSET, register);
    return -Errno.EINVAL;
  }
  if (mapWord(map, MapField.Btf) === 0) {
    say(M.TIMER_NO_BTF, mapName(map));
    return -Errno.EINVAL;
  }
  if (!mapHasField(map, Field.Timer)) {
    say(M.TIMER_NONE, mapName(map));
    return -Errno.EINVAL;
  }
  const off = <i64>reg.value + reg.off;
  const place = fieldOffset(reg, Field.Timer);
  if (off !== place) {
    say(M.TIMER_PLACE, off, place);
    return -Errno.EINVAL;
  }
  meta.map = map;
  meta.mapUid = reg.word2;
  return 0;
}
