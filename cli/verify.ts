/** drydock verify: what Linux would answer to loading each program of an object. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { InputError } from '../bpf/input-error.ts';
import { type BpfObject, loadObject, type Program } from '../loader/index.ts';
import type { Verifier } from '../verifier/index.ts';
import { createVerifier } from '../verifier/node.ts';
import { examine, type Subject } from './examine.ts';
import { ExitCode } from './exit-code.ts';
import { DEFAULT_KERNEL, readObject } from './open-session.ts';
import { verifierLoadOptions } from './verifier-load-options.ts';
import { type ReportOptions, reportRecord, reportText } from './verify-report.ts';

interface VerifyOptions extends ReportOptions {
  prog?: string[];
  json?: boolean;
  stock?: boolean;
}

const EXAMPLES = `
Examples:
  drydock verify prog.bpf.o
  drydock verify build/ --json
  drydock verify prog.bpf.o --prog handle_exec --log 2

Objects are files, or directories whose *.o files are taken. The verdict, the message, the statistics and (with
--log) the log are those of the kernel of --kernel. How often they agree with
Linux is what "npm run conformance" prints.

As for "drydock run", the kernel has the iterators over io_uring and epoll that a patch series proposed
(io_uring_buf, io_uring_file, epoll, and bpf_page_to_pfn). With --stock it does not, and programs that need them are
not loaded.

Exit code: 0 all accepted; 1 a program was rejected or could not be loaded; 2 bad input; 3 a bug in Drydock.`;

export function addVerify(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('verify')
    .description('say what Linux would answer to loading the programs of objects')
    .argument('<object...>', 'compiled BPF objects (.bpf.o), or directories of them')
    .option('--kernel <name>', 'kernel profile with verifier tables', DEFAULT_KERNEL)
    .option('--prog <name...>', 'programs to verify; default: all')
    .option('--log <level>', 'print the log: 1 the path that failed, 2 every path', logLevel, 0)
    .option('--unpriv', 'as a task without capabilities')
    .option('--stock', 'without what the series on io_uring and epoll iterators adds to the kernel')
    .option('--json', 'one JSON record a line for each program')
    .addHelpText('after', EXAMPLES)
    .action(async (objects: string[], options: VerifyOptions) => done(await verify(objects, options)));
}

function logLevel(text: string): number {
  if (!/^[012]$/.test(text)) throw new InvalidArgumentError('It has to be 0, 1 or 2.');
  return Number(text);
}

async function verify(paths: readonly string[], options: VerifyOptions): Promise<ExitCode> {
  const verifier = await createVerifier(options.kernel, options.stock);
  const files = paths.flatMap(objectFiles);
  let code = ExitCode.Ok;
  for (const file of files) {
    try {
      if (!verifyObject(verifier, file, options)) code = ExitCode.Failed;
    } catch (error) {
      // One bad object among many does not lose the others.
      if (!(error instanceof InputError) || files.length === 1) throw error;
      process.stderr.write(`drydock: ${error.message}\n`);
      code = ExitCode.Failed;
    }
  }
  return code;
}

/** Whether all programs were accepted. */
function verifyObject(verifier: Verifier, path: string, options: VerifyOptions): boolean {
  const object = loadObject(readObject(path), {
    ...verifierLoadOptions(options.kernel, options.stock),
    file: path,
  });
  const accepted = selected(object, path, options.prog).map((program) =>
    verifyProgram(verifier, { path, object, program }, options),
  );
  return accepted.every(Boolean);
}

function objectFiles(path: string): string[] {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!isDirectory) return [path];
  const names = readdirSync(path).filter((name) => name.endsWith('.o'));
  if (names.length === 0) throw new InputError('there are no *.o files in this directory', { file: path });
  return names.sort().map((name) => join(path, name));
}

function selected(object: BpfObject, path: string, names: readonly string[] | undefined): Program[] {
  if (names === undefined) return object.programs;
  return names.map((name) => {
    const program = object.programs.find((candidate) => candidate.name === name);
    if (program) return program;
    const known = object.programs.map((candidate) => candidate.name).join(', ');
    throw new InputError(`there is no program "${name}"; there are: ${known}`, { file: path });
  });
}

/** Verifies and prints one program; whether it was accepted. */
function verifyProgram(verifier: Verifier, subject: Subject, options: VerifyOptions): boolean {
  const report = examine(verifier, subject, options);
  process.stdout.write(
    options.json ? `${JSON.stringify(reportRecord(report, options))}\n` : reportText(report, options),
  );
  return report.verdict?.accepted === true;
}
