import type { Btf } from '../bpf/btf.ts';

/** A map as the object defines it, before it is created. Sizes in bytes. */
export interface MapDef {
  name: string;
  /** BPF_MAP_TYPE_* */
  type: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags: number;
  mapExtra: bigint;
  /** Type ids in the object's BTF, 0 when the map has none. */
  keyTypeId: number;
  valueTypeId: number;
  /** LIBBPF_PIN_BY_NAME == 1 */
  pinning: number;
  /** Template of the inner maps of an array or hash of maps. */
  inner?: MapDef;
  /** First value of a .rodata/.data/.bss/.kconfig map. */
  data?: Uint8Array;
  /** The map is frozen after `data` is in place (.rodata, .kconfig). */
  frozen?: boolean;
  /** Static initialisation of map-in-map and prog-array slots: what stands at which key. */
  slots?: { key: number; map?: number; program?: string }[];
  /** Where the definition stands, for messages. */
  section: string;
}

export interface Subprog {
  name: string;
  /** First instruction, in 8-byte slots. */
  start: number;
}

export interface FuncInfo {
  insn: number;
  /** FUNC type id in the object's BTF. */
  typeId: number;
}

export interface LineInfo {
  insn: number;
  /** Offsets into the object's BTF string section. */
  fileNameOffset: number;
  lineOffset: number;
  line: number;
  column: number;
}

export interface Program {
  name: string;
  section: string;
  /** BPF_PROG_TYPE_*; 0 when the section name says none. */
  type: number;
  expectedAttachType: number;
  /** What the section name says it attaches to ("task" of "iter/task"), and the BTF id of that in the kernel. */
  attachTarget?: { name: string; btfId: number; module?: string };
  /** BPF_F_* program flags (sleepable, xdp frags, ...). */
  flags: number;
  /** Loaded unless the section name starts with "?". */
  autoload: boolean;
  /**
   * Instructions as the kernel would get them (8-byte slots, little-endian), subprograms appended, CO-RE
   * applied. ld_imm64 kinds: map and map value hold the index into `BpfObject.maps` (slot 1) and the value
   * offset (slot 2); BTF ids and kfunc ids refer to `LoadOptions.kernelBtf`; function references are
   * relative, in slots.
   */
  insns: Uint8Array;
  subprogs: Subprog[];
  funcInfo: FuncInfo[];
  lineInfo: LineInfo[];
}

export interface BpfObject {
  file: string;
  license: string;
  /** Whether the file was big-endian; `Program.insns` and `MapDef.data` are little-endian all the same. */
  bigEndian: boolean;
  btf?: Btf;
  maps: MapDef[];
  programs: Program[];
}

export interface LoadOptions {
  /** Name for messages. */
  file?: string;
  /** Target of CO-RE, typed ksyms, kfuncs and attach targets. Without it objects that need one are refused. */
  kernelBtf?: Btf;
  /** Address of a typeless ksym; undefined when the kernel has no such symbol. */
  ksym?: (name: string) => bigint | undefined;
  /** Kernel configuration ("CONFIG_HZ" -> "250") and version for .kconfig externs. */
  kconfig?: ReadonlyMap<string, string>;
  kernelVersion?: number;
  /** Programs to prepare: all autoloaded ones when absent. */
  programs?: readonly string[];
}
