/**
 * The interpreter's loop: one switch over decoded instructions. Registers, frames and everything else that outlives
 * a block stand in the state record; the loop keeps only where it is and how much of the budget is left.
 *
 * Engines keep the loop's variables in machine registers only if none of them has to survive a call. So there are two
 * calls, of helpers and of all that is rare (`rare.ts`: memory out of the ordinary, the end of the run), and what must
 * survive them is put into the state record.
 *
 * Instructions are counted a block at a time, when a jump is taken: straight-line code pays nothing. `run.ts`
 * makes sure that the budget cannot end within a block unseen.
 */
import { Attention, Frame, Layout, State } from '../../bpf/abi.ts';
import { div32, div64, mod32, mod64 } from './alu.ts';
import { callHelperNumber } from './call.ts';
import { callerFrame, enterFunction, restoreFrame } from './frame.ts';
import { lowSpan } from './heap.ts';
import { Field, Op } from './op.ts';
import {
  distance,
  distance2,
  distance3,
  dst,
  dst2,
  dst3,
  dst32,
  imm,
  imm2,
  imm3,
  imm4,
  imm32,
  jumpImm,
  jumpImm2,
  jumpImm32,
  offset,
  setDst,
  setDst2,
  setDst3,
  src,
  src2,
  src3,
  src32,
} from './operand.ts';
import { executeRare } from './rare.ts';

/** Most instructions that `execute` may be given at a time: times `Field.Size` and with `pc` added it fits an i32. */
export const MAX_LEFT: i32 = 1 << 26;
/** Added to the address of an instruction that the loop leaves to `rare.ts`: those are even. */
const RARE: u32 = 1;
/** Instructions are `Field.Size` bytes. */
const INSN_SHIFT: u32 = 4;

/**
 * Executes from `State.Pc` on until the run ends, another program is entered, or there is less than `threshold` left
 * of the budget behind a taken jump or a rare instruction.
 * @param left at most `MAX_LEFT`
 * @returns what is left of the budget
 */
