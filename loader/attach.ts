/** What a program attaches to, when that has a BTF id: functions, trace points, LSM hooks, iterators, programs. */
import { BtfKind } from '../bpf/btf.ts';
import { Errno } from '../bpf/errno.ts';
import { InputError } from '../bpf/input-error.ts';
import type { BpfFunction } from './functions.ts';
import { AttachType, ProgType } from './prog-type.ts';
import type { AttachTarget, LoadOptions, ModuleBtf, ProgramTarget } from './program.ts';

/** The BTF name of a target is at most this long, prefix included. */
const MAX_NAME = 127;
const NO_TARGET = 'no BTF-based attach target is specified, use bpf_program__set_attach_target()';

/** How the kernel names in BTF what a program of this attach type attaches to. */
export function btfTargetName(attachType: AttachType, name: string): { name: string; kind: BtfKind } {
  switch (attachType) {
    case AttachType.TraceRawTp:
      return { name: `btf_trace_${name}`, kind: BtfKind.Typedef };
    case AttachType.LsmMac:
    case AttachType.LsmCgroup:
      return { name: `bpf_lsm_${name}`, kind: BtfKind.Func };
    case AttachType.TraceIter:
      return { name: `bpf_iter_${name}`, kind: BtfKind.Func };
    default:
      return { name, kind: BtfKind.Func };
  }
}

/** What is asked of a program to find what it attaches to. */
export type AttachingFunction = Pick<BpfFunction, 'name' | 'sectionName' | 'def'>;

/** What the section name has behind its first "/". */
function sectionTarget({ sectionName }: AttachingFunction): string | undefined {
  const slash = sectionName.indexOf('/');
  return slash < 0 ? undefined : sectionName.slice(slash + 1);
}

/** A function of another program, found in that program's BTF. @param fail gives errors their context. */
function findInProgram(
  { object, program, func }: ProgramTarget,
  named: string | undefined,
  fail: (reason: string) => InputError,
): AttachTarget {
  const name = func ?? named;
  if (name === undefined) throw fail(NO_TARGET);
  const failed = `failed to find BPF program BTF ID for '${name}'`;
  if (!object.btf) throw fail(`${failed}: the target program '${program.name}' doesn't have BTF`);
  const btfId = object.btf.find(name, BtfKind.Func);
  if (btfId === 0) throw fail(`${failed}: it is not found in the BTF of program '${program.name}'`);
  return { name, btfId, program: program.name };
}

/**
 * The target that a section name gives after its first "/", perhaps as "module:name", or a function of the program
 * that `LoadOptions.target` tells; undefined for programs that attach in another way.
 * @throws {InputError} when there is no target, or the kernel or the program does not have it.
 */
export function findAttachTarget(func: AttachingFunction, options: LoadOptions): AttachTarget | undefined {
  const { def } = func;
  if (!def?.attachBtf) return undefined;
  const fail = (reason: string) =>
    new InputError(`prog '${func.name}': ${reason}`, { section: func.sectionName });
  const target = sectionTarget(func);
  const inProgram = options.target?.({
    name: func.name,
    type: def.type,
    attachType: def.attachType,
    ...(target === undefined ? {} : { target }),
  });
  if (inProgram) return findInProgram(inProgram, target, fail);
  if (target === undefined) throw fail(NO_TARGET);
  if (def.type === ProgType.Ext) throw fail('attach program FD is not set');
  const { kernelBtf, modules = [] } = options;
  if (!kernelBtf) throw fail(`attach target '${target}' needs the BTF of a kernel, and none is given`);
  const colon = target.indexOf(':');
  const module = colon < 0 ? undefined : target.slice(0, colon);
  const name = target.slice(colon + 1);
  const wanted = btfTargetName(def.attachType, name);
  if (wanted.name.length > MAX_NAME) throw fail(`the name of attach target '${name}' is too long`);
  // A module is named by a prefix: "vmlinux:x" and even "vm:x" mean the kernel itself.
  if (module === undefined || 'vmlinux'.startsWith(module)) {
    const btfId = kernelBtf.find(wanted.name, wanted.kind);
    if (btfId) return { name: target, btfId };
  }
  for (const candidate of modules) {
    if (module !== undefined && !candidate.name.startsWith(module)) continue;
    const btfId = ownType(candidate, wanted) ?? 0;
    if (btfId) return { name: target, btfId, module: candidate.name };
  }
  throw fail(`failed to find kernel BTF type ID of '${target}': ${-Errno.ESRCH}`);
}

/**
 * The attach type that a program is loaded with. Linux 6.6 and later attach USDT probes through uprobe_multi
 * links, as the enumerator in their BTF shows; without any BTF a recent kernel is assumed.
 */
export function expectedAttachType(
  { def }: Pick<BpfFunction, 'def'>,
  { kernelBtf }: LoadOptions,
): AttachType {
  if (!def) return AttachType.None;
  if (!def.usdt) return def.attachType;
  const hasMulti =
    !kernelBtf ||
    kernelBtf
      .idsByName('bpf_attach_type', BtfKind.Enum)
      .some((id) => kernelBtf.type(id).values.some(({ name }) => name === 'BPF_TRACE_UPROBE_MULTI'));
  return hasMulti ? AttachType.TraceUprobeMulti : AttachType.None;
}

/** The kernel's own types were searched before, or are not meant. */
function ownType({ btf }: ModuleBtf, { name, kind }: { name: string; kind: BtfKind }): number | undefined {
  return btf.idsByName(name, kind).find((id) => id >= btf.firstId);
}
