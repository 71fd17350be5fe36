/**
 * struct_ops: variables of ".struct_ops" and ".struct_ops.link" whose function pointers are BPF programs. Each
 * becomes a map with one value, the kernel's `struct bpf_struct_ops_NAME`, into which the variable's members
 * are copied by name; each program is told which member of which struct it implements.
 */
import { type Btf, BtfKind, type BtfMember, type BtfType, type TypeId } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import { essentialName } from './core-match.ts';
import { type ElfFile, type ElfSection, SectionType, SHF_EXECINSTR, SHN_LORESERVE } from './elf.ts';
import type { BpfFunction, FunctionTable } from './functions.ts';
import { SLOT } from './insns.ts';
import { emptyMap } from './map-def.ts';
import type { MapTable } from './maps.ts';
import { MapFlag, MapType, ProgType } from './prog-type.ts';
import type { LoadOptions, MapDef } from './program.ts';
import { isRelocTable } from './relocs.ts';
import { findKernelType } from './resolve.ts';

const SECTIONS = ['.struct_ops', '.struct_ops.link', '?.struct_ops', '?.struct_ops.link'];
const PLACE = { section: '.struct_ops' };
const VALUE_PREFIX = 'bpf_struct_ops_';
/** Bytes of the map's value; the kernel's own structs have some hundreds. */
const MAX_VALUE = 1 << 20;
/** Members of the program's struct; the kernel takes 64 at most. */
const MAX_MEMBERS = 1024;

export interface StructOps {
  def: MapDef;
  /** Section and place of the variable. */
  section: number;
  offset: number;
  type: BtfType;
  /** The variable's initial value. */
  data: Uint8Array;
  /** Program of each member that has one, by the member's index. */
  programs: Map<number, BpfFunction>;
}

/** What a struct_ops program implements. */
export interface StructOpsTarget {
  /** `struct NAME` in the kernel's BTF, or in the module's. */
  typeId: TypeId;
  typeName: string;
  member: number;
  /** Of the object's own struct. */
  memberName: string;
  module: string;
}

/** Adds the struct_ops maps of an object, and ties their programs to them. @throws {InputError} */
export function collectStructOps(
  elf: ElfFile,
  btf: Btf | undefined,
  maps: MapTable,
  functions: FunctionTable,
): StructOps[] {
  const all: StructOps[] = [];
  for (const section of elf.sections) {
    if (!isStructOpsSection(section)) continue;
    if (!btf) throw elf.error('BTF is required, but is missing or corrupted.', section);
    const found = sectionVariables(elf, btf, section);
    for (const ops of found)
      maps.add({ def: ops.def, section: section.index, offset: ops.offset, size: ops.data.length });
    all.push(...found);
    for (const table of elf.sections) {
      if (isRelocTable(table) && table.info === section.index)
        tiePrograms(elf, btf, table, section, found, functions);
    }
  }
  return all;
}

function isStructOpsSection({ type, flags, size, name }: ElfSection): boolean {
  return (
    type === SectionType.Progbits && size > 0 && (flags & SHF_EXECINSTR) === 0 && SECTIONS.includes(name)
  );
}

function sectionVariables(elf: ElfFile, btf: Btf, section: ElfSection): StructOps[] {
  const datasec = btf.find(section.name, BtfKind.Datasec);
  if (datasec === 0) throw elf.error(`struct_ops init: DATASEC ${section.name} not found`, section);
  return btf.type(datasec).vars.map(({ type: variableId, offset }) => {
    const variable = btf.type(variableId);
    const type = btf.resolve(variable.type);
    const fail = (reason: string) => elf.error(`struct_ops init: ${reason}`, section, offset);
    if (variable.kind !== BtfKind.Var)
      throw fail(`type_id ${variableId} in DATASEC ${section.name} is not a variable`);
    if (type.kind !== BtfKind.Struct) throw fail(`${type.name} is not a struct`);
    if (type.members.length > MAX_MEMBERS) throw fail(`${type.name} has ${type.members.length} members`);
    if (type.name === '') throw fail('anonymous type is not supported');
    if (offset + type.size > section.size)
      throw fail(`var ${type.name} is beyond the end of DATASEC ${section.name}`);
    const def: MapDef = {
      ...emptyMap(variable.name, section.name),
      type: MapType.StructOps,
      keySize: 4,
      valueSize: type.size,
      maxEntries: 1,
      flags: section.name.endsWith('.link') ? MapFlag.Link : 0,
      ...(section.name.startsWith('?') ? { autocreate: false } : {}),
    };
    const data = section.data.subarray(offset, offset + type.size);
    return { def, section: section.index, offset, type, data, programs: new Map() };
  });
}

