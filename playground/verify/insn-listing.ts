/** The disassembly as rows: functions, source lines and instructions. */
import { readInsns } from '../../bpf/decode.ts';
import { type DisasmOptions, insnText } from '../../bpf/disasm.ts';
import { InputError } from '../../bpf/input-error.ts';
import type { SourceLine } from '../../verifier/diagnosis/source.ts';
import type { LoadRequest } from '../../verifier/load-request.ts';
import type { InsnRow } from './protocol.ts';

export interface SlotSource {
  at(slot: number): SourceLine | undefined;
}

export class InsnListing {
  readonly rows: InsnRow[] = [];
  /** Row of each slot. */
  readonly rowOfSlot: Int32Array;

  constructor(
    request: LoadRequest,
    names: DisasmOptions,
    lines: SlotSource,
    functions: ReadonlyMap<number, string>,
  ) {
    this.rowOfSlot = new Int32Array(Math.ceil(request.insns.length / 8)).fill(-1);
    try {
      let before: SourceLine | undefined;
      for (const insn of readInsns(request.insns)) {
        const name = functions.get(insn.slot);
        if (name !== undefined) this.push({ kind: 'function', text: name, slot: insn.slot, opcode: '' });
        const line = lines.at(insn.slot);
        if (line && (line.line !== before?.line || line.text !== before.text || name !== undefined))
          this.push({
            kind: 'source',
            text: `${line.line}: ${line.text.trim()}`,
            slot: insn.slot,
            opcode: '',
          });
        before = line;
        this.rowOfSlot.fill(this.rows.length, insn.slot, insn.slot + insn.slots);
        const opcode = insn.code.toString(16).padStart(2, '0');
        this.push({ kind: 'insn', text: insnText(insn, names), slot: insn.slot, opcode });
      }
    } catch (error) {
      // The verdict says what is wrong with it; what could be read is shown.
      if (!(error instanceof InputError)) throw error;
    }
  }

  private push(row: InsnRow): void {
    this.rows.push(row);
  }
}
