/**
 * Fusion: pairs that programs are full of, and whose second instruction works on what the first one left in a
 * register, become one operation. It saves a dispatch and the way of the value through memory.
 *
 * The set is a measured one (test/bench/vm.mjs: 1.2 times as fast as without). More is not better: engines
 * compile the interpreter's loop as one function, and pairs beyond these made all of it a quarter slower.
 */
import { Field, Op } from './op.ts';

/** Fuses what can be fused among `count` decoded instructions from `start` on. */
export function fuse(start: u32, count: u32): void {
  for (let i: u32 = 0; i + 1 < count; i++) {
    const insn = start + i * Field.Size;
    const fused = fusedOp(insn, insn + Field.Size);
    if (fused === 0) continue;
    store<u16>(insn, fused, Field.Op);
    i++;
  }
}

/** The operation that does both, 0 when there is none. */
function fusedOp(first: u32, second: u32): i32 {
  const result = load<u8>(first, Field.Dst);
  const follow: i32 = load<u16>(second, Field.Base);
  const op: i32 = load<u16>(first, Field.Base);
  if (op === Op.Add64X) return load<u8>(second, Field.Src) === result ? afterAdd(follow) : 0;
  if (load<u8>(second, Field.Dst) !== result) return 0;
  // The fused forms read the second's source register before the first has written its result.
  const readsResult = load<u8>(second, Field.Src) === result;
  switch (op) {
    case Op.Mov64X:
      if (follow === Op.Add64X) return readsResult ? 0 : Op.MovAdd64X;
      return afterMov(follow);
    case Op.Lsh64K:
      return follow === Op.Rsh64K ? Op.LshRsh64K : 0;
    case Op.Add64K:
      if (follow === Op.Jlt64X) return readsResult ? 0 : Op.AddJlt64X;
      return follow === Op.Jne64K ? Op.AddJne64K : follow === Op.Jeq64K ? Op.AddJeq64K : 0;
    case Op.LoadU64:
      return follow === Op.Jeq64K ? Op.LoadU64Jeq64K : follow === Op.Jne64K ? Op.LoadU64Jne64K : 0;
    case Op.LoadU32:
      return follow === Op.Jeq32K ? Op.LoadU32Jeq32K : follow === Op.Jne32K ? Op.LoadU32Jne32K : 0;
    case Op.LoadU8:
      return follow === Op.Jeq32K ? Op.LoadU8Jeq32K : follow === Op.Jne32K ? Op.LoadU8Jne32K : 0;
    default:
      return 0;
  }
}

function afterMov(follow: i32): i32 {
  if (follow === Op.Add64K) return Op.MovAdd64K;
  if (follow === Op.Lsh64K) return Op.MovLsh64K;
  return follow === Op.Rsh64K ? Op.MovRsh64K : 0;
}

/** Address arithmetic and the load it is for. */
function afterAdd(follow: i32): i32 {
  if (follow === Op.LoadU8) return Op.AddLoadU8;
  if (follow === Op.LoadU16) return Op.AddLoadU16;
  if (follow === Op.LoadU32) return Op.AddLoadU32;
  return follow === Op.LoadU64 ? Op.AddLoadU64 : 0;
}
