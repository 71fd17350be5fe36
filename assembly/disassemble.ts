/** A program of a loaded object in this format; what comes of it again is the same instructions. */
import { type Insn, readInsns, SLOT_SIZE } from '../bpf/decode.ts';
import { insnText } from '../bpf/disasm.ts';
import { CallKind, Class, Jmp, Pseudo } from '../bpf/isa.ts';
import type { BpfObject, MapDef, Program } from '../loader/program.ts';
import { findSectionDef } from '../loader/sections.ts';
import { flagText, MAP_FLAGS, PROGRAM_FLAGS } from './flags.ts';
import { mapTypeOf } from './map-types.ts';
import { quoted } from './words.ts';

const CALL = Class.Jmp | Jmp.Call;
const GOTOL = Class.Jmp32 | Jmp.Ja;
/** Bytes of a value's content in a line. */
const DATA_LINE = 64;

export interface DisassembledOptions {
  /** Name of a kfunc: BTF id of its FUNC, and the slot of the module's BTF in fd_array (0: vmlinux). */
  kfuncName?: (btfId: number, fdArraySlot: number) => string | undefined;
}

/**
 * What text cannot say is lost: types of the program and of its maps, and with them what the verifier makes of global
 * functions, locks, timers and kernel pointers in values. Instructions that BPF does not have stay `BUG_xx`, which
 * is no instruction.
 */
export function disassembleToAssembly(
  object: Pick<BpfObject, 'license' | 'maps' | 'modules'>,
  program: Program,
  options: DisassembledOptions = {},
): string {
  const insns = [...readInsns(program.insns)];
  const maps = new MapNames(object.maps);
  const labels = labelsOf(insns, program);
  const lines = [...header(object, program), ...maps.lines(), ''];
  for (const insn of insns) {
    const label = labels.get(insn.slot);
    if (label !== undefined) lines.push(`${label}:`);
    lines.push(`  ${insnLine(insn, labels, maps, options)}`);
  }
  const end = labels.get(program.insns.length / SLOT_SIZE);
  if (end !== undefined) lines.push(`${end}:`);
  return `${lines.join('\n')}\n`;
}

function header({ license, modules }: Pick<BpfObject, 'license' | 'modules'>, program: Program): string[] {
  const lines = [`; ${program.name}, from an object: the types of the object's BTF are not kept`];
  if (findSectionDef(program.section)) lines.push(`.section "${program.section}"`);
  else lines.push(`; section "${program.section}" says no program type`);
  if (license !== '') lines.push(`.license ${quoted(new TextEncoder().encode(license))}`);
  const own = program.flags & ~(findSectionDef(program.section)?.flags ?? 0);
  if (own !== 0) lines.push(`.flags ${flagText(own, PROGRAM_FLAGS)}`);
  for (const module of modules.slice(1)) lines.push(`.module ${module}`);
  return lines;
}

/** What names maps in the text: their own names where these are words that none else has. */
class MapNames {
  private readonly maps: readonly { name: string; def: MapDef; inner?: string }[];

  constructor(defs: readonly MapDef[]) {
    const taken = new Set<string>();
    const nameOf = (name: string, index: number) => {
      const isWord = /^[A-Za-z_.$][\w.$]*$/.test(name) && !/^[rw]\d+$/.test(name);
      const free = isWord && !taken.has(name) ? name : `map_${index}`;
      taken.add(free);
      return free;
    };
    const outer = defs.map((def, index) => ({ name: nameOf(def.name, index), def }));
    const templates = outer.flatMap(({ name, def }, index) =>
      def.inner ? [{ outer: name, name: nameOf(`${name}.inner`, defs.length + index), def: def.inner }] : [],
    );
    this.maps = [
      ...outer.map((map) => {
        const inner = templates.find((template) => template.outer === map.name)?.name;
        return { ...map, ...(inner === undefined ? {} : { inner }) };
      }),
      ...templates,
    ];
  }

  name(index: number): string | undefined {
    return this.maps[index]?.name;
  }

  lines(): string[] {
    return this.maps.flatMap(({ name, def, inner }) => [mapLine(name, def, inner), ...dataLines(name, def)]);
  }
}

