/** BPF iterator targets of an image: its bpf_iter_reg objects. */
import { type Btf, BtfKind } from '../../bpf/btf.ts';
import type { SymbolTable } from './kallsyms.ts';
import type { KernelImage } from './kernel-image.ts';
import { StructReader } from './struct-reader.ts';
import { TypeNames } from './type-names.ts';

/** An argument whose register type is not simply that of its C type. */
export interface CtxArgRecord {
  /** Bytes from the start of the context. */
  offset: number;
  /** Enumerator of bpf_reg_type with its flags. */
  reg: string;
  /** struct behind a BTF pointer. */
  type?: string;
}

export interface IterTargetRecord {
  /** BPF_ITER_* feature bits: 1 lets the kernel reschedule between objects. */
  features: number;
  args: CtxArgRecord[];
}

const MAX_ARGS = 8;

/** By target name ("task_file"). */
export function readIterTargets(
  image: KernelImage,
  btf: Btf,
  symbols: SymbolTable,
): { [target: string]: IterTargetRecord } {
  const reader = new StructReader(image, btf, 'bpf_iter_reg');
  const regNames = new TypeNames(btf, 'bpf_reg_type');
  const result: { [target: string]: IterTargetRecord } = {};
  for (const { name, kind, address } of symbols.symbols) {
    if (!/_reg(_info)?$/.test(name) || !/[dDrR]/.test(kind) || !reader.holds(address)) continue;
    const target = reader.text(address, 'target');
    if (target === undefined || btf.find(`bpf_iter_${target}`, BtfKind.Func) === 0) continue;
    const count = reader.u32(address, 'ctx_arg_info_size');
    if (count > MAX_ARGS) throw image.error(`iterator ${target} claims ${count} typed arguments`);
    const args: CtxArgRecord[] = [];
    for (let i = 0; i < count; i++) {
      const offset = reader.u32(address, `ctx_arg_info[${i}].offset`);
      const reg = regNames.spell(reader.u32(address, `ctx_arg_info[${i}].reg_type`));
      const type = /^PTR_TO_BTF_ID/.test(reg) ? pointedType(btf, `bpf_iter__${target}`, offset) : undefined;
      args.push({ offset, reg, ...(type === undefined ? {} : { type }) });
    }
    const features = reader.layout.has('feature') ? reader.u32(address, 'feature') : 0;
    result[target] = { features, args };
  }
  return result;
}

/**
 * struct that the member at an offset points to. (The ids in the objects themselves are mostly filled in while
 * the kernel boots, with the declared types.)
 */
function pointedType(btf: Btf, struct: string, offset: number): string | undefined {
  const id = btf.find(struct, BtfKind.Struct);
  if (id === 0) return undefined;
  const member = btf.type(id).members.find(({ bitOffset }) => bitOffset === 8 * offset);
  let type = member && btf.resolve(member.type);
  // pointers stand in unions that make them 64 bits wide
  while (type && (type.kind === BtfKind.Union || type.kind === BtfKind.Struct)) {
    const first = type.members[0];
    type = first && btf.resolve(first.type);
  }
  if (!type || type.kind !== BtfKind.Ptr) return undefined;
  const pointed = btf.resolve(type.type);
  return pointed.kind === BtfKind.Struct ? pointed.name : undefined;
}
