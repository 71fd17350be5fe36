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
import { ExitCode } from './exit-code.ts';
import { version } from './version.ts';

type Add = (program: Command, done: (code: number) => void) => void;

/** Loaded when they are asked for: all together take longer than many a command. */
const COMMANDS: { readonly [name: string]: () => Promise<Add> } = {
  run: async () => (await import('./run.ts')).addRun,
  verify: async () => (await import('./verify.ts')).addVerify,
  needs: async () => (await import('./needs.ts')).addNeeds,
  demo: async () => (await import('./demo.ts')).addDemo,
  locks: async () => (await import('./locks.ts')).addLocks,
  checkpoint: async () => (await import('./checkpoint.ts')).addCheckpoint,
  restore: async () => (await import('./restore.ts')).addRestore,
  images: async () => (await import('./images.ts')).addImages,
  inventory: async () => (await import('./inventory.ts')).addInventory,
  profile: async () => (await import('./profile.ts')).addProfile,
  gate: async () => (await import('./gate.ts')).addGate,
  playground: async () => (await import('./playground.ts')).addPlayground,
  init: async () => (await import('./init.ts')).addInit,
};

/** All of them for help, and to say what there is. */
function commandsFor(name: string | undefined): Promise<Add[]> {
  const one = name !== undefined && Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  return Promise.all((one ? [one] : Object.values(COMMANDS)).map((load) => load()));
}

async function main(argv: readonly string[]): Promise<number> {
  let code: number = ExitCode.Ok;
  const done = (result: number) => {
    code = result;
  };
  const program = new Command('drydock')
    .description('Runs and verifies compiled eBPF over a modelled Linux kernel, without touching a real one.')
    .version(version())
    .showHelpAfterError('(drydock --help lists the commands)')
    .showSuggestionAfterError()
    .exitOverride();
  for (const add of await commandsFor(argv[2])) add(program, done);
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
