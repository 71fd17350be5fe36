/** Reads what the core found out about the instructions of the program that it accepted last. */
import { readInsns } from '../bpf/decode.ts';
import type { Allocation, InsnFacts } from '../bpf/insn-facts.ts';
import { CallKind, Class, Jmp } from '../bpf/isa.ts';
import { Reg } from './types.ts';
import type { CoreExports } from './wasm.ts';

const CONTEXT = 1 << Reg.Ctx;
const BOUNDED = (1 << Reg.Stack) | (1 << Reg.MapValue) | (1 << Reg.Packet) | (1 << Reg.PacketMeta);

const CALL = Class.Jmp | Jmp.Call;

export function readFacts(core: CoreExports, insns: Uint8Array): InsnFacts {
  const contextAccesses: number[] = [];
  const boundedAccesses = new Set<number>();
  const allocations = new Map<number, Allocation>();
  const nodeOffsets = new Map<number, number>();
  const percpuObjects = new Set<number>();
  for (const { slot, code, src } of readInsns(insns)) {
    const kind = code & Class.Mask;
    if (kind === Class.Ldx || kind === Class.St || kind === Class.Stx) {
      const pointers = core.pointersAt(slot);
      // No path may access the context where another accesses something else.
      if (pointers === CONTEXT) contextAccesses.push(slot);
      else if (pointers !== 0 && (pointers & ~BOUNDED) === 0) boundedAccesses.add(slot);
    } else if (code === CALL && src === CallKind.Kfunc) {
      const size = core.objectSizeAt(slot) >>> 0;
      if (size > 0) allocations.set(slot, { size, typeId: core.objectTypeAt(slot) >>> 0 });
      const offset = core.nodeOffsetAt(slot);
      if (offset >= 0) nodeOffsets.set(slot, offset);
    } else if (code === CALL && src === CallKind.Helper && core.isPercpuObjectAt(slot) !== 0) {
      percpuObjects.add(slot);
    }
  }
  return { contextAccesses, boundedAccesses, allocations, nodeOffsets, percpuObjects };
}
