/** Instructions that the interpreter's loop (`interp.ts`) leaves to others, one at a time. */
import { Attention, FaultKind, ProgramRecord, RunStatus, State, VmCall } from '../../bpf/abi.ts';
import { loadSlow, storeSlow } from './access.ts';
import { sdiv32, sdiv64, smod32, smod64 } from './alu.ts';
import { atomic } from './atomic.ts';
import { attend, callAddress, callHelperNumber, leaveFunction, recordFault, tailCall } from './call.ts';
import { raiseFault } from './fault.ts';
import { pushFrame } from './frame.ts';
import { Field, Op } from './op.ts';
import { dst, dst32, imm, imm32, jumpImm32, setDst, src, src32 } from './operand.ts';
import { loadPacket } from './packet.ts';

/**
 * Executes an instruction. `State.Pc` is the one to go on with then, or itself when the run ends here.
 * @returns whether it goes on
 */
export function executeRare(insn: usize): bool {
  store<u32>(State.Pc, <u32>insn);
  switch (<i32>load<u8>(insn, Field.Base)) {
    case Op.Sdiv64K:
      setDst(insn, sdiv64(dst(insn), imm(insn)));
      return next(insn);
    case Op.Smod64K:
      setDst(insn, smod64(dst(insn), imm(insn)));
      return next(insn);
    case Op.Sdiv64X:
      setDst(insn, sdiv64(dst(insn), src(insn)));
      return next(insn);
    case Op.Smod64X:
      setDst(insn, smod64(dst(insn), src(insn)));
      return next(insn);
    case Op.Sdiv32K:
      setDst(insn, <u32>sdiv32(dst32(insn), imm32(insn)));
      return next(insn);
    case Op.Smod32K:
      setDst(insn, <u32>smod32(dst32(insn), imm32(insn)));
      return next(insn);
    case Op.Sdiv32X:
      setDst(insn, <u32>sdiv32(dst32(insn), src32(insn)));
      return next(insn);
    case Op.Smod32X:
      setDst(insn, <u32>smod32(dst32(insn), src32(insn)));
      return next(insn);
    case Op.CastUser:
      setDst(insn, userPointer(src32(insn)));
      return next(insn);
    case Op.LoadU8:
    case Op.LoadU16:
    case Op.LoadU32:
    case Op.LoadU64:
    case Op.LoadS8:
    case Op.LoadS16:
    case Op.LoadS32:
      return loadSlow(insn) ? next(insn) : stop(insn);
    case Op.StoreK8:
    case Op.StoreK16:
    case Op.StoreK32:
    case Op.StoreK64:
    case Op.StoreX8:
    case Op.StoreX16:
    case Op.StoreX32:
    case Op.StoreX64:
      return storeSlow(insn) ? next(insn) : stop(insn);
    case Op.Atomic:
      atomic(insn);
      return load<u32>(State.Attention) === Attention.None ? next(insn) : stop(insn);
    case Op.Packet:
      if (loadPacket(insn)) return next(insn);
      store<u64>(State.Regs, 0);
      return exit(insn);
    case Op.Call:
      // The loop makes those that have a frame left.
      return pushFrame(<u32>insn + Field.Size, 0) ? goOn(load<u32>(insn, Field.Target)) : stop(insn);
    case Op.CallHelper:
      return helper(insn, jumpImm32(insn));
    case Op.CallRegister: {
      const target = dst(insn);
      if (target < <u64>VmCall.First) return helper(insn, <u32>target);
      return callAddress(target, <u32>insn + Field.Size) ? transfer() : stop(insn);
    }
    case Op.TailCall:
      if (tailCall()) return transfer();
      return load<u32>(State.Attention) === Attention.None ? next(insn) : stop(insn);
    case Op.Exit:
      return exit(insn);
    default:
      raiseFault(FaultKind.EndOfProgram, 0);
      return stop(insn);
  }
}

function goOn(insn: u32): bool {
  store<u32>(State.Pc, insn);
  return true;
}

function next(insn: usize): bool {
  return goOn(<u32>insn + Field.Size);
}

/** Goes where a call or return has left word to go to. */
function transfer(): bool {
  return goOn(load<u32>(State.Transfer));
}

/** Calls a helper, unless the loop has, and it asks for something. */
function helper(insn: usize, id: i32): bool {
  if (load<u32>(State.Attention) === Attention.None) callHelperNumber(id);
  if (load<u32>(State.Attention) === Attention.None) return next(insn);
  return attend(id, <u32>insn + Field.Size) ? transfer() : stop(insn);
}

/** Returns from a function; the main function's return ends the run. */
function exit(insn: usize): bool {
  if (load<u32>(State.Depth) !== 0) return leaveFunction() ? transfer() : stop(insn);
  store<u32>(State.Status, RunStatus.Finished);
  return false;
}

/** Ends the run with the fault that the instruction raised. */
function stop(insn: usize): bool {
  recordFault(<u32>insn);
  return false;
}

/** Low 32 bits of an arena pointer -> user pointer; NULL stays NULL. */
function userPointer(low: u32): u64 {
  const user = load<u64>(load<u32>(State.Program), ProgramRecord.ArenaUser);
  return low === 0 ? 0 : (user & 0xffff_ffff_0000_0000) | low;
}
