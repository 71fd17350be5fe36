/** A kernel with a profile: its types, and whatever tables the profile has. */

import { BtfKind, isEnum } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import { VMLINUX } from '../kernel-model/kfunc-table.ts';
import type { KernelProfile } from '../kernel-model/profile.ts';
import type { SymbolNames } from '../kernel-model/symbol-names.ts';
import type { VerifierData } from '../kernel-model/verifier-data.ts';
import { btfTargetName, findAttachTarget } from '../loader/attach.ts';
import { essentialName } from '../loader/core-match.ts';
import { CoreRelocator } from '../loader/core-relo.ts';
import type { Extern } from '../loader/externs.ts';
import type { BpfFunction } from '../loader/functions.ts';
import { Insns, SLOT } from '../loader/insns.ts';
import { AttachType } from '../loader/prog-type.ts';
import type { LoadOptions } from '../loader/program.ts';
import { ExternResolver } from '../loader/resolve.ts';
import { resolveStructOps, type StructOps, valueStructName } from '../loader/struct-ops.ts';
import { mapFlagSince } from './first-releases.ts';
import { type Answer, byRelease, type Kernel, type Questions, UNKNOWN, YES } from './kernel.ts';
import { KernelTypes } from './kernel-types.ts';
import { isModuleKfunc } from './module-kfuncs.ts';
import type { AskedRelo, Need, ProgramUse, Use } from './need.ts';
import type { ObjectNeeds } from './object-needs.ts';
import { ProgramRules } from './program-rules.ts';
import { type Release, releaseOf } from './release.ts';

/** What a profile holds; tables that it does not have are absent. */
export interface ProfileTables {
  readonly name: string;
  readonly profile: KernelProfile;
  /** For the loader: the profile's modules, and the series' overlay where it is wanted. */
  readonly options: LoadOptions;
  /** Names of helpers that only this kernel has, by number. */
  readonly helpers: { readonly [id: string]: string };
  readonly data?: VerifierData;
  readonly symbols?: SymbolNames;
  readonly hasConfig: boolean;
  /** Whether the profile has the types of the modules whose functions programs may call. */
  readonly hasModules: boolean;
  /** Whether some kernel has the name in itself, so that it is no module's. */
  readonly isOwn: (name: string, ...kinds: BtfKind[]) => boolean;
}

/** A name that may be a module's, of which profiles do not have all. */
interface Doubt {
  readonly name: string;
  readonly kinds: readonly BtfKind[];
}

export class ProfileKernel implements Kernel {
  readonly name: string;
  private readonly tables: ProfileTables;
  private readonly types: KernelTypes;

  constructor(tables: ProfileTables) {
    this.name = tables.name;
    this.tables = tables;
    this.types = new KernelTypes(tables.profile.vmlinux);
  }

  ask(object: ObjectNeeds): Questions {
    return new ProfileQuestions(this.tables, this.types, object);
  }
}

class ProfileQuestions implements Questions {
  private readonly tables: ProfileTables;
  private readonly types: KernelTypes;
  private readonly object: ObjectNeeds['object'];
  private readonly release: Release;
  private readonly rules: ProgramRules;
  private readonly relocator: CoreRelocator | undefined;
  private readonly externs = new Map<Extern, FoundExtern>();

  constructor(tables: ProfileTables, types: KernelTypes, { object }: ObjectNeeds) {
    const { options, profile } = tables;
    this.tables = tables;
    this.types = types;
    this.object = object;
    this.release = releaseOf(profile.dialect.versionCode);
    this.rules = new ProgramRules(tables.data, profile.vmlinux, options, object);
    this.relocator = object.btf && new CoreRelocator(object.btf, options.kernelBtf, options.modules ?? []);
  }

  answer(need: Need, use: Use): Answer {
    const { subject, since } = need;
    switch (subject.kind) {
      case 'program-type':
        return this.numbered('bpf_prog_type', subject.number, since, this.tables.data?.loadable);
      case 'attach-type':
        return this.numbered('bpf_attach_type', subject.number, since, ANY_NUMBER);
      case 'map-type':
        return this.numbered('bpf_map_type', subject.number, since, this.tables.data?.maps.types);
      case 'map-flag':
        return this.mapFlag(subject.bit, since);
      case 'program-flag':
        return byRelease(since, this.release);
      case 'instruction':
        return since === undefined
          ? { has: 'no', note: 'Linux takes no such instruction' }
          : byRelease(since, this.release);
      case 'helper':
        return this.helper(subject.number, need, use);
      case 'kfunc':
      case 'ksym':
      case 'kconfig':
        return this.extern(subject.extern, subject.kind === 'kfunc' ? use.program : undefined);
      case 'attach-target':
        return this.attachTarget(use.program);
      case 'struct-ops':
        return this.structOps(subject.ops, use.program);
      default:
        return this.relocations(subject.asked);
    }
  }

