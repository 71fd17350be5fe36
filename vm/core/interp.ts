/**
 * The interpreter: one switch over decoded instructions. Registers, frames and everything else that outlives
 * a block stand in the state record; the loop keeps only where it is and how much of the budget is left.
 *
 * Instructions are counted a block at a time, when a jump is taken: straight-line code pays nothing. `run.ts`
 * makes sure that the budget cannot end within a block unseen.
 */
import { FaultKind, Layout, ProgramRecord, RunStatus, State, VmCall } from '../../bpf/abi.ts';
import { loadSlow, storeSlow } from './access.ts';
import { div32, div64, mod32, mod64, sdiv32, sdiv64, smod32, smod64 } from './alu.ts';
import { atomic } from './atomic.ts';
import { attend, callAddress, callHelperNumber, leaveFunction, recordFault, tailCall } from './call.ts';
import { raiseFault } from './fault.ts';
import { pushFrame } from './frame.ts';
import { lowSpan } from './heap.ts';
import { Field, Op } from './op.ts';
import {
  dst,
  dst32,
  imm,
  imm2,
  imm32,
  jumpImm,
  jumpImm2,
  jumpImm32,
  offset,
  offset2,
  setDst,
  setDst2,
  src,
  src2,
  src32,
} from './operand.ts';
import { loadPacket } from './packet.ts';
import { LOW_ADDRESS } from './ram.ts';

/** Behind `State.Transfer`, as `pc` stands behind a jump. */
const TRANSFER_END: usize = State.Transfer + Field.Size;

/**
 * Executes from `State.Pc` on, until the run ends (`State.Status`), a helper or a call needs the caller's
 * attention, or a taken jump leaves less than `threshold` of the budget.
 * @returns what is left of the budget
 */
