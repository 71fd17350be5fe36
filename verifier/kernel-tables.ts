/** What a kernel's tables say of all programs alike: packed once, and kept in the core for every request. */
import { type Btf, BtfKind, type BtfType, type TypeId } from '../bpf/btf.ts';
import { FORMS } from '../bpf/opcodes.ts';
import type { Features } from '../kernel-model/features.ts';
import type { VerifierData } from '../kernel-model/verifier-data.ts';
import { MapOp, OpcodeUse } from './abi.ts';
import { BtfFacts, ContextName, TrustedField, TrustList } from './btf-abi.ts';
import type { VerifierKernel } from './kernel.ts';
import type { Packer } from './packer.ts';

/** Addresses in the core. */
export interface KernelTables {
  /** 256 bytes each: see `Request`. */
  readonly opcodes: number;
  readonly sleepableMaps: number;
  readonly mapOps: number;
  /** Fields of the `BtfFacts` record of every request. */
  readonly facts: readonly (readonly [field: BtfFacts, value: number])[];
}

const TRUST_LISTS: readonly [name: string, list: TrustList][] = [
  ['safe_rcu', TrustList.Rcu],
  ['safe_rcu_or_null', TrustList.RcuOrNull],
  ['safe_trusted', TrustList.Trusted],
  ['safe_trusted_or_null', TrustList.TrustedOrNull],
];
/** Map types are numbers below this. */
const MAP_TYPES = 256;
/** struct of vmlinux with one member for the context of each program type. */
const CTX_CONVERT = 'bpf_ctx_convert';

/** Kernel callbacks behind the map operations that matter. */
const MAP_OPS: readonly [name: string, op: MapOp][] = [
  ['map_direct_value_addr', MapOp.DirectValue],
  ['map_for_each_callback', MapOp.ForEach],
  ['map_gen_lookup', MapOp.LookupInline],
];
const TABLE = 256;

type SetField = (field: BtfFacts, value: number) => void;

/** @param packer of memory that is kept. */
export function packKernelTables(packer: Packer, kernel: VerifierKernel): KernelTables {
  const { btf, data } = kernel;
  const facts: [BtfFacts, number][] = [];
  const set: SetField = (field, value) => facts.push([field, value]);
  const list = (field: BtfFacts, countField: BtfFacts, values: readonly number[]) => {
    set(field, packer.words(values));
    set(countField, values.length);
  };
  const idsOf = (names: Iterable<string>, kind: BtfKind) =>
    [...names].map((name) => btf.find(name, kind)).filter((id) => id !== 0);
  const rcuTypes = idsOf(data.sets.get('rcu_protected_types') ?? [], BtfKind.Struct);
  list(BtfFacts.RcuTypes, BtfFacts.RcuTypeCount, rcuTypes);
  list(BtfFacts.NoAddress, BtfFacts.NoAddressCount, idsOf(data.withoutAddress, BtfKind.Func));
  set(BtfFacts.MapStructs, packer.words(mapStructs(kernel)));
  packTrusted(packer, kernel, set);
  packContexts(packer, kernel, set);
  return {
    opcodes: packer.bytes(opcodeTable(data.features)),
    sleepableMaps: packer.bytes(mapTable(data, (map) => (data.maps.sleepableMayUse(map) ? 1 : 0))),
    mapOps: packer.bytes(mapTable(data, (map) => mapOps(data, map))),
    facts,
  };
}

function mapStructs(kernel: VerifierKernel): number[] {
  return Array.from({ length: MAP_TYPES }, (_, type) => kernel.data.maps.types.get(type)?.structId ?? 0);
}

function packTrusted(packer: Packer, kernel: VerifierKernel, set: SetField): void {
  const { btf } = kernel;
  const rows: { list: TrustList; struct: string; member: string; id: TypeId }[] = [];
  for (const [name, list] of TRUST_LISTS) {
    for (const [struct, members] of kernel.data.trustedFields.get(name) ?? []) {
      const structId = btf.find(struct, BtfKind.Struct);
      for (const member of members) {
        const pointer = structId === 0 ? undefined : memberType(btf, btf.type(structId), member);
        if (pointer?.kind === BtfKind.Ptr)
          rows.push({ list, struct, member, id: btf.resolve(pointer.type).id });
      }
    }
  }
  const at = packer.alloc(Math.max(rows.length, 1) * TrustedField.Size);
  rows.forEach(({ list, struct, member, id }, i) => {
    const row = at + i * TrustedField.Size;
    packer.u32(row + TrustedField.List, list);
    packer.u32(row + TrustedField.Struct, packer.text(struct));
    packer.u32(row + TrustedField.Member, packer.text(member));
    packer.u32(row + TrustedField.TypeId, id);
  });
  set(BtfFacts.Trusted, at);
  set(BtfFacts.TrustedCount, rows.length);
}

/** Type of a member, looked for in anonymous structs and unions too. */
function memberType(btf: Btf, struct: BtfType, name: string): BtfType | undefined {
  for (const member of struct.members) {
    const type = btf.resolve(member.type);
    if (member.name === name) return type;
    if (member.name !== '' || type.members.length === 0) continue;
    const inner = memberType(btf, type, name);
    if (inner) return inner;
  }
  return undefined;
}

/** How the context of each program type is called, from the kernel's own table. */
function packContexts(packer: Packer, kernel: VerifierKernel, set: SetField): void {
  const { btf } = kernel;
  const convert = btf.find(CTX_CONVERT, BtfKind.Struct);
  const members = convert === 0 ? [] : btf.type(convert).members;
  const rows = members.flatMap((member) => {
    const name = /^BPF_PROG_TYPE_(\w+)_prog$/.exec(member.name)?.[1];
    if (name === undefined) return [];
    const kernelSide = members.find((other) => other.name === `BPF_PROG_TYPE_${name}_kern`)?.type ?? 0;
    return [{ progType: kernel.data.progType(name.toLowerCase()), id: member.type, kernelSide }];
  });
  const at = packer.alloc(Math.max(rows.length, 1) * ContextName.Size);
  rows.forEach(({ progType, id, kernelSide }, i) => {
    const row = at + i * ContextName.Size;
    const resolved = btf.resolve(id);
    packer.u32(row + ContextName.ProgType, progType);
    packer.u32(row + ContextName.Name, packer.text(btf.name(id)));
    packer.u32(row + ContextName.Struct, packer.text(resolved.name));
    packer.u32(row + ContextName.IsStruct, resolved.kind === BtfKind.Struct ? 1 : 0);
    packer.u32(row + ContextName.KernelId, kernelSide);
  });
  set(BtfFacts.Contexts, at);
  set(BtfFacts.ContextCount, rows.length);
}

function opcodeTable(features: Features): Uint8Array {
  const table = new Uint8Array(TABLE);
  for (const form of FORMS) {
    if (!features.hasInstruction(form.name, form.linux)) continue;
    const offset = form.fixed.offset ?? 0;
    table[form.code] = (table[form.code] as number) | OpcodeUse.Known | (offset === 0 ? 0 : OpcodeUse.Offset);
  }
  return table;
}

function mapTable(data: VerifierData, value: (type: number) => number): Uint8Array {
  const table = new Uint8Array(TABLE);
  for (const type of data.maps.types.keys()) table[type] = value(type);
  return table;
}

function mapOps(data: VerifierData, type: number): number {
  const ops = data.maps.types.get(type)?.ops;
  return MAP_OPS.reduce((sum, [name, op]) => (ops?.has(name) ? sum | op : sum), 0);
}
