import type { Btf } from '../bpf/btf.ts';
import type { MissingReference } from './missing.ts';

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
  numaNode: number;
  /** Template of the inner maps of an array or hash of maps. */
  inner?: MapDef;
  /**
   * First value of a .rodata, .data or .kconfig map, first content of an arena, and the kernel's own struct
   * of a struct_ops map. Absent where everything begins as zeros (ordinary maps, and .bss unless a variable of it is
   * set).
   */
  data?: Uint8Array;
  /** The map is frozen after `data` is in place (.rodata, .kconfig). */
  frozen?: boolean;
  /**
   * Static initialisation of map-in-map and prog-array slots: what stands at which key. For a struct_ops map
   * the key is the byte offset in `data` of the pointer to the program.
   */
  slots?: MapSlot[];
  /** struct_ops: type id of the map's value in `LoadOptions.kernelBtf` or in the module's BTF. */
  kernelValueTypeId?: number;
  /** struct_ops: the module that has the struct; absent for the kernel itself. */
  module?: string;
  /** False for a map that is not created unless asked for (SEC("?.struct_ops")). */
  autocreate?: boolean;
  /** Where the definition stands, for messages. */
  section: string;
}

export interface MapSlot {
  key: number;
  /** Index into `BpfObject.maps`. */
  map?: number;
  program?: string;
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

export interface AttachTarget {
  /** As the section name has it ("task" of "iter/task"), or the struct of a struct_ops program. */
  name: string;
  /** Id in `LoadOptions.kernelBtf`, in the BTF of `module`, or in that of the target program's object. */
  btfId: number;
  module?: string;
  /** It is a function of this program (`LoadOptions.target`), not of the kernel. */
  program?: string;
}

/** A program that others attach to (attach_prog_fd). */
export interface ProgramTarget {
  object: BpfObject;
  program: Program;
  /** Function of it; the one that the attaching program's section names when absent. */
  func?: string;
}

/** What is known of a program when it is asked what it attaches to. */
export interface AttachingProgram {
  name: string;
  /** BPF_PROG_TYPE_* and BPF_* attach type. */
  type: number;
  attachType: number;
  /** What its section names behind the first "/". */
  target?: string;
}

export interface Program {
  name: string;
  section: string;
  /** BPF_PROG_TYPE_*; 0 when the section name says none. */
  type: number;
  expectedAttachType: number;
  /** What the section name says it attaches to ("task" of "iter/task"), and the BTF id of that. */
  attachTarget?: AttachTarget;
  /** BPF_F_* program flags (sleepable, xdp frags, ...). */
  flags: number;
  /** Loaded unless the section name starts with "?" (or no struct_ops map that is created uses it). */
  autoload: boolean;
  /** Whether `LoadOptions.programs` selects it: only then are the fields below filled in. */
  prepared: boolean;
  /** Why a selected program cannot be loaded: a loader of the real kernel would have stopped here. */
  error?: string;
  /**
   * Instructions as the kernel would get them (8-byte slots, little-endian), subprograms appended, CO-RE
   * applied. ld_imm64 kinds: map and map value hold the index into `BpfObject.maps` (slot 1) and the value
   * offset (slot 2), or ~fd for a map that the code names by a file descriptor of its own; BTF ids (imm of slot 1) and kfunc ids refer to `LoadOptions.kernelBtf`, or to the BTF of
   * module `BpfObject.modules[m]`, where m > 0 is the imm of slot 2 and the offset of a kfunc call; function
   * references are relative, in slots.
   */
  insns: Uint8Array;
  subprogs: Subprog[];
  funcInfo: FuncInfo[];
  lineInfo: LineInfo[];
  /** Calls that stand for what the kernel does not have. */
  missing: MissingReference[];
}

export interface BpfObject {
  file: string;
  license: string;
  /** Whether the file was big-endian; `Program.insns`, `MapDef.data` and `btf` are little-endian all the same. */
  bigEndian: boolean;
  /** KERNEL_VERSION() of the "version" section, 0 without one. */
  version: number;
  /** The program's BTF as it goes to the kernel: externs and section sizes filled in. */
  btf?: Btf;
  /**
   * Why the kernel refuses `btf` (BPF_BTF_LOAD): programs and maps are then created without it, as libbpf does where
   * nothing depends on it. Absent for BTF that the kernel takes.
   */
  btfRefusal?: string;
  /** Names of kernel modules that instructions refer to; the first is the kernel itself, "vmlinux". */
  modules: string[];
  maps: MapDef[];
  programs: Program[];
}

/** A kernel module's split BTF over `LoadOptions.kernelBtf`. */
export interface ModuleBtf {
  name: string;
  btf: Btf;
}

export interface LoadOptions {
  /** Name for messages; its base name up to the first dot prefixes the names of .data, .bss, ... maps. */
  file?: string;
  /**
   * Byte order of the machine: programs of objects of the other one get an error, as libbpf refuses such objects.
   * Both are taken when absent; what comes out is little-endian.
   */
  byteOrder?: 'little' | 'big';
  /** Target of CO-RE, typed ksyms, kfuncs and attach targets. Programs that need one and have none get an error. */
  kernelBtf?: Btf;
  /** Modules in which what the kernel's own BTF does not have is looked for, in this order. */
  modules?: readonly ModuleBtf[];
  /** BTF for CO-RE in place of the kernel's and the modules' (libbpf's btf_custom_path). */
  coreBtf?: Btf;
  /**
   * The program that a freplace, fentry, fexit or fmod_ret program attaches to; undefined for those that attach to
   * the kernel. Asked for programs that attach to something with a BTF id.
   */
  target?: (program: AttachingProgram) => ProgramTarget | undefined;
  /** Address of a typeless ksym; undefined when the kernel has no such symbol, 'ambiguous' when it has several. */
  ksym?: (name: string) => bigint | 'ambiguous' | undefined;
  /**
   * Kernel configuration for .kconfig externs, values as they stand in a .config file: CONFIG_HZ -> `250`,
   * CONFIG_BPF -> `y`, CONFIG_DEFAULT_HOSTNAME -> `"(none)"` with its quotes.
   */
  kconfig?: ReadonlyMap<string, string>;
  /** KERNEL_VERSION(a, b, c): (a << 16) + (b << 8) + min(c, 255). */
  kernelVersion?: number;
  /** Entries of a perf event array that leaves them to the number of CPUs; 1 when absent. */
  possibleCpus?: number;
  /**
   * Other initial values for global variables (.rodata, .data, .bss): `name`, `name.member` or `name[3].member` to
   * an integer, `true`, `false` or a name of the variable's enum.
   */
  globals?: ReadonlyMap<string, string>;
  /**
   * Takes what libbpf took before 1.0 and cilium/ebpf and aya take to this day: maps defined in the section "maps",
   * program sections that only begin with a known name ("xdp/drop", "classifier_main"), and code without function
   * symbols, as an assembler leaves it.
   */
  legacy?: boolean;
  /** Programs to prepare: all autoloaded ones when absent, `'all'` those too that are not autoloaded. */
  programs?: readonly string[] | 'all';
}
