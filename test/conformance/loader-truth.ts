/**
 * Scores the loader against recorded BPF_PROG_LOAD inputs of libbpf (the kernel's own selftests, loaded into a
 * real kernel one program at a time). The recordings and the objects are large and not part of the repository:
 *
 *   npx rolldown test/conformance/loader-truth.ts --platform node -f es -o build/loader-truth.mjs
 *   node build/loader-truth.mjs --truth truth.jsonl.gz --blobs DIR --btf DIR --objects DIR
 *        [--kernel 6.12] [--version 0x060c75] [--config .config] [--all]
 *
 * DIR of --btf holds btf-6.12.bin and MODULE-6.12.bin. Without --all, three examples of each kind of difference
 * are printed. The exit code is 1 when a load differs.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { Btf } from '../../bpf/btf.ts';
import { InputError } from '../../bpf/input-error.ts';
import { type LoadOptions, loadObject } from '../../loader/index.ts';
import { readKernelConfig, readObjectBtf } from './from-source/inputs.ts';
import { parseTags } from './from-source/selftest-tags.ts';
import { ANY_ADDRESS, compareLoad, type TruthLoad } from './loader-compare.ts';

interface TruthLine {
  object: string;
  program: string | null;
  mode?: string;
  stage: 'kernel' | 'libbpf' | 'open' | 'noprog';
  tags?: string[];
  libbpf?: string;
  type_guessed?: boolean;
  load?: TruthLoad;
}

const { values: args } = parseArgs({
  options: {
    truth: { type: 'string' },
    blobs: { type: 'string' },
    btf: { type: 'string' },
    objects: { type: 'string' },
    kernel: { type: 'string', default: '6.12' },
    /** KERNEL_VERSION() of the recorded kernel: 6.12.117. */
    version: { type: 'string', default: '0x060c75' },
    config: { type: 'string' },
    only: { type: 'string' },
    all: { type: 'boolean', default: false },
  },
});

function main(): void {
  const { truth, blobs, btf, objects, kernel } = args;
  if (!truth || !blobs || !btf || !objects) {
    console.error('needs --truth, --blobs, --btf and --objects; see the head of this file');
    process.exit(2);
  }
  const raw = readFileSync(truth);
  const text = (truth.endsWith('.gz') ? gunzipSync(raw) : raw).toString();
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as TruthLine)
    .filter((line) => line.mode !== 'unpriv' && (!args.only || line.object === args.only));
  const scorer = new Scorer(new Kernel(btf, kernel), objects, blobs);
  for (const line of lines) scorer.score(line);
  scorer.report();
  process.exitCode = scorer.failed > 0 ? 1 : 0;
}

/** The kernel that the loads were recorded on. */
class Kernel {
  readonly options: LoadOptions;

  constructor(dir: string, version: string) {
    const suffix = `-${version}.bin`;
    const vmlinux = Btf.parse(readFileSync(join(dir, `btf${suffix}`)));
    const modules = readdirSync(dir)
      .filter((file) => file.endsWith(suffix) && file !== `btf${suffix}`)
      .map((file) => ({
        name: file.slice(0, -suffix.length),
        btf: Btf.parse(readFileSync(join(dir, file)), { base: vmlinux }),
      }));
    this.options = {
      kernelBtf: vmlinux,
      modules,
      kconfig: args.config ? readKernelConfig(args.config) : new Map(),
      kernelVersion: Number(args.version),
      // Addresses of symbols differ from boot to boot: any will do.
      ksym: () => ANY_ADDRESS,
    };
  }
}

class Scorer {
  failed = 0;
  private passed = 0;
  private refusedAlike = 0;
  private skipped = 0;
  private namesakes = 0;
  private readonly kinds = new Map<string, string[]>();
  private readonly kernel: Kernel;
  private readonly objects: string;
  private readonly blobs: string;

  constructor(kernel: Kernel, objects: string, blobs: string) {
    this.kernel = kernel;
    this.objects = objects;
    this.blobs = blobs;
  }

  score(line: TruthLine): void {
    const file = join(this.objects, `${line.object}.bpf.o`);
    if (!existsSync(file) || (line.stage === 'libbpf' && line.libbpf?.includes('failed to create'))) {
      this.skipped++;
      return;
    }
    if (line.stage === 'kernel') this.scoreLoad(line, file);
    else if (line.stage !== 'noprog') this.scoreRefusal(line, file);
  }

