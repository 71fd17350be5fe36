/** Programs in the core's form. */
import { LoadError, ProgramFlag, ProgramRecord, State } from '../bpf/abi.ts';
import { InputError } from '../bpf/input-error.ts';
import { OutOfMemory } from '../kernel-model/ram.ts';
import { startTranslated, TranslatedProgram } from './translate/program.ts';
import type { Untranslatable } from './translate/untranslatable.ts';
import type { CoreExports } from './wasm.ts';

/** BPF_COMPLEXITY_LIMIT_INSNS: no kernel takes a longer program. */
export const MAX_SLOTS = 1_000_000;

export interface ProgramOptions {
  /** For messages. */
  name?: string;
  /** Loads that fault read as zero: what BPF_PROBE_MEM loads of tracing programs do. Default false. */
  probeLoads?: boolean;
  /** Where the program's arena stands: kernel address of its first byte, its user address, its bytes. */
  arena?: { kernel: bigint; user: bigint; size: number };
  /**
   * `translated`: into WebAssembly, when the translated tier takes the program (`translate/translate.ts`). Default
   * `interpreter`.
   */
  tier?: Tier;
  /** For the translated tier: whether the access at a slot was proven to stay in low memory. */
  verified?: (slot: number) => boolean;
  /** For the translated tier: longest function that it does not take apart, in instructions. */
  maxInsns?: number;
}

export type Tier = 'interpreter' | 'translated';

/** A program that the core has taken. */
export class LoadedProgram {
  readonly name: string;
  /** Offset of its record, which is what the core calls it. */
  readonly record: number;
  /** Its number: what a prog array holds (`Maps`). */
  readonly id: number;
  /** 8-byte slots. */
  readonly slots: number;
  /** The program as WebAssembly; an `Untranslatable` says why there is none, undefined that none was asked for. */
  readonly translated: TranslatedProgram | Untranslatable | undefined;

  constructor(
    name: string,
    record: number,
    id: number,
    slots: number,
    translated?: TranslatedProgram | Untranslatable,
  ) {
    this.name = name;
    this.record = record;
    this.id = id;
    this.slots = slots;
    this.translated = translated;
  }

  /** What `Vm.run` runs it in. */
  get tier(): Tier {
    return this.translated instanceof TranslatedProgram ? 'translated' : 'interpreter';
  }
}

/**
 * Loads a program: 8-byte little-endian slots. Maps, variables and symbols must be resolved to addresses;
 * function pointers are relative.
 * @throws {InputError} when it is not a sequence of BPF instructions.
 * @throws {OutOfMemory} when the core's private heap is full.
 */
export function loadProgram(
  core: CoreExports,
  code: Uint8Array,
  options: ProgramOptions = {},
): LoadedProgram {
  const name = options.name ?? 'program';
  const slots = code.length / 8;
  if (!Number.isInteger(slots))
    throw new InputError(`${name} is ${code.length} bytes long, not a multiple of 8`);
  if (slots > MAX_SLOTS) throw new InputError(`${name} has ${slots} instructions; the limit is ${MAX_SLOTS}`);
  const from = core.privateAlloc(code.length, 8);
  if (from === 0) throw new OutOfMemory(code.length);
  new Uint8Array(core.memory.buffer).set(code, from);
  const record = core.loadProgram(
    from,
    slots,
    options.probeLoads ? ProgramFlag.ProbeLoads : ProgramFlag.None,
  );
  core.privateFree(from, code.length);
  const view = new DataView(core.memory.buffer);
  if (record === 0) throw loadError(view, name, code);
  if (options.arena) {
    view.setBigUint64(record + ProgramRecord.ArenaKernel, options.arena.kernel, true);
    view.setBigUint64(record + ProgramRecord.ArenaUser, options.arena.user, true);
    view.setBigUint64(record + ProgramRecord.ArenaSize, BigInt(options.arena.size), true);
  }
  const id = view.getUint32(record + ProgramRecord.Id, true);
  const translated = options.tier === 'translated' ? startTranslated(core, record, code, options) : undefined;
  return new LoadedProgram(name, record, id, slots, translated);
}

function loadError(view: DataView, name: string, code: Uint8Array): Error {
  const slot = view.getUint32(State.LoadSlot, true);
  const error: LoadError = view.getUint32(State.LoadError, true);
  if (error === LoadError.OutOfMemory) return new OutOfMemory(code.length);
  const opcode = (code[slot * 8] ?? 0).toString(16).padStart(2, '0');
  return new InputError(`${name}: insn ${slot}: ${reasonOf(error, opcode)}`, { offset: slot * 8 });
}

function reasonOf(error: LoadError, opcode: string): string {
  switch (error) {
    case LoadError.UnknownOpcode:
      return `unknown opcode ${opcode} (or a reserved field of it is set)`;
    case LoadError.BadRegister:
      return 'there is no such register';
    case LoadError.BadTarget:
      return 'jump or call out of the program, or into the middle of an instruction';
    case LoadError.BadImm64:
      return 'ld_imm64 is incomplete or of an unresolved kind';
    case LoadError.TooMany:
      return 'too many programs are loaded';
    case LoadError.Empty:
      return 'the program is empty';
    default:
      throw new Error(`load error of unknown kind ${error}`);
  }
}
