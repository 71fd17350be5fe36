/** Arguments of kfuncs that are maps or parts of map values. */
import { Errno } from '../../bpf/errno.ts';
import { Field, Reg } from '../types.ts';
import * as env from './env.ts';
import { checkConstString as checkStringValue } from './format.ts';
import { call } from './kfunc-call.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import { fieldOffset, mapHasField } from './record.ts';

/** A map: where a workqueue was an argument too, the map it is in. 0 or -EINVAL. */
export function checkMapArg(register: u32): i32 {
  const reg = env.currentReg(register);
  if (reg.word0 === 0) {
    say(M.KFUNC_NOT_MAP, register);
    return -Errno.EINVAL;
  }
  const isMap = (reg.type & Reg.BaseMask) === Reg.MapPtr;
  if (call.map !== 0 && isMap && mapHasField(reg.word0, Field.Workqueue)) {
    if (call.map !== reg.word0 || call.mapUid !== reg.word2) {
      say(M.KFUNC_WQ_MAP, call.mapUid, reg.word2);
      return -Errno.EINVAL;
    }
  }
  call.map = reg.word0;
  call.mapUid = reg.word2;
  return 0;
}

/** A constant, terminated string in a map value. */
export function checkStringArg(index: u32): i32 {
  if (env.currentReg(index + 1).type === Reg.MapValue) return checkStringValue(index + 1);
  say(M.KFUNC_NOT_STRING, index);
  return -Errno.EINVAL;
}

/** A bpf_wq in a map value. */
export function checkWorkqueueArg(index: u32): i32 {
  const reg = env.currentReg(index + 1);
  if (reg.type !== Reg.MapValue) {
    say(M.KFUNC_NOT_MAP_VALUE, index);
    return -Errno.EINVAL;
  }
  const off = <i64>reg.value + reg.off;
  const place = fieldOffset(reg, Field.Workqueue);
  if (off !== place) {
    say(M.KFUNC_WQ_OFFSET, off, place);
    return -Errno.EINVAL;
  }
  call.map = reg.word0;
  call.mapUid = reg.word2;
  return 0;
}
