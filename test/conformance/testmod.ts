/**
 * Kfuncs of bpf_testmod, the module that the selftests bring along: part of the set-up of the recorded runs, like
 * the packets, so mocks stand in for them. By name, what each does.
 */

import { kernelAddress } from '../../bpf/address.ts';
import type { Ram } from '../../kernel-model/ram.ts';
import type { HelperCall, HelperFunction } from '../../vm/index.ts';

const EINVAL = 22;
/** `struct bpf_iter_testmod_seq`: s64 value, int cnt. */
const CNT = 8n;

const nothing: HelperFunction = () => 0;

export const TESTMOD_KFUNCS: ReadonlyMap<string, HelperFunction> = new Map<string, HelperFunction>([
  ['bpf_kfunc_common_test', nothing],
  ['bpf_kfunc_call_test_sleepable', nothing],
  ['bpf_kfunc_st_ops_inc10', (call) => addToArgs(call, call.arg(1), 10n)],
  ['bpf_kfunc_call_test_acquire', ({ ram }) => onlyObject(ram)],
  ['bpf_kfunc_call_test_ref', nothing],
  ['bpf_kfunc_call_test_release', nothing],
  ['bpf_iter_testmod_seq_new', newSequence],
  ['bpf_iter_testmod_seq_next', nextOfSequence],
  ['bpf_iter_testmod_seq_value', valueOfSequence],
  ['bpf_iter_testmod_seq_destroy', (call) => writeCount(call, call.arg(1), 0)],
]);

/** Adds to `a`, the only member of `struct st_ops_args`, and gives the sum. */
export function addToArgs({ ram }: HelperCall, args: bigint, addend: bigint): bigint {
  const bytes = ram.read(args, 8);
  if (!bytes) return 0n;
  const sum = BigInt.asUintN(64, new DataView(bytes.buffer).getBigUint64(0, true) + addend);
  ram.write(args, new Uint8Array(BigUint64Array.of(sum).buffer));
  return sum;
}

/** `struct prog_test_ref_kfunc`: int a, b; struct prog_test_member memb; self *next; refcount_t cnt. */
const OBJECT_SIZE = 32;
const objects = new WeakMap<Ram, bigint>();

/** The object that all acquire; nothing here can see its reference count. */
function onlyObject(ram: Ram): bigint {
  const known = objects.get(ram);
  if (known !== undefined) return known;
  const address = kernelAddress(ram.alloc(OBJECT_SIZE, 8));
  ram.write(address, new Uint8Array(Int32Array.of(42, 108).buffer));
  ram.write(address + 16n, new Uint8Array(BigUint64Array.of(address, 1n).buffer));
  objects.set(ram, address);
  return address;
}

/** `int bpf_iter_testmod_seq_new(it, s64 value, int cnt)` */
function newSequence(call: HelperCall): number {
  const count = call.arg32(3) | 0;
  writeCount(call, call.arg(1), count);
  if (count < 0) return -EINVAL;
  call.ram.write(call.arg(1), new Uint8Array(BigUint64Array.of(call.arg(2)).buffer));
  return 0;
}

/** `s64 *bpf_iter_testmod_seq_next(it)`: the iterator itself, `cnt` times. */
function nextOfSequence(call: HelperCall): bigint {
  const count = readCount(call, call.arg(1));
  if (count <= 0) return 0n;
  writeCount(call, call.arg(1), count - 1);
  return call.arg(1);
}

/** `s64 bpf_iter_testmod_seq_value(int val, it)` */
function valueOfSequence(call: HelperCall): bigint {
  const bytes = call.ram.read(call.arg(2), 8);
  if (!bytes || readCount(call, call.arg(2)) < 0) return 0n;
  return BigInt(call.arg32(1) | 0) + new DataView(bytes.buffer).getBigInt64(0, true);
}

function readCount({ ram }: HelperCall, iterator: bigint): number {
  const bytes = ram.read(iterator + CNT, 4);
  return bytes ? new DataView(bytes.buffer).getInt32(0, true) : 0;
}

function writeCount({ ram }: HelperCall, iterator: bigint, count: number): number {
  ram.write(iterator + CNT, new Uint8Array(Int32Array.of(count).buffer));
  return 0;
}
