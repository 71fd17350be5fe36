/**
 * Links a program: appends the subprograms that it reaches, in the order in which they are first called, each
 * followed at once by what it calls itself, and rewrites all calls to their places. Function and line records
 * move along.
 */
import { type Btf, BtfKind } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import { CallKind, Pseudo } from '../bpf/isa.ts';
import type { BtfExt, SectionRecords } from './btf-ext.ts';
import type { BpfFunction, FunctionTable } from './functions.ts';
import { Insns, SLOT } from './insns.ts';
import type { MissingReference } from './missing.ts';
import type { FuncInfo, LineInfo, Subprog } from './program.ts';
import { type Reloc, RelocKind } from './relocs.ts';

const EXCEPTION_TAG = 'exception_callback:';
/** BTF_FUNC_GLOBAL */
const LINKAGE_GLOBAL = 1;

export interface LinkContext {
  functions: FunctionTable;
  ext: BtfExt | undefined;
  exceptions: readonly ExceptionTag[];
}

export interface LinkedCode {
  insns: Insns;
  subprogs: Subprog[];
  funcInfo: FuncInfo[];
  lineInfo: LineInfo[];
  /** Relocations of all parts, `insn` counted from the start of the whole. */
  relocs: Reloc[];
  /** What the kernel does not have, counted likewise. */
  missing: MissingReference[];
  /** The functions it is made of, and the slot at which each begins. */
  parts: readonly { func: BpfFunction; start: number }[];
}

/** @throws {InputError} when a call leads nowhere, or the records of a part are missing. */
export function linkProgram(context: LinkContext, program: BpfFunction, maxSlots: number): LinkedCode {
  const linker = new Linker(context, program, maxSlots);
  linker.append(program);
  const callback = exceptionCallback(context, program);
  if (callback) linker.append(callback);
  return linker.finish();
}

interface Part {
  func: BpfFunction;
  /** Slot of the whole program at which the part begins. */
  start: number;
  insns: Insns;
  relocs: Map<number, Reloc>;
  /** Next slot to look at. */
  at: number;
}

class Linker {
  private readonly context: LinkContext;
  private readonly main: BpfFunction;
  private readonly maxSlots: number;
  private readonly parts = new Map<BpfFunction, Part>();
  private readonly funcInfo: FuncInfo[] = [];
  private readonly lineInfo: LineInfo[] = [];
  private count = 0;

  constructor(context: LinkContext, main: BpfFunction, maxSlots: number) {
    this.context = context;
    this.main = main;
    this.maxSlots = maxSlots;
  }

  /** Appends a function and all that it reaches, unless that has been done. */
  append(func: BpfFunction): void {
    if (this.parts.has(func)) return;
    const open = [this.add(func)];
    for (let part = open.at(-1); part; part = open.at(-1)) {
      const callee = this.nextCallee(part);
      if (!callee) open.pop();
      else if (!this.parts.has(callee)) open.push(this.add(callee));
    }
  }

  finish(): LinkedCode {
    const code = new Uint8Array(this.count * SLOT);
    const subprogs: Subprog[] = [];
    const relocs: Reloc[] = [];
    const missing: MissingReference[] = [];
    for (const part of this.parts.values()) {
      this.pointCalls(part);
      code.set(part.insns.bytes, part.start * SLOT);
      subprogs.push({ name: part.func.name, start: part.start });
      for (const reloc of part.func.relocs) relocs.push({ ...reloc, insn: reloc.insn + part.start });
      for (const each of part.func.missing) missing.push({ ...each, insn: each.insn + part.start });
    }
    return {
      insns: new Insns(code),
      subprogs,
      relocs,
      missing,
      parts: [...this.parts.values()],
      funcInfo: this.funcInfo,
      lineInfo: this.lineInfo,
    };
  }

  private add(func: BpfFunction): Part {
    const part: Part = {
      func,
      start: this.count,
      insns: new Insns(func.insns.bytes.slice()),
      relocs: new Map(func.relocs.map((reloc) => [reloc.insn, reloc])),
      at: 0,
    };
    this.parts.set(func, part);
    this.count += func.insns.count;
    if (this.count > this.maxSlots) throw this.error(func, 0, 'the linked programs are too large');
    for (const reloc of func.relocs) {
      if (reloc.kind === RelocKind.FunctionAddress) part.insns.setSrc(reloc.insn, Pseudo.Func);
    }
    this.addRecords(func, part.start);
    return part;
  }

  /** The next function that a part refers to, from `part.at` on. */
  private nextCallee(part: Part): BpfFunction | undefined {
    while (part.at < part.insns.count) {
      const callee = this.callee(part, part.at++);
      if (callee) return callee;
    }
    return undefined;
  }