  report(): void {
    const total = this.passed + this.namesakes + this.failed + this.refusedAlike;
    for (const [kind, cases] of [...this.kinds].sort((a, b) => b[1].length - a[1].length)) {
      console.log(`\n${cases.length} x ${kind}`);
      for (const text of args.all ? cases : cases.slice(0, 3)) console.log(`  ${text}`);
    }
    const good = total - this.failed;
    console.log(
      `\n${good} of ${total} as recorded (${((100 * good) / total).toFixed(2)} %): ${this.passed} loads equal, ` +
        `${this.namesakes} recorded under a namesake, ` +
        `${this.refusedAlike} refused alike, ${this.failed} different; ${this.skipped} without object or refused by the kernel's maps`,
    );
  }

  private scoreLoad(line: TruthLine, file: string): void {
    const name = line.program ?? '';
    const where = `${line.object}/${name}`;
    try {
      const differences = this.differences(line, file, name);
      if (differences.length === 0) this.passed++;
      else if (this.isNamesake(line, file, name)) this.namesakes++;
      else this.fail(kindOf(differences[0] as string), `${where}: ${short(differences)}`);
    } catch (cause) {
      this.fail(cause instanceof InputError ? 'refused' : 'crash', `${where}: ${String(cause)}`);
    }
  }

  /**
   * The recording told programs apart by the 15 characters that the kernel keeps of a name: what it holds may
   * be the load of an auxiliary program that begins alike.
   */
  private isNamesake(line: TruthLine, file: string, name: string): boolean {
    const { programs } = loadObject(readFileSync(file), { file, programs: [] });
    return programs.some(
      (other) =>
        other.name !== name &&
        other.name.slice(0, 15) === name.slice(0, 15) &&
        this.differences(line, file, other.name).length === 0,
    );
  }

  private differences(line: TruthLine, file: string, name: string): string[] {
    const { btfPath, flags } = parseTags(line.tags ?? []);
    const object = loadObject(readFileSync(file), {
      ...this.kernel.options,
      // Some tests relocate against another BTF than the kernel's: that of a second object.
      ...(btfPath ? { coreBtf: readObjectBtf(join(this.objects, btfPath)) } : {}),
      file,
      programs: [name],
    });
    const program = object.programs.find((candidate) => candidate.name === name);
    if (!program) return ['program missing'];
    const typeGuessed = line.type_guessed ?? false;
    if (program.error !== undefined && !typeGuessed) return [`refused: ${program.error}`];
    return compareLoad({
      object,
      program,
      truth: line.load as TruthLoad,
      blob: (name) => readFileSync(join(this.blobs, name.slice(0, 2), name)),
      extraFlags: flags,
      typeGuessed,
    });
  }

  /** The object or the program must be refused; what we say stands in the report. */
  private scoreRefusal(line: TruthLine, file: string): void {
    const where = `${line.object}/${line.program ?? ''}`;
    const reason = (line.libbpf ?? '').split('\n')[0];
    try {
      const programs = line.program ? { programs: [line.program] } : {};
      const object = loadObject(readFileSync(file), { ...this.kernel.options, ...programs, file });
      const error = object.programs.find(({ name }) => name === line.program)?.error;
      if (error === undefined) {
        this.fail('accepted', `${where}: libbpf says ${reason}`);
        return;
      }
      this.alike(where, error, reason ?? '');
    } catch (cause) {
      if (!(cause instanceof InputError)) throw cause;
      this.alike(where, cause.message, reason ?? '');
    }
  }

  private alike(where: string, ours: string, theirs: string): void {
    this.refusedAlike++;
    if (args.all) console.log(`${where}\n  ours:   ${ours}\n  libbpf: ${theirs}`);
  }

  private fail(kind: string, text: string): void {
    this.failed++;
    this.kinds.set(kind, [...(this.kinds.get(kind) ?? []), text]);
  }
}

function kindOf(difference: string): string {
  return (difference.split(':')[0] ?? '').replace(/^insn \d+/, 'insn').replace(/^map .*/, 'map');
}

function short(differences: readonly string[]): string {
  return differences.map((text) => (text.length > 600 ? `${text.slice(0, 600)}...` : text)).join('; ');
}

main();
