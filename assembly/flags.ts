/** Names of flags of programs and maps (BPF_F_* of include/uapi/linux/bpf.h). */
import { ProgFlag } from '../verifier/types.ts';

export type FlagNames = ReadonlyMap<string, number>;

export const PROGRAM_FLAGS: FlagNames = new Map<string, number>([
  ['strict_alignment', ProgFlag.StrictAlignment],
  ['any_alignment', ProgFlag.AnyAlignment],
  ['test_rnd_hi32', ProgFlag.TestRndHi32],
  ['test_state_freq', ProgFlag.TestStateFreq],
  ['sleepable', ProgFlag.Sleepable],
  ['xdp_has_frags', ProgFlag.XdpHasFrags],
  ['test_reg_invariants', ProgFlag.TestRegInvariants],
]);

export const MAP_FLAGS: FlagNames = new Map([
  ['no_prealloc', 1 << 0],
  ['no_common_lru', 1 << 1],
  ['numa_node', 1 << 2],
  ['rdonly', 1 << 3],
  ['wronly', 1 << 4],
  ['stack_build_id', 1 << 5],
  ['zero_seed', 1 << 6],
  ['rdonly_prog', 1 << 7],
  ['wronly_prog', 1 << 8],
  ['clone', 1 << 9],
  ['mmapable', 1 << 10],
  ['preserve_elems', 1 << 11],
  ['inner_map', 1 << 12],
  ['link', 1 << 13],
  ['no_user_conv', 1 << 18],
]);

/** "rdonly_prog|mmapable"; bits without a name stay a number. */
export function flagText(bits: number, names: FlagNames): string {
  let rest = bits;
  const found: string[] = [];
  for (const [name, bit] of names) {
    if ((bits & bit) === 0) continue;
    found.push(name);
    rest &= ~bit;
  }
  return rest === 0 && found.length > 0 ? found.join('|') : `0x${(bits >>> 0).toString(16)}`;
}
