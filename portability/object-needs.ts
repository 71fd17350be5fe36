/** Reads what an object needs out of the object alone: no kernel is asked. */
import { InputError } from '../bpf/input-error.ts';
import type { BpfFunction } from '../loader/functions.ts';
import { SLOT } from '../loader/insns.ts';
import { exceptionTags, type LinkContext, linkProgram } from '../loader/link.ts';
import { type ObjectFile, openObject } from '../loader/open.ts';
import { ProgType } from '../loader/prog-type.ts';
import { attachNeeds } from './attach-needs.ts';
import { codeNeeds } from './code-needs.ts';
import { CoreIndex } from './core-needs.ts';
import { externNeeds } from './extern-needs.ts';
import { Budget } from './function-flow.ts';
import { mapNeeds } from './map-needs.ts';
import { isCertain, type Need } from './need.ts';
import { NeedTable } from './need-table.ts';
import { compareReleases, type Release } from './release.ts';

/** Slots that all linked programs of an object may have together. */
const MAX_SLOTS = 4 << 20;
/** Relocations that they may have together. */
const MAX_RELOS = 1 << 20;
/** Some seconds; the largest of the kernel's selftests takes a hundredth of it. */
const MAX_STEPS = 40_000_000;

export interface ObjectNeeds {
  readonly file: string;
  readonly object: ObjectFile;
  readonly programs: readonly string[];
  readonly needs: readonly Need[];
}

/**
 * @param programs names of the programs to look at; all when absent.
 * @throws {InputError} with section and offset, for what is no object that could be loaded.
 */
export function readNeeds(bytes: Uint8Array, file: string, programs?: readonly string[]): ObjectNeeds {
  try {
    return collect(bytes, file, programs);
  } catch (cause) {
    if (!(cause instanceof InputError) || cause.file !== undefined) throw cause;
    throw new InputError(cause.reason, { file, section: cause.section, offset: cause.offset });
  }
}

function collect(bytes: Uint8Array, file: string, wanted: readonly string[] | undefined): ObjectNeeds {
  // A plain view: slices of node's Buffers would share their memory.
  const object = openObject(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), { file });
  const all = object.functions.all.filter((func) => !func.isSubprog);
  checkNames(all, wanted);
  const chosen = wanted ? all.filter(({ name }) => wanted.includes(name)) : all;
  const table = new NeedTable();
  const loaded = loadedOps(object);
  mapNeeds(table, object);
  externNeeds(table, object);
  const core = new CoreIndex(object);
  const context: LinkContext = {
    functions: object.functions,
    ext: object.ext,
    exceptions: exceptionTags(object.btf),
  };
  const budget = new Budget(MAX_STEPS);
  let slotsLeft = MAX_SLOTS;
  let relosLeft = MAX_RELOS;
  for (const func of chosen) {
    if (!func.def) continue;
    const program = { name: func.name, func, type: func.def.type };
    const isLoaded = func.def.type === ProgType.StructOps ? loaded.has(func) : func.autoload;
    attachNeeds(table, program, isLoaded);
    const code = linkProgram(context, func, slotsLeft);
    slotsLeft -= code.insns.bytes.length / SLOT;
    for (const part of code.parts) relosLeft -= core.of(part.func).length;
    if (relosLeft < 0) throw new InputError('the linked programs have too many CO-RE relocations');
    codeNeeds(table, { object, core, program, code, isLoaded, budget });
  }
  return { file, object, programs: chosen.map(({ name }) => name), needs: table.all() };
}

function checkNames(all: readonly BpfFunction[], wanted: readonly string[] = []): void {
  const names = new Set(all.map(({ name }) => name));
  const unknown = wanted.find((name) => !names.has(name));
  if (unknown === undefined) return;
  throw new InputError(`there is no program '${unknown}'; the object has ${[...names].join(', ') || 'none'}`);
}

/** Programs of struct_ops maps that are created. */
function loadedOps({ structOps }: ObjectFile): ReadonlySet<BpfFunction> {
  const created = structOps.filter(({ def }) => def.autocreate !== false);
  return new Set(created.flatMap(({ programs }) => [...programs.values()]));
}

/** The first release that has all that the object certainly needs and that a table of releases speaks of. */
export function oldestRelease(needs: readonly Need[]): Release | undefined {
  const releases = needs.filter(isCertain).flatMap(({ since }) => since ?? []);
  return releases.sort(compareReleases).at(-1);
}
