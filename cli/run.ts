/** drydock run: iterators of an object over a scene. */
import { type Command, InvalidArgumentError } from 'commander';
import { InputError } from '../bpf/input-error.ts';
import { type LoadOptions, loadObject } from '../loader/index.ts';
import { readObject } from '../loader/object-file-node.ts';
import { type Iteration, iterate } from '../session/iterate.ts';
import { openSession, readScene } from '../session/open-session-node.ts';
import { testedProgram } from '../session/test-bench.ts';
import { withFormats } from '../verifier/load-options.ts';
import type { Tier } from '../vm/index.ts';
import { ExitCode } from './exit-code.ts';
import { runRecord } from './run-record.ts';
import { type WatchOptions, watchSession } from './run-watch.ts';
import { runTest } from './test-run.ts';

interface RunOptions extends WatchOptions {
  prog?: string[];
  scene?: string;
  kernel?: string;
  readSize: number;
  task?: number;
  fd?: number;
  map?: string;
  json?: boolean;
  trace?: boolean;
  data?: string;
  ctxIn?: string;
  repeat?: number;
  pcap?: string;
  pcapOut?: string;
  tier?: Tier;
}

const MAX_READ = 0x7fff_f000;

const EXAMPLES = `
Examples:
  drydock run programs/io_uring_buf/io_uring_buf.bpf.o --scene programs/scenes/demo.yaml
  drydock run iter.bpf.o --scene world.yaml --kernel 6.1 --task 100 --fd 3
  drydock run iter.bpf.o --scene world.yaml --read-size 1 --json | jq .output
  drydock run filter.bpf.o --prog xdp_main --data packet.bin
  drydock run cls.bpf.o --prog tc --data 00:00:00:00:00:00:00:00:00:00:00:00:08:06 --ctx-in '{"mark": 1}'
  drydock run filter.bpf.o --prog xdp_main --pcap traffic.pcap --pcap-out left.pcap

The result is on stdout: exactly the bytes that reading the iterator gives, for one program after another and
of each for one ring, epoll instance or map after another. What is being run is said on stderr.

A program that is no iterator is verified, and when it is accepted run as BPF_PROG_TEST_RUN does it: over the
packet of --data (a file, or hexadecimal digits), or over each packet of --pcap. Programs without packets
(syscall, raw_tp, tracing, kprobe, ...) get the bytes of --ctx-in: {"args": [1, 2]}, or a string of hexadecimal
digits. For the others --ctx-in sets fields of the context, as far as BPF_PROG_TEST_RUN lets them be set.

Exit code: 0 all was read; 1 attaching, reading or a program failed; 2 bad input; 3 a bug in Drydock.`;

export function addRun(program: Command, done: (code: ExitCode) => void): void {
  program
    .command('run')
    .description("run an object's iterators over a scene, or one program over a packet or context")
    .argument('<object>', 'compiled BPF object (.bpf.o)')
    .option('--prog <name...>', 'programs to run; default: all of the object')
    .option('--scene <file>', 'scene to run over; default: an empty world with only pid 1')
    .option('--kernel <name>', "kernel profile: 5.16+series, 6.1, 6.12; default: the scene's, else 6.12")
    .option('--read-size <bytes>', "size of the reader's buffer", readSize, 4096)
    .option('--task <pid>', 'only what this task has open (task iterators: only this task)', integer)
    .option('--fd <number>', 'only this descriptor (with --task: whatever it is)', integer)
    .option('--map <name>', 'only this map')
    .option('--data <file|hex>', 'packet to run the program over')
    .option('--ctx-in <json>', 'context to run it over')
    .option('--repeat <times>', 'how often it runs over them', integer)
    .option('--pcap <file>', 'capture file: run the program over every packet')
    .option('--pcap-out <file>', 'with --pcap: where to put the packets as the program left them')
    .option('--tier <tier>', 'what a program that is no iterator runs in: interpreter or translated', tier)
    .option('--coverage <file>', 'write which source lines and branches were executed, as lcov')
    .option(
      '--check-claims',
      'hold every instruction that is executed against what the verifier allows for there',
    )
    .option(
      '--insns',
      'print every instruction that is executed, what it changed, and its source line, on stderr',
    )
    .option('--legacy', 'also take objects that libbpf 1.0 does not take, as `drydock verify --legacy` does')
    .option('--trace', 'also print what the programs write to trace_pipe, on stderr')
    .option('--json', 'one JSON record a line for each iterator and what it was attached to')
    .addHelpText('after', EXAMPLES)
    .action(async (object: string, options: RunOptions) => done(await run(object, options)));
}

async function run(path: string, options: RunOptions): Promise<ExitCode> {
  const bytes = readObject(path);
  const tested = await testedBy(bytes, path, options);
  if (tested !== undefined) return runTest(bytes, path, tested, options);
  const session = await openSession(await readScene(options.scene), options.kernel);
  const prepare = (file: Uint8Array, own: LoadOptions) => loadObject(file, withFormats(own, options));
  const object = session.load(bytes, path, options.prog, prepare);
  const finish = await watchSession(session, object, bytes, options);
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
  return Math.max(finish(), code);
}

/** The program that is to be test-run; undefined when iterators are meant. */
async function testedBy(bytes: Uint8Array, file: string, options: RunOptions): Promise<string | undefined> {
  const { data, ctxIn, repeat, pcap, pcapOut, prog, legacy = false } = options;
  const program = testedProgram(bytes, { file, legacy }, prog);
  if (pcapOut !== undefined && pcap === undefined) throw new InputError('--pcap-out needs --pcap');
  const asked = [data, ctxIn, repeat, pcap].some((option) => option !== undefined);
  if (asked && program === undefined)
    throw new InputError(
      'iterators take no packet and no context: --data, --ctx-in, --repeat and --pcap are for other programs',
    );
  return program;
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

function tier(text: string): Tier {
  if (text !== 'interpreter' && text !== 'translated')
    throw new InvalidArgumentError('It has to be interpreter or translated.');
  return text;
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
