/** Types of objects and map values as the core knows them: by numbers, the same one for equal types. */
import type { Btf } from '../bpf/btf.ts';
import type { Allocation } from '../bpf/insn-facts.ts';
import { specialFields, type ValueField } from './value-fields.ts';
import type { Vm } from './vm.ts';

export class ObjectTypes {
  private readonly vm: Vm;

  constructor(vm: Vm) {
    this.vm = vm;
  }

  /** Number of a type of `size` bytes; 0 when the core has no room for it. */
  register(fields: readonly ValueField[], size: number): number {
    const { exports } = this.vm.core;
    exports.beginType(size);
    for (const field of fields) exports.addTypeField(field.kind, field.offset, field.size, field.node);
    return exports.registerType() >>> 0;
  }
}

/** Numbers for the types that a program allocates objects of; undefined for a program without BTF. */
export function objectTypes(vm: Vm, btf: Btf | undefined): ((allocation: Allocation) => number) | undefined {
  if (!btf) return undefined;
  const types = new ObjectTypes(vm);
  return ({ typeId, size }) => types.register(specialFields(btf, typeId), size);
}
