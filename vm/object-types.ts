/** Types of objects and map values as the core knows them: by numbers, the same one for equal types. */
import { type Btf, BtfKind, type TypeId } from '../bpf/btf.ts';
import { ObjectField } from '../bpf/object-abi.ts';
import type { TypeNumbers } from './helpers/object-kfuncs.ts';
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

/** Numbers for the types that the programs of an object allocate. */
export function typeNumbers(vm: Vm, program: Btf | undefined, kernel: Btf): TypeNumbers {
  const types = new ObjectTypes(vm);
  return {
    ofProgram: ({ typeId, size }) => program && types.register(specialFields(program, typeId), size),
    ofKernel: (struct) => {
      const id = kernel.find(struct, BtfKind.Struct);
      return id === 0 ? undefined : types.register(countedFields(kernel, id), kernel.sizeOf(id));
    },
  };
}

/** The kernel's own objects count their references in a member `usage`. */
function countedFields(kernel: Btf, id: TypeId): ValueField[] {
  const usage = kernel.type(id).members.find(({ name }) => name === 'usage');
  if (!usage) return [];
  const offset = usage.bitOffset / 8;
  return [{ name: 'usage', offset, size: 4, lock: false, kind: ObjectField.Refcount, node: 0 }];
}