  /** The function that a call or a function address speaks of; undefined for every other instruction. */
  private callee(part: Part, insn: number): BpfFunction | undefined {
    const { insns, func } = part;
    const isCall = insns.isCall(insn) && insns.src(insn) === CallKind.Local;
    if (!isCall && !insns.isFunctionAddress(insn)) return undefined;
    const reloc = part.relocs.get(insn);
    if (reloc?.kind === RelocKind.ExternCall) return undefined;
    if (reloc && reloc.kind !== RelocKind.Call && reloc.kind !== RelocKind.FunctionAddress) {
      throw this.error(func, insn, `unexpected relo for insn #${insn}, type ${reloc.kind}`);
    }
    const imm = insns.imm(insn);
    let slot: number;
    if (reloc?.kind === RelocKind.FunctionAddress) slot = (reloc.target + imm) / SLOT;
    else if (reloc) slot = reloc.target / SLOT + imm + 1;
    else if (isCall) slot = func.start + insn + imm + 1;
    else throw this.error(func, insn, `missing subprog addr relo for insn #${insn}`);
    const { functions } = this.context;
    const callee = functions.find(functions.textSection, Math.trunc(slot));
    if (!callee?.isSubprog)
      throw this.error(func, insn, 'no .text section found yet sub-program call exists');
    return callee;
  }

  private pointCalls(part: Part): void {
    for (let insn = 0; insn < part.insns.count; insn++) {
      const callee = this.callee(part, insn);
      const target = callee && this.parts.get(callee);
      if (target) part.insns.setImm(insn, target.start - (part.start + insn) - 1);
    }
  }

  /** A program without records has none at all; a subprogram without them is an error once there are some. */
  private addRecords(func: BpfFunction, start: number): void {
    const { ext } = this.context;
    if (!ext) return;
    const isMain = func === this.main;
    if (isMain || this.funcInfo.length > 0) {
      const records = recordsOf(ext.funcs, func);
      if (records.length === 0 && !isMain) throw this.error(func, 0, 'missing .BTF.ext function info.');
      for (const { offset, typeId } of records) {
        this.funcInfo.push({ insn: place(offset, func, start), typeId });
      }
    }
    if (!isMain && this.lineInfo.length === 0) return;
    const lines = recordsOf(ext.lines, func);
    if (lines.length === 0 && !isMain) throw this.error(func, 0, 'missing .BTF.ext line info.');
    for (const { offset, ...line } of lines)
      this.lineInfo.push({ insn: place(offset, func, start), ...line });
  }

  private error(func: BpfFunction, insn: number, reason: string): InputError {
    return new InputError(`prog '${func.name}': ${reason}`, {
      section: func.sectionName,
      offset: (func.start + insn) * SLOT,
    });
  }
}

function place(offset: number, func: BpfFunction, start: number): number {
  return Math.floor(offset / SLOT) - func.start + start;
}

/** The records of a function; those of a section stand by rising offset. */
function recordsOf<T extends { offset: number }>(
  sections: readonly SectionRecords<T>[],
  func: BpfFunction,
): T[] {
  const table = sections.find(({ section }) => section === func.section)?.records ?? [];
  const first = func.start * SLOT;
  return table.slice(lowerBound(table, first), lowerBound(table, first + func.insns.count * SLOT));
}

/** Index of the first record at or after an offset. */
function lowerBound(table: readonly { offset: number }[], offset: number): number {
  let low = 0;
  let high = table.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((table[middle]?.offset ?? 0) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A declaration tag "exception_callback:NAME" and the program that it stands on. */
export interface ExceptionTag {
  program: string;
  callback: string;
  /** Whether it stands on a global function at all. */
  valid: boolean;
}

export function exceptionTags(btf: Btf | undefined): ExceptionTag[] {
  const tags: ExceptionTag[] = [];
  for (let id = btf?.firstId ?? 0; btf && id < btf.typeCount; id++) {
    if (btf.kind(id) !== BtfKind.DeclTag) continue;
    const tag = btf.type(id);
    if (tag.component !== -1 || !tag.name.startsWith(EXCEPTION_TAG)) continue;
    const target = btf.type(tag.type);
    const valid = target.kind === BtfKind.Func && target.linkage === LINKAGE_GLOBAL;
    tags.push({ program: target.name, callback: tag.name.slice(EXCEPTION_TAG.length), valid });
  }
  return tags;
}

/** The subprogram that an exception tag of the program names; the program itself does not call it. */
function exceptionCallback(
  { functions, exceptions }: LinkContext,
  program: BpfFunction,
): BpfFunction | undefined {
  const fail = (reason: string) =>
    new InputError(`prog '${program.name}': ${reason}`, { section: program.sectionName });
  let callback: BpfFunction | undefined;
  for (const { program: owner, callback: name, valid } of exceptions) {
    if (!valid) throw fail('exception_callback:<value> decl tag not applied to the main program');
    if (owner !== program.name) continue;
    // Of two callbacks neither is appended; the verifier refuses the program.
    if (callback) return undefined;
    if (name === '') throw fail('exception_callback:<value> decl tag contains empty value');
    callback = functions.subprog(name);
    if (!callback) throw fail(`cannot find exception callback '${name}'`);
    if (!callback.isGlobal || callback.isHidden) {
      throw fail(`exception callback ${name} must be a global non-hidden function`);
    }
  }
  return callback;
}
