/**
 * CO-RE relocation: finds what the program's types are in the kernel and patches the instructions
 * accordingly. What cannot be found makes its instruction a call of a helper that does not exist, so that
 * only a program that reaches it is refused; what is ambiguous or malformed is an error.
 */
import { type Btf, BtfKind, type TypeId } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import { Class, Mode, Size, Source } from '../bpf/isa.ts';
import { CoreKind, type CoreRelo } from './btf-ext.ts';
import { essentialName, kindsCompatible, TooDeep, type TypeRef } from './core-match.ts';
import { BadSpec, type CoreSpec, matchSpec, parseSpec } from './core-spec.ts';
import { type CoreValue, coreValue } from './core-value.ts';
import type { Insns } from './insns.ts';
import { coreText, MISSING_TYPE } from './missing.ts';
import type { ModuleBtf } from './program.ts';

const MAX_OFFSET = 0x7fff;
/** Characters of a name in a message. */
const MAX_SHOWN = 200;

interface Resolution {
  /** Whether a type of the kernel has it. */
  found: boolean;
  original: CoreValue;
  /** undefined: poison */
  target: CoreValue | undefined;
  /** The load or store may not be given the target's size: signedness or kind differ. */
  sizeMismatch: boolean;
}

export class CoreRelocator {
  private readonly local: Btf;
  private readonly kernel: Btf | undefined;
  private readonly modules: readonly ModuleBtf[];
  private readonly candidates = new Map<TypeId, TypeRef[]>();

  constructor(local: Btf, kernel: Btf | undefined, modules: readonly ModuleBtf[]) {
    this.local = local;
    this.kernel = kernel;
    this.modules = modules;
  }

  /**
   * Patches instruction `index` of a function. The result names the relocation when the kernel has nothing for it.
   * @throws {InputError} saying why it cannot be relocated.
   */
  apply(insns: Insns, index: number, relo: CoreRelo): string | undefined {
    return this.guarded(relo, () =>
      patch(insns, index, this.resolve(relo)) ? undefined : coreText(this.local, relo),
    );
  }

  /**
   * Whether the kernel has what a relocation speaks of; what the program makes of the answer is its own matter.
   * @throws {InputError} saying why that cannot be told.
   */
  has(relo: CoreRelo): boolean {
    return this.guarded(relo, () => this.resolve(relo).found);
  }

  private guarded<T>(relo: CoreRelo, step: () => T): T {
    try {
      return step();
    } catch (cause) {
      if (cause instanceof BadSpec || cause instanceof TooDeep) throw this.describe(relo, cause.message);
      if (cause instanceof InputError) throw this.describe(relo, cause.message);
      throw cause;
    }
  }

  private resolve(relo: CoreRelo): Resolution {
    const { kind, typeId } = relo;
    const local = parseSpec(this.local, kind, typeId, this.local.string(relo.accessOffset));
    if (kind === CoreKind.TypeIdLocal) {
      const value = { value: BigInt(typeId), size: 0, typeId: 0, validate: false };
      return { found: true, original: value, target: value, sizeMismatch: false };
    }
    if (this.local.name(typeId) === '') throw new BadSpec('the type is anonymous');
    const candidates = this.findCandidates(typeId);
    const matching: TypeRef[] = [];
    let first: { spec: CoreSpec; resolution: Resolution } | undefined;
    for (const candidate of candidates) {
      const spec = matchSpec(local, kind, candidate);
      if (!spec) continue;
      const resolution = this.calculate(kind, local, spec);
      if (first) checkUnambiguous(first, { spec, resolution });
      else first = { spec, resolution };
      matching.push(candidate);
    }
    // What did not have this field is not looked at again for other fields of the same type.
    if (matching.length > 0) this.candidates.set(typeId, matching);
    return first?.resolution ?? this.calculate(kind, local, undefined);
  }

  private calculate(kind: CoreKind, local: CoreSpec, spec: CoreSpec | undefined): Resolution {
    const original = coreValue(kind, local) as CoreValue;
    const target = coreValue(kind, spec);
    return {
      found: spec !== undefined,
      original,
      target,
      sizeMismatch: !!target && !!spec && !canResize(local.btf, original, spec.btf, target),
    };
  }

  private findCandidates(typeId: TypeId): TypeRef[] {
    const known = this.candidates.get(typeId);
    if (known) return known;
    if (!this.kernel) throw new BadSpec('CO-RE relocations need the BTF of a kernel, and none is given');
    const name = essentialName(this.local.name(typeId));
    const kind = this.local.kind(typeId);
    let found = search(this.kernel, name, kind);
    if (found.length === 0) {
      found = this.modules.flatMap((module) => search(module.btf, name, kind, module.btf.firstId));
    }
    this.candidates.set(typeId, found);
    return found;
  }

  private describe(relo: CoreRelo, reason: string): InputError {
    let what = `type ${relo.typeId}`;
    try {
      const [name, access] = [this.local.name(relo.typeId), this.local.string(relo.accessOffset)];
      what = `${name.slice(0, MAX_SHOWN) || '<anon>'} + "${access.slice(0, MAX_SHOWN)}"`;
    } catch {
      // the record's own ids are out of range: the number alone must do
    }
    return new InputError(`CO-RE relocation of ${what} (kind ${relo.kind}): ${reason}`);
  }
}