  /** @param allowed numbers that are compiled in; undefined where the profile does not tell. */
  private numbered(
    enumName: string,
    number: number,
    since: Release | undefined,
    allowed: { has(number: number): boolean } | undefined,
  ): Answer {
    if (!this.types.isWhole) return existing(byRelease(since, this.release));
    if (!this.types.names(enumName).has(number)) return { has: 'no', note: 'not in its types' };
    if (!allowed) return { has: 'exists' };
    return allowed.has(number) ? YES : { has: 'no', note: 'not compiled in' };
  }

  private mapFlag(bit: number, since: Release | undefined): Answer {
    const name = mapFlagSince(bit)?.name;
    const isKnown = name !== undefined && this.types.hasConstant(`BPF_F_${name.toUpperCase()}`);
    return isKnown ? YES : byRelease(since, this.release);
  }

  private helper(id: number, need: Need, { program }: Use): Answer {
    const own = this.tables.helpers[id];
    if (own !== undefined)
      return own === need.name || need.name.endsWith(`#${id}`)
        ? YES
        : { has: 'no', note: `its helper ${id} is ${own}` };
    const exists = this.numbered('bpf_func_id', id, need.since, undefined);
    if (exists.has !== 'exists' || !program) return exists;
    return this.rules.helper(id, program);
  }

  private relocations(asked: readonly AskedRelo[]): Answer {
    const certain = asked.filter(({ isCertain }) => isCertain);
    for (const each of certain.length > 0 ? certain : asked) {
      const answer = this.relocation(each);
      if (answer.has !== 'yes') return answer;
    }
    return YES;
  }

  private relocation({ func, insn, relo }: AskedRelo): Answer {
    const { relocator } = this;
    if (!relocator) return UNKNOWN;
    const at = insn * SLOT;
    // Two slots: the second half of a 64-bit load is patched too.
    const insns = new Insns(func.insns.bytes.slice(at, at + 2 * SLOT));
    return this.byTypes(() => {
      if (insns.isLdImm64(0) && insns.count < 2) throw new InputError('a 64-bit load lacks its second half');
      return relocator.apply(insns, 0, relo) === undefined && relocator.has(relo);
    }, this.rootOf(relo.typeId));
  }

  private rootOf(typeId: number): Doubt | undefined {
    const { btf } = this.object;
    if (!btf || typeId >= btf.typeCount) return undefined;
    const kind = btf.kind(typeId);
    const kinds = isEnum(kind) ? [BtfKind.Enum, BtfKind.Enum64] : [kind];
    return { name: essentialName(btf.name(typeId)), kinds };
  }

  /** @param caller the program that calls it. */
  private extern(extern: Extern, caller: ProgramUse | undefined): Answer {
    const found = this.externs.get(extern) ?? this.findExtern(extern);
    this.externs.set(extern, found);
    if (found.answer.has !== 'yes' || !caller) return found.answer;
    const allowed = this.rules.kfunc(found.module, essentialName(extern.name), caller);
    return allowed.has === 'yes' ? found.answer : allowed;
  }

  private findExtern(extern: Extern): FoundExtern {
    const { btf } = this.object;
    if (!btf) return { answer: UNKNOWN, module: VMLINUX };
    if (!this.canTell(extern)) return { answer: UNKNOWN, module: VMLINUX };
    const resolver = new ExternResolver(btf, this.tables.options);
    let module = VMLINUX;
    const answer = this.byTypes(() => {
      const kconfig = new Uint8Array(
        this.object.maps.entries[this.object.maps.kconfig]?.def.data?.length ?? 0,
      );
      const [resolved] = resolver.resolveAll([extern], kconfig);
      module = resolver.modules[resolved?.module ?? 0] ?? VMLINUX;
      return resolved?.found === true;
    }, this.externDoubt(extern));
    return { answer: module === VMLINUX ? answer : { ...answer, note: `in module ${module}` }, module };
  }

