/** Which helpers and kernel functions a program may call, where a profile has the tables that tell. */
import type { Btf } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import type { ProgramFacts } from '../kernel-model/program-facts.ts';
import type { VerifierData } from '../kernel-model/verifier-data.ts';
import { expectedAttachType, findAttachTarget } from '../loader/attach.ts';
import type { BpfFunction } from '../loader/functions.ts';
import type { ObjectFile } from '../loader/open.ts';
import { ProgType } from '../loader/prog-type.ts';
import type { LoadOptions } from '../loader/program.ts';
import { resolveStructOps, type StructOpsTarget } from '../loader/struct-ops.ts';
import { VerifierKernel } from '../verifier/kernel.ts';
import { type Answer, YES } from './kernel.ts';
import type { ProgramUse } from './need.ts';

/** All capabilities: what a task without them may do is another question. */
const ROOT = 15;
const EXISTS: Answer = { has: 'exists' };

export class ProgramRules {
  private readonly data: VerifierData | undefined;
  private readonly vmlinux: Btf;
  private readonly options: LoadOptions;
  private readonly object: ObjectFile;
  private readonly facts = new Map<BpfFunction, ProgramFacts | undefined>();
  private readonly modules: ReadonlySet<string>;
  private structOps: ReadonlyMap<BpfFunction, StructOpsTarget> | undefined;

  constructor(data: VerifierData | undefined, vmlinux: Btf, options: LoadOptions, object: ObjectFile) {
    this.data = data;
    this.vmlinux = vmlinux;
    this.options = options;
    this.object = object;
    this.modules = new Set([...(data?.kfuncs.all() ?? [])].map(({ module }) => module));
  }

  helper(id: number, program: ProgramUse): Answer {
    const facts = this.factsOf(program);
    if (!this.data || !facts) return EXISTS;
    return this.data.helperProto(id, facts) ? YES : BARRED;
  }

  /** @param module VMLINUX or the module that has it. */
  kfunc(module: string, name: string, program: ProgramUse): Answer {
    const facts = this.factsOf(program);
    if (!this.data || !facts || !this.modules.has(module)) return EXISTS;
    return this.data.kfuncs.flagsFor(module, name, facts) === undefined ? BARRED : YES;
  }

  /** Undefined where it is not known what the program attaches to, which its rights may depend on. */
  private factsOf({ func }: ProgramUse): ProgramFacts | undefined {
    if (!this.facts.has(func)) this.facts.set(func, this.makeFacts(func));
    return this.facts.get(func);
  }

  private makeFacts(func: BpfFunction): ProgramFacts | undefined {
    const { def } = func;
    if (!this.data || !def || def.type === ProgType.Ext) return undefined;
    const target = this.target(func);
    if (!target && (def.attachBtf || def.type === ProgType.StructOps)) return undefined;
    const kernel = new VerifierKernel({ btf: this.vmlinux, data: this.data, modules: this.moduleBtfs() });
    return kernel.facts({
      progType: def.type,
      expectedAttachType: target?.member ?? expectedAttachType({ def }, this.options),
      progFlags: def.flags,
      caps: ROOT,
      attachBtfId: target?.btfId ?? 0,
      ...(target?.module ? { attachBtf: target.module } : {}),
    });
  }

  private moduleBtfs(): ReadonlyMap<string, Uint8Array> {
    return new Map((this.options.modules ?? []).map(({ name, btf }) => [name, btf.bytes]));
  }

  private target(func: BpfFunction): Target | undefined {
    if (func.def?.type === ProgType.StructOps) {
      const ops = this.structOpsTargets().get(func);
      return ops && { btfId: ops.typeId, member: ops.member, module: ops.module };
    }
    return expected(() => findAttachTarget(func, this.options));
  }

  private structOpsTargets(): ReadonlyMap<BpfFunction, StructOpsTarget> {
    if (this.structOps) return this.structOps;
    const targets = new Map<BpfFunction, StructOpsTarget>();
    const { btf, structOps } = this.object;
    for (const ops of btf ? structOps : []) {
      const copy = { ...ops, def: { ...ops.def } };
      expected(() => btf && resolveStructOps(copy, btf, this.options, { targets, errors: new Map() }));
    }
    this.structOps = targets;
    return targets;
  }
}

interface Target {
  readonly btfId: number;
  readonly module?: string;
  readonly member?: number;
}

const BARRED: Answer = { has: 'no', note: 'programs of this type may not call it' };

/** Undefined where the kernel does not have it: that is said elsewhere. */
function expected<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch (cause) {
    if (cause instanceof InputError) return undefined;
    throw cause;
  }
}
