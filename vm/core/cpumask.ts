/**
 * Masks of CPUs (kernel docs, bpf/cpumasks.rst). A mask has a bit for each CPU of the modelled machine, in 64-bit
 * words; what is behind the last word belongs to the struct, but not to the mask. `struct bpf_cpumask` begins with
 * one, and is an object with a reference count (objects.ts).
 *
 * As in Linux, operations that write whole words leave the bits behind the last CPU as they come out, and those that
 * read take no notice of these.
 */
import { VmCpumask } from '../../bpf/vm-call.ts';
import { readable, writable } from './args.ts';
import { cpuCount } from './map.ts';

/** Where the last choice of bpf_cpumask_any_distribute was, so that the next is another. */
let lastChoice: u32 = 0;

/** Chooses as on a machine that has just started. */
export function resetChoice(): void {
  lastChoice = 0;
}

/** Answers a `VmCpumask` call. What C gives no value has 0. */
export function callCpumask(id: i32, r1: u64, r2: u64, r3: u64): u64 {
  switch (id) {
    case VmCpumask.SetCpu:
    case VmCpumask.TestAndSetCpu:
      return changeCpu(<u32>r1, r2, true);
    case VmCpumask.ClearCpu:
    case VmCpumask.TestAndClearCpu:
      return changeCpu(<u32>r1, r2, false);
    case VmCpumask.TestCpu:
      return testCpu(<u32>r1, r2);
    case VmCpumask.SetAll:
    case VmCpumask.Clear:
      return fill(r1, id === VmCpumask.SetAll);
    case VmCpumask.And:
    case VmCpumask.Or:
    case VmCpumask.Xor:
      return combine(id, r1, r2, r3);
    case VmCpumask.Copy:
      return combine(VmCpumask.Or, r1, r2, r2);
    default:
      return ask(id, r1, r2);
  }
}

/** Questions about one mask, or about two. */
function ask(id: i32, one: u64, other: u64): u64 {
  const a = maskToRead(one);
  if (a === 0) return 0;
  const b = hasTwo(id) ? maskToRead(other) : a;
  if (b === 0) return 0;
  switch (id) {
    case VmCpumask.First:
    case VmCpumask.FirstAnd:
      return firstFrom(a, b, 0, cpuCount);
    case VmCpumask.FirstZero:
      return firstZero(a);
    case VmCpumask.AnyDistribute:
    case VmCpumask.AnyAndDistribute:
      return anyDistribute(a, b);
    case VmCpumask.Equal:
      return isEqual(a, b) ? 1 : 0;
    case VmCpumask.Intersects:
      return firstFrom(a, b, 0, cpuCount) < cpuCount ? 1 : 0;
    case VmCpumask.Subset:
      return isSubset(a, b) ? 1 : 0;
    case VmCpumask.Empty:
      return firstFrom(a, a, 0, cpuCount) === cpuCount ? 1 : 0;
    case VmCpumask.Full:
      return firstZero(a) === cpuCount ? 1 : 0;
    default:
      return weight(a);
  }
}

function hasTwo(id: i32): bool {
  return (
    id === VmCpumask.FirstAnd ||
    id === VmCpumask.AnyAndDistribute ||
    id === VmCpumask.Equal ||
    id === VmCpumask.Intersects ||
    id === VmCpumask.Subset
  );
}

/** Bytes of a mask. */
function span(): u32 {
  return ((cpuCount + 63) >> 6) << 3;
}

/** Linear offset of a mask; 0, with a fault raised, when it is outside of the model. */
function maskToRead(mask: u64): u32 {
  return readable(mask, span());
}

function hasBit(at: u32, cpu: u32): bool {
  return ((load<u64>(at + ((cpu >> 6) << 3)) >> (cpu & 63)) & 1) !== 0;
}

/** Word of a mask without the bits behind the last CPU. */
function wordOf(at: u32, index: u32): u64 {
  const left = cpuCount - (index << 6);
  const word = load<u64>(at + (index << 3));
  return left < 64 ? word & (((<u64>1) << left) - 1) : word;
}

/** @returns whether the bit was set. A CPU that there is not has none. */
function changeCpu(cpu: u32, mask: u64, set: bool): u64 {
  if (cpu >= cpuCount) return 0;
  const at = writable(mask, span());
  if (at === 0) return 0;
  const before = hasBit(at, cpu);
  const place = at + ((cpu >> 6) << 3);
  const bit = (<u64>1) << (cpu & 63);
  store<u64>(place, set ? load<u64>(place) | bit : load<u64>(place) & ~bit);
  return before ? 1 : 0;
}

function testCpu(cpu: u32, mask: u64): u64 {
  if (cpu >= cpuCount) return 0;
  const at = maskToRead(mask);
  return at !== 0 && hasBit(at, cpu) ? 1 : 0;
}

function fill(mask: u64, ones: bool): u64 {
  const at = writable(mask, span());
  if (at !== 0) memory.fill(at, ones ? 0xff : 0, span());
  return 0;
}

/** @returns of And: whether anything is left */
function combine(id: i32, to: u64, one: u64, other: u64): u64 {
  const at = writable(to, span());
  const a = at === 0 ? 0 : maskToRead(one);
  const b = a === 0 ? 0 : maskToRead(other);
  if (b === 0) return 0;
  let left: u64 = 0;
  for (let word: u32 = 0; word < span() >> 3; word++) {
    const x = load<u64>(a + (word << 3));
    const y = load<u64>(b + (word << 3));
    const result = id === VmCpumask.And ? wordOf(a, word) & y : id === VmCpumask.Or ? x | y : x ^ y;
    store<u64>(at + (word << 3), result);
    left |= result;
  }
  return id === VmCpumask.And && left !== 0 ? 1 : 0;
}

/** The first CPU of [from, to) that both masks have; the number of CPUs when there is none. */
function firstFrom(a: u32, b: u32, from: u32, to: u32): u32 {
  for (let cpu = from; cpu < to; cpu++) if (hasBit(a, cpu) && hasBit(b, cpu)) return cpu;
  return cpuCount;
}

function firstZero(a: u32): u32 {
  for (let cpu: u32 = 0; cpu < cpuCount; cpu++) if (!hasBit(a, cpu)) return cpu;
  return cpuCount;
}

/** Goes round from the CPU after the last choice. */
function anyDistribute(a: u32, b: u32): u32 {
  const start = lastChoice + 1;
  let choice = firstFrom(a, b, start, cpuCount);
  if (choice === cpuCount) choice = firstFrom(a, b, 0, min<u32>(start, cpuCount));
  if (choice < cpuCount) lastChoice = choice;
  return choice;
}

function isEqual(a: u32, b: u32): bool {
  for (let word: u32 = 0; word < span() >> 3; word++) if (wordOf(a, word) !== wordOf(b, word)) return false;
  return true;
}

function isSubset(a: u32, b: u32): bool {
  for (let word: u32 = 0; word < span() >> 3; word++) {
    if ((wordOf(a, word) & ~wordOf(b, word)) !== 0) return false;
  }
  return true;
}

function weight(a: u32): u32 {
  let count: u32 = 0;
  for (let word: u32 = 0; word < span() >> 3; word++) count += <u32>popcnt<u64>(wordOf(a, word));
  return count;
}
