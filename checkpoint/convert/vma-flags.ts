/** What CRIU says of a mapping, from the kernel's flags and what is behind it. */
import { VmFlag } from '../../kernel-model/vma.ts';
import type { MappingState, MmState } from '../state.ts';

/** Bits of vma_entry.status. */
export const enum Status {
  Regular = 1 << 0,
  Stack = 1 << 1,
  Heap = 1 << 5,
  FilePrivate = 1 << 6,
  FileShared = 1 << 7,
  AnonShared = 1 << 8,
  AnonPrivate = 1 << 9,
  Memfd = 1 << 14,
  /** Drydock's: a part of a ring. */
  IoUring = 1 << 24,
}

/** MAP_* */
export const enum MapBit {
  Shared = 1,
  Private = 2,
  Anonymous = 0x20,
  GrowsDown = 0x100,
  Locked = 0x2000,
  NoReserve = 0x4000,
  HugeTlb = 0x4_0000,
}

const PROT = VmFlag.Read | VmFlag.Write | VmFlag.Exec;

/** MADV_* by the flag that each leaves behind. */
const ADVICE: readonly (readonly [flag: number, advice: number])[] = [
  [VmFlag.DontCopy, 10],
  [VmFlag.HugePage, 14],
  [VmFlag.NoHugePage, 15],
  [VmFlag.DontDump, 16],
  [VmFlag.WipeOnFork, 18],
];

const FLAGS: readonly (readonly [flag: number, bit: MapBit])[] = [
  [VmFlag.GrowsDown, MapBit.GrowsDown],
  [VmFlag.Locked, MapBit.Locked],
  [VmFlag.NoReserve, MapBit.NoReserve],
];

/** What a mapping shows. */
export type Behind = 'anonymous' | 'huge' | 'shared' | 'shared huge' | 'memfd' | 'file' | 'ring';

export function protOf(flags: number): number {
  return flags & PROT;
}

export function isShared(flags: number): boolean {
  return (flags & (VmFlag.Shared | VmFlag.MayShare)) !== 0;
}

export function mapFlagsOf(flags: number, behind: Behind): number {
  let bits = isShared(flags) ? MapBit.Shared : MapBit.Private;
  if (behind !== 'memfd' && behind !== 'file' && behind !== 'ring') bits |= MapBit.Anonymous;
  if (behind === 'huge' || behind === 'shared huge') bits |= MapBit.HugeTlb;
  for (const [flag, bit] of FLAGS) if ((flags & flag) !== 0) bits |= bit;
  return bits;
}

/** One bit for each advice that was given; undefined for none. */
export function adviceOf(flags: number): bigint | undefined {
  const given = ADVICE.filter(([flag]) => (flags & flag) !== 0);
  return given.length === 0
    ? undefined
    : given.reduce((bits, [, advice]) => bits | (1n << BigInt(advice)), 0n);
}

export function statusOf({ start, end, flags }: MappingState, behind: Behind, { bounds }: MmState): number {
  const file = isShared(flags) ? Status.FileShared : Status.FilePrivate;
  switch (behind) {
    case 'ring':
      return Status.IoUring | file;
    case 'memfd':
      return Status.Regular | Status.Memfd | file;
    case 'file':
      return Status.Regular | file;
    case 'shared':
    case 'shared huge':
      return Status.Regular | Status.AnonShared;
    default:
      return Status.Regular | Status.AnonPrivate | placeOf(start, end, flags, bounds);
  }
}

function placeOf(start: number, end: number, flags: number, bounds: MmState['bounds']): number {
  const { start_brk = 0n, brk = 0n } = bounds;
  if (start < brk && end > start_brk) return Status.Heap;
  return (flags & VmFlag.GrowsDown) !== 0 ? Status.Stack : 0;
}
