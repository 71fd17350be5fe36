/** drydock verify: what Linux would answer to loading each program of an object. */
import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { InputError } from '../bpf/input-error.ts';
import { DEFAULT_KERNEL } from '../kernel-model/profile-node.ts';
import { loadObject } from '../loader/index.ts';
import { readObject } from '../loader/object-file-node.ts';
import { chooseTarget, type ObjectLoader, openTarget } from '../verifier/attach-target.ts';
import { type Bench, examine, requestOf, type Subject } from '../verifier/examine.ts';
import { readEvents } from '../verifier/index.ts';
import { type ObjectFormats, withFormats } from '../verifier/load-options.ts';
import { verifierLoadOptions } from '../verifier/load-options-node.ts';
import { createVerifier } from '../verifier/node.ts';
import { reportRecord } from '../verifier/report-record.ts';
import { eventLine } from './event-record.ts';
import { ExitCode } from './exit-code.ts';
import { type NamedKernel, namedKernel } from './kernel-option.ts';
import { objectFiles } from './object-files.ts';
import { reportText } from './verify-report.ts';

interface VerifyOptions extends ObjectFormats {
  kernel: string;
  /** Level of the log that is wanted, 0 for none. */
  log: number;
  unpriv?: boolean;
  prog?: string[];
  target?: string[];
  json?: boolean;
  events?: boolean;
  stock?: boolean;
  different?: boolean;
}

const EXAMPLES = `
Examples:
  drydock verify prog.bpf.o
  drydock verify build/ --json
  drydock verify prog.bpf.o --prog handle_exec --log 2
  drydock verify build/ --kernel 6.1,6.12,/boot/vmlinuz-6.12.9-amd64 --different
  drydock verify replacement.bpf.o --target firewall.bpf.o:xdp_main

Objects are files, or directories whose *.o files are taken. The verdict, the message, the statistics and (with
--log) the log are those of the kernel of --kernel. How often they agree with
Linux is what "npm run conformance" prints.

As for "drydock run", the kernel has the iterators over io_uring and epoll that a patch series proposed
(io_uring_buf, io_uring_file, epoll, and bpf_page_to_pfn). With --stock it does not, and programs that need them are
not loaded.

With several kernels, one table has what each of them answers to each program, and below a program that one takes and
another does not, why the first one refuses it.

An object is taken or refused as libbpf does it, with its reason. --legacy and --any-endian take objects of other
loaders and of other machines.

Programs that replace a function of another program (freplace), and those that trace one (fentry, fexit, fmod_ret),
are verified against that program: --target OBJ[:PROGRAM[=FUNCTION]]. It is loaded and verified first. The function
is the one that the section names, SEC("freplace/FUNCTION"), or FUNCTION; a tracing program whose section names no
function of the target traces the kernel. Several --target make a chain: each attaches to the one before it, the
verified programs to the last.

Exit code: 0 all accepted; 1 a program was rejected or could not be loaded; 2 bad input; 3 a bug in Drydock.`;

export function addVerify(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('verify')
    .description('say what Linux would answer to loading the programs of objects')
    .argument('<object...>', 'compiled BPF objects (.bpf.o), or directories of them')
    .option(
      '--kernel <name>',
      'kernel: a profile with verifier tables, or an image (a path); several, as 6.1,6.12, make a table of programs and kernels',
      DEFAULT_KERNEL,
    )
    .option('--prog <name...>', 'programs to verify; default: all')
    .option(
      '--target <program>',
      'program to attach to, as OBJ[:PROGRAM[=FUNCTION]]; may be repeated',
      collect,
    )
    .option(
      '--log <level>',
      'print the log of that log_level: 1 the path that failed, 2 every path, 4 the reason and the statistics; 6 is 2 with 4',
      logLevel,
      0,
    )
    .option('--unpriv', 'as a task without capabilities')
    .option('--stock', 'without what the series on io_uring and epoll iterators adds to the kernel')
    .option(
      '--legacy',
      'also take what libbpf 1.0 dropped and cilium/ebpf and aya have: maps in section "maps", sections like "xdp/name"',
    )
    .option('--any-endian', 'also take big-endian objects, turned around')
    .option('--different', 'with several kernels: only programs that one takes and another does not')
    .option('--json', 'one JSON record a line for each program')
    .option('--events', 'print what the verifier did, one JSON record a line, before each program')
    .addHelpText('after', EXAMPLES)
    .action(async (objects: string[], options: VerifyOptions) => done(await verify(objects, options)));
}

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}

