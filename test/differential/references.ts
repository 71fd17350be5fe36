/** The instructions of a function that speak of something outside of it: maps, globals, functions, kfuncs. */
import { SLOT_SIZE } from '../../bpf/decode.ts';
import { CallKind, Class, Jmp, Mode, Pseudo, Size } from '../../bpf/isa.ts';

const LD_IMM64 = Class.Ld | Mode.Imm | Size.Dw;
const CALL = Class.Jmp | Jmp.Call;

/** What an instruction speaks of, by its index as the text has it. */
export interface Reference {
  slot: number;
  kind: 'map' | 'data' | 'callback' | 'call' | 'kfunc';
  index: number;
}

export function references(code: Uint8Array): Reference[] {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const found: Reference[] = [];
  for (let slot = 0; slot * SLOT_SIZE < code.length; slot++) {
    const at = slot * SLOT_SIZE;
    const opcode = view.getUint8(at);
    const src = view.getUint8(at + 1) >>> 4;
    const index = view.getInt32(at + 4, true);
    if (opcode === CALL && src === CallKind.Local) found.push({ slot, kind: 'call', index });
    if (opcode === CALL && src === CallKind.Kfunc) found.push({ slot, kind: 'kfunc', index });
    if (opcode !== LD_IMM64) continue;
    if (src === Pseudo.MapFd) found.push({ slot, kind: 'map', index });
    if (src === Pseudo.MapValue) found.push({ slot, kind: 'data', index });
    if (src === Pseudo.Func) found.push({ slot, kind: 'callback', index });
    slot++;
  }
  return found;
}
