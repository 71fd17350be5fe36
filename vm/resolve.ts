/**
 * The references of a program's instructions, made into what the interpreter works on: maps and variables
 * into addresses, helpers and kfuncs into the vm's numbers. It is what the kernel does at BPF_PROG_LOAD.
 */
import { VmCall } from '../bpf/abi.ts';
import { KERNEL_IMAGE } from '../bpf/address.ts';
import type { Btf } from '../bpf/btf.ts';
import { type Insn, readInsns, SLOT_SIZE } from '../bpf/decode.ts';
import { helperId, helperName } from '../bpf/helpers.ts';
import { InputError } from '../bpf/input-error.ts';
import type { InsnFacts } from '../bpf/insn-facts.ts';
import { CallKind, Class, Jmp, Mode, Pseudo, Size } from '../bpf/isa.ts';
import type { KernelServices } from '../kernel-model/services.ts';
import { ProgType } from '../loader/prog-type.ts';
import type { Program } from '../loader/program.ts';
import { kfuncNumber } from './helpers/index.ts';
import { isObjectKfunc, objectCall, percpuObjectCall, type TypeNumbers } from './helpers/object-kfuncs.ts';
import type { VmMap } from './maps.ts';
import { isPoison } from './poison.ts';

const LD_IMM64 = Class.Ld | Mode.Imm | Size.Dw;
const CALL = Class.Jmp | Jmp.Call;
/** Addresses of kernel functions that the model has no symbol for: text, so nothing can be read there. */
const FUNCTION_TEXT = KERNEL_IMAGE + 0x1000n;
const FUNCTION_STEP = 16n;

/** What the instructions of one object refer to. */
export interface References {
  /** By index in `BpfObject.maps`. */
  maps: readonly VmMap[];
  services: KernelServices;
  /** BTF of `BpfObject.modules[n]`; the kernel's own is `services.btf`. */
  moduleBtf: (module: number) => Btf;
  /** Helpers whose id means something else on this kernel: id -> name. */
  helpers: { readonly [id: string]: string };
  /** Types of the objects that programs allocate; without, none can. */
  objectTypes?: TypeNumbers;
  /** Number to call something by that is not modelled, so that reaching it is a fault that names it. */
  unmodelled: (name: string) => number;
  /** Number to call a helper or kfunc by that something stands in for; undefined for what is called as it is. */
  mocked?: (name: string) => number | undefined;
}

/**
 * Instructions of a program with everything resolved.
 * @throws {InputError} when a reference names nothing that exists.
 */
export function resolveProgram(program: Program, references: References, facts?: InsnFacts): Uint8Array {
  const code = program.insns.slice();
  const view = new DataView(code.buffer);
  for (const insn of readInsns(program.insns)) {
    const at = insn.slot * SLOT_SIZE;
    if (insn.code === CALL && insn.src !== CallKind.Local) {
      const kfunc = insn.src === CallKind.Kfunc;
      const number = kfunc
        ? kfuncCall(program, references, insn, facts)
        : (percpuObjectCall(insn, facts) ?? helperCall(references, insn.imm));
      view.setUint8(at + 1, insn.dst);
      view.setInt16(at + 2, 0, true);
      view.setInt32(at + 4, number, true);
    } else if (insn.code === LD_IMM64 && insn.src !== Pseudo.None && insn.src !== Pseudo.Func) {
      const value = BigInt.asUintN(
        64,
        constant(program, references, insn.src, insn.imm, insn.imm2, insn.slot),
      );
      view.setUint8(at + 1, insn.dst);
      view.setUint32(at + 4, Number(value & 0xffff_ffffn), true);
      view.setUint32(at + SLOT_SIZE + 4, Number(value >> 32n), true);
    }
  }
  return code;
}

// The vm's own numbers are for its loader alone: a program's id that collides with one names no helper.
function helperCall(references: References, id: number): number {
  const name = references.helpers[String(id)];
  const mock = mockOf(references, name ?? helperName(id));
  if (mock !== undefined) return mock;
  if (name === undefined) {
    const foreign = id < 0 || (id >= VmCall.First && !isPoison(id));
    return foreign ? references.unmodelled(`helper ${id >>> 0}`) : id;
  }
  return helperId(name) ?? kfuncNumber(name) ?? references.unmodelled(name);
}

function mockOf({ mocked }: References, name: string | undefined): number | undefined {
  return name === undefined ? undefined : mocked?.(name);
}

function kfuncCall(
  program: Program,
  references: References,
  insn: Insn,
  facts: InsnFacts | undefined,
): number {
  const name = references.moduleBtf(insn.offset).name(insn.imm);
  const mock = mockOf(references, name);
  if (mock !== undefined) return mock;
  const number = isObjectKfunc(name)
    ? objectCall(name, insn.slot, facts, references.objectTypes)
    : kfuncNumber(variant(program, name));
  return number ?? references.unmodelled(name);
}

/** Linux calls another function where a program may not write to packets. */
function variant({ type }: Program, name: string): string {
  return name === 'bpf_dynptr_from_skb' && !WRITES_PACKETS.has(type) ? `${name}_rdonly` : name;
}

const WRITES_PACKETS: ReadonlySet<number> = new Set([
  ProgType.SchedCls,
  ProgType.SchedAct,
  ProgType.Xdp,
  ProgType.LwtXmit,
  ProgType.SkSkb,
]);

/** What a ld_imm64 of a pseudo kind loads. */
function constant(
  program: Program,
  references: References,
  kind: number,
  imm: number,
  imm2: number,
  slot: number,
): bigint {
  const fail = (reason: string): never => {
    throw new InputError(`${program.name}: insn ${slot}: ${reason}`, { section: program.section });
  };
  switch (kind) {
    case Pseudo.MapFd:
    case Pseudo.MapIdx:
    case Pseudo.MapValue:
    case Pseudo.MapIdxValue: {
      const map = references.maps[imm] ?? fail(`there is no map ${imm}`);
      if (kind === Pseudo.MapFd || kind === Pseudo.MapIdx) return map.address;
      return map.valueAddress(imm2 >>> 0) ?? fail(`values of map ${map.name} have no fixed address`);
    }
    case Pseudo.BtfId: {
      const name = references.moduleBtf(imm2).name(imm);
      const address = references.services.symbolAddress(name);
      if (address !== undefined) return address;
      const number = kfuncNumber(name);
      if (number !== undefined) return FUNCTION_TEXT + BigInt(number) * FUNCTION_STEP;
      return fail(`the modelled kernel has no symbol ${name}`);
    }
    default:
      return fail(`ld_imm64 of unknown kind ${kind}`);
  }
}
