/** Opens the BTF blobs of a request in the core, and packs what the request's maps and functions need of them. */
import { type Btf, BtfKind, type TypeId } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import type { ProgramFacts } from '../kernel-model/program-facts.ts';
import { Request } from './abi.ts';
import { BtfFacts, KernelType, RecordField, RecordHead, StructRecord, WriteRule } from './btf-abi.ts';
import {
  type FieldRules,
  fieldRules,
  parseFields,
  type SpecialField,
  structsWithFields,
} from './btf-fields.ts';
import type { VerifierKernel } from './kernel.ts';
import type { KernelTables } from './kernel-tables.ts';
import type { LoadRequest, MapInfo } from './load-request.ts';
import { packAttach } from './pack-attach.ts';
import type { BtfAddresses } from './pack-request.ts';
import { Packer } from './packer.ts';
import { type ProgramBtfs, refusing, sameBytes } from './program-btf.ts';
import { Field } from './types.ts';
import type { CoreExports } from './wasm.ts';

const enum Origin {
  Vmlinux = 0,
  Module = 1,
  Program = 2,
}

/** Bytes of the largest kernel BTF; those of distributions have 5 to 10 MB. */
const MAX_VMLINUX = 64 << 20;
const ARG_TRUSTED = 'arg:trusted';
function open(core: CoreExports, packer: Packer, btf: Btf, base: number, origin: Origin): number {
  if (!btf.littleEndian) throw btf.error('BTF of the other byte order');
  const data = packer.bytes(btf.bytes);
  return core.openBtf(data, btf.bytes.length, base, origin) >>> 0;
}

/**
 * The kernel's types in the core; they stay there for all requests. The address of the Btf.
 * @throws {InputError} when they are too large.
 */
export function openVmlinux(core: CoreExports, btf: Btf): number {
  if (btf.bytes.length > MAX_VMLINUX)
    throw btf.error(`${btf.bytes.length} bytes are too large for a kernel's BTF`);
  const address = open(core, new Packer(core, true), btf, 0, Origin.Vmlinux);
  if (address === 0) throw btf.error("too many types for a kernel's BTF");
  core.setVmlinuxBtf(address);
  return address;
}

/** A BTF with its address in the core. */
export interface OpenBtf {
  btf: Btf;
  address: number;
}

/** The BTF blobs of one request, opened as they are asked for. */
export class RequestBtfs implements BtfAddresses {
  readonly vmlinux: OpenBtf;
  /** The program's own types. */
  readonly programBtf: OpenBtf | undefined;
  readonly kfunc: readonly number[];
  readonly imm: readonly number[];
  private readonly core: CoreExports;
  private readonly packer: Packer;
  private readonly kernel: VerifierKernel;
  private readonly fieldRules: FieldRules;
  private readonly opener: ProgramBtfs;
  private readonly modules = new Map<string, OpenBtf>();
  private readonly programs: OpenBtf[] = [];
  /** Records of structs by Btf address and id. */
  private readonly structs = new Map<string, number>();
  private readonly attachBtf: OpenBtf | undefined;

  constructor(
    core: CoreExports,
    packer: Packer,
    kernel: VerifierKernel,
    opener: ProgramBtfs,
    vmlinuxAddress: number,
    request: LoadRequest,
  ) {
    this.core = core;
    this.opener = opener;
    this.packer = packer;
    this.kernel = kernel;
    this.fieldRules = fieldRules(kernel.data.features);
    this.vmlinux = { btf: kernel.btf, address: vmlinuxAddress };
    this.programBtf = request.progBtf ? this.ofProgram(request.progBtf) : undefined;
    this.attachBtf = this.openAttachBtf(request);
    this.kfunc = (request.kfuncBtfs ?? []).map((name, slot) =>
      slot === 0 ? vmlinuxAddress : name ? (this.ofModule(name)?.address ?? 0) : 0,
    );
    this.imm = (request.immBtfs ?? []).map((name) => this.ofModule(name)?.address ?? 0);
  }

  get program(): number {
    return this.programBtf?.address ?? 0;
  }

  get attach(): number {
    return this.attachBtf?.address ?? 0;
  }

  /** Where the attach target's types are. */
  get attachTypes(): OpenBtf | undefined {
    return this.attachBtf;
  }

  private openAttachBtf({ target, attachBtf }: LoadRequest): OpenBtf | undefined {
    if (target) return target.btf && this.ofProgram(target.btf);
    return attachBtf ? this.ofModule(attachBtf) : this.vmlinux;
  }

  /** BTF of a loaded module; undefined when there is none of that name. */
  ofModule(name: string): OpenBtf | undefined {
    const known = this.modules.get(name);
    if (known) return known;
    const btf = this.kernel.moduleBtf(name);
    if (!btf) return undefined;
    const opened = {
      btf,
      address: open(this.core, this.packer, btf, this.vmlinux.address, Origin.Module),
    };
    this.modules.set(name, opened);
    return opened;
  }