function tiePrograms(
  elf: ElfFile,
  btf: Btf,
  table: ElfSection,
  section: ElfSection,
  variables: readonly StructOps[],
  functions: FunctionTable,
): void {
  for (const { offset, symbol } of elf.relocations(table)) {
    const ops = variables.find((v) => v.offset <= offset && offset - v.offset < v.data.length);
    if (!ops) {
      throw elf.error(`struct_ops reloc: cannot find map at rel->r_offset ${offset}`, section, offset);
    }
    const fail = (reason: string) =>
      elf.error(`struct_ops reloc ${ops.def.name}: ${reason}`, section, offset);
    if (symbol.section >= SHN_LORESERVE) {
      throw fail(`rel->r_offset ${offset} shdr_idx ${symbol.section} unsupported non-static function`);
    }
    if (symbol.value % SLOT !== 0) throw fail(`invalid target program offset ${symbol.value}`);
    const bit = (offset - ops.offset) * 8;
    const member = ops.type.members.findIndex(({ bitOffset }) => bitOffset === bit);
    const name = ops.type.members[member]?.name;
    if (member < 0) throw fail(`cannot find member at moff ${bit / 8}`);
    if (!isFunctionPointer(btf, ops.type.members[member]?.type ?? 0)) {
      throw fail(`cannot relocate non func ptr ${name}`);
    }
    const program = functions.find(symbol.section, symbol.value / SLOT);
    if (!program) {
      throw fail(`cannot find prog at shdr_idx ${symbol.section} to relocate func ptr ${name}`);
    }
    if (program.def?.type !== ProgType.StructOps) {
      throw fail(`prog ${program.name} is not struct_ops BPF program`);
    }
    ops.programs.set(member, program);
  }
}

/** What the programs of all struct_ops maps implement, or why one of them cannot. */
export interface StructOpsPrograms {
  targets: Map<BpfFunction, StructOpsTarget>;
  errors: Map<BpfFunction, string>;
}

/**
 * Fills in the kernel's side of a struct_ops map, and enters what its programs implement.
 * @throws {InputError} when the kernel has no such struct, or another one.
 */
export function resolveStructOps(
  ops: StructOps,
  btf: Btf,
  options: LoadOptions,
  programs: StructOpsPrograms,
): void {
  const kernel = findKernelStruct(ops, options);
  const { def } = ops;
  if (kernel.value.size > MAX_VALUE) throw fail(def, `the kernel's struct has ${kernel.value.size} bytes`);
  def.valueSize = kernel.value.size;
  def.kernelValueTypeId = kernel.value.id;
  def.data = new Uint8Array(kernel.value.size);
  def.slots = [];
  if (kernel.module !== '') {
    def.module = kernel.module;
    def.flags |= MapFlag.VtypeBtfObjFd;
  }
  for (const [index, member] of ops.type.members.entries()) {
    placeMember(ops, btf, kernel, programs, index, member);
  }
}

/** The kernel's struct that the map has as its value. */
export function valueStructName({ type }: Pick<StructOps, 'type'>): string {
  return VALUE_PREFIX + essentialName(type.name);
}

interface KernelStruct {
  btf: Btf;
  module: string;
  /** struct bpf_struct_ops_NAME, the map's value, and struct NAME, its member `data`. */
  value: BtfType;
  type: BtfType;
  /** Place of the one in the other. */
  dataOffset: number;
  /** Index of each member of `type`. */
  members: Map<string, number>;
}

function findKernelStruct(ops: StructOps, options: LoadOptions): KernelStruct {
  const name = essentialName(ops.type.name);
  if (!options.kernelBtf)
    throw fail(undefined, `struct ${name} needs the BTF of a kernel, and none is given`);
  const found = findKernelType(options.kernelBtf, options, valueStructName(ops), BtfKind.Struct);
  if (!found) throw fail(undefined, `struct ${VALUE_PREFIX}${name} is not found in kernel BTF`);
  const { btf, module } = found;
  const typeId = btf.find(name, BtfKind.Struct);
  if (typeId === 0) throw fail(undefined, `struct ${name} is not found in kernel BTF`);
  const value = btf.type(found.id);
  const member = value.members.find((candidate) => candidate.type === typeId);
  if (!member) throw fail(undefined, `struct ${name} data is not found in struct ${VALUE_PREFIX}${name}`);
  const type = btf.type(typeId);
  const members = new Map(type.members.map(({ name: memberName }, index) => [memberName, index]));
  return { btf, module, value, type, dataOffset: Math.floor(member.bitOffset / 8), members };
}

