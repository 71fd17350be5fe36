/**
 * Fusion: sequences that programs are full of become one operation, that of their first instruction. It saves the
 * dispatches in between, and the way of values through memory. Which instruction of a program is fused with how many
 * others is what makes the fewest dispatches of straight-line code.
 *
 * The set is a measured one: sequences that were executed most in test/bench/vm.mjs and stand most often in compiled
 * programs (copies of fields, bit fields, zero extensions, array elements, rotations, loop ends, arguments of calls).
 */
import { Field, Op } from './op.ts';

/** Most instructions that one operation does. */
export const MAX_FUSED: u32 = 5;

/** How the registers of an instruction in a sequence must relate to those before it. */
const enum Is {
  /** Its destination is that of the first one. */
  Dst = 0x100,
  /** Its source is the destination of the first one. */
  Src = 0x200,
  /** Its source is not. */
  OtherSrc = 0x400,
  /** Its destination is not that of the first one. */
  OtherDst = 0x800,
  /** Its destination is that of the one before it. */
  LastDst = 0x1000,
  /** Its source is the destination of the one before it. */
  LastSrc = 0x2000,
}

const ROW: usize = 24;
/** Rows: the fused operation, the first instruction's, then what follows and how it relates. Those that begin alike stand together. */
// biome-ignore format: a table
const patterns = memory.data<i32>([
  Op.MovAdd64X, Op.Mov64X, Op.Add64X | Is.Dst | Is.OtherSrc, 0, 0, 0,
  Op.MovAdd64K, Op.Mov64X, Op.Add64K | Is.Dst, 0, 0, 0,
  Op.MovLsh64K, Op.Mov64X, Op.Lsh64K | Is.Dst, 0, 0, 0,
  Op.MovRsh64K, Op.Mov64X, Op.Rsh64K | Is.Dst, 0, 0, 0,
  Op.MovXor64X, Op.Mov64X, Op.Xor64X | Is.Dst | Is.OtherSrc, 0, 0, 0,
  Op.MovAnd32K, Op.Mov64X, Op.And32K | Is.Dst, 0, 0, 0,
  Op.MovLshRsh64K, Op.Mov64X, Op.Lsh64K | Is.Dst, Op.Rsh64K | Is.Dst, 0, 0,
  Op.MovLshRshLsh64K, Op.Mov64X, Op.Lsh64K | Is.Dst, Op.Rsh64K | Is.Dst, Op.Lsh64K | Is.Dst, 0,
  Op.MovLshXor64X, Op.Mov64X, Op.Lsh64K | Is.Dst, Op.Xor64X | Is.Dst | Is.OtherSrc, 0, 0,
  Op.MovRshXor64X, Op.Mov64X, Op.Rsh64K | Is.Dst, Op.Xor64X | Is.Dst | Is.OtherSrc, 0, 0,
  Op.MovMov64X, Op.Mov64X, Op.Mov64X, 0, 0, 0,
  Op.Rotate64, Op.Mov64X, Op.Rsh64K | Is.Dst, Op.Lsh64K | Is.OtherDst, Op.Or64X | Is.LastDst | Is.Src, 0,
  Op.RotateMov64, Op.Mov64X, Op.Rsh64K | Is.Dst, Op.Mov64X | Is.OtherDst, Op.Lsh64K | Is.LastDst, Op.Or64X | Is.LastDst | Is.Src,
  Op.MovAddLoadU8, Op.Mov64X, Op.Add64X | Is.Dst | Is.OtherSrc, Op.LoadU8 | Is.Src, 0, 0,
  Op.MovAddLoadU16, Op.Mov64X, Op.Add64X | Is.Dst | Is.OtherSrc, Op.LoadU16 | Is.Src, 0, 0,
  Op.MovAddLoadU32, Op.Mov64X, Op.Add64X | Is.Dst | Is.OtherSrc, Op.LoadU32 | Is.Src, 0, 0,
  Op.MovAddLoadU64, Op.Mov64X, Op.Add64X | Is.Dst | Is.OtherSrc, Op.LoadU64 | Is.Src, 0, 0,
  Op.MovAddStoreX8, Op.Mov64X, Op.Add64X | Is.Dst | Is.OtherSrc, Op.StoreX8 | Is.Dst, 0, 0,
  Op.MovAddStoreX32, Op.Mov64X, Op.Add64X | Is.Dst | Is.OtherSrc, Op.StoreX32 | Is.Dst, 0, 0,
  Op.MovAddStoreX64, Op.Mov64X, Op.Add64X | Is.Dst | Is.OtherSrc, Op.StoreX64 | Is.Dst, 0, 0,
  Op.LshRsh64K, Op.Lsh64K, Op.Rsh64K | Is.Dst, 0, 0, 0,
  Op.AddJlt64X, Op.Add64K, Op.Jlt64X | Is.Dst | Is.OtherSrc, 0, 0, 0,
  Op.AddJne64K, Op.Add64K, Op.Jne64K | Is.Dst, 0, 0, 0,
  Op.AddJeq64K, Op.Add64K, Op.Jeq64K | Is.Dst, 0, 0, 0,
  Op.AddMov64X, Op.Add64K, Op.Mov64X, 0, 0, 0,
  Op.AddStoreX64, Op.Add64K, Op.StoreX64 | Is.Dst, 0, 0, 0,
  Op.AddJeqJa64K, Op.Add64K, Op.Jeq64K | Is.Dst, Op.Ja, 0, 0,
  Op.AddLoadU8, Op.Add64X, Op.LoadU8 | Is.Src, 0, 0, 0,
  Op.AddLoadU16, Op.Add64X, Op.LoadU16 | Is.Src, 0, 0, 0,
  Op.AddLoadU32, Op.Add64X, Op.LoadU32 | Is.Src, 0, 0, 0,
  Op.AddLoadU64, Op.Add64X, Op.LoadU64 | Is.Src, 0, 0, 0,
  Op.AddXor64X, Op.Add64X, Op.Xor64X | Is.Src, 0, 0, 0,
  Op.LoadU64Jeq64K, Op.LoadU64, Op.Jeq64K | Is.Dst, 0, 0, 0,
  Op.LoadU64Jne64K, Op.LoadU64, Op.Jne64K | Is.Dst, 0, 0, 0,
  Op.LoadStore64, Op.LoadU64, Op.StoreX64 | Is.Src, 0, 0, 0,
  Op.LoadU8Jeq32K, Op.LoadU8, Op.Jeq32K | Is.Dst, 0, 0, 0,
  Op.LoadU8Jne32K, Op.LoadU8, Op.Jne32K | Is.Dst, 0, 0, 0,
  Op.LoadLshLoadOr32, Op.LoadU8, Op.Lsh32K | Is.Dst, Op.LoadU8 | Is.OtherDst, Op.Or32X | Is.Dst | Is.LastSrc, 0,
  Op.LoadU32Jeq32K, Op.LoadU32, Op.Jeq32K | Is.Dst, 0, 0, 0,
  Op.LoadU32Jne32K, Op.LoadU32, Op.Jne32K | Is.Dst, 0, 0, 0,
  Op.LoadStore32, Op.LoadU32, Op.StoreX32 | Is.Src, 0, 0, 0,
  Op.MovAdd32X, Op.Mov32X, Op.Add32X | Is.Dst | Is.OtherSrc, 0, 0, 0,
  Op.MovAnd32K, Op.Mov32X, Op.And32K | Is.Dst, 0, 0, 0,
  Op.MovRsh32K, Op.Mov32X, Op.Rsh32K | Is.Dst, 0, 0, 0,
  Op.Rotate32, Op.Mov32X, Op.Rsh32K | Is.Dst, Op.Lsh32K | Is.OtherDst, Op.Or32X | Is.LastDst | Is.Src, 0,
  Op.LshAnd32K, Op.Lsh32K, Op.And32K | Is.Dst, 0, 0, 0,
  Op.RshAnd64K, Op.Rsh64K, Op.And64K | Is.Dst, 0, 0, 0,
  Op.RshAnd32K, Op.Rsh32K, Op.And32K | Is.Dst, 0, 0, 0,
  Op.MulAdd32K, Op.Mul32K, Op.Add32K | Is.Dst, 0, 0, 0,
  Op.MulAdd64X, Op.Mul64K, Op.Add64X, 0, 0, 0,
  Op.AndAdd64X, Op.And64K, Op.Add64X, 0, 0, 0,
  Op.StoreStoreX64, Op.StoreX64, Op.StoreX64, 0, 0, 0,
  Op.AddJlt32X, Op.Add32K, Op.Jlt32X | Is.Dst | Is.OtherSrc, 0, 0, 0,
  Op.AndJeq32K, Op.And32K, Op.Jeq32K | Is.Dst, 0, 0, 0,
  Op.AndJne32K, Op.And32K, Op.Jne32K | Is.Dst, 0, 0, 0,
  Op.JeqJa64K, Op.Jeq64K, Op.Ja, 0, 0, 0,
  0, 0,
]);

