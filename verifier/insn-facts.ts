/** Reads what the core found out about the instructions of the program that it accepted last. */
import { readInsns } from '../bpf/decode.ts';
import type { InsnFacts } from '../bpf/insn-facts.ts';
import { CallKind, Class, Jmp } from '../bpf/isa.ts';
import { Reg } from './types.ts';
import type { CoreExports } from './wasm.ts';

const CALL = Class.Jmp | Jmp.Call;

export function readFacts(core: CoreExports, insns: Uint8Array): InsnFacts {
  const contextAccesses: number[] = [];
  const objectSizes = new Map<number, number>();
  for (const { slot, code, src } of readInsns(insns)) {
    const kind = code & Class.Mask;
    if (kind === Class.Ldx || kind === Class.St || kind === Class.Stx) {
      if ((core.pointerTypeAt(slot) & Reg.BaseMask) === Reg.Ctx) contextAccesses.push(slot);
    } else if (code === CALL && src === CallKind.Kfunc) {
      const size = core.objectSizeAt(slot) >>> 0;
      if (size > 0) objectSizes.set(slot, size);
    }
  }
  return { contextAccesses, objectSizes };
}
