/**
 * Part: the loader against libbpf. Every object of the kernel's selftests goes through Drydock's loader: what came to
 * the kernel has to be what libbpf gave it, field by field, and what libbpf refused has to be refused for its reason.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../../bpf/input-error.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { loadName, type RecordedLoad } from './archive.ts';
import { type Context, wantedLoads } from './context.ts';
import { ToolError } from './from-source/command.ts';
import { isRecorded } from './from-source/packages.ts';
import { SelftestLoader } from './from-source/selftest-loader.ts';
import { buildSelftests, type Selftests, versionNote } from './from-source/selftests.ts';
import { type Line, skippedLine } from './line.ts';
import { ANY_ADDRESS, compareLoad } from './loader-compare.ts';
import { isSameReason, type Refusal, readRefusals } from './refusals.ts';

const NAME = 'loader';
const KERNEL = '6.12';
/** Characters of a program's name that the kernel keeps. */
const KERNEL_NAME = 15;
const SHOWN = 400;

export async function loader(context: Context): Promise<Line[]> {
  try {
    return score(context, await buildSelftests(context));
  } catch (error) {
    if (error instanceof ToolError) return [skippedLine(NAME, error.message)];
    throw error;
  }
}

function score(context: Context, selftests: Selftests): Line[] {
  const scorer = new Scorer(context, selftests);
  const loads = wantedLoads(context).filter(({ set, mode }) => set !== 'struct' && mode === 'priv');
  const { refused, empty } = readRefusals(context.recorded);
  const isWanted = (name: string) => context.only.test(name);
  const loose = !isRecorded(selftests.version);
  const lines: Line[] = [
    scorer.line(
      'loads as libbpf made them',
      loads.map((load) => [load.object, loadName(load), () => scorer.loadDifference(load)]),
    ),
    scorer.line(
      "refused for libbpf's reason",
      refused
        .map((refusal): [Refusal, string] => [refusal, `${refusal.object}/${refusal.program ?? '-'}/priv`])
        .filter(([, name]) => isWanted(name))
        .map(([refusal, name]) => [refusal.object, name, () => scorer.refusalDifference(refusal)]),
    ),
    scorer.line(
      'objects without programs',
      empty
        .filter((object) => isWanted(`${object}/-/priv`))
        .map((object) => [object, `${object}/-/priv`, () => scorer.emptyDifference(object)]),
    ),
  ];
  lines.push({ ...scorer.objectLine(), notes: [versionNote(selftests.version)] });
  // Another version of the source has other programs: not held against what this one reached.
  if (!loose) context.failed('loader', scorer.failures);
  return loose ? lines.map((line) => ({ ...line, loose })) : lines;
}

/** An object, the name of what is scored in it, and what is wrong with that; undefined when nothing is. */
type Case = readonly [object: string, name: string, difference: () => string | undefined];

class Scorer {
  readonly failures = new Map<string, string>();
  private readonly objects = new Set<string>();
  private readonly wrong = new Set<string>();
  private readonly loader: SelftestLoader;
  private readonly blobs: readonly Uint8Array[];
  private readonly folder: string;

  constructor({ archive }: Context, { source, objects }: Selftests) {
    this.folder = objects.folder;
    this.blobs = archive.blobs;
    // Addresses of symbols differ from boot to boot: any will do.
    const ksym = () => ANY_ADDRESS;
    this.loader = new SelftestLoader(openProfile(KERNEL).vmlinux, archive.modules, source.config, ksym);
  }

  line(name: string, cases: readonly Case[]): Line {
    let good = 0;
    // The programs of one object one after the other: it is opened once.
    for (const [object, what, differenceOf] of cases.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b)))) {
      this.objects.add(object);
      const difference = this.answer(object, differenceOf);
      if (difference === undefined) {
        good++;
        continue;
      }
      this.wrong.add(object);
      this.failures.set(what, difference.slice(0, SHOWN));
    }
    return { name: `${NAME}: ${name}`, good, total: cases.length };
  }

  /** Objects of which everything is as libbpf has it. */
  objectLine(): Line {
    const total = this.objects.size;
    return { name: `${NAME}: whole objects`, good: total - this.wrong.size, total };
  }

  loadDifference(load: RecordedLoad): string | undefined {
    const differences = this.compare(load, load.program);
    const isRight = differences.length === 0 || this.isNamesake(load);
    return isRight ? undefined : differences.join('; ');
  }

  refusalDifference({ object, program, reason }: Refusal): string | undefined {
    const ours = this.refusal(object, program);
    if (ours === undefined) return `accepted; libbpf: ${reason}`;
    return isSameReason(ours, reason) ? undefined : `${ours}; libbpf: ${reason}`;
  }

  emptyDifference(object: string): string | undefined {
    const count = this.loader.programs(this.path(object)).length;
    return count === 0 ? undefined : `${count} programs; libbpf: none`;
  }

  private answer(object: string, difference: () => string | undefined): string | undefined {
    if (!existsSync(this.path(object))) return 'the object could not be built';
    try {
      return difference();
    } catch (error) {
      return error instanceof InputError ? `refused: ${error.message}` : `crash: ${String(error)}`;
    }
  }

  private refusal(object: string, program: string | null): string | undefined {
    try {
      if (program === null) this.loader.programs(this.path(object));
      else this.loader.prepare(this.path(object), program);
      return undefined;
    } catch (error) {
      if (error instanceof InputError) return error.message;
      throw error;
    }
  }

  private compare(load: RecordedLoad, program: string): string[] {
    const { guessed, tags, ...prepared } = this.loader.prepare(this.path(load.object), program);
    const typeGuessed = guessed !== undefined;
    return compareLoad({ ...prepared, truth: load, blobs: this.blobs, extraFlags: tags.flags, typeGuessed });
  }

  /**
   * The recording told programs apart by what the kernel keeps of a name: what it holds may be the load of an
   * auxiliary program that begins alike.
   */
  private isNamesake(load: RecordedLoad): boolean {
    const begins = load.program.slice(0, KERNEL_NAME);
    const others = this.loader
      .programs(this.path(load.object))
      .filter(({ name }) => name !== load.program && name.slice(0, KERNEL_NAME) === begins);
    return others.some(({ name }) => this.compare(load, name).length === 0);
  }

  private path(object: string): string {
    return join(this.folder, `${object}.bpf.o`);
  }
}
