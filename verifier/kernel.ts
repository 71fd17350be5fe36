/** The kernel whose answers are wanted: its types and its tables. */
import { Btf, BtfKind } from '../bpf/btf.ts';
import type { ProgramFacts } from '../kernel-model/program-facts.ts';
import type { VerifierData } from '../kernel-model/verifier-data.ts';
import type { LoadRequest, TargetProgram } from './load-request.ts';

export interface KernelOptions {
  /** vmlinux BTF. */
  btf: Btf;
  data: VerifierData;
  /** Split BTF of loaded modules, by name. */
  modules?: ReadonlyMap<string, Uint8Array>;
}

/** The part of a request that facts are made of. */
export type FactsRequest = Pick<
  LoadRequest,
  'progType' | 'expectedAttachType' | 'progFlags' | 'caps' | 'attachBtfId' | 'attachBtf' | 'target'
>;

const PROG_TYPE_EXT = 28;
const PROG_TYPE_STRUCT_OPS = 27;
const PROG_SLEEPABLE = 16;

export class VerifierKernel {
  readonly btf: Btf;
  readonly data: VerifierData;
  readonly modules: ReadonlyMap<string, Uint8Array>;
  private readonly opened = new Map<string, Btf>();

  constructor(options: KernelOptions) {
    this.btf = options.btf;
    this.data = options.data;
    this.modules = options.modules ?? new Map();
  }

  /** BTF of a module; undefined when it is not loaded. */
  moduleBtf(name: string): Btf | undefined {
    const known = this.opened.get(name);
    if (known) return known;
    const bytes = this.modules.get(name);
    if (!bytes) return undefined;
    const btf = Btf.parse(bytes, { base: this.btf, file: name });
    this.opened.set(name, btf);
    return btf;
  }

  /** What the tables ask about a program. */
  facts(request: FactsRequest): ProgramFacts {
    const { progType, caps } = request;
    const attachType = this.data.programs.effectiveAttachType(progType, request.expectedAttachType);
    const facts: ProgramFacts = {
      progType,
      resolvedType: progType,
      attachType,
      caps,
      sleepable: (request.progFlags & PROG_SLEEPABLE) !== 0,
    };
    if (request.target) return this.attachedFacts(facts, request.target);
    const btf = request.attachBtf ? this.moduleBtf(request.attachBtf) : this.btf;
    if (!btf || request.attachBtfId === 0 || request.attachBtfId >= btf.typeCount) return facts;
    const target = btf.type(request.attachBtfId);
    if (progType === PROG_TYPE_STRUCT_OPS && target.kind === BtfKind.Struct) {
      const callback = target.members[request.expectedAttachType];
      const structOps = { struct: target.name, member: callback?.name ?? '' };
      const isVoid = callback !== undefined && isVoidCallback(btf, callback.type);
      return { ...facts, attachTarget: target.name, structOps, ...(isVoid ? { voidTarget: true } : {}) };
    }
    const returnsNothing = target.kind === BtfKind.Func && btf.type(target.type).type === 0;
    return { ...facts, attachTarget: target.name, ...(returnsNothing ? { voidTarget: true } : {}) };
  }

  /** A replacement is held to the rules of the program it replaces a part of. */
  private attachedFacts(facts: ProgramFacts, target: TargetProgram): ProgramFacts {
    if (facts.progType !== PROG_TYPE_EXT) return { ...facts, ofProgram: true };
    const { progType, expectedAttachType } = target;
    const attachType = this.data.programs.effectiveAttachType(progType, expectedAttachType);
    return { ...facts, ofProgram: true, resolvedType: progType, attachType };
  }
}

/** Whether a member is a pointer to a function that returns nothing. */
function isVoidCallback(btf: Btf, member: number): boolean {
  const pointer = btf.type(member);
  if (pointer.kind !== BtfKind.Ptr) return false;
  const proto = btf.type(pointer.type);
  return proto.kind === BtfKind.FuncProto && proto.type === 0;
}
