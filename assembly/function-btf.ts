/**
 * Types for the functions of a program whose functions are called back: the kernel takes no callback without. All
 * are static, so that they are verified where they are called.
 */
import { BtfWriter } from '../bpf/btf-writer.ts';
import { type Insn, readInsns } from '../bpf/decode.ts';
import { CallKind, Class, Jmp, Pseudo } from '../bpf/isa.ts';
import type { FuncInfo } from '../loader/program.ts';

const CALL = Class.Jmp | Jmp.Call;
const SIGNED = 1;
const GLOBAL = 1;

export interface FunctionTypes {
  progBtf: Uint8Array;
  funcInfo: FuncInfo[];
}

/** First instructions of the functions that a program calls or hands over, and its own. */
export function functionStarts(insns: Uint8Array): number[] {
  const starts = new Set([0]);
  for (const insn of readInsns(insns)) {
    if (isCallback(insn) || (insn.code === CALL && insn.src === CallKind.Local))
      starts.add(insn.slot + 1 + insn.imm);
  }
  return [...starts].sort((a, b) => a - b);
}

/** Labels by their slots. */
export function labelNames(labels: ReadonlyMap<string, number>): ReadonlyMap<number, string> {
  return new Map([...labels].map(([name, slot]) => [slot, name]));
}

function isCallback({ slots, src }: Insn): boolean {
  return slots === 2 && src === Pseudo.Func;
}

/** Undefined when nothing is called back. */
export function functionTypes(
  insns: Uint8Array,
  labels: ReadonlyMap<string, number>,
): FunctionTypes | undefined {
  if (![...readInsns(insns)].some(isCallback)) return undefined;
  const names = labelNames(labels);
  const writer = new BtfWriter();
  const proto = writer.funcProto(writer.int('int', 4, SIGNED), []);
  const funcInfo = functionStarts(insns).map((insn) => {
    const name = (names.get(insn) ?? `function_${insn}`).replace(/\W/g, '_');
    return { insn, typeId: writer.func(name, proto, insn === 0 ? GLOBAL : 0) };
  });
  return { progBtf: writer.bytes(), funcInfo };
}