function logLevel(text: string): number {
  if (!/^[0-7]$/.test(text)) throw new InvalidArgumentError('It has to be 0 to 7: 1, 2, 4 or a sum of them.');
  return Number(text);
}

async function verify(paths: readonly string[], options: VerifyOptions): Promise<ExitCode> {
  const files = paths.flatMap(objectFiles);
  const names = [...new Set(options.kernel.split(','))];
  const kernels = await Promise.all(names.map(namedKernel));
  const [kernel, ...others] = kernels;
  if (!kernel || others.length > 0) return matrix(files, kernels, options);
  const verifier = await createVerifier(kernel.profile, options.stock);
  const load = objectLoader({ ...options, kernel: kernel.profile });
  const target = openTarget(verifier, options.target ?? [], load, existsSync);
  let code = ExitCode.Ok;
  for (const file of files) {
    try {
      if (!verifyObject({ verifier, load, ...(target ? { target } : {}) }, file, options))
        code = ExitCode.Failed;
    } catch (error) {
      // One bad object among many does not lose the others.
      if (!(error instanceof InputError) || files.length === 1) throw error;
      process.stderr.write(`drydock: ${error.message}\n`);
      code = ExitCode.Failed;
    }
  }
  return code;
}

async function matrix(
  files: readonly string[],
  kernels: readonly NamedKernel[],
  options: VerifyOptions,
): Promise<ExitCode> {
  if (options.log > 0 || options.events)
    throw new InputError('--log and --events tell of one kernel: name a single one with --kernel');
  const { verifyMatrix } = await import('./verify-matrix.ts');
  return verifyMatrix(files, {
    kernels,
    programs: options.prog ?? null,
    targets: options.target ?? [],
    mode: options.unpriv ? 'unpriv' : 'priv',
    series: options.stock !== true,
    formats: { legacy: options.legacy === true, anyEndian: options.anyEndian === true },
    json: options.json === true,
    onlyDifferent: options.different === true,
  });
}

/** What all objects are verified with. */
interface LoadingBench extends Bench {
  load: ObjectLoader;
}

function objectLoader(options: VerifyOptions): ObjectLoader {
  const { kernel, stock } = options;
  const forKernel = withFormats(verifierLoadOptions(kernel, stock), options);
  return (path, own) => loadObject(readObject(path), { ...forKernel, file: path, ...own });
}

/** Whether all programs were accepted. */
function verifyObject(bench: LoadingBench, path: string, options: VerifyOptions): boolean {
  const object = bench.load(path, {
    programs: options.prog ?? 'all',
    ...(bench.target ? { target: chooseTarget(bench.target) } : {}),
  });
  const wanted = object.programs.filter(({ name }) => options.prog?.includes(name) ?? true);
  const accepted = wanted.map((program) => verifyProgram(bench, { path, object, program }, options));
  return accepted.every(Boolean);
}

/** Verifies and prints one program; whether it was accepted. */
function verifyProgram(bench: Bench, subject: Subject, options: VerifyOptions): boolean {
  const report = examine(bench, subject, options);
  if (options.events && report.verdict) printEvents(bench, subject, options);
  process.stdout.write(
    options.json ? `${JSON.stringify(reportRecord(report, options))}\n` : reportText(report, options),
  );
  return report.verdict?.accepted === true;
}

function printEvents(bench: Bench, subject: Subject, options: VerifyOptions): void {
  const { events } = bench.verifier.verify({ ...requestOf(bench, subject, options), events: 'all' });
  if (!events) return;
  if (events.lost) process.stderr.write('drydock: too many events: the first ones are left out\n');
  for (const event of readEvents(events.bytes)) process.stdout.write(`${eventLine(event)}\n`);
}