export function interpret(left: i32, threshold: i32): i32 {
  let pc: usize = load<u32>(State.Pc);
  let block = pc;
  const program = load<u32>(State.Program);
  // Accesses that start below cannot end outside; growth in the meantime only makes the slow path work more.
  const span: u64 = lowSpan > 7 ? lowSpan - 7 : 0;
  while (true) {
    const insn = pc;
    pc += Field.Size;
    switch (<i32>load<u16>(insn)) {
      case Op.Add64K:
        setDst(insn, dst(insn) + imm(insn));
        continue;
      case Op.Sub64K:
        setDst(insn, dst(insn) - imm(insn));
        continue;
      case Op.Mul64K:
        setDst(insn, dst(insn) * imm(insn));
        continue;
      case Op.Div64K:
        setDst(insn, div64(dst(insn), imm(insn)));
        continue;
      case Op.Or64K:
        setDst(insn, dst(insn) | imm(insn));
        continue;
      case Op.And64K:
        setDst(insn, dst(insn) & imm(insn));
        continue;
      case Op.Lsh64K:
        setDst(insn, dst(insn) << imm(insn));
        continue;
      case Op.Rsh64K:
        setDst(insn, dst(insn) >> imm(insn));
        continue;
      case Op.Mod64K:
        setDst(insn, mod64(dst(insn), imm(insn)));
        continue;
      case Op.Xor64K:
        setDst(insn, dst(insn) ^ imm(insn));
        continue;
      case Op.Mov64K:
        setDst(insn, imm(insn));
        continue;
      case Op.Arsh64K:
        setDst(insn, <i64>dst(insn) >> <i64>imm(insn));
        continue;
      case Op.Sdiv64K:
        setDst(insn, sdiv64(dst(insn), imm(insn)));
        continue;
      case Op.Smod64K:
        setDst(insn, smod64(dst(insn), imm(insn)));
        continue;
      case Op.Add64X:
        setDst(insn, dst(insn) + src(insn));
        continue;
      case Op.Sub64X:
        setDst(insn, dst(insn) - src(insn));
        continue;
      case Op.Mul64X:
        setDst(insn, dst(insn) * src(insn));
        continue;
      case Op.Div64X:
        setDst(insn, div64(dst(insn), src(insn)));
        continue;
      case Op.Or64X:
        setDst(insn, dst(insn) | src(insn));
        continue;
      case Op.And64X:
        setDst(insn, dst(insn) & src(insn));
        continue;
      case Op.Lsh64X:
        setDst(insn, dst(insn) << src(insn));
        continue;
      case Op.Rsh64X:
        setDst(insn, dst(insn) >> src(insn));
        continue;
      case Op.Mod64X:
        setDst(insn, mod64(dst(insn), src(insn)));
        continue;
      case Op.Xor64X:
        setDst(insn, dst(insn) ^ src(insn));
        continue;
      case Op.Mov64X:
        setDst(insn, src(insn));
        continue;
      case Op.Arsh64X:
        setDst(insn, <i64>dst(insn) >> <i64>src(insn));
        continue;
      case Op.Sdiv64X:
        setDst(insn, sdiv64(dst(insn), src(insn)));
        continue;
      case Op.Smod64X:
        setDst(insn, smod64(dst(insn), src(insn)));
        continue;
      case Op.Neg64:
        setDst(insn, -dst(insn));
        continue;
      case Op.Add32K:
        setDst(insn, <u64>(dst32(insn) + imm32(insn)));
        continue;
      case Op.Sub32K:
        setDst(insn, <u64>(dst32(insn) - imm32(insn)));
        continue;
      case Op.Mul32K:
        setDst(insn, <u64>(dst32(insn) * imm32(insn)));
        continue;
      case Op.Div32K:
        setDst(insn, div32(dst32(insn), imm32(insn)));
        continue;
      case Op.Or32K:
        setDst(insn, dst32(insn) | imm32(insn));
        continue;
      case Op.And32K:
        setDst(insn, dst32(insn) & imm32(insn));
        continue;
      case Op.Lsh32K:
        setDst(insn, <u64>(dst32(insn) << imm32(insn)));
        continue;
      case Op.Rsh32K:
        setDst(insn, dst32(insn) >> imm32(insn));
        continue;
      case Op.Mod32K:
        setDst(insn, mod32(dst32(insn), imm32(insn)));
        continue;
      case Op.Xor32K:
        setDst(insn, dst32(insn) ^ imm32(insn));
        continue;
      case Op.Mov32K:
        setDst(insn, imm32(insn));
        continue;
      case Op.Arsh32K:
        setDst(insn, <u32>(<i32>dst32(insn) >> <i32>imm32(insn)));
        continue;
      case Op.Sdiv32K:
        setDst(insn, <u32>sdiv32(dst32(insn), imm32(insn)));
        continue;
      case Op.Smod32K:
        setDst(insn, <u32>smod32(dst32(insn), imm32(insn)));
        continue;
      case Op.Add32X:
        setDst(insn, <u64>(dst32(insn) + src32(insn)));
        continue;
      case Op.Sub32X:
        setDst(insn, <u64>(dst32(insn) - src32(insn)));
        continue;
      case Op.Mul32X:
        setDst(insn, <u64>(dst32(insn) * src32(insn)));
        continue;
      case Op.Div32X:
        setDst(insn, div32(dst32(insn), src32(insn)));
        continue;
      case Op.Or32X:
        setDst(insn, dst32(insn) | src32(insn));
        continue;
      case Op.And32X:
        setDst(insn, dst32(insn) & src32(insn));
        continue;
      case Op.Lsh32X:
        setDst(insn, <u64>(dst32(insn) << src32(insn)));
        continue;
      case Op.Rsh32X:
        setDst(insn, dst32(insn) >> src32(insn));
        continue;
      case Op.Mod32X:
        setDst(insn, mod32(dst32(insn), src32(insn)));
        continue;
      case Op.Xor32X:
        setDst(insn, dst32(insn) ^ src32(insn));
        continue;
      case Op.Mov32X:
        setDst(insn, src32(insn));
        continue;
      case Op.Arsh32X:
        setDst(insn, <u32>(<i32>dst32(insn) >> <i32>src32(insn)));
        continue;
      case Op.Sdiv32X:
        setDst(insn, <u32>sdiv32(dst32(insn), src32(insn)));
        continue;
      case Op.Smod32X:
        setDst(insn, <u32>smod32(dst32(insn), src32(insn)));
        continue;
      case Op.Neg32:
        setDst(insn, <u64>-dst32(insn));
        continue;
      case Op.Imm64:
        setDst(insn, imm(insn));
        continue;
      case Op.Movsx8To64:
        setDst(insn, <i64>(<i8>src(insn)));
        continue;
      case Op.Movsx16To64:
        setDst(insn, <i64>(<i16>src(insn)));
        continue;
      case Op.Movsx32To64:
        setDst(insn, <i64>(<i32>src(insn)));
        continue;
      case Op.Movsx8To32:
        setDst(insn, <u32>(<i32>(<i8>src32(insn))));
        continue;
      case Op.Movsx16To32:
        setDst(insn, <u32>(<i32>(<i16>src32(insn))));
        continue;
      case Op.Low16:
        setDst(insn, <u16>dst(insn));
        continue;
      case Op.Low32:
        setDst(insn, dst32(insn));
        continue;
      case Op.Swap16:
        setDst(insn, bswap<u16>(<u16>dst(insn)));
        continue;
      case Op.Swap32:
        setDst(insn, bswap<u32>(dst32(insn)));
        continue;
      case Op.Swap64:
        setDst(insn, bswap<u64>(dst(insn)));
        continue;
      case Op.Nop:
        continue;
      case Op.CastUser:
        setDst(insn, userPointer(src32(insn)));
        continue;
      case Op.Jeq64K:
        if (dst(insn) === jumpImm(insn)) break;
        continue;
      case Op.Jgt64K:
        if (dst(insn) > jumpImm(insn)) break;
        continue;
      case Op.Jge64K:
        if (dst(insn) >= jumpImm(insn)) break;
        continue;
      case Op.Jset64K:
        if ((dst(insn) & jumpImm(insn)) !== 0) break;
        continue;
      case Op.Jne64K:
        if (dst(insn) !== jumpImm(insn)) break;
        continue;
      case Op.Jsgt64K:
        if (<i64>dst(insn) > <i64>jumpImm(insn)) break;
        continue;
      case Op.Jsge64K:
        if (<i64>dst(insn) >= <i64>jumpImm(insn)) break;
        continue;
      case Op.Jlt64K:
        if (dst(insn) < jumpImm(insn)) break;
        continue;
      case Op.Jle64K:
        if (dst(insn) <= jumpImm(insn)) break;
        continue;
      case Op.Jslt64K:
        if (<i64>dst(insn) < <i64>jumpImm(insn)) break;
        continue;
      case Op.Jsle64K:
        if (<i64>dst(insn) <= <i64>jumpImm(insn)) break;
        continue;
      case Op.Jeq64X:
        if (dst(insn) === src(insn)) break;
        continue;
      case Op.Jgt64X:
        if (dst(insn) > src(insn)) break;
        continue;
      case Op.Jge64X:
        if (dst(insn) >= src(insn)) break;
        continue;
      case Op.Jset64X:
        if ((dst(insn) & src(insn)) !== 0) break;
        continue;
      case Op.Jne64X:
        if (dst(insn) !== src(insn)) break;
        continue;
      case Op.Jsgt64X:
        if (<i64>dst(insn) > <i64>src(insn)) break;
        continue;
      case Op.Jsge64X:
        if (<i64>dst(insn) >= <i64>src(insn)) break;
        continue;
      case Op.Jlt64X:
        if (dst(insn) < src(insn)) break;
        continue;
      case Op.Jle64X:
        if (dst(insn) <= src(insn)) break;
        continue;
      case Op.Jslt64X:
        if (<i64>dst(insn) < <i64>src(insn)) break;
        continue;
      case Op.Jsle64X:
        if (<i64>dst(insn) <= <i64>src(insn)) break;
        continue;
      case Op.Jeq32K:
        if (dst32(insn) === jumpImm32(insn)) break;
        continue;
      case Op.Jgt32K:
        if (dst32(insn) > jumpImm32(insn)) break;
        continue;
      case Op.Jge32K:
        if (dst32(insn) >= jumpImm32(insn)) break;
        continue;
      case Op.Jset32K:
        if ((dst32(insn) & jumpImm32(insn)) !== 0) break;
        continue;
      case Op.Jne32K:
        if (dst32(insn) !== jumpImm32(insn)) break;
        continue;
      case Op.Jsgt32K:
        if (<i32>dst32(insn) > <i32>jumpImm32(insn)) break;
        continue;
      case Op.Jsge32K:
        if (<i32>dst32(insn) >= <i32>jumpImm32(insn)) break;
        continue;
      case Op.Jlt32K:
        if (dst32(insn) < jumpImm32(insn)) break;
        continue;
      case Op.Jle32K:
        if (dst32(insn) <= jumpImm32(insn)) break;
        continue;
      case Op.Jslt32K:
        if (<i32>dst32(insn) < <i32>jumpImm32(insn)) break;
        continue;
      case Op.Jsle32K:
        if (<i32>dst32(insn) <= <i32>jumpImm32(insn)) break;
        continue;
      case Op.Jeq32X:
        if (dst32(insn) === src32(insn)) break;
        continue;
      case Op.Jgt32X:
        if (dst32(insn) > src32(insn)) break;
        continue;
      case Op.Jge32X:
        if (dst32(insn) >= src32(insn)) break;
        continue;
      case Op.Jset32X:
        if ((dst32(insn) & src32(insn)) !== 0) break;
        continue;
      case Op.Jne32X:
        if (dst32(insn) !== src32(insn)) break;
        continue;
      case Op.Jsgt32X:
        if (<i32>dst32(insn) > <i32>src32(insn)) break;
        continue;
      case Op.Jsge32X:
        if (<i32>dst32(insn) >= <i32>src32(insn)) break;
        continue;
      case Op.Jlt32X:
        if (dst32(insn) < src32(insn)) break;
        continue;
      case Op.Jle32X:
        if (dst32(insn) <= src32(insn)) break;
        continue;
      case Op.Jslt32X:
        if (<i32>dst32(insn) < <i32>src32(insn)) break;
        continue;
      case Op.Jsle32X:
        if (<i32>dst32(insn) <= <i32>src32(insn)) break;
        continue;
      case Op.Ja:
        break;
      case Op.MayGoto: {
        const granted = load<u64>(State.MayGoto);
        if (granted === 0) break;
        store<u64>(State.MayGoto, granted - 1);
        continue;
      }
      case Op.LoadU8: {
        const at = src(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) setDst(insn, load<u8>(<usize>at, Layout.LowStart));
        else if (!loadSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.LoadU16: {
        const at = src(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) setDst(insn, load<u16>(<usize>at, Layout.LowStart));
        else if (!loadSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.LoadU32: {
        const at = src(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) setDst(insn, load<u32>(<usize>at, Layout.LowStart));
        else if (!loadSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.LoadU64: {
        const at = src(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) setDst(insn, load<u64>(<usize>at, Layout.LowStart));
        else if (!loadSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.LoadS8: {
        const at = src(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) setDst(insn, load<i8>(<usize>at, Layout.LowStart));
        else if (!loadSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.LoadS16: {
        const at = src(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) setDst(insn, load<i16>(<usize>at, Layout.LowStart));
        else if (!loadSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.LoadS32: {
        const at = src(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) setDst(insn, load<i32>(<usize>at, Layout.LowStart));
        else if (!loadSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.StoreK8: {
        const at = dst(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) store<u8>(<usize>at, <u8>imm(insn), Layout.LowStart);
        else if (!storeSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.StoreK16: {
        const at = dst(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) store<u16>(<usize>at, <u16>imm(insn), Layout.LowStart);
        else if (!storeSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.StoreK32: {
        const at = dst(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) store<u32>(<usize>at, <u32>imm(insn), Layout.LowStart);
        else if (!storeSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.StoreK64: {
        const at = dst(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) store<u64>(<usize>at, imm(insn), Layout.LowStart);
        else if (!storeSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.StoreX8: {
        const at = dst(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) store<u8>(<usize>at, <u8>src(insn), Layout.LowStart);
        else if (!storeSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.StoreX16: {
        const at = dst(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) store<u16>(<usize>at, <u16>src(insn), Layout.LowStart);
        else if (!storeSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.StoreX32: {
        const at = dst(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) store<u32>(<usize>at, <u32>src(insn), Layout.LowStart);
        else if (!storeSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.StoreX64: {
        const at = dst(insn) + offset(insn) - LOW_ADDRESS;
        if (at < span) store<u64>(<usize>at, src(insn), Layout.LowStart);
        else if (!storeSlow(insn)) return stop(insn, left, block);
        continue;
      }
      case Op.Atomic:
        atomic(insn);
        if (load<u32>(State.Attention) !== 0) return stop(insn, left, block);
        continue;
      case Op.Packet:
        if (loadPacket(insn)) continue;
        store<u64>(State.Regs, 0);
        if (load<u32>(State.Depth) === 0) return finish(insn, left, block);
        if (!leaveFunction()) return stop(insn, left, block);
        if (load<u32>(State.Program) !== program) threshold = i32.MAX_VALUE;
        left -= <i32>((pc - block) >> 4);
        pc = block = TRANSFER_END;
        break;
      case Op.Call:
        if (!pushFrame(<u32>pc, 0)) return stop(insn, left, block);
        break;
      case Op.CallHelper:
        callHelperNumber(jumpImm32(insn));
        if (load<u32>(State.Attention) === 0) continue;
        if (!attend(jumpImm32(insn), <u32>pc)) return stop(insn, left, block);
        left -= <i32>((pc - block) >> 4);
        pc = block = TRANSFER_END;
        break;
      case Op.CallRegister: {
        const target = dst(insn);
        if (target < <u64>VmCall.First) {
          callHelperNumber(<i32>target);
          if (load<u32>(State.Attention) === 0) continue;
          if (!attend(<i32>target, <u32>pc)) return stop(insn, left, block);
        } else if (!callAddress(target, <u32>pc)) return stop(insn, left, block);
        left -= <i32>((pc - block) >> 4);
        pc = block = TRANSFER_END;
        break;
      }
      case Op.TailCall:
        if (!tailCall()) {
          if (load<u32>(State.Attention) !== 0) return stop(insn, left, block);
          continue;
        }
        threshold = i32.MAX_VALUE;
        left -= <i32>((pc - block) >> 4);
        pc = block = TRANSFER_END;
        break;
      case Op.Exit:
        if (load<u32>(State.Depth) === 0) return finish(insn, left, block);
        if (!leaveFunction()) return stop(insn, left, block);
        if (load<u32>(State.Program) !== program) threshold = i32.MAX_VALUE;
        left -= <i32>((pc - block) >> 4);
        pc = block = TRANSFER_END;
        break;
      // Fused pairs: the second instruction works on the value that the first one left.
      case Op.MovAdd64X:
        setDst(insn, src(insn) + src2(insn));
        pc += Field.Size;
        continue;
      case Op.MovAdd64K:
        setDst(insn, src(insn) + imm2(insn));
        pc += Field.Size;
        continue;
      case Op.MovLsh64K:
        setDst(insn, src(insn) << imm2(insn));
        pc += Field.Size;
        continue;
      case Op.MovRsh64K:
        setDst(insn, src(insn) >> imm2(insn));
        pc += Field.Size;
        continue;
      case Op.LshRsh64K:
        setDst(insn, (dst(insn) << imm(insn)) >> imm2(insn));
        pc += Field.Size;
        continue;
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
        pc += Field.Size;
        const at = base + offset2(insn) - LOW_ADDRESS;
        if (at < span) setDst2(insn, load<u8>(<usize>at, Layout.LowStart));
        else if (!loadSlow(insn + Field.Size)) return stop(insn + Field.Size, left, block);
        continue;
      }
      case Op.AddLoadU16: {
        const base = dst(insn) + src(insn);
        setDst(insn, base);
        pc += Field.Size;
        const at = base + offset2(insn) - LOW_ADDRESS;
        if (at < span) setDst2(insn, load<u16>(<usize>at, Layout.LowStart));
        else if (!loadSlow(insn + Field.Size)) return stop(insn + Field.Size, left, block);
        continue;
      }
      case Op.AddLoadU32: {
        const base = dst(insn) + src(insn);
        setDst(insn, base);
        pc += Field.Size;
        const at = base + offset2(insn) - LOW_ADDRESS;
        if (at < span) setDst2(insn, load<u32>(<usize>at, Layout.LowStart));
        else if (!loadSlow(insn + Field.Size)) return stop(insn + Field.Size, left, block);
        continue;
      }
      case Op.AddLoadU64: {
        const base = dst(insn) + src(insn);
        setDst(insn, base);
        pc += Field.Size;
        const at = base + offset2(insn) - LOW_ADDRESS;
        if (at < span) setDst2(insn, load<u64>(<usize>at, Layout.LowStart));
        else if (!loadSlow(insn + Field.Size)) return stop(insn + Field.Size, left, block);
        continue;
      }
      case Op.LoadU64Jeq64K: {
        const at = src(insn) + offset(insn) - LOW_ADDRESS;
        if (at >= span) {
          if (!loadSlow(insn)) return stop(insn, left, block);
          continue;
        }
        const value: u64 = load<u64>(<usize>at, Layout.LowStart);
        setDst(insn, value);
        pc += Field.Size;
        if (value === jumpImm2(insn)) break;
        continue;
      }
      case Op.LoadU64Jne64K: {
        const at = src(insn) + offset(insn) - LOW_ADDRESS;
        if (at >= span) {
          if (!loadSlow(insn)) return stop(insn, left, block);
          continue;
        }
        const value: u64 = load<u64>(<usize>at, Layout.LowStart);
        setDst(insn, value);
        pc += Field.Size;
        if (value !== jumpImm2(insn)) break;
        continue;
      }
      case Op.LoadU8Jeq32K: {
        const at = src(insn) + offset(insn) - LOW_ADDRESS;
        if (at >= span) {
          if (!loadSlow(insn)) return stop(insn, left, block);
          continue;
        }
        const value: u64 = load<u8>(<usize>at, Layout.LowStart);
        setDst(insn, value);
        pc += Field.Size;
        if (<u32>value === <u32>jumpImm2(insn)) break;
        continue;
      }
      case Op.LoadU8Jne32K: {
        const at = src(insn) + offset(insn) - LOW_ADDRESS;
        if (at >= span) {
          if (!loadSlow(insn)) return stop(insn, left, block);
          continue;
        }
        const value: u64 = load<u8>(<usize>at, Layout.LowStart);
        setDst(insn, value);
        pc += Field.Size;
        if (<u32>value !== <u32>jumpImm2(insn)) break;
        continue;
      }
      case Op.LoadU32Jeq32K: {
        const at = src(insn) + offset(insn) - LOW_ADDRESS;
        if (at >= span) {
          if (!loadSlow(insn)) return stop(insn, left, block);
          continue;
        }
        const value: u64 = load<u32>(<usize>at, Layout.LowStart);
        setDst(insn, value);
        pc += Field.Size;
        if (<u32>value === <u32>jumpImm2(insn)) break;
        continue;
      }
      case Op.LoadU32Jne32K: {
        const at = src(insn) + offset(insn) - LOW_ADDRESS;
        if (at >= span) {
          if (!loadSlow(insn)) return stop(insn, left, block);
          continue;
        }
        const value: u64 = load<u32>(<usize>at, Layout.LowStart);
        setDst(insn, value);
        pc += Field.Size;
        if (<u32>value !== <u32>jumpImm2(insn)) break;
        continue;
      }
      case Op.Stop:
        store<u32>(State.Pc, <u32>insn);
        return left - <i32>((insn - block) >> 4);
      default:
        raiseFault(FaultKind.EndOfProgram, 0);
        return stop(insn, left, block);
    }
    // A jump is taken: its target stands in the instruction just executed.
    left -= <i32>((pc - block) >> 4);
    pc = load<u32>(pc - Field.Size, Field.Target);
    block = pc;
    if (left < threshold) {
      store<u32>(State.Pc, <u32>pc);
      return left;
    }
  }
}

/** Ends the run with the fault that an instruction raised; what is left of the budget. */
function stop(insn: usize, left: i32, block: usize): i32 {
  recordFault(<u32>insn);
  store<u32>(State.Pc, <u32>insn);
  return left - <i32>((insn - block) >> 4) - 1;
}

/** Ends the run: the main function returns. */
function finish(insn: usize, left: i32, block: usize): i32 {
  store<u32>(State.Status, RunStatus.Finished);
  store<u32>(State.Pc, <u32>insn);
  return left - <i32>((insn - block) >> 4) - 1;
}

/** Low 32 bits of an arena pointer -> user pointer; NULL stays NULL. */
function userPointer(low: u32): u64 {
  const user = load<u64>(load<u32>(State.Program), ProgramRecord.ArenaUser);
  return low === 0 ? 0 : (user & 0xffff_ffff_0000_0000) | low;
}
