/** The BTF of a generated object: maps, functions, kfuncs, tags. */
import { BTF_INT_SIGNED, type TypeId } from '../../bpf/btf.ts';
import { BtfWriter } from '../../bpf/btf-writer.ts';
import { type GeneratedMap, KFUNCS, MAPS } from './maps.ts';
import type { GeneratedFunction, GeneratedProgram, Param } from './program.ts';

const GLOBAL = 1;
const EXTERN = 2;
const STATIC = 0;

/** Bytes that a map's definition takes in ".maps": five or six pointers. */
export function definitionSize(map: GeneratedMap): number {
  return 8 * definitionFields(map).length;
}

function definitionFields(map: GeneratedMap): string[] {
  const sizes = map.special ? ['key', 'value'] : map.keySize === 0 ? [] : ['key_size', 'value_size'];
  if (map.valueSize > 0 && map.keySize === 0) sizes.push('value_size');
  return ['type', 'max_entries', 'map_flags', ...sizes];
}

export class ObjectTypes {
  readonly btf = new BtfWriter();
  private readonly int = this.btf.int('int', 4, BTF_INT_SIGNED);
  private readonly u32 = this.btf.int('unsigned int', 4);
  private readonly u64 = this.btf.int('unsigned long', 8);
  private readonly structs = new Map<string, TypeId>();

  maps(): void {
    let offset = 0;
    const variables = MAPS.map((map) => {
      const size = definitionSize(map);
      const type = this.btf.variable(map.name, this.definition(map), GLOBAL);
      offset += size;
      return { type, offset: offset - size, size };
    });
    this.btf.dataSection('.maps', offset, variables);
  }

  func(program: GeneratedProgram, func: GeneratedFunction, name: string): TypeId {
    const params = func.params.map((param, index) => ({
      name: `a${index}`,
      type: this.param(param, program.ctxType),
    }));
    const id = this.btf.func(
      name,
      this.btf.funcProto(this.int, params),
      func.kind === 'static' ? STATIC : GLOBAL,
    );
    if (func.kind !== 'main') return id;
    for (const flag of program.flags) this.btf.declTag(`comment:test_prog_flags=${flag}`, id);
    if (program.unprivileged) this.btf.declTag('comment:test_expect_success_unpriv', id);
    return id;
  }

  /** Declarations of the kfuncs with these indices. */
  kfuncs(indices: readonly number[]): void {
    const funcs = indices.map((index) => {
      const kfunc = KFUNCS[index];
      if (!kfunc) throw new RangeError(`there is no kfunc ${index}`);
      const params = kfunc.params.map((type, at) => ({ name: `a${at}`, type: this.kernelType(type) }));
      const proto = this.btf.funcProto(this.kernelType(kfunc.result), params);
      return { type: this.btf.func(kfunc.name, proto, EXTERN), offset: 0, size: 0 };
    });
    if (funcs.length > 0) this.btf.dataSection('.ksyms', 0, funcs);
  }

  private definition(map: GeneratedMap): TypeId {
    const number = (value: number) => this.btf.pointer(this.btf.array(this.int, this.u32, value));
    const types: Record<string, () => TypeId> = {
      type: () => number(map.type),
      max_entries: () => number(map.maxEntries),
      map_flags: () => number(map.flags),
      key_size: () => number(map.keySize),
      value_size: () => number(map.valueSize),
      key: () => this.btf.pointer(this.u32),
      value: () => this.btf.pointer(this.specialValue(map)),
    };
    const members = definitionFields(map).map((name, index) => {
      const type = types[name];
      if (!type) throw new RangeError(name);
      return { name, type: type(), bitOffset: 64 * index };
    });
    return this.btf.struct('', definitionSize(map), members);
  }

  /** A value that begins with a bpf_spin_lock or a bpf_timer. */
  private specialValue(map: GeneratedMap): TypeId {
    const data = (size: number) => this.btf.array(this.u64, this.u32, size / 8);
    if (map.special === 'lock') {
      const lock = this.btf.struct('bpf_spin_lock', 4, [{ name: 'val', type: this.u32, bitOffset: 0 }]);
      return this.btf.struct('locked_value', map.valueSize, [
        { name: 'lock', type: lock, bitOffset: 0 },
        { name: 'count', type: this.u32, bitOffset: 32 },
        { name: 'data', type: data(map.valueSize - 8), bitOffset: 64 },
      ]);
    }
    const timer = this.btf.struct('bpf_timer', 16, [{ name: '__opaque', type: data(16), bitOffset: 0 }]);
    return this.btf.struct('timer_value', map.valueSize, [
      { name: 'timer', type: timer, bitOffset: 0 },
      { name: 'data', type: data(map.valueSize - 16), bitOffset: 128 },
    ]);
  }

  private param(param: Param, ctxType: string): TypeId {
    if (param === 'scalar') return this.int;
    if (param === 'ctx') return this.btf.pointer(this.struct(ctxType, 4));
    return this.btf.pointer(this.struct('chunk', 16));
  }

  private kernelType(name: string): TypeId {
    if (name === 'void') return 0;
    if (name === 'int') return this.int;
    if (name === 'int *') return this.btf.pointer(this.int);
    return this.btf.pointer(this.struct(name === 'iter' ? 'bpf_iter_num' : 'task_struct', 8));
  }

  private struct(name: string, size: number): TypeId {
    const known = this.structs.get(name);
    if (known !== undefined) return known;
    const field = { name: 'a', type: this.u32, bitOffset: 0 };
    const id = this.btf.struct(name, size, [field]);
    this.structs.set(name, id);
    return id;
  }
}