/** u32 for each operation: the first row that begins with it, 0 without one. */
const rows = memory.data(256 * 4, 4);

/** Dispatches from an instruction on to the end of its straight-line code: of each of the last `MAX_FUSED`. */
const costs = memory.data(8 * 4, 4);

/** Fuses the `count` instructions from `start` on, each with those that make the fewest dispatches of what follows. */
export function fuse(start: u32, count: u32): void {
  if (load<u32>(rows + (Op.Mov64X << 2)) === 0) indexRows();
  memory.fill(costs, 0, 8 * 4);
  for (let i = count; i-- > 0; ) {
    const insn = start + i * Field.Size;
    const first = <u32>load<u8>(insn, Field.Base);
    let best = cost(i + 1);
    let op = first;
    let row: usize = load<u32>(rows + (first << 2));
    for (; row !== 0 && load<u32>(row, 4) === first; row += ROW) {
      const length = matched(row + 8, row + ROW, insn);
      if (length === 0 || cost(i + length) > best) continue;
      best = cost(i + length);
      op = load<u32>(row);
    }
    store<u16>(insn, op, Field.Op);
    const ends = first === Op.Ja || first === Op.Exit;
    store<u32>(costs + ((i & 7) << 2), ends ? 1 : best + 1);
  }
}

function indexRows(): void {
  for (let row = patterns; load<u32>(row) !== 0; row += ROW) {
    const place = rows + (load<u32>(row, 4) << 2);
    if (load<u32>(place) === 0) store<u32>(place, <u32>row);
  }
}

function cost(i: u32): u32 {
  return load<u32>(costs + ((i & 7) << 2));
}

/** How many instructions are what a row says, 0 when one is not. */
function matched(row: usize, end: usize, insn: usize): u32 {
  const result = load<u8>(insn, Field.Dst);
  let length: u32 = 1;
  for (; row < end && load<u32>(row) !== 0; row += 4, length++) {
    const last = load<u8>(insn, Field.Dst);
    insn += Field.Size;
    if (load<u8>(insn, Field.Base) !== load<u8>(row)) return 0;
    const is = load<u32>(row);
    const dst = load<u8>(insn, Field.Dst);
    const src = load<u8>(insn, Field.Src);
    if ((is & Is.Dst) !== 0 && dst !== result) return 0;
    if ((is & Is.Src) !== 0 && src !== result) return 0;
    if ((is & Is.OtherSrc) !== 0 && src === result) return 0;
    if ((is & Is.OtherDst) !== 0 && dst === result) return 0;
    if ((is & Is.LastDst) !== 0 && dst !== last) return 0;
    if ((is & Is.LastSrc) !== 0 && src !== last) return 0;
  }
  return length;
}
