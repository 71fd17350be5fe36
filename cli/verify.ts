/** drydock verify: what Linux would answer to loading each program of an object. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { type Btf, BtfKind } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import { openProfile } from '../kernel-model/profile-node.ts';
import { type BpfObject, loadObject, type Program } from '../loader/index.ts';
import type { Verdict, Verifier } from '../verifier/index.ts';
import { createVerifier } from '../verifier/node.ts';
import { programRequest } from '../verifier/program-request.ts';
import { ExitCode } from './exit-code.ts';
import { DEFAULT_KERNEL, readObject } from './open-session.ts';

interface VerifyOptions {
  kernel: string;
  prog?: string[];
  log: number;
  unpriv?: boolean;
  json?: boolean;
}

/** All capabilities. */
const ROOT = 15;
/** Statistics: the level at which the reason is written but not the path. */
const STATS = 4;
/** Addresses only have to exist for the verifier: it never looks behind one. */
const SYMBOL_ADDRESS = 0xffff_ffff_8100_0000n;

const EXAMPLES = `
Examples:
  drydock verify prog.bpf.o
  drydock verify build/ --json
  drydock verify prog.bpf.o --prog handle_exec --log 2

Objects are files, or directories whose *.o files are taken. The verdict, the message, the statistics and (with
--log) the log are those of the kernel of --kernel. How often they agree with
Linux is what "npm run conformance" prints.

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
    .option('--json', 'one JSON record a line for each program')
    .addHelpText('after', EXAMPLES)
    .action(async (objects: string[], options: VerifyOptions) => done(await verify(objects, options)));
}

function logLevel(text: string): number {
  if (!/^[012]$/.test(text)) throw new InvalidArgumentError('It has to be 0, 1 or 2.');
  return Number(text);
}

async function verify(paths: readonly string[], options: VerifyOptions): Promise<ExitCode> {
  const verifier = await createVerifier(options.kernel);
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
  const { vmlinux } = openProfile(options.kernel);
  const object = loadObject(readObject(path), {
    file: path,
    kernelBtf: vmlinux,
    ksym: (name) => (vmlinux.find(name, BtfKind.Func, BtfKind.Var) === 0 ? undefined : SYMBOL_ADDRESS),
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

interface Subject {
  path: string;
  object: BpfObject;
  program: Program;
}

/** Verifies and prints one program; whether it was accepted. */
function verifyProgram(verifier: Verifier, subject: Subject, options: VerifyOptions): boolean {
  const { object, program } = subject;
  if (program.error !== undefined || !program.prepared) {
    report(subject, options, undefined, program.error ?? 'it was not prepared');
    return false;
  }
  const caps = options.unpriv ? 0 : ROOT;
  const request = programRequest(object, program, { caps, logLevel: STATS | options.log });
  const verdict = verifier.verify(request);
  report(subject, options, verdict, verdict.message);
  return verdict.accepted;
}

function report(
  subject: Subject,
  options: VerifyOptions,
  verdict: Verdict | undefined,
  message: string,
): void {
  if (options.json) process.stdout.write(`${JSON.stringify(record(subject, options, verdict, message))}\n`);
  else process.stdout.write(text(subject, options, verdict, message));
}

function outcome(verdict: Verdict | undefined): string {
  if (!verdict) return 'not-loaded';
  return verdict.accepted ? 'accepted' : 'rejected';
}

function record(
  { path, object, program }: Subject,
  options: VerifyOptions,
  verdict: Verdict | undefined,
  message: string,
) {
  return {
    object: path,
    program: program.name,
    section: program.section,
    kernel: options.kernel,
    mode: options.unpriv ? 'unpriv' : 'priv',
    verdict: outcome(verdict),
    errno: verdict?.errno ?? 0,
    message,
    insn: verdict && !verdict.accepted ? verdict.insn : null,
    source: (verdict && !verdict.accepted && sourceLine(object, program, verdict.insn)) || null,
    stats: verdict && {
      insns_processed: verdict.stats.insnsProcessed,
      max_states_per_insn: verdict.stats.maxStatesPerInsn,
      total_states: verdict.stats.totalStates,
      peak_states: verdict.stats.peakStates,
      mark_read: verdict.stats.markRead,
      stack_depth: verdict.stats.stackDepths.join('+'),
    },
    ...(options.log > 0 && verdict ? { log: verdict.log } : {}),
  };
}

function text(
  { path, object, program }: Subject,
  options: VerifyOptions,
  verdict: Verdict | undefined,
  message: string,
): string {
  const lines = [`${path} ${program.name} (${program.section}): ${outcome(verdict)}`];
  if (verdict?.accepted) {
    const { insnsProcessed, totalStates, stackDepths } = verdict.stats;
    lines[0] += `, ${insnsProcessed} insns, ${totalStates} states, stack ${stackDepths.join('+')}`;
  } else {
    lines.push(`  ${message}`);
    const source = verdict && sourceLine(object, program, verdict.insn);
    if (source) lines.push(`  ${source.file}:${source.line}: ${source.text}`);
  }
  if (options.log > 0 && verdict) lines.push(verdict.log.trimEnd());
  return `${lines.join('\n')}\n`;
}

/** Source line of an instruction, as .BTF.ext has it. */
function sourceLine(object: BpfObject, program: Program, insn: number) {
  const line = program.lineInfo.findLast((info) => info.insn <= insn);
  if (!line || !object.btf || insn < 0) return undefined;
  const { btf } = object;
  return { file: name(btf, line.fileNameOffset), line: line.line, text: name(btf, line.lineOffset).trim() };
}

function name(btf: Btf, offset: number): string {
  return btf.string(offset);
}
