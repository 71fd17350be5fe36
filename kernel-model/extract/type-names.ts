/**
 * Spells values of the kernel's flag-carrying enums (bpf_arg_type, bpf_return_type, bpf_reg_type) as text,
 * "ARG_PTR_TO_MEM|MEM_RDONLY|PTR_MAYBE_NULL". The numbers differ between kernels, the names do not, and the
 * BTF of each kernel has both.
 */
import { type Btf, BtfKind } from '../../bpf/btf.ts';
import { InputError } from '../../bpf/input-error.ts';

/** Values at and above this are flag bits (BPF_BASE_TYPE_BITS is 8 in all kernels that have flags). */
const FLAG_BASE = 1 << 8;

export class TypeNames {
  private readonly bases = new Map<number, string>();
  private readonly flags: readonly [bit: number, name: string][];
  private readonly enumName: string;

  /** @throws {InputError} when the kernel's BTF has no such enum, or no flags. */
  constructor(btf: Btf, enumName: string) {
    this.enumName = enumName;
    for (const { name, value } of enumValues(btf, enumName)) {
      // names with underscores are bounds, larger values are combinations with flags
      if (!name.startsWith('__') && value < FLAG_BASE && !this.bases.has(value)) this.bases.set(value, name);
    }
    const flags = enumValues(btf, 'bpf_type_flag').filter(
      ({ name, value }) => !name.startsWith('__') && value >= FLAG_BASE,
    );
    // kernels up to 6.1 called ring buffer records MEM_ALLOC, a name that then got another meaning
    const old = !flags.some(({ name }) => name === 'MEM_RINGBUF');
    this.flags = flags.map(({ name, value }) => [value, old && name === 'MEM_ALLOC' ? 'MEM_RINGBUF' : name]);
  }

  /** @throws {InputError} for a value that the enum does not have. */
  spell(value: number): string {
    const name = this.find(value);
    if (name === undefined) throw new InputError(`${this.enumName} has no value 0x${value.toString(16)}`);
    return name;
  }

  /** undefined for a value that the enum does not have. */
  find(value: number): string | undefined {
    const base = this.bases.get(value & (FLAG_BASE - 1));
    const names = this.flags.filter(([bit]) => (value & bit) !== 0);
    const known = names.reduce((bits, [bit]) => bits | bit, value & (FLAG_BASE - 1));
    if (base === undefined || known !== value) return undefined;
    return [base, ...names.map(([, name]) => name)].join('|');
  }
}

/** Values of an enum, as numbers. @throws {InputError} when the kernel's BTF has no such enum. */
export function enumValues(btf: Btf, name: string): { name: string; value: number }[] {
  const id = btf.find(name, BtfKind.Enum, BtfKind.Enum64);
  if (id === 0) throw new InputError(`the kernel's BTF has no enum ${name}`);
  return btf.type(id).values.map((entry) => ({ name: entry.name, value: Number(entry.value) }));
}
