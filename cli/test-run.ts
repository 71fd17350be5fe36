/** drydock run, for programs that are no iterators: over a packet, a context, or a capture file. */
import { existsSync, writeFileSync } from 'node:fs';
import { errnoName } from '../bpf/errno-name.ts';
import { InputError } from '../bpf/input-error.ts';
import { readInputFile } from '../bpf/input-file.ts';
import { decodeContext, encodeContext } from '../session/context-fields.ts';
import { parseHex } from '../session/hex.ts';
import { openTestBench } from '../session/open-test-bench-node.ts';
import { readCapture, writeCapture } from '../session/pcap.ts';
import { replayCapture, verdictName } from '../session/replay.ts';
import type { Rejection, TestBench, TestProgram } from '../session/test-bench.ts';
import type { Tier } from '../vm/index.ts';
import { type TestInput, type TestResult, takesPacket } from '../vm/test-run/index.ts';
import { ExitCode } from './exit-code.ts';
import { replayRecord, testRecord } from './run-record.ts';
import { type WatchOptions, watched, watchTest } from './run-watch.ts';

export interface TestOptions extends WatchOptions {
  kernel?: string;
  scene?: string;
  data?: string;
  ctxIn?: string;
  repeat?: number;
  pcap?: string;
  pcapOut?: string;
  json?: boolean;
  trace?: boolean;
  tier?: Tier;
}

/** Verifies the program, and runs it when it was accepted. */
export async function runTest(
  bytes: Uint8Array,
  file: string,
  name: string,
  options: TestOptions,
): Promise<ExitCode> {
  const { data, ctxIn, repeat, pcap } = options;
  if (pcap !== undefined && [data, ctxIn, repeat].some((option) => option !== undefined))
    throw new InputError('--pcap goes without --data, --ctx-in and --repeat');
  const bench = await openTestBench(options.kernel, options.scene, options);
  const follows = watched(options);
  if (options.tier === 'translated' && follows !== undefined)
    throw new InputError(`${follows} follows the interpreter: it goes without --tier translated`);
  const loaded = bench.load(bytes, file, name, options.tier);
  if ('verdict' in loaded) return reject(loaded, options);
  const { tested, finish } = watchTest(bench, loaded, options);
  const code =
    pcap === undefined ? runOnce(bench, tested, options) : runCapture(bench, tested, pcap, options);
  return Math.max(finish(), code);
}

function reject({ file, name, verdict }: Rejection, { json }: TestOptions): ExitCode {
  const failure = `the verifier rejects ${name}: ${verdict.message}`;
  if (json) {
    const errno = errnoName(verdict.errno);
    const nothing = { retval: null, data_out: '', output: '', trace_pipe: '', maps: {}, insns_executed: 0 };
    const record = { object: file, program: name, ...nothing, tier: null, fault: null, errno, failure };
    process.stdout.write(`${JSON.stringify(record)}\n`);
  } else process.stderr.write(`drydock: ${failure} (${errnoName(verdict.errno)})\n`);
  return ExitCode.Failed;
}

function runOnce(bench: TestBench, tested: TestProgram, options: TestOptions): ExitCode {
  const { type } = tested.program.source;
  const { btf } = bench.session.machine.profile;
  if (options.data === undefined && takesPacket(type)) {
    const { name, section } = tested.program.source;
    throw new InputError(`program ${name} (${section}) runs over a packet: --data or --pcap gives it one`);
  }
  const input: TestInput = {
    ...(options.data === undefined ? {} : { data: readData(options.data) }),
    ...(options.ctxIn === undefined ? {} : { context: encodeContext(options.ctxIn, type, btf) }),
    ...(options.repeat === undefined ? {} : { repeat: options.repeat }),
  };
  const result = bench.run(tested, input);
  const trace = bench.session.vm.takeTrace();
  const context = result.context.length === 0 ? undefined : decodeContext(result.context, type, btf);
  if (options.json) {
    const more = { trace_pipe: trace, ctx_out: context ?? null };
    process.stdout.write(`${JSON.stringify(testRecord(tested, result, more))}\n`);
  } else {
    if (options.trace) process.stderr.write(trace);
    print(tested, result, context);
  }
  return result.errno === 0 && result.status === 'finished' ? ExitCode.Ok : ExitCode.Failed;
}

function print(tested: TestProgram, result: TestResult, context: object | string | undefined): void {
  const { name, source } = tested.program;
  if (result.errno !== 0) {
    process.stderr.write(`drydock: ${name}: ${errnoName(result.errno)}: ${result.reason}\n`);
    return;
  }
  if (result.status !== 'finished') {
    process.stderr.write(`drydock: ${name}: ${result.fault?.message ?? 'it does not end'}\n`);
    return;
  }
  const verdict = verdictName(source.type, result.retval);
  const named = verdict === String(result.retval) ? '' : ` (${verdict})`;
  process.stdout.write(`retval ${result.retval}${named}\n`);
  if (result.data.length > 0) process.stdout.write(`data_out ${Buffer.from(result.data).toString('hex')}\n`);
  if (context !== undefined)
    process.stdout.write(`ctx_out ${typeof context === 'string' ? context : JSON.stringify(context)}\n`);
  process.stdout.write(`insns ${result.insns}\n`);
  if (result.deferred) {
    const { callbacks, insns, pending } = result.deferred;
    process.stdout.write(`deferred ${callbacks} callbacks, ${insns} insns, ${pending} pending\n`);
  }
}

function runCapture(bench: TestBench, tested: TestProgram, file: string, options: TestOptions): ExitCode {
  const capture = readCapture(readInputFile(file), file);
  const replay = replayCapture(bench, tested, capture);
  const trace = bench.session.vm.takeTrace();
  if (options.pcapOut !== undefined) writeFileSync(options.pcapOut, writeCapture(replay.output));
  if (options.json) process.stdout.write(`${JSON.stringify(replayRecord(tested, replay, trace))}\n`);
  else {
    if (options.trace) process.stderr.write(trace);
    for (const [verdict, count] of replay.verdicts) process.stdout.write(`${verdict} ${count}\n`);
    for (const [errno, count] of replay.refused) process.stdout.write(`not run (${errno}) ${count}\n`);
    process.stdout.write(`packets ${replay.packets}\ninsns ${replay.insns}\n`);
  }
  if (replay.fault) process.stderr.write(`drydock: ${tested.program.name}: ${replay.fault.message}\n`);
  return replay.fault ? ExitCode.Failed : ExitCode.Ok;
}

/** A file of that name, else hexadecimal digits. @throws {InputError} when it is neither. */
function readData(text: string): Uint8Array {
  return existsSync(text) ? readInputFile(text) : parseHex(text, '--data: this is no file, and');
}
