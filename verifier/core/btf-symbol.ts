/** Kernel symbols that ld_imm64 names by BTF id. */

import { BtfKind } from '../../bpf/btf-kind.ts';
import { Errno } from '../../bpf/errno.ts';
import { Request } from '../abi.ts';
import { BtfFacts } from '../btf-abi.ts';
import { Feature } from '../feature-abi.ts';
import { Flag, Reg } from '../types.ts';
import {
  hasType,
  isModuleBtf,
  isPercpuVar,
  isStructAt,
  kindOf,
  refOf,
  resolveSize,
  skipModifiers,
  typeAt,
  typeNameBytes,
} from './btf.ts';
import { factListHas } from './btf-facts.ts';
import * as env from './env.ts';
import { say } from './log.ts';
import * as M from './messages.ts';

/** BTF that the second half of the instruction names, 0 for none. */
function btfOf(index: i32): u32 {
  const slot = <u32>env.insnImm(index + 1);
  if (slot === 0) return env.vmlinuxBtf;
  if (slot > env.requestWord(Request.ImmBtfCount)) return 0;
  return load<u32>(<usize>env.requestWord(Request.ImmBtfs) + (slot - 1) * 4);
}

function checkSymbol(btf: u32, id: u32): i32 {
  if (!hasType(btf, id)) {
    say(M.SYMBOL_ID, id);
    return -Errno.ENOENT;
  }
  const kind = kindOf(btf, id);
  const isFunction = kind === BtfKind.Func && env.has(Feature.FunctionSymbols);
  if (kind !== BtfKind.Var && !isFunction) {
    say(M.SYMBOL_KIND, id);
    return -Errno.EINVAL;
  }
  if (!isModuleBtf(btf) && factListHas(BtfFacts.NoAddress, BtfFacts.NoAddressCount, id)) {
    say(M.SYMBOL_ADDRESS, <i64>typeNameBytes(btf, id));
    return -Errno.ENOENT;
  }
  return 0;
}

/** Resolves the symbol: what its address points to goes into the instruction's aux record. */
export function resolveBtfSymbol(index: i32): i32 {
  const btf = btfOf(index);
  if (btf === 0) {
    say(M.SYMBOL_BTF);
    return -Errno.EINVAL;
  }
  const id = <u32>env.insnImm(index);
  const error = checkSymbol(btf, id);
  if (error !== 0) return error;
  const record = env.aux(index);
  if (kindOf(btf, id) === BtfKind.Func) {
    record.ptrType = Reg.Mem | Flag.Rdonly;
    record.value1 = 0;
    return 0;
  }
  const type = refOf(btf, id);
  const resolved = skipModifiers(btf, type);
  const percpu = isPercpuVar(btf, id);
  if (percpu || isStructAt(typeAt(btf, resolved))) {
    record.ptrType = percpu ? Reg.BtfId | Flag.Percpu : Reg.BtfId;
    record.value1 = btf;
    record.value2 = type;
    return 0;
  }
  const size = resolveSize(btf, resolved);
  if (size < 0) {
    say(M.SYMBOL_SIZE, <i64>typeNameBytes(btf, resolved), -Errno.EINVAL);
    return -Errno.EINVAL;
  }
  record.ptrType = Reg.Mem | Flag.Rdonly;
  record.value1 = <u32>size;
  return 0;
}