  ofMap(map: MapInfo): number {
    return map.btf ? this.ofProgram(map.btf).address : 0;
  }

  /** Special fields of a map's values: the record's address, 0 for none. */
  recordOfMap(map: MapInfo): number {
    if (!map.btf || map.valueTypeId === 0) return 0;
    const program = this.ofProgram(map.btf);
    const type = refusing(() => program.btf.resolve(map.valueTypeId));
    if (type.kind !== BtfKind.Struct && type.kind !== BtfKind.Union && type.kind !== BtfKind.Datasec)
      return 0;
    return this.packRecord(program, mapFields(program.btf, type.id, this.fieldRules));
  }

  /** Structs with special fields, of all program BTFs opened so far. */
  packStructs(): { at: number; count: number } {
    const rows = [...this.structs].map(([key, record]) => {
      const [address, id] = key.split(':').map(Number) as [number, number];
      return { address, id, record };
    });
    rows.sort((a, b) => a.address - b.address || a.id - b.id);
    const at = this.packer.alloc(Math.max(rows.length, 1) * StructRecord.Size);
    rows.forEach(({ address, id, record }, i) => {
      const row = at + i * StructRecord.Size;
      this.packer.u32(row + StructRecord.Btf, address);
      this.packer.u32(row + StructRecord.TypeId, id);
      this.packer.u32(row + StructRecord.Record, record);
    });
    return { at, count: rows.length };
  }

  private ofProgram(bytes: Uint8Array): OpenBtf {
    const btf = this.opener.open(bytes);
    const known = this.programs.find((program) => program.btf === btf || sameBytes(program.btf.bytes, bytes));
    if (known) return known;
    const opened = { btf, address: open(this.core, this.packer, btf, 0, Origin.Program) };
    this.programs.push(opened);
    refusing(() => this.addStructs(opened));
    return opened;
  }

  /** Records first, then what they say of each other: graphs may refer to structs that follow. */
  private addStructs(program: OpenBtf): void {
    const parsed = structsWithFields(program.btf, this.fieldRules).map((id) => {
      const fields = parseFields(program.btf, id, this.fieldRules.object, this.fieldRules);
      const at = this.packer.alloc(RecordHead.Size + fields.length * RecordField.Size);
      this.structs.set(`${program.address}:${id}`, at);
      return { at, fields };
    });
    for (const { at, fields } of parsed) this.fillRecord(program, at, fields);
  }

  private packRecord(program: OpenBtf, fields: readonly SpecialField[]): number {
    if (fields.length === 0) return 0;
    const at = this.packer.alloc(RecordHead.Size + fields.length * RecordField.Size);
    this.fillRecord(program, at, fields);
    return at;
  }

  private fillRecord(program: OpenBtf, at: number, fields: readonly SpecialField[]): void {
    const { packer } = this;
    const offsetOf = (type: Field) => fields.find((field) => field.type === type)?.offset ?? -1;
    packer.u32(
      at + RecordHead.Mask,
      fields.reduce((mask, { type }) => mask | type, 0),
    );
    packer.u32(at + RecordHead.Count, fields.length);
    packer.u32(at + RecordHead.SpinLock, offsetOf(Field.SpinLock));
    packer.u32(at + RecordHead.Timer, offsetOf(Field.Timer));
    packer.u32(at + RecordHead.Workqueue, offsetOf(Field.Workqueue));
    packer.u32(at + RecordHead.Refcount, offsetOf(Field.Refcount));
    fields.forEach((field, i) => {
      const row = at + RecordHead.Size + i * RecordField.Size;
      const target = this.target(program, field);
      packer.u32(row + RecordField.Type, field.type);
      packer.u32(row + RecordField.Offset, field.offset);
      packer.u32(row + RecordField.Bytes, field.size);
      packer.u32(row + RecordField.Btf, target.address);
      packer.u32(row + RecordField.TypeId, target.id);
      packer.u32(row + RecordField.NodeOffset, field.nodeOffset);
      packer.u32(row + RecordField.Pointee, this.structs.get(`${target.address}:${target.id}`) ?? 0);
    });
  }

  /** The struct a field refers to: kptrs prefer the kernel's types, then modules', then the program's own. */
  private target(program: OpenBtf, field: SpecialField): { address: number; id: TypeId } {
    if (field.typeId === 0) return { address: 0, id: 0 };
    const own = { address: program.address, id: field.typeId };
    if ((field.type & Field.Kptr) === 0) return own;
    const type = program.btf.type(field.typeId);
    const id = this.vmlinux.btf.find(type.name, type.kind);
    if (id !== 0) return { address: this.vmlinux.address, id };
    for (const name of this.kernel.modules.keys()) {
      const idInModule = this.kernel.moduleBtf(name)?.find(type.name, type.kind) ?? 0;
      const opened = idInModule === 0 ? undefined : this.ofModule(name);
      if (opened) return { address: opened.address, id: idInModule };
    }
    return own;
  }
}

