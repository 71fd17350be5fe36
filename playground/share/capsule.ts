/** Everything that the page shows, as data: what links and capsule files hold. */
import { batch } from '@preact/signals';
import * as v from 'valibot';
import { InputError } from '../../bpf/input-error.ts';
import { restoreCheckpoint, saveCheckpoint } from '../checkpoint/state.ts';
import { restoreLocks, saveLocks } from '../locks/state.ts';
import { restoreRun, saveRun } from '../run/state.ts';
import {
  fail,
  kernel,
  type Subject,
  series,
  site,
  subject,
  unprivileged,
  VIEWS,
  view,
  vmlinux,
} from '../state.ts';
import { openAt, saveVerify } from '../verify/state.ts';
import { fromBase64, pack, toBase64, unpack } from './bytes.ts';

/** Of the format; a newer one is refused. */
const VERSION = 1;
/** Characters of a link: browsers take a few megabytes. */
export const MOST_LINK = 2_000_000;
const MOST_NAME = 255;
/** Compilers make names of any length of templates. */
const MOST_SYMBOL = 1 << 16;

const Name = v.pipe(v.string(), v.maxLength(MOST_NAME));
const Count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 31));

const SubjectSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('example'), file: Name }),
  v.strictObject({ kind: v.literal('object'), file: Name, bytes: v.string() }),
  v.strictObject({ kind: v.literal('assembly'), text: v.string() }),
]);

const CapsuleSchema = v.strictObject({
  drydock: v.literal(VERSION),
  view: v.picklist(VIEWS),
  kernel: Name,
  unprivileged: v.boolean(),
  series: v.boolean(),
  subject: v.optional(SubjectSchema),
  /** The dropped vmlinux is too large for a link: its name tells that there was one. */
  vmlinux: v.optional(Name),
  verify: v.optional(v.strictObject({ program: v.pipe(v.string(), v.maxLength(MOST_SYMBOL)), step: Count })),
  // The views take of these what fits.
  run: v.optional(v.looseObject({})),
  locks: v.optional(v.looseObject({})),
  checkpoint: v.optional(v.looseObject({})),
});

export type Capsule = v.InferOutput<typeof CapsuleSchema>;

export function saveCapsule(): Capsule {
  const chosen = subject.value;
  return {
    drydock: VERSION,
    view: view.value,
    kernel: kernel.value,
    unprivileged: unprivileged.value,
    series: series.value,
    ...(chosen ? { subject: savedSubject(chosen) } : {}),
    ...(vmlinux.value ? { vmlinux: vmlinux.value.file } : {}),
    verify: saveVerify(),
    ...saved('run', saveRun()),
    ...saved('locks', saveLocks()),
    ...saved('checkpoint', saveCheckpoint()),
  };
}

function saved<Name extends string>(
  name: Name,
  of: object | undefined,
): { readonly [N in Name]?: { [x: string]: unknown } } {
  return of === undefined ? {} : ({ [name]: { ...of } } as { [N in Name]: { [x: string]: unknown } });
}

function savedSubject(chosen: Subject): v.InferOutput<typeof SubjectSchema> {
  return chosen.kind === 'object' ? { ...chosen, bytes: toBase64(chosen.bytes) } : chosen;
}

/**
 * @param file that it comes from, as messages name it
 * @returns what could not be brought back, for the user; empty for nothing.
 */
export function restoreCapsule(capsule: Capsule, file: string): string {
  const { subject: saved } = capsule;
  const opened: Subject | undefined =
    saved?.kind === 'object' ? { ...saved, bytes: fromBase64(saved.bytes, file) } : saved;
  checkSite(capsule, file);
  batch(() => {
    view.value = capsule.view;
    kernel.value = capsule.kernel;
    unprivileged.value = capsule.unprivileged;
    series.value = capsule.series;
    vmlinux.value = undefined;
    if (capsule.verify) openAt(capsule.verify);
    if (opened) subject.value = opened;
    if (capsule.run) restoreRun(capsule.run);
  });
  if (capsule.locks) restoreLocks(capsule.locks).catch(fail);
  if (capsule.checkpoint) restoreCheckpoint(capsule.checkpoint).catch(fail);
  return capsule.vmlinux === undefined
    ? ''
    : `It was made with the types of ${capsule.vmlinux}, which it does not hold: drop them here to see the same.`;
}

/** What it names has to be there. */
function checkSite({ kernel: name, subject: saved }: Capsule, file: string): void {
  const { kernels, examples } = site.value;
  if (!kernels.some((each) => each.name === name))
    throw new InputError(`is for kernel ${name}, which this site does not have`, { file });
  if (saved?.kind === 'example' && !examples.some((example) => example.file === saved.file))
    throw new InputError(`is about the example ${saved.file}, which this site does not have`, { file });
}

/** @throws {InputError} for text that is no capsule. */
export function parseCapsule(text: string, file: string): Capsule {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new InputError('is no capsule: not JSON', { file });
  }
  const result = v.safeParse(CapsuleSchema, parsed);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new InputError(`is no capsule of this version: ${v.getDotPath(issue) ?? 'it'}: ${issue.message}`, {
    file,
  });
}

/** Fragment of a URL, without "#". */
export async function toFragment(capsule: Capsule): Promise<string> {
  const packed = await pack(new TextEncoder().encode(JSON.stringify(capsule)));
  return `d${VERSION}.${toBase64(packed)}`;
}

/** @throws {InputError} */
export async function fromFragment(fragment: string): Promise<Capsule> {
  const match = /^d(\d+)\.([\w-]*)$/.exec(fragment);
  if (!match) throw new InputError('is not one of Drydock', { file: 'the link' });
  if (Number(match[1]) !== VERSION)
    throw new InputError(`was made by another version (${match[1]})`, { file: 'the link' });
  if (fragment.length > MOST_LINK) throw new InputError('is too long', { file: 'the link' });
  const bytes = await unpack(fromBase64(match[2] as string, 'the link'), { file: 'the link' });
  return parseCapsule(new TextDecoder().decode(bytes), 'the link');
}
