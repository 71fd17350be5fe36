/**
 * What the kernel's tables ask about a program: its type, how it will be attached, what the loading task may
 * do. Conditions of the tables are held as data and tested against it here.
 */
import { type Btf, BtfKind } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';

/** Capability bits of the loading task; unprivileged is 0. */
export const enum Capability {
  Bpf = 1,
  Perfmon = 2,
  NetAdmin = 4,
  SysAdmin = 8,
}

export interface ProgramFacts {
  /** BPF_PROG_TYPE_* as loaded. */
  progType: number;
  /** Type whose rules hold: for BPF_PROG_TYPE_EXT the type of the program it replaces a part of. */
  resolvedType: number;
  /** BPF_* expected_attach_type. */
  attachType: number;
  /** Capability bits. */
  caps: number;
  /** Loaded with BPF_F_SLEEPABLE. */
  sleepable: boolean;
  /** It attaches to another program, not to the kernel. */
  ofProgram?: true;
  /** Name of the kernel function or hook it attaches to ("bpf_lsm_socket_bind"). */
  attachTarget?: string;
  /** The function it attaches to returns nothing. */
  voidTarget?: boolean;
  /** struct_ops: the struct and its member. */
  structOps?: { struct: string; member: string };
}

/** As written in the tables; all that is there must hold. */
export interface ConditionRecord {
  /** Capabilities, all of them. */
  cap?: string[];
  /** Expected attach type, one of these: BPF_* names in lower case without the prefix. */
  attach?: string[];
  notAttach?: string[];
  /** Program type as loaded, one of these. */
  type?: string[];
  /** Type whose rules hold, one of these. */
  resolved?: string[];
  sleepable?: boolean;
  /** Runs from a trampoline: fentry, fexit, fmod_ret or an LSM hook. */
  trampoline?: boolean;
  /** Of a kind whose recursion the kernel prevents. */
  recursionChecked?: boolean;
  /** Iterator over one of these targets. */
  iter?: string[];
  /** Attached to a function of this BTF id set. */
  hookSet?: string;
  /** The function it attaches to returns nothing. */
  voidTarget?: true;
  /** struct_ops: any member but these. */
  notMember?: string[];
  /** Does never hold (an entry that only takes something away). */
  never?: true;
}

/** Number of a type that a kernel does not have. */
const NO_TYPE = -1;

export type Condition = (facts: ProgramFacts) => boolean;

const CAPS: { readonly [name: string]: Capability } = {
  bpf: Capability.Bpf,
  perfmon: Capability.Perfmon,
  net_admin: Capability.NetAdmin,
  sys_admin: Capability.SysAdmin,
};

/** CAP_SYS_ADMIN stands for the others too. */
export function hasCapability(caps: number, capability: Capability): boolean {
  return (caps & (capability | Capability.SysAdmin)) !== 0;
}

/** Turns conditions into functions; the numbers behind names come from a kernel's BTF. */
export class ConditionCompiler {
  /** Names of types that this kernel does not have: conditions that ask for them never hold. */
  readonly unknown = new Set<string>();
  private readonly progTypes: Map<string, number>;
  private readonly attachTypes: Map<string, number>;
  private readonly mapTypes: Map<string, number>;
  private readonly sets: { readonly [name: string]: readonly string[] };
  private readonly file: string;

  /** @param sets the kernel's BTF id sets: names of their functions. */
  constructor(btf: Btf, sets: { readonly [name: string]: readonly string[] }, file: string) {
    this.progTypes = enumNames(btf, 'bpf_prog_type', 'BPF_PROG_TYPE_');
    this.attachTypes = enumNames(btf, 'bpf_attach_type', 'BPF_');
    this.mapTypes = enumNames(btf, 'bpf_map_type', 'BPF_MAP_TYPE_');
    this.sets = sets;
    this.file = file;
  }

  /** A number that no program has when this kernel lacks the type: hand-made tables serve several kernels. */
  progType(name: string): number {
    return this.lookup(this.progTypes, name, 'program type');
  }