/** None for types that the kernel does not take for a map: loaders then make the map without types. */
function mapFields(btf: Btf, id: TypeId, rules: FieldRules): SpecialField[] {
  try {
    return parseFields(btf, id, rules.map, rules);
  } catch (error) {
    if (error instanceof InputError) return [];
    throw error;
  }
}

/** Packs everything about types that is not a BTF blob, and enters it in the request record at `request`. */
export function packBtfFacts(
  packer: Packer,
  request: number,
  kernel: VerifierKernel,
  tables: KernelTables,
  btfs: RequestBtfs,
  load: LoadRequest,
  facts: ProgramFacts,
): void {
  const at = packer.alloc(BtfFacts.Size);
  const set = (field: BtfFacts, value: number) => packer.u32(at + field, value);
  for (const [field, value] of tables.facts) set(field, value);
  set(BtfFacts.Attach, packAttach(packer, kernel, btfs, load, facts));
  packKernelTypes(packer, kernel, btfs, set);
  packWrites(packer, kernel, btfs, facts, set);
  const structs = btfs.packStructs();
  set(BtfFacts.Structs, structs.at);
  set(BtfFacts.StructCount, structs.count);
  packer.u32(request + Request.BtfFacts, at);
}

type SetField = (field: BtfFacts, value: number) => void;

/** "task_struct___local" -> "task_struct" */
function essentialName(name: string): string {
  return name.replace(/___[^_].*$/, '');
}

/** Kernel types that arguments tagged as trusted point to. */
function packKernelTypes(packer: Packer, kernel: VerifierKernel, btfs: RequestBtfs, set: SetField): void {
  const program = btfs.programBtf?.btf;
  const locals = program ? trustedPointees(program) : [];
  const at = packer.alloc(Math.max(locals.length, 1) * KernelType.Size);
  locals.forEach((local, i) => {
    const type = (program as Btf).type(local);
    const name = essentialName(type.name);
    const own = kernel.btf.idsByName(name, type.kind);
    const modules = [...kernel.modules.keys()].flatMap((module) => {
      const btf = kernel.moduleBtf(module);
      return btf ? btf.idsByName(name, type.kind).filter((id) => id >= btf.firstId) : [];
    });
    const matches = own.length > 0 ? own : modules;
    const row = at + i * KernelType.Size;
    packer.u32(row + KernelType.Local, local);
    packer.u32(row + KernelType.TypeId, matches[0] ?? 0);
    packer.u32(row + KernelType.Matches, matches.length);
    packer.u32(row + KernelType.IsModule, own.length > 0 ? 0 : 1);
  });
  set(BtfFacts.KernelTypes, at);
  set(BtfFacts.KernelTypeCount, locals.length);
}

function trustedPointees(btf: Btf): TypeId[] {
  const found = new Set<TypeId>();
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kind(id) !== BtfKind.DeclTag || btf.name(id) !== ARG_TRUSTED) continue;
    const tag = btf.type(id);
    const target = btf.type(tag.type);
    const param = target.kind === BtfKind.Func ? btf.type(target.type).params[tag.component] : undefined;
    const pointer = param && btf.resolve(param.type);
    if (pointer?.kind === BtfKind.Ptr) found.add(btf.resolve(pointer.type).id);
  }
  return [...found];
}

function packWrites(
  packer: Packer,
  kernel: VerifierKernel,
  btfs: RequestBtfs,
  facts: ProgramFacts,
  set: SetField,
): void {
  const { structOps } = kernel.data;
  const struct = facts.structOps?.struct;
  const types = btfs.attachTypes?.btf ?? kernel.btf;
  const rules =
    struct === undefined
      ? structOps.programTypeWrites(facts.resolvedType, kernel.btf)
      : structOps.get(struct)?.hasWrites
        ? structOps.structWrites(struct, types)
        : undefined;
  if (!rules) return;
  const at = packer.alloc(Math.max(rules.length, 1) * WriteRule.Size);
  rules.forEach((rule, i) => {
    const row = at + i * WriteRule.Size;
    packer.u32(row + WriteRule.TypeId, rule.structId);
    packer.u32(row + WriteRule.Start, rule.start);
    packer.u32(row + WriteRule.Last, rule.last);
    packer.u32(row + WriteRule.End, rule.end);
  });
  set(BtfFacts.Writes, at);
  set(BtfFacts.WriteCount, rules.length);
  set(BtfFacts.HasWriteRules, 1);
}
