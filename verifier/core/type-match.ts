/**
 * A replacement's prototype against that of the function it replaces: both are global, take the same scalars and
 * pointers to the same struct, and return the same kind of value.
 */

import { BtfKind } from '../../bpf/btf-kind.ts';
import { Errno } from '../../bpf/errno.ts';
import { Request } from '../abi.ts';
import {
  isEnumAt,
  isStructAt,
  kindAt,
  kindName,
  nameAt,
  paramType,
  refAt,
  sameString,
  sizeAt,
  skipModifiers,
  typeAt,
  vlenAt,
} from './btf.ts';
import { funcTypeId, hasFuncInfo } from './btf-info.ts';
import * as env from './env.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';

const LINKAGE_GLOBAL: u32 = 1;

/* The two functions: 1 is the replacement's, 2 that of the program attached to. */
let btf1: u32 = 0;
let btf2: u32 = 0;
let name1: i64 = 0;
let name2: i64 = 0;

/** Kind, number of parts and kind flag in one word. */
function infoAt(type: usize): u32 {
  return load<u32>(type, 4);
}

function kindText(type: usize): i64 {
  return text(kindName(kindAt(type)));
}

function hasSize(type: usize): bool {
  switch (kindAt(type)) {
    case BtfKind.Int:
    case BtfKind.Struct:
    case BtfKind.Union:
    case BtfKind.Enum:
    case BtfKind.Enum64:
    case BtfKind.Datasec:
    case BtfKind.Float:
      return true;
    default:
      return false;
  }
}

function resolved(btf: u32, id: u32): usize {
  return typeAt(btf, skipModifiers(btf, id));
}

/** Both point to a struct (or union) of the same name. */
function checkPointees(index: u32, pointer1: usize, pointer2: usize): i32 {
  const struct1 = resolved(btf1, refAt(pointer1));
  const struct2 = resolved(btf2, refAt(pointer2));
  if (!isStructAt(struct1) || !isStructAt(struct2)) {
    say(M.ARGUMENT_NOT_CONTEXT, index, isStructAt(struct1) ? name2 : name1);
    return -Errno.EINVAL;
  }
  const text1 = nameAt(btf1, struct1);
  const text2 = nameAt(btf2, struct2);
  if (sameString(text1, text2)) return 0;
  say(M.ARGUMENT_STRUCTS, index, name1, <i64>text1, name2, <i64>text2);
  return -Errno.EINVAL;
}

function checkArgument(index: u32, type1: usize, type2: usize): i32 {
  if (infoAt(type1) !== infoAt(type2)) {
    say(M.ARGUMENT_KINDS, index, name1, kindText(type1), name2, kindText(type2));
    return -Errno.EINVAL;
  }
  if (hasSize(type1) && sizeAt(type1) !== sizeAt(type2)) {
    say(M.ARGUMENT_SIZES, index, name1, sizeAt(type1), name2, sizeAt(type2));
    return -Errno.EINVAL;
  }
  if (kindAt(type1) === BtfKind.Int || isEnumAt(type1)) return 0;
  if (kindAt(type1) === BtfKind.Ptr) return checkPointees(index, type1, type2);
  say(M.ARGUMENT_UNRECOGNIZED, index, name1);
  return -Errno.EINVAL;
}

function checkPrototypes(proto1: usize, proto2: usize): i32 {
  const count = vlenAt(proto1);
  if (count !== vlenAt(proto2)) {
    say(M.ARGUMENT_COUNTS, name1, count, name2, vlenAt(proto2));
    return -Errno.EINVAL;
  }
  const result1 = resolved(btf1, refAt(proto1));
  const result2 = resolved(btf2, refAt(proto2));
  if (infoAt(result1) !== infoAt(result2)) {
    say(M.RETURN_TYPES, kindText(result1), name1, kindText(result2), name2);
    return -Errno.EINVAL;
  }
  for (let i: u32 = 0; i < count; i++) {
    const type1 = resolved(btf1, paramType(proto1, i));
    const type2 = resolved(btf2, paramType(proto2, i));
    const error = checkArgument(i, type1, type2);
    if (error !== 0) return error;
  }
  return 0;
}

function checkGlobal(func: usize, name: i64): i32 {
  if (vlenAt(func) === LINKAGE_GLOBAL) return 0;
  say(M.NOT_GLOBAL, name);
  return -Errno.EINVAL;
}

/** Checks the program's entry against a FUNC of another program's BTF. 0 or -EINVAL. */
export function checkTypeMatch(btf: u32, func: usize): i32 {
  if (!hasFuncInfo()) {
    say(M.REPLACES_WITHOUT_BTF);
    return -Errno.EINVAL;
  }
  btf1 = env.requestWord(Request.ProgBtf);
  btf2 = btf;
  const own = typeAt(btf1, funcTypeId(0));
  name1 = <i64>nameAt(btf1, own);
  name2 = <i64>nameAt(btf2, func);
  let error = checkGlobal(own, name1);
  if (error === 0) error = checkGlobal(func, name2);
  return error === 0 ? checkPrototypes(typeAt(btf1, refAt(own)), typeAt(btf2, refAt(func))) : error;
}