  private externDoubt(extern: Extern): Doubt | undefined {
    if (extern.kind === 'kconfig') return undefined;
    const name = essentialName(extern.name);
    if (!extern.isFunc) return { name, kinds: [BtfKind.Var, BtfKind.Func] };
    return isModuleKfunc(name) && !this.tables.hasModules ? { name, kinds: [BtfKind.Func] } : undefined;
  }

  private canTell(extern: Extern): boolean {
    const { hasConfig, symbols } = this.tables;
    if (extern.kind === 'kconfig') return hasConfig || !extern.name.startsWith('CONFIG_');
    return extern.typeId !== 0 || symbols !== undefined;
  }

  /** A member that the kernel lacks stops the program that implements it, and not the map. */
  private structOps(ops: StructOps, program: ProgramUse | undefined): Answer {
    const { btf } = this.object;
    if (!btf) return UNKNOWN;
    return this.byTypes(
      () => {
        const errors = new Map<BpfFunction, string>();
        // The loader writes the kernel's side into the definition.
        const copy = { ...ops, def: { ...ops.def } };
        resolveStructOps(copy, btf, this.tables.options, { targets: new Map(), errors });
        const reason = program && errors.get(program.func);
        if (reason !== undefined) throw new InputError(reason);
        return true;
      },
      { name: valueStructName(ops), kinds: [BtfKind.Struct] },
    );
  }

  private attachTarget(program: ProgramUse | undefined): Answer {
    if (!program?.func.def) return UNKNOWN;
    if (!program.func.def.attachBtf) return this.hook(program.func.sectionName);
    const doubt = attachDoubt(program.func);
    return this.byTypes(() => findAttachTarget(program.func, this.tables.options) !== undefined, doubt);
  }

  /** A kprobe's function, or a tracepoint: modules that the profile does not have may have it. */
  private hook(section: string): Answer {
    const [group = '', ...rest] = section.split('/');
    const name = rest.at(-1)?.split('+')[0] ?? '';
    const { vmlinux } = this.tables.profile;
    if (group.includes('tp') || group.includes('tracepoint')) {
      return vmlinux.find(`btf_trace_${name}`, BtfKind.Typedef) === 0 ? UNKNOWN : YES;
    }
    const isFound = this.tables.symbols
      ? this.tables.symbols.find(name) !== undefined
      : vmlinux.find(name, BtfKind.Func) !== 0;
    return isFound ? YES : UNKNOWN;
  }

  /**
   * What the loader finds, or why it does not. Types that are not whole say "no" to nothing.
   * @param doubt what would have to be the kernel's own for its lack to be sure.
   */
  private byTypes(find: () => boolean, doubt?: Doubt): Answer {
    try {
      return find() ? YES : this.no(doubt);
    } catch (cause) {
      if (cause instanceof InputError) return this.no(doubt, cause.reason.replace(SUBJECT, ''));
      throw cause;
    }
  }

  private no(doubt: Doubt | undefined, note?: string): Answer {
    if (!this.types.isWhole) return UNKNOWN;
    if (doubt && !this.tables.isOwn(doubt.name, ...doubt.kinds)) return MODULE;
    return note === undefined ? { has: 'no' } : { has: 'no', note };
  }
}

interface FoundExtern {
  readonly answer: Answer;
  readonly module: string;
}

/** How the loader's messages begin: what they are about stands beside them here. */
const SUBJECT =
  /^(extern( \([a-z ]+\))? |prog |CO-RE relocation of |struct_ops init_kern)('[^']*'|[^:]*\(kind \d+\))?(: | )/;

const MODULE: Answer = { has: 'unknown', note: 'not in the kernel itself; a module may have it' };

/** For numbers that no configuration takes out. */
const ANY_NUMBER = { has: () => true };

function existing(answer: Answer): Answer {
  return answer.has === 'yes' ? { has: 'exists' } : answer;
}

/** Hooks of security modules and targets of iterators are the kernel's own; functions and tracepoints may be a module's. */
function attachDoubt({ def, sectionName }: BpfFunction): Doubt | undefined {
  const type = def?.attachType ?? AttachType.None;
  if (type === AttachType.LsmMac || type === AttachType.LsmCgroup || type === AttachType.TraceIter)
    return undefined;
  const target = sectionName.slice(sectionName.indexOf('/') + 1);
  const { name, kind } = btfTargetName(type, target.slice(target.indexOf(':') + 1));
  return { name, kinds: [kind] };
}
