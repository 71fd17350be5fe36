/** Whether a program's code goes round in circles, which kernels before 5.3 refuse wherever they see it. */
import { Class, Jmp, Source } from '../bpf/isa.ts';
import type { Insns } from '../loader/insns.ts';

interface Part {
  readonly start: number;
  readonly end: number;
}

const enum Mark {
  New,
  Open,
  Done,
}

/** Slot of a jump that closes a circle; undefined when there is none. */
export function findLoop(insns: Insns, parts: readonly Part[]): number | undefined {
  const marks = new Uint8Array(insns.count);
  for (const part of parts) {
    const found = loopIn(insns, part, marks);
    if (found !== undefined) return found;
  }
  return undefined;
}

function loopIn(insns: Insns, part: Part, marks: Uint8Array): number | undefined {
  const open = [{ slot: part.start, next: 0 }];
  marks[part.start] = Mark.Open;
  for (let top = open.at(-1); top; top = open.at(-1)) {
    const target = successors(insns, top.slot)[top.next++];
    if (target === undefined) {
      marks[top.slot] = Mark.Done;
      open.pop();
    } else if (target >= part.start && target < part.end) {
      if (marks[target] === Mark.Open) return top.slot;
      if (marks[target] === Mark.New) {
        marks[target] = Mark.Open;
        open.push({ slot: target, next: 0 });
      }
    }
  }
  return undefined;
}

function successors(insns: Insns, slot: number): number[] {
  const code = insns.code(slot);
  const group = code & Class.Mask;
  const operation = code & Jmp.Mask;
  if ((group !== Class.Jmp && group !== Class.Jmp32) || operation === Jmp.Call)
    return [slot + (insns.isLdImm64(slot) ? 2 : 1)];
  if (operation === Jmp.Exit) return [];
  if (operation !== Jmp.Ja) return [slot + 1, slot + 1 + insns.offset(slot)];
  const isFar = code === (Class.Jmp32 | Jmp.Ja | Source.K);
  return [slot + 1 + (isFar ? insns.imm(slot) : insns.offset(slot))];
}
