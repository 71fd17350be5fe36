/** drydock needs: what objects need of a kernel, and which kernels have it. */
import type { Command } from 'commander';
import { InputError } from '../bpf/input-error.ts';
import { readObject } from '../loader/object-file-node.ts';
import type { Kernel } from '../portability/kernel.ts';
import { defaultKernels, openKernel } from '../portability/kernels-node.ts';
import { readNeeds } from '../portability/object-needs.ts';
import { hasAll, type ObjectReport, reportOn } from '../portability/report.ts';
import { needRecords } from '../portability/report-record.ts';
import { reportText, summaryText } from '../portability/report-text.ts';
import { ExitCode } from './exit-code.ts';
import { objectFiles } from './object-files.ts';

interface NeedsOptions {
  kernel: string;
  prog?: string[];
  series?: boolean;
  all?: boolean;
  json?: boolean;
}

const EXAMPLES = `
Examples:
  drydock needs prog.bpf.o
  drydock needs build/ --kernel 6.1,6.12
  drydock needs prog.bpf.o --kernel 5.10,5.15,./profiles/my-kernel --json
  drydock needs prog.bpf.o --prog handle_exec --all

A kernel is a built-in profile, the directory of one that "drydock profile add" made, or a release of mainline Linux,
of which only the tables of first releases tell ("5.10": helpers, map types, program types, instructions).

In the table "yes" is what the kernel has, "exists" what it has while nothing tells whether such a program may use it,
"not known" what nothing at hand tells. "NO" is what it lacks and a program cannot be loaded without; "no" is what it
lacks while the program asks before it goes there, or can be loaded without it. "since" is the first mainline release.

"drydock verify" answers whether a program is accepted; this command does not verify.

Exit code: 0 every kernel has all that is certainly needed; 1 one lacks some of it, or an object could not be read
among several; 2 bad input; 3 a bug in Drydock.`;

export function addNeeds(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('needs')
    .description('list what objects need of a kernel, and which kernels have it')
    .argument('<object...>', 'compiled BPF objects (.bpf.o), or directories of them')
    .option('--kernel <names>', 'kernels, separated by commas', defaultKernels().join(','))
    .option('--prog <name...>', 'programs to look at; default: all')
    .option('--series', 'kernels with what the series on io_uring and epoll iterators adds to them')
    .option('--all', 'list types, fields and enum values that every kernel has, too')
    .option('--json', 'one JSON record a line for each object and need')
    .addHelpText('after', EXAMPLES)
    .action((objects: string[], options: NeedsOptions) => done(needs(objects, options)));
}

function needs(paths: readonly string[], options: NeedsOptions): ExitCode {
  const names = [...new Set(options.kernel.split(',').map((name) => name.trim()))];
  const kernels = names.map((name) => openKernel(name, options.series === true));
  const files = paths.flatMap(objectFiles);
  const reports: ObjectReport[] = [];
  for (const file of files) {
    const report = reportOf(file, kernels, options, files.length > 1);
    if (!report) continue;
    if (!options.json && reports.length > 0) process.stdout.write('\n');
    process.stdout.write(printed(report, names, options));
    reports.push(report);
  }
  if (!options.json && reports.length > 1) process.stdout.write(`\n${summaryText(reports, names)}`);
  const isComplete = reports.every((report) => names.every((name) => hasAll(report, name)));
  return isComplete && reports.length === files.length ? ExitCode.Ok : ExitCode.Failed;
}

/** Undefined when it cannot be read: one bad object among many does not lose the others. */
function reportOf(
  file: string,
  kernels: readonly Kernel[],
  { prog }: NeedsOptions,
  isOneOfMany: boolean,
): ObjectReport | undefined {
  try {
    return reportOn(readNeeds(readObject(file), file, prog), kernels);
  } catch (error) {
    if (!(error instanceof InputError) || !isOneOfMany) throw error;
    process.stderr.write(`drydock: ${error.message}\n`);
    return undefined;
  }
}

function printed(report: ObjectReport, kernels: readonly string[], options: NeedsOptions): string {
  if (!options.json) return reportText(report, { kernels, listsAll: options.all === true });
  return needRecords(report)
    .map((record) => `${JSON.stringify(record)}\n`)
    .join('');
}
