/**
 * struct_ops programs of recorded objects, registered as bpf_testmod's `bpf_testmod_st_ops`, and the kfuncs of that
 * module that call them. Like all of the module they are set-up of the recorded runs: what its `gen_prologue` and
 * `gen_epilogue` put around the programs, the mocks do before and after the call.
 */
import { kernelAddress } from '../../bpf/address.ts';
import { Btf, BtfKind } from '../../bpf/btf.ts';
import { readInsns } from '../../bpf/decode.ts';
import { InputError } from '../../bpf/input-error.ts';
import { CallKind, Class, Jmp } from '../../bpf/isa.ts';
import { type HelperCall, type HelperFunction, runNested, type Vm, type VmProgram } from '../../vm/index.ts';
import type { Archive, RecordedLoad } from './archive.ts';
import { FIRST_SYMBOL, type RecordedRun } from './test-run.ts';
import { addToArgs } from './testmod.ts';

const STRUCT_OPS = 27;
const MODULE = 'bpf_testmod';
const OPS = 'bpf_testmod_st_ops';
const CALL = Class.Jmp | Jmp.Call;
const SLOT = 8;
const BUDGET = 100_000;

/** What the module puts around the programs of a member of the struct: so much is added to `args->a`. */
interface Around {
  prologue?: bigint;
  /** The sum, doubled, is then what the program returns. */
  epilogue?: bigint;
}
const AROUND: { readonly [member: string]: Around } = {
  test_prologue: { prologue: 1000n },
  test_epilogue: { epilogue: 10_000n },
  test_pro_epilogue: { prologue: 1000n, epilogue: 10_000n },
};

/** Programs by the member of the struct that they are in, for each object. */
export type StructOps = ReadonlyMap<string, ReadonlyMap<string, RecordedRun>>;

/** @param kernelBtf that the module's BTF is split from. */
export function collectStructOps({ loads, blobs, modules }: Archive, kernelBtf: Btf): StructOps {
  const bytes = modules.get(MODULE);
  const objects = new Map<string, Map<string, RecordedRun>>();
  if (!bytes) return objects;
  const btf = Btf.parse(bytes, { base: kernelBtf });
  const ops = btf.find(OPS, BtfKind.Struct);
  for (const load of loads) {
    if (load.type !== STRUCT_OPS || load.attachId !== ops || load.errno !== 0) continue;
    const member = btf.type(ops).members[load.attach ?? 0]?.name ?? '';
    const members = objects.get(load.object) ?? new Map<string, RecordedRun>();
    members.set(member, asRun(load, blobs[load.insns] as Uint8Array, btf));
    objects.set(load.object, members);
  }
  return objects;
}

function asRun({ object, program, type }: RecordedLoad, code: Uint8Array, btf: Btf): RecordedRun {
  const insns = code.slice();
  const view = new DataView(insns.buffer);
  const symbols: string[] = [];
  for (const { slot, code: opcode, src, imm } of readInsns(code)) {
    if (opcode !== CALL || src !== CallKind.Kfunc) continue;
    view.setInt32(slot * SLOT + 4, FIRST_SYMBOL + symbols.length, true);
    symbols.push(btf.name(imm));
  }
  const text = Buffer.from(insns).toString('base64');
  const nothing = { maps: [], retvals: [], packets: [], after: {} };
  return { name: `${object}/${program}`, type, insns: text, symbols, ...nothing };
}

/** The kfuncs that call these programs, by name. @param programs by member. */
export function structOpsKfuncs(
  vm: Vm,
  programs: ReadonlyMap<string, VmProgram>,
): ReadonlyMap<string, HelperFunction> {
  return new Map(
    Object.entries(AROUND).map(([member, around]) => [
      `bpf_kfunc_st_ops_${member}`,
      (call) => callMember(vm, programs.get(member), around, call),
    ]),
  );
}

/** `int bpf_kfunc_st_ops_MEMBER(struct st_ops_args *args)`: -1 when the member is empty. */
function callMember(
  vm: Vm,
  program: VmProgram | undefined,
  { prologue, epilogue }: Around,
  call: HelperCall,
): bigint {
  if (!program) return -1n;
  const args = call.arg(1);
  if (prologue !== undefined) addToArgs(call, args, prologue);
  const retval = runMember(vm, program, args);
  return epilogue === undefined ? retval : BigInt.asIntN(32, 2n * addToArgs(call, args, epilogue));
}

/** The context is an array of the arguments. */
function runMember(vm: Vm, { loaded, name }: VmProgram, args: bigint): bigint {
  const context = vm.ram.alloc(8, 8);
  vm.ram.view.setBigUint64(context, args, true);
  const { status, fault, r0 } = runNested(vm, loaded, kernelAddress(context), { budget: BUDGET });
  vm.ram.free(context, 8);
  if (status !== 'finished') throw new InputError(fault?.message ?? `${name} does not end`);
  return BigInt.asIntN(32, r0);
}
