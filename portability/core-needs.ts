/** CO-RE relocations of an object's functions, as needs. */
import { InputError } from '../bpf/input-error.ts';
import { CoreKind, type CoreRelo } from '../loader/btf-ext.ts';
import { BadSpec, isEnumvalBased, isTypeBased } from '../loader/core-spec.ts';
import type { BpfFunction } from '../loader/functions.ts';
import { SLOT } from '../loader/insns.ts';
import { coreSubject } from '../loader/missing.ts';
import type { ObjectFile } from '../loader/open.ts';
import type { NewNeed } from './need-table.ts';

/** A relocation of a function: its slot there, and what it asks for. */
export interface FunctionRelo {
  readonly insn: number;
  readonly relo: CoreRelo;
  readonly need: NewNeed & { readonly subject: { readonly kind: 'type' | 'field' | 'enum-value' } };
}

export class CoreIndex {
  private readonly byFunction = new Map<BpfFunction, FunctionRelo[]>();

  /** @throws {InputError} for a relocation that says nothing about a type of the object. */
  constructor({ btf, ext, functions }: ObjectFile) {
    if (!btf || !ext) return;
    for (const { section, records } of ext.relos) {
      for (const relo of records) {
        const slot = relo.offset / SLOT;
        const func = functions.find(section, Math.floor(slot));
        if (!func || relo.kind === CoreKind.TypeIdLocal) continue;
        if (!Number.isInteger(slot)) throw bad(func, relo, 'CO-RE relocation is not at an instruction');
        this.add(func, { insn: slot - func.start, relo, need: needOf(relo, () => coreSubject(btf, relo)) });
      }
    }
  }

  /** By rising offset, as the object has them. */
  of(func: BpfFunction): readonly FunctionRelo[] {
    return this.byFunction.get(func) ?? [];
  }

  private add(func: BpfFunction, relo: FunctionRelo): void {
    const known = this.byFunction.get(func);
    if (known) known.push(relo);
    else this.byFunction.set(func, [relo]);
  }
}

function needOf(relo: CoreRelo, subject: () => string): FunctionRelo['need'] {
  const kind = isTypeBased(relo.kind) ? 'type' : isEnumvalBased(relo.kind) ? 'enum-value' : 'field';
  return { subject: { kind, asked: [] }, name: nameOf(relo, subject), isQuestion: isQuestion(relo.kind) };
}

/** What a malformed relocation is about nobody can say; a kernel's loader will. */
function nameOf(relo: CoreRelo, subject: () => string): string {
  try {
    return subject();
  } catch (cause) {
    if (cause instanceof BadSpec || cause instanceof InputError) return `type ${relo.typeId}, malformed`;
    throw cause;
  }
}

/** Whether the kernel's lack of it is an answer like others: such relocations become the numbers 0 or 1. */
function isQuestion(kind: CoreKind): boolean {
  switch (kind) {
    case CoreKind.FieldExists:
    case CoreKind.TypeExists:
    case CoreKind.TypeMatches:
    case CoreKind.EnumvalExists:
    case CoreKind.TypeSize:
    case CoreKind.TypeIdTarget:
      return true;
    default:
      return false;
  }
}

function bad(func: BpfFunction, relo: CoreRelo, reason: string): InputError {
  return new InputError(reason, { section: func.sectionName, offset: relo.offset });
}