  /** As `progType`. */
  attachType(name: string): number {
    return this.lookup(this.attachTypes, name, 'attach type');
  }

  /** As `progType`. */
  mapType(name: string): number {
    return this.lookup(this.mapTypes, name, 'map type');
  }

  /** A condition that always holds when there is none. @throws {InputError} for conditions that do not exist. */
  compile(record: ConditionRecord | undefined): Condition {
    if (record === undefined) return () => true;
    if (typeof record !== 'object' || record === null || Array.isArray(record))
      throw new InputError('a condition is not an object', { file: this.file });
    const parts = Object.entries(record).map(([key, value]) => this.part(key, value));
    return (facts) => parts.every((part) => part(facts));
  }

  private part(key: string, value: unknown): Condition {
    const names = Array.isArray(value) ? (value as string[]) : [];
    switch (key) {
      case 'cap': {
        const caps = names.map((name) => this.capability(name));
        return (facts) => caps.every((cap) => hasCapability(facts.caps, cap));
      }
      case 'attach':
      case 'notAttach': {
        const types = names.map((name) => this.attachType(name));
        return (facts) => types.includes(facts.attachType) === (key === 'attach');
      }
      case 'type': {
        const types = names.map((name) => this.progType(name));
        return (facts) => types.includes(facts.progType);
      }
      case 'resolved': {
        const types = names.map((name) => this.progType(name));
        return (facts) => types.includes(facts.resolvedType);
      }
      case 'voidTarget':
        return (facts) => facts.voidTarget === true;
      case 'sleepable':
        return (facts) => facts.sleepable === value;
      case 'trampoline':
        return this.trampoline();
      case 'recursionChecked':
        return this.recursionChecked();
      case 'iter':
        return (facts) => names.some((name) => facts.attachTarget === `bpf_iter_${name}`);
      case 'hookSet': {
        const name = String(value);
        const set = new Set(Object.hasOwn(this.sets, name) ? this.sets[name] : []);
        return (facts) => facts.attachTarget !== undefined && set.has(facts.attachTarget);
      }
      case 'notMember':
        return (facts) => facts.structOps !== undefined && !names.includes(facts.structOps.member);
      case 'never':
        return () => false;
      default:
        throw new InputError(`unknown condition "${key}"`, { file: this.file });
    }
  }

  private trampoline(): Condition {
    const tracing = this.progType('tracing');
    const lsm = this.progType('lsm');
    const attach = ['trace_fentry', 'trace_fexit', 'modify_return'].map((name) => this.attachType(name));
    const lsmMac = this.attachType('lsm_mac');
    return ({ progType, attachType }) =>
      (progType === tracing && attach.includes(attachType)) || (progType === lsm && attachType === lsmMac);
  }

  private recursionChecked(): Condition {
    const tracing = this.progType('tracing');
    const iter = this.attachType('trace_iter');
    const free = [this.progType('struct_ops'), this.progType('lsm')];
    return ({ resolvedType, attachType }) =>
      resolvedType === tracing ? attachType !== iter : !free.includes(resolvedType);
  }

  private capability(name: string): Capability {
    const capability = CAPS[name];
    if (capability === undefined) throw new InputError(`unknown capability "${name}"`, { file: this.file });
    return capability;
  }

  private lookup(names: Map<string, number>, name: string, what: string): number {
    const value = names.get(name);
    if (value === undefined) this.unknown.add(`${what} ${name}`);
    return value ?? NO_TYPE;
  }
}

/** Enumerators with a prefix, in lower case without it. */
export function enumNames(btf: Btf, name: string, prefix: string): Map<string, number> {
  const id = btf.find(name, BtfKind.Enum);
  if (id === 0) throw btf.error(`the kernel has no enum ${name}`);
  const names = new Map<string, number>();
  for (const { name: enumerator, value } of btf.type(id).values) {
    if (enumerator.startsWith(prefix))
      names.set(enumerator.slice(prefix.length).toLowerCase(), Number(value));
  }
  return names;
}
