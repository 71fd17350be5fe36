/** What an instruction is, for the tooltip over it. */
import type { AssemblySource } from '../../assembly/source.ts';
import { type Insn, readInsns, SLOT_SIZE } from '../../bpf/decode.ts';
import { insnText } from '../../bpf/disasm.ts';
import { helperName } from '../../bpf/helpers.ts';
import { CallKind, Class, Jmp } from '../../bpf/isa.ts';
import type { HelperDocs } from './helper-docs.ts';

const CALL = Class.Jmp | Jmp.Call;

export interface Explanation {
  /** "slots 3 and 4" */
  readonly slots: string;
  /** As the verifier's log has it. */
  readonly text: string;
  /** "18 01 00 00 ..." */
  readonly bytes: string;
  /** "opcode 0x85: call helper" */
  readonly opcode: string;
  /** What the called helper takes and returns. */
  readonly helper?: string;
}

/** Undefined for a line without an instruction, or with one that is wrong. */
export function explain(
  { insns, lineOfSlot }: AssemblySource,
  line: number,
  docs: HelperDocs,
): Explanation | undefined {
  const slot = lineOfSlot.indexOf(line);
  if (slot < 0) return undefined;
  const count = lineOfSlot[slot + 1] === line ? 2 : 1;
  const bytes = insns.subarray(slot * SLOT_SIZE, (slot + count) * SLOT_SIZE);
  const [insn] = readInsns(bytes);
  if (!insn) return undefined;
  const helper = helperText(insn, docs);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0'));
  const code = insn.code.toString(16).padStart(2, '0');
  const since = insn.form?.linux ? `, since Linux ${insn.form.linux}` : '';
  return {
    slots: count === 2 ? `slots ${slot} and ${slot + 1}` : `slot ${slot}`,
    text: insnText(insn),
    bytes: hex.join(' '),
    opcode: `opcode 0x${code}: ${insn.form?.name ?? 'none'}${since}`,
    ...(helper === undefined ? {} : { helper }),
  };
}

function helperText({ code, src, imm }: Insn, docs: HelperDocs): string | undefined {
  if (code !== CALL || src !== CallKind.Helper) return undefined;
  const name = helperName(imm);
  const doc = name === undefined ? undefined : docs.get(name);
  if (!doc) return name;
  return `${doc.call} returns ${doc.returns}${doc.gplOnly ? '; for GPL programs only' : ''}`;
}