export function execute(left: i32, threshold: i32): i32 {
  let pc: usize = load<u32>(State.Pc);
  // Where straight-line code from here on would have used up what exceeds the threshold: jumps move it along.
  let end: usize = pc + <usize>((left - threshold) << INSN_SHIFT);
  const program = load<u32>(State.Program);
  // Accesses that start below cannot end outside; growth in the meantime only makes the slow path work more.
  const span: u64 = lowSpan > 7 ? lowSpan - 7 : 0;
  while (true) {
    const insn = pc;
    pc += Field.Size;
    // biome-ignore format: a table, where a line is enough
    switch (<i32>load<u16>(insn)) {
      case Op.Add64K: setDst(insn, dst(insn) + imm(insn)); continue;
      case Op.Sub64K: setDst(insn, dst(insn) - imm(insn)); continue;
      case Op.Mul64K: setDst(insn, dst(insn) * imm(insn)); continue;
      case Op.Div64K: setDst(insn, div64(dst(insn), imm(insn))); continue;
      case Op.Or64K: setDst(insn, dst(insn) | imm(insn)); continue;
      case Op.And64K: setDst(insn, dst(insn) & imm(insn)); continue;
      case Op.Lsh64K: setDst(insn, dst(insn) << imm(insn)); continue;
      case Op.Rsh64K: setDst(insn, dst(insn) >> imm(insn)); continue;
      case Op.Mod64K: setDst(insn, mod64(dst(insn), imm(insn))); continue;
      case Op.Xor64K: setDst(insn, dst(insn) ^ imm(insn)); continue;
      case Op.Mov64K: setDst(insn, imm(insn)); continue;
      case Op.Arsh64K: setDst(insn, <i64>dst(insn) >> <i64>imm(insn)); continue;
      case Op.Add64X: setDst(insn, dst(insn) + src(insn)); continue;
      case Op.Sub64X: setDst(insn, dst(insn) - src(insn)); continue;
      case Op.Mul64X: setDst(insn, dst(insn) * src(insn)); continue;
      case Op.Div64X: setDst(insn, div64(dst(insn), src(insn))); continue;
      case Op.Or64X: setDst(insn, dst(insn) | src(insn)); continue;
      case Op.And64X: setDst(insn, dst(insn) & src(insn)); continue;
      case Op.Lsh64X: setDst(insn, dst(insn) << src(insn)); continue;
      case Op.Rsh64X: setDst(insn, dst(insn) >> src(insn)); continue;
      case Op.Mod64X: setDst(insn, mod64(dst(insn), src(insn))); continue;
      case Op.Xor64X: setDst(insn, dst(insn) ^ src(insn)); continue;
      case Op.Mov64X: setDst(insn, src(insn)); continue;
      case Op.Arsh64X: setDst(insn, <i64>dst(insn) >> <i64>src(insn)); continue;
      case Op.Neg64: setDst(insn, -dst(insn)); continue;
      case Op.Add32K: setDst(insn, <u64>(dst32(insn) + imm32(insn))); continue;
      case Op.Sub32K: setDst(insn, <u64>(dst32(insn) - imm32(insn))); continue;
      case Op.Mul32K: setDst(insn, <u64>(dst32(insn) * imm32(insn))); continue;
      case Op.Div32K: setDst(insn, div32(dst32(insn), imm32(insn))); continue;
      case Op.Or32K: setDst(insn, dst32(insn) | imm32(insn)); continue;
      case Op.And32K: setDst(insn, dst32(insn) & imm32(insn)); continue;
      case Op.Lsh32K: setDst(insn, <u64>(dst32(insn) << imm32(insn))); continue;
      case Op.Rsh32K: setDst(insn, dst32(insn) >> imm32(insn)); continue;
      case Op.Mod32K: setDst(insn, mod32(dst32(insn), imm32(insn))); continue;
      case Op.Xor32K: setDst(insn, dst32(insn) ^ imm32(insn)); continue;
      case Op.Mov32K: setDst(insn, imm32(insn)); continue;
      case Op.Arsh32K: setDst(insn, <u32>(<i32>dst32(insn) >> <i32>imm32(insn))); continue;
      case Op.Add32X: setDst(insn, <u64>(dst32(insn) + src32(insn))); continue;
      case Op.Sub32X: setDst(insn, <u64>(dst32(insn) - src32(insn))); continue;
      case Op.Mul32X: setDst(insn, <u64>(dst32(insn) * src32(insn))); continue;
      case Op.Div32X: setDst(insn, div32(dst32(insn), src32(insn))); continue;
      case Op.Or32X: setDst(insn, dst32(insn) | src32(insn)); continue;
      case Op.And32X: setDst(insn, dst32(insn) & src32(insn)); continue;
      case Op.Lsh32X: setDst(insn, <u64>(dst32(insn) << src32(insn))); continue;
      case Op.Rsh32X: setDst(insn, dst32(insn) >> src32(insn)); continue;
      case Op.Mod32X: setDst(insn, mod32(dst32(insn), src32(insn))); continue;
      case Op.Xor32X: setDst(insn, dst32(insn) ^ src32(insn)); continue;
      case Op.Mov32X: setDst(insn, src32(insn)); continue;
      case Op.Arsh32X: setDst(insn, <u32>(<i32>dst32(insn) >> <i32>src32(insn))); continue;
      case Op.Neg32: setDst(insn, <u64>-dst32(insn)); continue;
      case Op.Imm64: setDst(insn, imm(insn)); continue;
      case Op.Movsx8To64: setDst(insn, <i64>(<i8>src(insn))); continue;
      case Op.Movsx16To64: setDst(insn, <i64>(<i16>src(insn))); continue;
      case Op.Movsx32To64: setDst(insn, <i64>(<i32>src(insn))); continue;
      case Op.Movsx8To32: setDst(insn, <u32>(<i32>(<i8>src32(insn)))); continue;
      case Op.Movsx16To32: setDst(insn, <u32>(<i32>(<i16>src32(insn)))); continue;
      case Op.Low16: setDst(insn, <u16>dst(insn)); continue;
      case Op.Low32: setDst(insn, dst32(insn)); continue;
      case Op.Swap16: setDst(insn, bswap<u16>(<u16>dst(insn))); continue;
      case Op.Swap32: setDst(insn, bswap<u32>(dst32(insn))); continue;
      case Op.Swap64: setDst(insn, bswap<u64>(dst(insn))); continue;
      case Op.Nop: continue;
      case Op.Jeq64K: if (dst(insn) === jumpImm(insn)) break; continue;
      case Op.Jgt64K: if (dst(insn) > jumpImm(insn)) break; continue;
      case Op.Jge64K: if (dst(insn) >= jumpImm(insn)) break; continue;
      case Op.Jset64K: if ((dst(insn) & jumpImm(insn)) !== 0) break; continue;
      case Op.Jne64K: if (dst(insn) !== jumpImm(insn)) break; continue;
      case Op.Jsgt64K: if (<i64>dst(insn) > <i64>jumpImm(insn)) break; continue;
      case Op.Jsge64K: if (<i64>dst(insn) >= <i64>jumpImm(insn)) break; continue;
      case Op.Jlt64K: if (dst(insn) < jumpImm(insn)) break; continue;
      case Op.Jle64K: if (dst(insn) <= jumpImm(insn)) break; continue;
      case Op.Jslt64K: if (<i64>dst(insn) < <i64>jumpImm(insn)) break; continue;
      case Op.Jsle64K: if (<i64>dst(insn) <= <i64>jumpImm(insn)) break; continue;
      case Op.Jeq64X: if (dst(insn) === src(insn)) break; continue;
      case Op.Jgt64X: if (dst(insn) > src(insn)) break; continue;
      case Op.Jge64X: if (dst(insn) >= src(insn)) break; continue;
      case Op.Jset64X: if ((dst(insn) & src(insn)) !== 0) break; continue;
      case Op.Jne64X: if (dst(insn) !== src(insn)) break; continue;
      case Op.Jsgt64X: if (<i64>dst(insn) > <i64>src(insn)) break; continue;
      case Op.Jsge64X: if (<i64>dst(insn) >= <i64>src(insn)) break; continue;
      case Op.Jlt64X: if (dst(insn) < src(insn)) break; continue;
      case Op.Jle64X: if (dst(insn) <= src(insn)) break; continue;
      case Op.Jslt64X: if (<i64>dst(insn) < <i64>src(insn)) break; continue;
      case Op.Jsle64X: if (<i64>dst(insn) <= <i64>src(insn)) break; continue;
      case Op.Jeq32K: if (dst32(insn) === jumpImm32(insn)) break; continue;
      case Op.Jgt32K: if (dst32(insn) > jumpImm32(insn)) break; continue;
      case Op.Jge32K: if (dst32(insn) >= jumpImm32(insn)) break; continue;
      case Op.Jset32K: if ((dst32(insn) & jumpImm32(insn)) !== 0) break; continue;
      case Op.Jne32K: if (dst32(insn) !== jumpImm32(insn)) break; continue;
      case Op.Jsgt32K: if (<i32>dst32(insn) > <i32>jumpImm32(insn)) break; continue;
      case Op.Jsge32K: if (<i32>dst32(insn) >= <i32>jumpImm32(insn)) break; continue;
      case Op.Jlt32K: if (dst32(insn) < jumpImm32(insn)) break; continue;
      case Op.Jle32K: if (dst32(insn) <= jumpImm32(insn)) break; continue;
      case Op.Jslt32K: if (<i32>dst32(insn) < <i32>jumpImm32(insn)) break; continue;
      case Op.Jsle32K: if (<i32>dst32(insn) <= <i32>jumpImm32(insn)) break; continue;
      case Op.Jeq32X: if (dst32(insn) === src32(insn)) break; continue;
      case Op.Jgt32X: if (dst32(insn) > src32(insn)) break; continue;
      case Op.Jge32X: if (dst32(insn) >= src32(insn)) break; continue;
      case Op.Jset32X: if ((dst32(insn) & src32(insn)) !== 0) break; continue;
      case Op.Jne32X: if (dst32(insn) !== src32(insn)) break; continue;
      case Op.Jsgt32X: if (<i32>dst32(insn) > <i32>src32(insn)) break; continue;
      case Op.Jsge32X: if (<i32>dst32(insn) >= <i32>src32(insn)) break; continue;
      case Op.Jlt32X: if (dst32(insn) < src32(insn)) break; continue;
      case Op.Jle32X: if (dst32(insn) <= src32(insn)) break; continue;
      case Op.Jslt32X: if (<i32>dst32(insn) < <i32>src32(insn)) break; continue;
      case Op.Jsle32X: if (<i32>dst32(insn) <= <i32>src32(insn)) break; continue;
      case Op.Ja: break;
      case Op.MayGoto: {
        const granted = load<u64>(State.MayGoto);
        if (granted === 0) break;
        store<u64>(State.MayGoto, granted - 1);
        continue;
      }
      case Op.LoadU8: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        setDst(insn, load<u8>(<usize>at, Layout.LowStart));
        continue;
      }
      case Op.LoadU16: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        setDst(insn, load<u16>(<usize>at, Layout.LowStart));
        continue;
      }
      case Op.LoadU32: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        setDst(insn, load<u32>(<usize>at, Layout.LowStart));
        continue;
      }
      case Op.LoadU64: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        setDst(insn, load<u64>(<usize>at, Layout.LowStart));
        continue;
      }
      case Op.LoadS8: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        setDst(insn, load<i8>(<usize>at, Layout.LowStart));
        continue;
      }
      case Op.LoadS16: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        setDst(insn, load<i16>(<usize>at, Layout.LowStart));
        continue;
      }
      case Op.LoadS32: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        setDst(insn, load<i32>(<usize>at, Layout.LowStart));
        continue;
      }
      case Op.StoreK8: {
        const at = dst(insn) + offset(insn) + load<u64>(State.LowDistance);
        if (at >= span) { pc = insn + RARE; break; }
        store<u8>(<usize>at, <u8>imm(insn), Layout.LowStart);
        continue;
      }
      case Op.StoreK16: {
        const at = dst(insn) + offset(insn) + load<u64>(State.LowDistance);
        if (at >= span) { pc = insn + RARE; break; }
        store<u16>(<usize>at, <u16>imm(insn), Layout.LowStart);
        continue;
      }
      case Op.StoreK32: {
        const at = dst(insn) + offset(insn) + load<u64>(State.LowDistance);
        if (at >= span) { pc = insn + RARE; break; }
        store<u32>(<usize>at, <u32>imm(insn), Layout.LowStart);
        continue;
      }
      case Op.StoreK64: {
        const at = dst(insn) + offset(insn) + load<u64>(State.LowDistance);
        if (at >= span) { pc = insn + RARE; break; }
        store<u64>(<usize>at, imm(insn), Layout.LowStart);
        continue;
      }
      case Op.StoreX8: {
        const at = dst(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        store<u8>(<usize>at, <u8>src(insn), Layout.LowStart);
        continue;
      }
      case Op.StoreX16: {
        const at = dst(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        store<u16>(<usize>at, <u16>src(insn), Layout.LowStart);
        continue;
      }
      case Op.StoreX32: {
        const at = dst(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        store<u32>(<usize>at, <u32>src(insn), Layout.LowStart);
        continue;
      }
      case Op.StoreX64: {
        const at = dst(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        store<u64>(<usize>at, src(insn), Layout.LowStart);
        continue;
      }
      case Op.Call:
        if (enterFunction(<u32>pc)) break;
        pc = insn + RARE;
        break;
      case Op.CallHelper:
        store<u32>(State.Pc, <u32>pc);
        store<u32>(State.Left, <u32>(end - pc));
        callHelperNumber(jumpImm32(insn));
        pc = load<u32>(State.Pc);
        end = <usize>load<u32>(State.Left) + pc;
        if (load<u32>(State.Attention) === Attention.None) continue;
        pc -= Field.Size - RARE;
        break;
      case Op.Exit: {
        const frame = callerFrame();
        if (frame === 0) { pc = insn + RARE; break; }
        end -= pc;
        restoreFrame(frame);
        pc = load<u32>(frame, Frame.ReturnPc);
        if (<i32>end < 0) return suspend(pc, end, threshold);
        end += pc;
        continue;
      }
      // Fused sequences.
      case Op.MovAdd64X: setDst(insn, src(insn) + src2(insn)); pc += Field.Size; continue;
      case Op.MovAdd64K: setDst(insn, src(insn) + imm2(insn)); pc += Field.Size; continue;
      case Op.MovLsh64K: setDst(insn, src(insn) << imm2(insn)); pc += Field.Size; continue;
      case Op.MovRsh64K: setDst(insn, src(insn) >> imm2(insn)); pc += Field.Size; continue;
      case Op.LshRsh64K: setDst(insn, (dst(insn) << imm(insn)) >> imm2(insn)); pc += Field.Size; continue;
      case Op.AddJlt64X: {
        const value = dst(insn) + imm(insn);
        setDst(insn, value);
        pc += Field.Size;
        if (value < src2(insn)) break;
        continue;
      }
      case Op.AddJne64K: {
        const value = dst(insn) + imm(insn);
        setDst(insn, value);
        pc += Field.Size;
        if (value !== jumpImm2(insn)) break;
        continue;
      }
      case Op.AddJeq64K: {
        const value = dst(insn) + imm(insn);
        setDst(insn, value);
        pc += Field.Size;
        if (value === jumpImm2(insn)) break;
        continue;
      }
      case Op.AddLoadU8: {
        const base = dst(insn) + src(insn);
        setDst(insn, base);
        const at = base + distance2(insn);
        if (at >= span) { pc += RARE; break; }
        setDst2(insn, load<u8>(<usize>at, Layout.LowStart));
        pc += Field.Size;
        continue;
      }
      case Op.AddLoadU16: {
        const base = dst(insn) + src(insn);
        setDst(insn, base);
        const at = base + distance2(insn);
        if (at >= span) { pc += RARE; break; }
        setDst2(insn, load<u16>(<usize>at, Layout.LowStart));
        pc += Field.Size;
        continue;
      }
      case Op.AddLoadU32: {
        const base = dst(insn) + src(insn);
        setDst(insn, base);
        const at = base + distance2(insn);
        if (at >= span) { pc += RARE; break; }
        setDst2(insn, load<u32>(<usize>at, Layout.LowStart));
        pc += Field.Size;
        continue;
      }
      case Op.AddLoadU64: {
        const base = dst(insn) + src(insn);
        setDst(insn, base);
        const at = base + distance2(insn);
        if (at >= span) { pc += RARE; break; }
        setDst2(insn, load<u64>(<usize>at, Layout.LowStart));
        pc += Field.Size;
        continue;
      }
      case Op.LoadU64Jeq64K: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        const value: u64 = load<u64>(<usize>at, Layout.LowStart);
        setDst(insn, value);
        pc += Field.Size;
        if (value === jumpImm2(insn)) break;
        continue;
      }
      case Op.LoadU64Jne64K: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        const value: u64 = load<u64>(<usize>at, Layout.LowStart);
        setDst(insn, value);
        pc += Field.Size;
        if (value !== jumpImm2(insn)) break;
        continue;
      }
      case Op.LoadU8Jeq32K: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        const value: u64 = load<u8>(<usize>at, Layout.LowStart);
        setDst(insn, value);
        pc += Field.Size;
        if (<u32>value === <u32>jumpImm2(insn)) break;
        continue;
      }
      case Op.LoadU8Jne32K: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        const value: u64 = load<u8>(<usize>at, Layout.LowStart);
        setDst(insn, value);
        pc += Field.Size;
        if (<u32>value !== <u32>jumpImm2(insn)) break;
        continue;
      }
      case Op.LoadU32Jeq32K: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        const value: u64 = load<u32>(<usize>at, Layout.LowStart);
        setDst(insn, value);
        pc += Field.Size;
        if (<u32>value === <u32>jumpImm2(insn)) break;
        continue;
      }
      case Op.LoadU32Jne32K: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        const value: u64 = load<u32>(<usize>at, Layout.LowStart);
        setDst(insn, value);
        pc += Field.Size;
        if (<u32>value !== <u32>jumpImm2(insn)) break;
        continue;
      }
      case Op.MovXor64X: setDst(insn, src(insn) ^ src2(insn)); pc += Field.Size; continue;
      case Op.MovAdd32X: setDst(insn, <u64>(src32(insn) + <u32>src2(insn))); pc += Field.Size; continue;
      case Op.MovAnd32K: setDst(insn, src32(insn) & <u32>imm2(insn)); pc += Field.Size; continue;
      case Op.MovRsh32K: setDst(insn, src32(insn) >> <u32>imm2(insn)); pc += Field.Size; continue;
      case Op.LshAnd32K:
        setDst(insn, <u64>((dst32(insn) << imm32(insn)) & <u32>imm2(insn)));
        pc += Field.Size;
        continue;
      case Op.RshAnd64K: setDst(insn, (dst(insn) >> imm(insn)) & imm2(insn)); pc += Field.Size; continue;
      case Op.RshAnd32K:
        setDst(insn, <u64>((dst32(insn) >> imm32(insn)) & <u32>imm2(insn)));
        pc += Field.Size;
        continue;
      case Op.MulAdd32K: setDst(insn, <u64>(dst32(insn) * imm32(insn) + <u32>imm2(insn))); pc += Field.Size; continue;
      case Op.MovLshRsh64K: setDst(insn, (src(insn) << imm2(insn)) >> imm3(insn)); pc += 2 * Field.Size; continue;
      case Op.MovLshRshLsh64K:
        setDst(insn, ((src(insn) << imm2(insn)) >> imm3(insn)) << imm4(insn));
        pc += 3 * Field.Size;
        continue;
      case Op.MovLshXor64X: setDst(insn, (src(insn) << imm2(insn)) ^ src3(insn)); pc += 2 * Field.Size; continue;
      case Op.MovRshXor64X: setDst(insn, (src(insn) >> imm2(insn)) ^ src3(insn)); pc += 2 * Field.Size; continue;
      case Op.MovMov64X:
        setDst(insn, src(insn));
        setDst2(insn, src2(insn));
        pc += Field.Size;
        continue;
      case Op.AddMov64X:
        setDst(insn, dst(insn) + imm(insn));
        setDst2(insn, src2(insn));
        pc += Field.Size;
        continue;
      case Op.MulAdd64X:
        setDst(insn, dst(insn) * imm(insn));
        setDst2(insn, dst2(insn) + src2(insn));
        pc += Field.Size;
        continue;
      case Op.AndAdd64X:
        setDst(insn, dst(insn) & imm(insn));
        setDst2(insn, dst2(insn) + src2(insn));
        pc += Field.Size;
        continue;
      case Op.AddXor64X: {
        const value = dst(insn) + src(insn);
        setDst(insn, value);
        setDst2(insn, dst2(insn) ^ value);
        pc += Field.Size;
        continue;
      }
      case Op.Rotate64: {
        const low = src(insn) >> imm2(insn);
        setDst(insn, low);
        setDst3(insn, (dst3(insn) << imm3(insn)) | low);
        pc += 3 * Field.Size;
        continue;
      }
      case Op.RotateMov64: {
        const low = src(insn) >> imm2(insn);
        setDst(insn, low);
        setDst3(insn, (src3(insn) << imm4(insn)) | low);
        pc += 4 * Field.Size;
        continue;
      }
      case Op.Rotate32: {
        const low = src32(insn) >> <u32>imm2(insn);
        setDst(insn, low);
        setDst3(insn, <u64>((<u32>dst3(insn) << <u32>imm3(insn)) | low));
        pc += 3 * Field.Size;
        continue;
      }
      case Op.MovAddLoadU8: {
        const base = src(insn) + src2(insn);
        setDst(insn, base);
        pc += 2 * Field.Size;
        const at = base + distance3(insn);
        if (at >= span) { pc -= Field.Size - RARE; break; }
        setDst3(insn, load<u8>(<usize>at, Layout.LowStart));
        continue;
      }
      case Op.MovAddLoadU16: {
        const base = src(insn) + src2(insn);
        setDst(insn, base);
        pc += 2 * Field.Size;
        const at = base + distance3(insn);
        if (at >= span) { pc -= Field.Size - RARE; break; }
        setDst3(insn, load<u16>(<usize>at, Layout.LowStart));
        continue;
      }
      case Op.MovAddLoadU32: {
        const base = src(insn) + src2(insn);
        setDst(insn, base);
        pc += 2 * Field.Size;
        const at = base + distance3(insn);
        if (at >= span) { pc -= Field.Size - RARE; break; }
        setDst3(insn, load<u32>(<usize>at, Layout.LowStart));
        continue;
      }
      case Op.MovAddLoadU64: {
        const base = src(insn) + src2(insn);
        setDst(insn, base);
        pc += 2 * Field.Size;
        const at = base + distance3(insn);
        if (at >= span) { pc -= Field.Size - RARE; break; }
        setDst3(insn, load<u64>(<usize>at, Layout.LowStart));
        continue;
      }
      case Op.MovAddStoreX8: {
        const base = src(insn) + src2(insn);
        setDst(insn, base);
        pc += 2 * Field.Size;
        const at = base + distance3(insn);
        if (at >= span) { pc -= Field.Size - RARE; break; }
        store<u8>(<usize>at, <u8>src3(insn), Layout.LowStart);
        continue;
      }
      case Op.MovAddStoreX32: {
        const base = src(insn) + src2(insn);
        setDst(insn, base);
        pc += 2 * Field.Size;
        const at = base + distance3(insn);
        if (at >= span) { pc -= Field.Size - RARE; break; }
        store<u32>(<usize>at, <u32>src3(insn), Layout.LowStart);
        continue;
      }
      case Op.MovAddStoreX64: {
        const base = src(insn) + src2(insn);
        setDst(insn, base);
        pc += 2 * Field.Size;
        const at = base + distance3(insn);
        if (at >= span) { pc -= Field.Size - RARE; break; }
        store<u64>(<usize>at, src3(insn), Layout.LowStart);
        continue;
      }
      case Op.AddStoreX64: {
        const base = dst(insn) + imm(insn);
        setDst(insn, base);
        const at = base + distance2(insn);
        if (at >= span) { pc += RARE; break; }
        store<u64>(<usize>at, src2(insn), Layout.LowStart);
        pc += Field.Size;
        continue;
      }
      case Op.LoadStore32: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        const value = load<u32>(<usize>at, Layout.LowStart);
        setDst(insn, value);
        const to = dst2(insn) + distance2(insn);
        if (to >= span) { pc += RARE; break; }
        store<u32>(<usize>to, value, Layout.LowStart);
        pc += Field.Size;
        continue;
      }
      case Op.LoadStore64: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        const value = load<u64>(<usize>at, Layout.LowStart);
        setDst(insn, value);
        const to = dst2(insn) + distance2(insn);
        if (to >= span) { pc += RARE; break; }
        store<u64>(<usize>to, value, Layout.LowStart);
        pc += Field.Size;
        continue;
      }
      case Op.StoreStoreX64: {
        const at = dst(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        store<u64>(<usize>at, src(insn), Layout.LowStart);
        const next = dst2(insn) + distance2(insn);
        if (next >= span) { pc += RARE; break; }
        store<u64>(<usize>next, src2(insn), Layout.LowStart);
        pc += Field.Size;
        continue;
      }
      case Op.LoadLshLoadOr32: {
        const at = src(insn) + distance(insn);
        if (at >= span) { pc = insn + RARE; break; }
        const high = <u32>load<u8>(<usize>at, Layout.LowStart) << <u32>imm2(insn);
        setDst(insn, high);
        pc += 2 * Field.Size;
        const next = src3(insn) + distance3(insn);
        if (next >= span) { pc -= Field.Size - RARE; break; }
        const low: u32 = load<u8>(<usize>next, Layout.LowStart);
        setDst3(insn, low);
        setDst(insn, high | low);
        pc += Field.Size;
        continue;
      }
      case Op.AddJlt32X: {
        const value = dst32(insn) + imm32(insn);
        setDst(insn, value);
        pc += Field.Size;
        if (value < <u32>src2(insn)) break;
        continue;
      }
      case Op.AndJeq32K: {
        const value = dst32(insn) & imm32(insn);
        setDst(insn, value);
        pc += Field.Size;
        if (value === <u32>jumpImm2(insn)) break;
        continue;
      }
      case Op.AndJne32K: {
        const value = dst32(insn) & imm32(insn);
        setDst(insn, value);
        pc += Field.Size;
        if (value !== <u32>jumpImm2(insn)) break;
        continue;
      }
      case Op.JeqJa64K: if (dst(insn) === jumpImm(insn)) break; pc += Field.Size; break;
      case Op.AddJeqJa64K: {
        const value = dst(insn) + imm(insn);
        setDst(insn, value);
        pc += Field.Size;
        if (value === jumpImm2(insn)) break;
        pc += Field.Size;
        break;
      }
      case Op.Stop: return suspend(insn, end - insn, threshold);
      default: pc = insn + RARE;
    }
    if ((pc & RARE) === 0) {
      // A jump is taken: its target stands in the instruction just executed.
      end -= pc;
      pc = load<u32>(pc - Field.Size, Field.Target);
      if (<i32>end < 0) return suspend(pc, end, threshold);
      end += pc;
      continue;
    }
    pc -= RARE;
    store<u32>(State.Left, <u32>(end - pc) - Field.Size);
    const goesOn = executeRare(pc);
    end = load<u32>(State.Left);
    if (!goesOn || <i32>end < 0 || load<u32>(State.Program) !== program) return remaining(end, threshold);
    pc = load<u32>(State.Pc);
    end += pc;
  }
}

/** Leaves the loop in front of an instruction. */
function suspend(insn: usize, above: usize, threshold: i32): i32 {
  store<u32>(State.Pc, <u32>insn);
  return remaining(above, threshold);
}

/** What is left of the budget: what is above the threshold, times `Field.Size`, and the threshold. */
function remaining(above: usize, threshold: i32): i32 {
  return (<i32>above >> INSN_SHIFT) + threshold;
}