function mapLine(name: string, def: MapDef, inner: string | undefined): string {
  const type = mapTypeOf(def.type)?.name;
  if (type === undefined) return `; map ${name} has a type without a name: ${def.type}`;
  const parts = [`.map ${name} ${type}`, `key ${def.keySize}`, `value ${def.valueSize}`];
  // A map without entries is refused; that the type may do without is not written.
  if (def.maxEntries !== 0) parts.push(`entries ${def.maxEntries}`);
  if (def.flags !== 0) parts.push(`flags ${flagText(def.flags, MAP_FLAGS)}`);
  if (def.mapExtra !== 0n) parts.push(`extra ${def.mapExtra}`);
  if (inner !== undefined) parts.push(`inner ${inner}`);
  if (def.frozen === true) parts.push('frozen');
  return parts.join(' ');
}

/** Zeros at the end need no words. */
function dataLines(name: string, { data, valueSize }: MapDef): string[] {
  if (!data || valueSize === 0) return [];
  const length = Math.max(1, data.findLastIndex((byte) => byte !== 0) + 1);
  const lines: string[] = [];
  for (let at = 0; at < length; at += DATA_LINE) {
    lines.push(`.data ${name} ${quoted(data.subarray(at, Math.min(length, at + DATA_LINE)))}`);
  }
  return lines;
}

/** Slot -> label, for what is jumped to or called; functions keep their names where these are labels. */
function labelsOf(insns: readonly Insn[], { subprogs, insns: { length } }: Program): Map<number, string> {
  const starts = new Set(insns.map((insn) => insn.slot)).add(length / SLOT_SIZE);
  const names = new Map(subprogs.map(({ start, name }) => [start, name]));
  const used = new Set<string>();
  const labels = new Map<number, string>();
  let count = 0;
  const targets = insns.flatMap((insn) => targetOf(insn) ?? []).sort((a, b) => a - b);
  for (const slot of new Set([0, ...targets])) {
    // Into the middle of an instruction, or out of the program: it stays a number.
    if (!starts.has(slot)) continue;
    const name = names.get(slot);
    if (slot === 0 && name === undefined) continue;
    const isFree =
      name !== undefined && /^[A-Za-z_$][\w$]*$/.test(name) && !used.has(name) && !NOT_LABEL.test(name);
    if (name !== undefined && !isFree) labels.set(slot, `function_${slot}`);
    else labels.set(slot, name ?? `L${++count}`);
    used.add(labels.get(slot)!);
  }
  return labels;
}

/** Registers, helpers and our own labels. */
const NOT_LABEL = /^([rw]\d+|bpf_\w+|L\d+|function_\d+|pc)$/;

/** Slot that an instruction refers to: a jump, a call of the program's own, a callback. */
function targetOf(insn: Insn): number | undefined {
  const { code, src, slot, slots, form } = insn;
  if (slots === 2) return src === Pseudo.Func ? slot + 1 + insn.imm : undefined;
  if (code === CALL) return src === CallKind.Local ? slot + 1 + insn.imm : undefined;
  if (code === GOTOL) return slot + 1 + insn.imm;
  return form?.operands.includes('pc') ? slot + 1 + insn.offset : undefined;
}

function insnLine(
  insn: Insn,
  labels: ReadonlyMap<number, string>,
  maps: MapNames,
  { kfuncName }: DisassembledOptions,
): string {
  const text = insnText(insn, kfuncName ? { kfuncName } : {});
  const target = targetOf(insn);
  const label = target === undefined ? undefined : labels.get(target);
  if (label !== undefined) return text.replace(/pc[+-]\d+/, label);
  const isMap = insn.slots === 2 && (insn.src === Pseudo.MapFd || insn.src === Pseudo.MapValue);
  const map = isMap ? maps.name(insn.imm) : undefined;
  if (map !== undefined) return text.replace(/map\[-?\d+\]/, `map[${map}]`);
  const isModules = insn.code === CALL && insn.src === CallKind.Kfunc && insn.offset !== 0;
  return isModules ? `${text}@${insn.offset}` : text;
}
