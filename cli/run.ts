/** drydock run: iterators of an object over a scene. */
import { type Command, InvalidArgumentError } from 'commander';
import { readObject } from '../loader/object-file-node.ts';
import { type Iteration, iterate } from '../session/iterate.ts';
import { openSession, readScene } from '../session/open-session-node.ts';
import { ExitCode } from './exit-code.ts';
import { runRecord } from './run-record.ts';

interface RunOptions {
  prog?: string[];
  scene?: string;
  kernel?: string;
  readSize: number;
  task?: number;
  fd?: number;
  map?: string;
  json?: boolean;
  trace?: boolean;
}

const MAX_READ = 0x7fff_f000;

const EXAMPLES = `
Examples:
  drydock run programs/io_uring_buf/io_uring_buf.bpf.o --scene programs/scenes/demo.yaml
  drydock run iter.bpf.o --scene world.yaml --kernel 6.1 --task 100 --fd 3
  drydock run iter.bpf.o --scene world.yaml --read-size 1 --json | jq .output

The result is on stdout: exactly the bytes that reading the iterator gives, for one program after another and
of each for one ring, epoll instance or map after another. What is being run is said on stderr.

Exit code: 0 all was read; 1 attaching, reading or a program failed; 2 bad input; 3 a bug in Drydock.`;

export function addRun(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('run')
    .description("run an object's iterators over a scene and print what a reader gets")
    .argument('<object>', 'compiled BPF object (.bpf.o)')
    .option('--prog <name...>', 'programs to run; default: all of the object')
    .option('--scene <file>', 'scene to run over; default: an empty world with only pid 1')
    .option('--kernel <name>', "kernel profile: 5.16+series, 6.1, 6.12; default: the scene's, else 6.12")
    .option('--read-size <bytes>', "size of the reader's buffer", readSize, 4096)
    .option('--task <pid>', 'only what this task has open (task iterators: only this task)', integer)
    .option('--fd <number>', 'only this descriptor (with --task: whatever it is)', integer)
    .option('--map <name>', 'only this map')
    .option('--trace', 'also print what the programs write to trace_pipe, on stderr')
    .option('--json', 'one JSON record a line for each iterator and what it was attached to')
    .addHelpText('after', EXAMPLES)
    .action(async (object: string, options: RunOptions) => done(await run(object, options)));
}

async function run(path: string, options: RunOptions): Promise<ExitCode> {
  const bytes = readObject(path);
  const session = await openSession(readScene(options.scene), options.kernel);
  const object = session.load(bytes, path, options.prog);
  const { task, fd, map } = options;
  const selection = {
    ...(task === undefined ? {} : { task }),
    ...(fd === undefined ? {} : { fd }),
    ...(map === undefined ? {} : { map }),
  };
  let code = ExitCode.Ok;
  for (const iteration of iterate(session, object, selection, options.readSize)) {
    if (options.json) process.stdout.write(`${JSON.stringify(runRecord(object, iteration))}\n`);
    else print(iteration, options.trace === true);
    if (iteration.failure !== undefined) code = ExitCode.Failed;
    // After a fault the modelled kernel is as a real one after an oops: its locks stay held.
    if (iteration.log.fault) break;
  }
  return code;
}

function print(iteration: Iteration, withTrace: boolean): void {
  const { iterator, choice, bytes, failure, trace } = iteration;
  const heading = `${iterator.name} (${iterator.target})`;
  if (!choice) {
    process.stderr.write(`== ${heading}: the scene has nothing to attach it to\n`);
    return;
  }
  process.stderr.write(`== ${heading}, ${choice.label}\n`);
  process.stdout.write(bytes);
  if (withTrace && trace !== '') process.stderr.write(trace);
  if (failure !== undefined) process.stderr.write(`drydock: ${iterator.name}: ${failure}\n`);
}

function integer(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 0x7fff_ffff)
    throw new InvalidArgumentError('It has to be a whole number.');
  return value;
}

function readSize(text: string): number {
  const value = integer(text);
  if (value < 1 || value > MAX_READ) throw new InvalidArgumentError(`It has to be 1 to ${MAX_READ}.`);
  return value;
}
