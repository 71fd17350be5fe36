// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/**
 * Arguments of helpers. A verified program passes nothing else than what its helper accepts; here programs
 * run unverified too, and what a verifier would have refused is a fault.
 */
import { FaultKind } from '../../bpf/abi.ts';
import { raiseAccessFault, raiseFault } from './fault.ts';
import { MapRecord, mapAtAddress } from './map.ts';
import { copyFromKernel, translate } from './ram.ts';

/** Where arguments are copied that have no contiguous backing: two at a time. */
const SCRATCH_SIZE: u32 = 4096;
const scratch: usize = memory.data(SCRATCH_SIZE * 2, 8);
let turn: u32 = 0;

/** Linear offset of memory that a helper reads; 0, with a fault raised, when it is not all in the model. */
export function readable(address: u64, length: u32): u32 {
  if (length === 0) return <u32>scratch;
  const direct = translate(address, length, false);
  if (direct !== 0) return direct;
  turn ^= 1;
  const copy = <u32>scratch + turn * SCRATCH_SIZE;
  if (length <= SCRATCH_SIZE && copyFromKernel(copy, address, length)) return copy;
  raiseAccessFault(FaultKind.Read, address, length);
  return 0;
}

/** Linear offset of memory that a helper writes; 0, with a fault raised, when it is not all in the model. */
export function writable(address: u64, length: u32): u32 {
  if (length === 0) return <u32>scratch;
  const direct = translate(address, length, true);
  if (direct === 0) raiseAccessFault(FaultKind.Write, address, length);
  return direct;
}

/** The map an argument names; null, with a fault raised, when it is not one. */
export function mapArgument(address: u64): MapRecord | null {
  const map = mapAtAddress(address);
  if (map === null) raiseFault(FaultKind.BadArgument, address);
  return map;
}
