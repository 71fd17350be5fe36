/**
 * A translated program in a running core.
 *
 * Engines compile a module's functions twice: at once and plainly, then well, while they run; the better code is
 * put in place when a function is called anew, not in the middle of a long run. So the first runs are 1.4 to 4.5
 * times slower: to measure, or before a long run, run the program a few times with a budget of some millions over
 * memory that may change, and leave the engine some milliseconds in between.
 */
import { Layout, ProgramRecord, State } from '../../bpf/abi.ts';
import { DIRECT_MAP } from '../../bpf/address.ts';
import type { CoreExports } from '../wasm.ts';
import { CORE, HOST } from './runtime.ts';
import { type TranslatedExports, type TranslateOptions, type Translation, translate } from './translate.ts';
import { Untranslatable } from './untranslatable.ts';

/** Runs that may leave low memory at a slot until the program is translated anew with a call of the core there. */
const PATIENCE = 3;
/** Translations of a program; the last one calls the core wherever low memory is left. */
const MAX_TRANSLATIONS = 8;

export class TranslatedProgram {
  private readonly core: CoreExports;
  private readonly record: number;
  private readonly code: Uint8Array;
  private readonly options: TranslateOptions;
  /** How many runs left low memory at a slot. */
  private readonly resumed = new Map<number, number>();
  /** Of the program in the core's function table. */
  private readonly place: number;
  private translations = 1;
  private current: Translation;
  private linked: TranslatedExports;

  constructor(
    core: CoreExports,
    record: number,
    code: Uint8Array,
    options: TranslateOptions,
    translation: Translation,
  ) {
    this.core = core;
    this.record = record;
    this.code = code;
    this.options = options;
    this.current = translation;
    this.linked = link(core, record, translation);
    this.place = takePlace(core);
    this.publish();
  }

  /** Before the program is unloaded. */
  withdraw(): void {
    new DataView(this.core.memory.buffer).setUint32(this.record + ProgramRecord.Entry, 0, true);
    givePlaceBack(this.core, this.place);
  }

  get exports(): TranslatedExports {
    return this.linked;
  }

  /** The module's bytes, and what of the program is not in it. */
  get translation(): Translation {
    return this.current;
  }

  /** After a run: takes note of where it left low memory. */
  settle(): void {
    const at = new DataView(this.core.memory.buffer).getUint32(State.Resumed, true);
    if (at === 0 || this.translations === MAX_TRANSLATIONS) return;
    const times = (this.resumed.get(at - 1) ?? 0) + 1;
    this.resumed.set(at - 1, times);
    if (times < PATIENCE) return;
    this.translations++;
    const all = this.translations === MAX_TRANSLATIONS;
    const slow = (slot: number): boolean => all || (this.resumed.get(slot) ?? 0) >= PATIENCE;
    const translation = translate(this.code, { ...this.options, slow });
    if (translation instanceof Untranslatable) throw new Error(`translated before: ${translation.reason}`);
    this.current = translation;
    this.linked = link(this.core, this.record, translation);
    this.publish();
  }

  /** Has tail calls to the program find it. */
  private publish(): void {
    const view = new DataView(this.core.memory.buffer);
    this.core.table.set(this.place, this.linked.run);
    view.setUint32(this.record + ProgramRecord.Entry, this.place, true);
    view.setUint32(this.record + ProgramRecord.Depth, this.current.depth, true);
  }
}

/** Places in the cores' function tables that are free again. */
const freePlaces = new WeakMap<CoreExports, number[]>();

function takePlace(core: CoreExports): number {
  return freePlaces.get(core)?.pop() ?? core.table.grow(1);
}

function givePlaceBack(core: CoreExports, place: number): void {
  core.table.set(place, null);
  const places = freePlaces.get(core) ?? [];
  places.push(place);
  freePlaces.set(core, places);
}

/** Translates the program with this record and links it to the core. */
export function startTranslated(
  core: CoreExports,
  record: number,
  code: Uint8Array,
  options: TranslateOptions,
): TranslatedProgram | Untranslatable {
  const translation = translate(code, options);
  if (translation instanceof Untranslatable) return translation;
  return new TranslatedProgram(core, record, code.slice(), options, translation);
}

function link(core: CoreExports, record: number, translation: Translation): TranslatedExports {
  const view = new DataView(core.memory.buffer);
  const start = view.getUint32(record + ProgramRecord.Start, true);
  const instance = new WebAssembly.Instance(new WebAssembly.Module(translation.module), {
    [CORE]: core as unknown as WebAssembly.ModuleImports,
    [HOST]: {
      functions: i64(core.functionAddress(start)),
      low: i64(-(DIRECT_MAP + BigInt(Layout.LowStart))),
      stacks: new WebAssembly.Global({ value: 'i32' }, view.getUint32(State.Stacks, true)),
    },
  });
  return instance.exports as unknown as TranslatedExports;
}

function i64(value: bigint): WebAssembly.Global {
  return new WebAssembly.Global({ value: 'i64' }, BigInt.asIntN(64, value));
}