function placeMember(
  ops: StructOps,
  btf: Btf,
  kernel: KernelStruct,
  programs: StructOpsPrograms,
  index: number,
  member: BtfMember,
): void {
  const reject = (reason: string) => fail(ops.def, reason);
  const offset = Math.floor(member.bitOffset / 8);
  const bytes = ops.data.subarray(offset, offset + btf.sizeOf(member.type));
  const program = ops.programs.get(index);
  const kernelIndex = kernel.members.get(member.name) ?? -1;
  const kernelMember = kernel.type.members[kernelIndex];
  if (!kernelMember) {
    const { message } = reject(`Cannot find member ${member.name} in kernel BTF`);
    if (program) programs.errors.set(program, message);
    else if (bytes.some((byte) => byte !== 0)) throw new InputError(message);
    return;
  }
  if (member.bitfieldSize > 0 || kernelMember.bitfieldSize > 0) {
    throw reject(`bitfield ${member.name} is not supported`);
  }
  const type = btf.resolve(member.type);
  const kernelType = kernel.btf.resolve(kernelMember.type);
  if (type.kind !== kernelType.kind) {
    throw reject(`Unmatched member type ${member.name} ${type.kind} != ${kernelType.kind}(kernel)`);
  }
  const place = kernel.dataOffset + Math.floor(kernelMember.bitOffset / 8);
  if (place + kernel.btf.sizeOf(kernelMember.type) > kernel.value.size) {
    throw reject(`member ${member.name} lies outside the kernel's struct`);
  }
  if (type.kind === BtfKind.Ptr) {
    if (!program) return;
    if (!isFunctionPointer(kernel.btf, kernelMember.type)) {
      throw reject(`kernel member ${member.name} is not a func ptr`);
    }
    assign(programs, program, ops.def, {
      memberName: member.name,
      typeId: kernel.type.id,
      typeName: kernel.type.name,
      member: kernelIndex,
      module: kernel.module,
    });
    ops.def.slots?.push({ key: place, program: program.name });
    return;
  }
  const kernelSize = kernel.btf.sizeOf(kernelType.id);
  if (kernelSize !== bytes.length) {
    throw reject(`Error in size of member ${member.name}: ${bytes.length} != ${kernelSize}(kernel)`);
  }
  ops.def.data?.set(bytes, place);
}

/** A program may stand in several structs of a kind, but only at one place of it. */
function assign(
  { targets, errors }: StructOpsPrograms,
  program: BpfFunction,
  def: MapDef,
  target: StructOpsTarget,
): void {
  const before = targets.get(program);
  if (!before) {
    targets.set(program, target);
    return;
  }
  const conflict = conflictOf(before, target);
  if (conflict === undefined) return;
  const use = `invalid reuse of prog ${program.name} in sec ${program.sectionName} with type ${ProgType.StructOps}`;
  const where = `struct_ops init_kern ${def.name} func ptr ${target.memberName}`;
  errors.set(program, new InputError(`${where}: ${use}: ${conflict}`, PLACE).message);
}

function conflictOf(before: StructOpsTarget, after: StructOpsTarget): string | undefined {
  if (before.typeId !== after.typeId) return `attach_btf_id ${before.typeId} != kern_type_id ${after.typeId}`;
  if (before.member === after.member) return undefined;
  return `expected_attach_type ${before.member} != kern_member_idx ${after.member}`;
}

/** @param def the map that is filled in, once it is the map's own fault. */
function fail(def: MapDef | undefined, reason: string): InputError {
  return new InputError(`struct_ops init_kern${def ? ` ${def.name}` : ''}: ${reason}`, PLACE);
}

/** Whether a type is a pointer to a function. */
function isFunctionPointer(btf: Btf, typeId: number): boolean {
  const pointer = btf.resolve(typeId);
  return pointer.kind === BtfKind.Ptr && btf.resolve(pointer.type).kind === BtfKind.FuncProto;
}
