/**
 * Reads what the kernel's verifier demands of each helper: the bpf_func_proto objects of an image. A helper
 * may have several, for different program types; which type gets which is not in the image but in
 * availability.json.
 */
import { type Btf, BtfKind } from '../../bpf/btf.ts';
import type { KernelSymbol, SymbolTable } from './kallsyms.ts';
import type { KernelImage } from './kernel-image.ts';
import { StructReader } from './struct-reader.ts';
import { TypeNames } from './type-names.ts';

/** One prototype, as helpers.json holds it; properties that are false or empty are left out. */
export interface HelperProtoRecord {
  /** Function that implements it; absent for those the verifier always replaces. */
  func?: string;
  /** Only for programs with a GPL-compatible licence. */
  gpl?: true;
  /** Takes pointers into packets. */
  packet?: true;
  /** May sleep. */
  sleeps?: true;
  /** Follows the bpf_fastcall contract. */
  fastcall?: true;
  /** Enumerators of bpf_arg_type; arguments that are not used are left out. */
  args: string[];
  /** Enumerator of bpf_return_type. */
  ret: string;
  /** By argument number from 1: struct that a BTF pointer points to, "*" where the verifier derives it. */
  argTypes?: { [arg: string]: string };
  /** By argument number from 1: bytes of memory of fixed size. */
  argSizes?: { [arg: string]: number };
  retType?: string;
  /** Kernel function that decides for each program whether the helper may be used. */
  allowed?: string;
}

const ARGS = 5;
/** What the kernel puts where the verifier derives a type itself (BPF_PTR_POISON), less an offset of the build. */
const POISON = 0xeb9fn;
const POISON_MASK = 0xffff_ffff_ffffn;
const FIXED_SIZE = 'MEM_FIXED_SIZE';
const BTF_ARGS = /^ARG_PTR_TO_(PERCPU_)?BTF_ID(\||$)|^ARG_KPTR_XCHG_DEST|^ARG_PTR_TO_KPTR/;

export class HelperProtoReader {
  private readonly image: KernelImage;
  private readonly btf: Btf;
  private readonly symbols: SymbolTable;
  private readonly proto: StructReader;
  private readonly argNames: TypeNames;
  private readonly retNames: TypeNames;

  constructor(image: KernelImage, btf: Btf, symbols: SymbolTable) {
    this.image = image;
    this.btf = btf;
    this.symbols = symbols;
    this.proto = new StructReader(image, btf, 'bpf_func_proto');
    this.argNames = new TypeNames(btf, 'bpf_arg_type');
    this.retNames = new TypeNames(btf, 'bpf_return_type');
  }

  /** All prototypes by the name of their object. @throws {InputError} when there are none. */
  readAll(): { [symbol: string]: HelperProtoRecord } {
    const result: { [symbol: string]: HelperProtoRecord } = {};
    for (const symbol of this.symbols.symbols) {
      const record = this.isCandidate(symbol) ? this.read(symbol.address) : undefined;
      if (record) result[symbol.name] = record;
    }
    if (Object.keys(result).length === 0) {
      throw this.image.error('no helper prototypes found: the kernel was built without CONFIG_KALLSYMS_ALL');
    }
    return result;
  }

  private isCandidate({ name, kind, address }: KernelSymbol): boolean {
    return /^(bpf|sk|rc)_\w*_proto(_|$)/.test(name) && /[dDrR]/.test(kind) && this.proto.holds(address);
  }

  private read(address: bigint): HelperProtoRecord | undefined {
    const { proto } = this;
    const func = proto.pointer(address, 'func');
    if (!this.image.isCode(func) && !isPoison(func) && !this.isReplaced(address, func)) return undefined;
    if (this.symbols.room(address) < proto.size) return undefined;
    const ret = this.retNames.find(proto.u32(address, 'ret_type'));
    const args = this.args(address);
    if (ret === undefined || args === undefined) return undefined;
    const record: HelperProtoRecord = { args, ret };
    const name = this.functionName(func);
    if (name !== undefined) record.func = name;
    if (proto.bool(address, 'gpl_only')) record.gpl = true;
    if (proto.bool(address, 'pkt_access')) record.packet = true;
    if (this.flag(address, 'might_sleep')) record.sleeps = true;
    if (this.flag(address, 'allow_fastcall')) record.fastcall = true;
    this.addArgDetails(address, record);
    const retType = this.typeName(proto.pointer(address, 'ret_btf_id'));
    if (retType !== undefined) record.retType = retType;
    const allowed = this.functionName(proto.pointer(address, 'allowed'));
    if (allowed !== undefined) record.allowed = allowed;
    return record;
  }

  /**
   * Without a function, a prototype is the stand-in of a helper that was configured out, and holds nothing else, or
   * (before 6.3) that of a helper which the verifier always replaces.
   */
  private isReplaced(address: bigint, func: bigint): boolean {
    return func === 0n && this.proto.u32(address, 'arg_type[0]') !== 0;
  }

  private args(address: bigint): string[] | undefined {
    const args: string[] = [];
    for (let i = 0; i < ARGS; i++) {
      const name = this.argNames.find(this.proto.u32(address, `arg_type[${i}]`));
      if (name === undefined) return undefined;
      args.push(name);
    }
    while (args.at(-1) === 'ARG_DONTCARE') args.pop();
    return args;
  }

  private addArgDetails(address: bigint, record: HelperProtoRecord): void {
    record.args.forEach((arg, index) => {
      const number = String(index + 1);
      const word = this.proto.pointer(address, `arg_btf_id[${index}]`);
      if (arg.includes(FIXED_SIZE)) {
        record.argSizes = { ...record.argSizes, [number]: Number(word) };
      } else if (BTF_ARGS.test(arg)) {
        const type = this.typeName(word);
        if (type !== undefined) record.argTypes = { ...record.argTypes, [number]: type };
      }
    });
  }

  /** Name of the type whose BTF id stands at an address. */
  private typeName(pointer: bigint): string | undefined {
    if (pointer === 0n) return undefined;
    if (isPoison(pointer)) return '*';
    const id =
      this.image.offsetOf(pointer, 4) === undefined ? this.typeOfVariable(pointer) : this.image.u32(pointer);
    if (id === 0 || id >= this.btf.typeCount) throw this.image.error(`a helper refers to BTF type ${id}`);
    return this.btf.name(id);
  }

  /** An id that the kernel looks up while it boots: the variable `tcp_sock_id` will hold struct tcp_sock's. */
  private typeOfVariable(pointer: bigint): number {
    for (const name of this.symbols.at(pointer)) {
      const id = name.endsWith('_id') ? this.btf.find(name.slice(0, -'_id'.length), BtfKind.Struct) : 0;
      if (id !== 0) return id;
    }
    return 0;
  }

  private flag(address: bigint, member: string): boolean {
    return this.proto.layout.has(member) && this.proto.bool(address, member);
  }

  private functionName(address: bigint): string | undefined {
    if (address === 0n || isPoison(address)) return undefined;
    // of several names for the same code, the shortest is the plain one
    const names = this.symbols.at(address).filter((name) => !name.startsWith('__'));
    const all = names.length > 0 ? names : this.symbols.at(address);
    return all.sort((a, b) => a.length - b.length || (a < b ? -1 : 1))[0];
  }
}

function isPoison(pointer: bigint): boolean {
  return (pointer & POISON_MASK) === POISON;
}
