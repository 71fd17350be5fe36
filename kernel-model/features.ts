/**
 * How a kernel's verifier works where its tables do not tell: features.json, a named switch for each thing that some
 * kernels do and others do not. A switch is on where the kernel does as Linux 6.12; the release behind each is the
 * first with it.
 */
import { InputError } from '../bpf/input-error.ts';
import type { JsonValue } from './json-value.ts';

/** All switches, in the order of the bits that the verifier's core gets them in (verifier/feature-abi.ts). */
export const FEATURES = [
  /** BTF pointers are trusted, untrusted or neither (6.2). Before, all but those marked as untrusted may be passed on. */
  'trustedPointers',
  /** A callback is verified as running any number of times (6.7). Before, as running once. */
  'repeatedCallbacks',
  /** Ranges sharpen each other in rounds, also those of two compared registers (6.8). Before, only constants do. */
  'mutualBounds',
  /** Signed bounds of and, or, xor follow from the unsigned ones (6.10). Before, from the operands' signs. */
  'bitwiseSigns',
  /** or, xor and mul with an operand that is not constant keep a range (6.10). */
  'variableOperands',
  /** A mask over a register that is 0 or -1 is followed for each of the two. */
  'forkedMasks',
  /** Ranges whose views contradict each other are noticed (6.8). */
  'invariants',
  /** Copies of a scalar are linked by narrow moves, spills and constant additions too (6.8 to 6.11). */
  'widerLinks',
  /** Links between scalars are compared when states are (6.5). */
  'comparedLinks',
  /** Precision is looked for across calls and through spills by any register (6.5 to 6.8). Before, in one frame. */
  'trackedSpills',
  /** States in an endless loop are equal to the letter, and long paths are cut by states (6.7, 6.12). Before, one
   * state of a loop covers the other. */
  'exactLoops',
  /** Global functions are verified after the program, and only those that are called (6.8). Before, all of them first. */
  'calledGlobals',
  /** Tags on the parameters of global functions count (6.8). */
  'argumentTags',
  /** Dynptrs on the stack have fixed places, die when they are overwritten, and take their slices along (6.3). */
  'guardedDynptrs',
  /** The attach target is looked at behind the control flow (6.12). Before, ahead of the instructions. */
  'lateAttach',
  /** A returned value counts as precise, and is held to its range by its bounds (6.8). Before, by its known bits. */
  'boundedReturns',
  /** Errors have numbers of their own (6.3 to 6.12). Before, those of locks, timers and kptrs in arguments are EACCES,
   * and too many branches are EFAULT. */
  'specificErrnos',
  /** Special fields are looked for in structs and arrays within the value too (6.12). */
  'nestedFields',
  /** Programs allocate objects with fields of their own, which can be in lists and trees (6.2). */
  'ownObjects',
  /** The tag "kptr" stands for a pointer with a reference (6.4). Before, for one without, and "kptr_ref" for it. */
  'owningKptrs',
  /** Any edge of the control flow may close a loop (6.8). Before, that of a jump. */
  'anyLoops',
  /** The number of the CPU has a range (6.9). */
  'cpuNumbers',
  /** A pointer that is equal to one that is not null is not null itself (6.3). */
  'equalPointers',
  /** Pointers to plain memory, buffers and trusted objects are known not to be NULL (6.4, 6.5). */
  'nonNullPointers',
  /** Structs of the kernel are read with CAP_PERFMON and under a licence that is compatible with the GPL (6.3). */
  'structPermissions',
  /** ld_imm64 takes the address of a kernel function (6.3). Before, of variables only. */
  'functionSymbols',
  /** Stacks are counted in units of 16 bytes where programs are compiled (6.6). Before, of 32. */
  'fineStackDepth',
  /** Pointers that a tracepoint may be handed as NULL are known, those of modules may all be (6.13). */
  'nullTracepointArgs',
  /** Global functions and tail calls may move the packet (6.13). */
  'packetEffects',
  /** Immediates can be stored into the context (6.3). */
  'ctxImmediates',
  /** Functions of the program may be called, and left, while a lock is held (6.9). */
  'callsUnderLock',
  /** What an argument of a kfunc has to be is told by its parameter (6.2). Before, by the register that is given. */
  'typedKfuncArgs',
  /** Messages name functions, and ranges by their ends (6.8, 6.12). */
  'namedMessages',
  /** Pointers among the arguments of a kernel function are read whole (6.15). Before, a part gives the pointer, too. */
  'wholePointerArgs',
] as const;

export type FeatureName = (typeof FEATURES)[number];

export class Features {
  /** Release up to which the kernel has all instructions, "6.12". */
  readonly instructions: string;
  /** Names of instruction forms that were taken over from later releases. */
  readonly later: ReadonlySet<string>;
  private readonly on: ReadonlySet<FeatureName>;

  private constructor(instructions: string, later: ReadonlySet<string>, on: ReadonlySet<FeatureName>) {
    this.instructions = instructions;
    this.later = later;
    this.on = on;
  }

  /** Every switch must be there, and nothing else. @throws {InputError} that names the switch. */
  static parse(json: JsonValue): Features {
    json.fields('source', 'instructions', 'later', 'features');
    const features = json.get('features').fields(...FEATURES);
    const instructions = json.get('instructions').string();
    if (!/^\d+\.\d+$/.test(instructions)) throw json.error(`"${instructions}" is no release`);
    const later = new Set(json.find('later')?.strings() ?? []);
    return new Features(
      instructions,
      later,
      new Set(FEATURES.filter((name) => features.get(name).boolean())),
    );
  }

  /** The same with more switches on. */
  with(names: readonly FeatureName[]): Features {
    return new Features(this.instructions, this.later, new Set([...this.on, ...names]));
  }

  has(name: FeatureName): boolean {
    return this.on.has(name);
  }

  /** Whether the kernel has an instruction form that came with a release; "" never came. */
  hasInstruction(name: string, since: string): boolean {
    if (this.later.has(name)) return true;
    if (since === '') return false;
    const [major, minor] = release(since);
    const [ownMajor, ownMinor] = release(this.instructions);
    return major < ownMajor || (major === ownMajor && minor <= ownMinor);
  }

  /** A bit for each switch that is on, the first of the list lowest. */
  get bits(): bigint {
    return FEATURES.reduce((sum, name, bit) => (this.on.has(name) ? sum | (1n << BigInt(bit)) : sum), 0n);
  }
}

function release(text: string): [major: number, minor: number] {
  const [major, minor] = text.split('.').map(Number);
  if (major === undefined || minor === undefined) throw new InputError(`"${text}" is no release`);
  return [major, minor];
}
