#!/usr/bin/env node
/**
 * The drydock command. Each subcommand is a file of its own; this one only parses the command line and turns
 * what was thrown into an exit code.
 *
 * Exit codes: 0 all good; 1 a program, a budget or an expectation failed; 2 the input or the command line is
 * bad; 3 a bug in Drydock.
 */
import { Command, CommanderError } from 'commander';
import { InputError } from '../bpf/input-error.ts';
import { addCheckpoint } from './checkpoint.ts';
import { addDemo } from './demo.ts';
import { ExitCode } from './exit-code.ts';
import { addImages } from './images.ts';
import { addInventory } from './inventory.ts';
import { addLocks } from './locks.ts';
import { addProfile } from './profile.ts';
import { addRestore } from './restore.ts';
import { addRun } from './run.ts';
import { addVerify } from './verify.ts';
import { version } from './version.ts';

async function main(argv: readonly string[]): Promise<number> {
  let code: ExitCode = ExitCode.Ok;
  const done = (result: ExitCode) => {
    code = result;
  };
  const program = new Command('drydock')
    .description('Runs and verifies compiled eBPF over a modelled Linux kernel, without touching a real one.')
    .version(version())
    .showHelpAfterError('(drydock --help lists the commands)')
    .showSuggestionAfterError()
    .exitOverride();
  addRun(program, done);
  addVerify(program, done);
  addDemo(program, done);
  addLocks(program, done);
  addCheckpoint(program, done);
  addRestore(program, done);
  addImages(program, done);
  addInventory(program, done);
  addProfile(program, done);
  try {
    await program.parseAsync(argv);
    return code;
  } catch (error) {
    return report(error);
  }
}

function report(error: unknown): ExitCode {
  // Commander has printed its message already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.Ok : ExitCode.BadInput;
  if (error instanceof InputError) {
    process.stderr.write(`drydock: ${error.message}\n`);
    return ExitCode.BadInput;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(`drydock: this is a bug in Drydock, please report it\n${text}\n`);
  return ExitCode.Bug;
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe has gone (`drydock run ... | head`): nothing is left to say.
  if (error.code === 'EPIPE') process.exit(ExitCode.Ok);
  throw error;
});
process.exitCode = await main(process.argv);
