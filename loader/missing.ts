/**
 * What a program refers to and the kernel does not have. The loader leaves a call of no function there, so that the
 * program is refused only when a path gets so far; what the call stands for, only the loader knows.
 */
import { type Btf, isEnum } from '../bpf/btf.ts';
import { kindName } from '../bpf/btf-kind-name.ts';
import { CoreKind, type CoreRelo } from './btf-ext.ts';
import { type CoreSpec, isEnumvalBased, isTypeBased, parseSpec } from './core-spec.ts';

/** Number of the helper in place of an instruction whose CO-RE relocation found nothing. */
export const MISSING_TYPE = 0xbad2310;
/** The same for a call of a weak kfunc, plus the number of the extern. */
export const MISSING_KFUNC = 2_002_000_000;
/** Characters of a name that are shown. */
const MAX_SHOWN = 200;

export interface MissingReference {
  /** Slot of the call. */
  insn: number;
  kind: 'core' | 'kfunc';
  /** The relocation, as `coreText` writes it, or the name of the kfunc. */
  what: string;
}

const CORE_KINDS: { readonly [K in CoreKind]: string } = {
  [CoreKind.FieldByteOffset]: 'byte_off',
  [CoreKind.FieldByteSize]: 'byte_sz',
  [CoreKind.FieldExists]: 'field_exists',
  [CoreKind.FieldSigned]: 'signed',
  [CoreKind.FieldLshift]: 'lshift_u64',
  [CoreKind.FieldRshift]: 'rshift_u64',
  [CoreKind.TypeIdLocal]: 'local_type_id',
  [CoreKind.TypeIdTarget]: 'target_type_id',
  [CoreKind.TypeExists]: 'type_exists',
  [CoreKind.TypeSize]: 'type_size',
  [CoreKind.EnumvalExists]: 'enumval_exists',
  [CoreKind.EnumvalValue]: 'enumval_value',
  [CoreKind.TypeMatches]: 'type_matches',
};

/** A relocation as libbpf names it: "<byte_off> [5] struct task.pid (0:3 @ offset 8)". @throws {BadSpec} */
export function coreText(local: Btf, { kind, typeId, accessOffset }: CoreRelo): string {
  const access = local.string(accessOffset);
  const spec = parseSpec(local, kind, typeId, access);
  const name = shown(local.name(typeId)) || '<anon>';
  const root = `<${CORE_KINDS[kind]}> [${typeId}] ${kindName(local.kind(typeId))} ${name}`;
  if (isTypeBased(kind)) return root;
  if (isEnumvalBased(kind)) return `${root}::${enumeratorText(spec)}`;
  return `${root}${spec.accessors.map(accessorText).join('')} (${access} @ offset ${offsetText(spec)})`;
}

/** What a relocation speaks of, without how: "struct task.pid", "enum state::RUNNING". @throws {BadSpec} */
export function coreSubject(local: Btf, { kind, typeId, accessOffset }: CoreRelo): string {
  const spec = parseSpec(local, kind, typeId, local.string(accessOffset));
  const root = `${kindName(local.kind(typeId))} ${shown(local.name(typeId)) || '<anon>'}`;
  if (isTypeBased(kind)) return root;
  if (isEnumvalBased(kind)) return `${root}::${shown(spec.accessors[0]?.name ?? '')}`;
  return `${root}${spec.accessors.map(accessorText).join('')}`;
}

function enumeratorText({ btf, accessors }: CoreSpec): string {
  const [accessor] = accessors;
  const type = btf.type(accessor?.typeId ?? 0);
  const value = isEnum(type.kind) ? type.values[accessor?.index ?? 0]?.value : undefined;
  return `${shown(accessor?.name ?? '')} = ${value ?? 0n}`;
}

/** The first step goes over the type itself: only another element than the first counts. */
function accessorText({ name, index }: { name: string; index: number }, step: number): string {
  if (name !== '') return `.${shown(name)}`;
  return step > 0 || index > 0 ? `[${index}]` : '';
}

function offsetText({ bitOffset }: CoreSpec): string {
  const bit = bitOffset % 8;
  return `${Math.floor(bitOffset / 8)}${bit === 0 ? '' : `.${bit}`}`;
}

function shown(name: string): string {
  return name.slice(0, MAX_SHOWN);
}

const CALL_OF_NOTHING = /^(\d+): \(85\) call unknown#(\d+)\ninvalid func unknown#\2\n/gm;

/**
 * A log as a loader hands it to its user, libbpf like this: where the program was refused for what is missing, it
 * says what that is.
 */
export function explainMissing(log: string, missing: readonly MissingReference[]): string {
  return log.replace(CALL_OF_NOTHING, (text, insn: string) => {
    const found = missing.find((each) => each.insn === Number(insn));
    return found ? `${insn}: ${explanation(found)}\n` : text;
  });
}

/** What is missing, for the reader of a table. */
export function missingText({ kind, what }: MissingReference): string {
  return kind === 'kfunc' ? `kfunc ${what}` : what;
}

function explanation({ kind, what }: MissingReference): string {
  if (kind === 'kfunc') return `<invalid kfunc call>\nkfunc '${what}' is referenced but wasn't resolved`;
  return `<invalid CO-RE relocation>\nfailed to resolve CO-RE relocation ${what}`;
}
