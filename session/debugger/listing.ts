/** A program as lines to read: its instructions, with the source they come from above them. */
import { type Insn, readInsns } from '../../bpf/decode.ts';
import { insnText } from '../../bpf/disasm.ts';
import { helperName } from '../../bpf/helpers.ts';
import { CallKind, Class, Jmp } from '../../bpf/isa.ts';
import type { BpfObject, Program } from '../../loader/index.ts';
import { isPoison } from '../../vm/poison.ts';

export type ListingLine =
  | { readonly kind: 'function'; readonly slot: number; readonly text: string }
  | { readonly kind: 'source'; readonly slot: number; readonly text: string; readonly place: string }
  | { readonly kind: 'insn'; readonly slot: number; readonly text: string };

export interface ListingOptions {
  /** Name of a helper by its id, of a kfunc by its BTF id. */
  readonly helperName?: (id: number) => string | undefined;
  readonly kfuncName?: (btfId: number, module: number) => string | undefined;
}

const CALL = Class.Jmp | Jmp.Call;
const CONDITIONAL = new Set([Class.Jmp, Class.Jmp32]);

/** A source line stands in front of every stretch of instructions that is made from it. */
export function listing(object: BpfObject, program: Program, options: ListingOptions = {}): ListingLine[] {
  const { btf } = object;
  const sources = new Map(program.lineInfo.map((info) => [info.insn, info]));
  const functions = new Map(program.subprogs.map(({ start, name }) => [start, name]));
  const lines: ListingLine[] = [];
  let last = '';
  for (const insn of readInsns(program.insns)) {
    const { slot } = insn;
    const name = functions.get(slot);
    if (name !== undefined) lines.push({ kind: 'function', slot, text: `${name}:` });
    const info = sources.get(slot);
    if (info && btf) {
      const text = btf.string(info.lineOffset).trim();
      const place = `${fileName(btf.string(info.fileNameOffset))}:${info.line}`;
      if (text !== '' && place !== last) lines.push({ kind: 'source', slot, text, place });
      last = place;
    }
    const text = textOf(insn, options);
    const target = jumpTarget(insn);
    lines.push({
      kind: 'insn',
      slot,
      text: target === undefined ? text : text.replace(/pc[+-]\d+$/, String(target)),
    });
  }
  return lines;
}

function textOf(insn: Insn, options: ListingOptions): string {
  if (insn.code === CALL && insn.src === CallKind.Helper && isPoison(insn.imm))
    return 'not on this kernel (CO-RE)';
  return insnText(insn, {
    helperName: (id) => options.helperName?.(id) ?? helperName(id),
    kfuncName: (id, module) => options.kfuncName?.(id, module),
  });
}

/** Where a jump goes, so that nobody has to add. */
function jumpTarget(insn: { code: number; slot: number; offset: number; imm: number }): number | undefined {
  const cls: Class = insn.code & Class.Mask;
  const operation: Jmp = insn.code & Jmp.Mask;
  if (!CONDITIONAL.has(cls) || operation === Jmp.Call || operation === Jmp.Exit) return undefined;
  const isLong = cls === Class.Jmp32 && operation === Jmp.Ja;
  return insn.slot + 1 + (isLong ? insn.imm : insn.offset);
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
