/**
 * What the log shows a ld_imm64 to load. There is no kernel that made the maps, so their addresses are made up:
 * the same for the same request, as wide as real ones and where Linux on x86-64 has such things, so that the
 * columns are those of a real log.
 */
import { type Btf, BtfKind } from '../bpf/btf.ts';
import { type Insn, imm64 } from '../bpf/decode.ts';
import { Pseudo } from '../bpf/isa.ts';
import type { LoadRequest } from './load-request.ts';
import { Cap } from './types.ts';

/** Maps in the direct map of memory, their values in the vmalloc area. */
const MAPS = 0xffff_8881_0000_0000n;
const MAP_DISTANCE = 0x400n;
const VALUES = 0xffff_c900_0000_0000n;
const VALUE_DISTANCE = 0x1_0000_0000n;
const USER_MAPPINGS = 0x7f00_0000_0000n;
/** Functions and variables in the kernel's image; variables of modules for each CPU behind those of the kernel. */
const SYMBOLS = 0xffff_ffff_8100_0000n;
const SYMBOL_DISTANCE = 0x10n;
const MODULE_PERCPU = 0x39000n;
const PERCPU = '.data..percpu';
const MAP_TYPE_ARENA = 33;

/** BTF that a ld_imm64 of a kernel symbol refers to, by the imm of its second slot. */
export type ImmBtf = (slot: number) => Btf | undefined;

/** @returns the value that the log shows for an instruction of a pseudo kind, 0 ... 2^64-1. */
export function logAddresses(request: LoadRequest, immBtf: ImmBtf): (insn: Insn) => bigint {
  // Without CAP_PERFMON no address leaves the kernel.
  const shown = (request.caps & Cap.Perfmon) !== 0;
  return (insn) => {
    switch (insn.src) {
      case Pseudo.MapFd:
      case Pseudo.MapIdx:
        return shown ? MAPS + BigInt(insn.imm >>> 0) * MAP_DISTANCE : 0n;
      case Pseudo.MapValue:
      case Pseudo.MapIdxValue:
        return shown ? valueAddress(request, insn) : 0n;
      case Pseudo.BtfId:
        return symbolAddress(immBtf(insn.imm2), insn);
      default:
        return imm64(insn);
    }
  };
}

function valueAddress({ maps }: LoadRequest, { imm, imm2 }: Insn): bigint {
  const map = maps[imm];
  // An arena stands where its user has mapped it: where the map says, or where there is room.
  const start =
    map?.type === MAP_TYPE_ARENA ? map.extra || USER_MAPPINGS : VALUES + BigInt(imm >>> 0) * VALUE_DISTANCE;
  return BigInt.asUintN(64, start + BigInt(imm2 >>> 0));
}

/** A variable of each CPU "stands" at its offset in a CPU's area. */
function symbolAddress(btf: Btf | undefined, { imm }: Insn): bigint {
  if (!btf || imm < 0 || imm >= btf.typeCount) return 0n;
  for (const section of btf.idsByName(PERCPU, BtfKind.Datasec)) {
    const place = btf.type(section).vars.find(({ type }) => type === imm);
    const ofModule = btf.base !== undefined && section >= btf.firstId;
    if (place) return BigInt(place.offset) + (ofModule ? MODULE_PERCPU : 0n);
  }
  return SYMBOLS + BigInt(imm) * SYMBOL_DISTANCE;
}