function search(btf: Btf, name: string, kind: BtfKind, from: TypeId = 1): TypeRef[] {
  return btf
    .idsLike(name)
    .filter((id) => id >= from && kindsCompatible(btf.kind(id), kind) && essentialName(btf.name(id)) === name)
    .map((id) => ({ btf, id }));
}

interface Outcome {
  spec: CoreSpec;
  resolution: Resolution;
}

function checkUnambiguous(first: Outcome, other: Outcome): void {
  if (first.spec.bitOffset !== other.spec.bitOffset) {
    throw new BadSpec(
      `field offset ambiguity: bit ${other.spec.bitOffset} in one type, bit ${first.spec.bitOffset} in another`,
    );
  }
  const [a, b] = [first.resolution.target, other.resolution.target];
  if (a?.value !== b?.value) {
    throw new BadSpec(`relocation decision ambiguity: ${b?.value ?? 'none'} or ${a?.value ?? 'none'}`);
  }
}

/**
 * Loads of pointers and of unsigned integers may change their width: zero extension keeps the value. Anything
 * else of another size would be read wrongly.
 */
function canResize(local: Btf, original: CoreValue, kernel: Btf, target: CoreValue): boolean {
  if (original.size === target.size) return true;
  const a = local.type(original.typeId);
  const b = kernel.type(target.typeId);
  if (a.kind === BtfKind.Ptr && b.kind === BtfKind.Ptr) return true;
  const signed = 1;
  return a.kind === BtfKind.Int && b.kind === BtfKind.Int && a.encoding !== signed && b.encoding !== signed;
}

/** Whether there was something to patch the instruction with. */
function patch(insns: Insns, index: number, resolution: Resolution): boolean {
  const code = insns.code(index);
  switch (code & Class.Mask) {
    case Class.Alu:
    case Class.Alu64:
      if ((code & Source.X) !== Source.K) break;
      return patchImmediate(insns, index, resolution);
    case Class.Ldx:
    case Class.St:
    case Class.Stx:
      return patchMemory(insns, index, resolution);
    case Class.Ld:
      return patchLdImm64(insns, index, resolution);
  }
  throw new BadSpec(`the instruction (opcode 0x${code.toString(16)}) cannot be relocated`);
}

function patchImmediate(insns: Insns, index: number, { original, target }: Resolution): boolean {
  if (!target) return leaveCall(insns, index);
  checkExpected(original, BigInt(insns.imm(index)), 'immediate');
  insns.setImm(index, Number(BigInt.asIntN(32, target.value)));
  return true;
}

function patchMemory(insns: Insns, index: number, resolution: Resolution): boolean {
  const { original, target, sizeMismatch } = resolution;
  if (!target) return leaveCall(insns, index);
  checkExpected(original, BigInt(insns.offset(index)), 'offset');
  if (target.value > MAX_OFFSET) throw new BadSpec(`offset ${target.value} does not fit the instruction`);
  if (sizeMismatch) return leaveCall(insns, index);
  insns.setOffset(index, Number(target.value));
  if (original.size === target.size) return true;
  const code = insns.code(index);
  if (accessBytes(code) !== original.size) {
    throw new BadSpec(`the access is ${accessBytes(code)} bytes wide, the field ${original.size}`);
  }
  const width = sizeBits(target.size);
  if (width === undefined) throw new BadSpec(`the kernel's field is ${target.size} bytes wide`);
  insns.setCode(index, (code & ~Size.Mask) | width);
  return true;
}

function patchLdImm64(insns: Insns, index: number, { original, target }: Resolution): boolean {
  const second = index + 1;
  if (
    insns.code(index) !== (Class.Ld | Mode.Imm | Size.Dw) ||
    insns.src(index) !== 0 ||
    insns.offset(index) !== 0 ||
    insns.code(second) !== 0 ||
    insns.dst(second) !== 0 ||
    insns.src(second) !== 0 ||
    insns.offset(second) !== 0
  ) {
    throw new BadSpec('the 64-bit load has an unexpected form');
  }
  if (!target) {
    leaveCall(insns, second);
    return leaveCall(insns, index);
  }
  const imm = (BigInt(insns.imm(second)) << 32n) | BigInt(insns.imm(index) >>> 0);
  checkExpected(original, imm, 'immediate');
  insns.setImm(index, Number(BigInt.asIntN(32, target.value)));
  insns.setImm(second, Number(BigInt.asIntN(32, target.value >> 32n)));
  return true;
}

/** There is nothing for the instruction. */
function leaveCall(insns: Insns, index: number): false {
  insns.poison(index, MISSING_TYPE);
  return false;
}

function checkExpected(original: CoreValue, found: bigint, what: string): void {
  if (original.validate && BigInt.asUintN(64, found) !== original.value) {
    throw new BadSpec(`the instruction's ${what} is ${found}, ${original.value} was expected`);
  }
}

function accessBytes(code: number): number {
  switch (code & Size.Mask) {
    case Size.W:
      return 4;
    case Size.H:
      return 2;
    case Size.B:
      return 1;
    default:
      return 8;
  }
}

function sizeBits(bytes: number): Size | undefined {
  return new Map<number, Size>([
    [8, Size.Dw],
    [4, Size.W],
    [2, Size.H],
    [1, Size.B],
  ]).get(bytes);
}
