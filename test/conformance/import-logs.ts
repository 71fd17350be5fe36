/**
 * Makes recorded/logs-6.12.jsonl.br from the logs that were recorded of a real kernel.
 *
 *   node build/conformance/test/conformance/import-logs.js --recorded DIR [--more DIR]...
 *
 * DIR holds truth-6.12.jsonl.gz, and unpacked beside it logs/; that of --more results.jsonl, logs/ and blobs/ of a
 * later recording, with logs that the first does not have. The loads must have been imported before
 * (import-recorded.mjs).
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants, gunzipSync } from 'node:zlib';
import { withoutBootFacts } from '../../verifier/log-text.ts';
import { packageRoot } from '../package-root.ts';
import { loadName, openArchive, type RecordedLoad } from './archive.ts';
import { LOGS, type RecordedLog } from './log-archive.ts';

/** What a recording says of a load: paths of its logs. */
interface Truth {
  stage: string;
  object: string;
  program: string;
  index?: number;
  mode: string;
  log1?: string;
  /** Most bytes it had at any time. */
  log1_bytes?: number;
  log2?: string;
  /** Bytes of it, with the NUL behind them. */
  log2_bytes?: number;
  log4?: string;
  /** The log as the selftests' loader got it. */
  log?: string;
  expect?: { log_level?: number };
  load?: { insns?: string };
}

/** A recording, and the folder that its logs are in. */
interface Recording {
  from: string;
  truth: Truth;
}

/** Logs of a kernel by their names in a recording. */
const KERNEL_LOGS = [
  { key: 'log2', level: 6 },
  { key: 'log1', level: 1 },
  { key: 'log4', level: 4 },
] as const;
/** Level at which libbpf asks again when a load without a log has failed. */
const RETRIED = 1;
/** Buffers of the selftests' loader, and of logs of level 1: of a longer log the end was kept. */
const LOADER_BUFFER = 2 << 20;
const LEVEL1_BUFFER = 16 << 20;
const CUT = /\n\[\[oracle: \d+ bytes cut here\]\]\n/;

const { values } = parseArgs({
  options: { recorded: { type: 'string' }, more: { type: 'string', multiple: true, default: [] } },
});
const source = values.recorded;
if (source === undefined) throw new Error('--recorded DIR is missing');
const folder = join(packageRoot(), 'test/conformance/recorded');
const { loads, blobs } = openArchive(folder);

function recordings(from: string, text: string): Map<string, Recording> {
  const found = new Map<string, Recording>();
  for (const line of text.split('\n').filter(Boolean)) {
    const truth = JSON.parse(line) as Truth;
    const { stage, object, program, index, mode } = truth;
    if (stage === 'kernel') found.set(`${object}/${index ?? program}/${mode}`, { from, truth });
  }
  return found;
}

/** Programs with random numbers in them are other ones in each recording. */
function isOf({ from, truth }: Recording, load: RecordedLoad): boolean {
  const name = truth.load?.insns;
  const path = name === undefined ? '' : join(from, 'blobs', name.slice(0, 2), name);
  return !existsSync(path) || Buffer.compare(readFileSync(path), insnsOf(load)) === 0;
}

function insnsOf(load: RecordedLoad): Uint8Array {
  return blobs[load.insns] ?? new Uint8Array();
}

type Normal = (text: string) => string;

function readLog({ from }: Recording, path: string): string {
  return readFileSync(join(from, 'logs', path), 'ascii');
}

/**
 * A log that a kernel wrote. Of a large one the recording has cut out the middle.
 * @param wholeBytes with the NUL behind them; 0 where that is not known.
 */
function kernelLog(raw: string, wholeBytes: number, normal: Normal): Omit<RecordedLog, 'load' | 'level'> {
  const [head = '', tail] = raw.split(CUT);
  if (tail === undefined) return whole(normal(head));
  const parts = { text: normal(untilLastLine(head)), tail: normal(fromFirstLine(tail)) };
  return wholeBytes === 0 ? parts : { bytes: wholeBytes - 1 - (tail.length - normal(tail).length), ...parts };
}

function whole(text: string): Pick<RecordedLog, 'bytes' | 'text'> {
  return { bytes: text.length, text };
}

function untilLastLine(text: string): string {
  return text.slice(0, text.lastIndexOf('\n') + 1);
}

function fromFirstLine(text: string): string {
  return text.slice(text.indexOf('\n') + 1);
}

/** A log as the selftests' loader asked for it. */
function loaderLog(raw: string, normal: Normal): Omit<RecordedLog, 'load' | 'level'> {
  if (raw.length >= LOADER_BUFFER - 1) return { byLoader: true, tail: normal(fromFirstLine(raw)) };
  return { byLoader: true, ...whole(normal(raw)) };
}

/** All logs of a load: of each kind that of the first recording that has one. */
function logsOf(load: RecordedLoad, found: readonly Recording[]): RecordedLog[] {
  const normal = (text: string) => withoutBootFacts(insnsOf(load), text);
  const name = loadName(load);
  const logs: RecordedLog[] = [];
  for (const { key, level } of KERNEL_LOGS) {
    const recording = found.find(({ truth }) => truth[key] !== undefined);
    const path = recording?.truth[key];
    if (!recording || path === undefined) continue;
    // At level 1 the kernel counts what it has cut back, too.
    const wholeBytes = key === 'log2' ? (recording.truth.log2_bytes ?? 0) : 0;
    const log = kernelLog(readLog(recording, path), wholeBytes, normal);
    if (key === 'log1' && (recording.truth.log1_bytes ?? 0) > LEVEL1_BUFFER && log.tail) delete log.text;
    logs.push({ load: name, level, ...log });
  }
  const loader = found.find(({ truth }) => truth.log !== undefined && truth.expect !== undefined);
  if (loader?.truth.log) {
    const level = loader.truth.expect?.log_level ?? RETRIED;
    logs.push({ load: name, level, ...loaderLog(readLog(loader, loader.truth.log), normal) });
  }
  return logs;
}

const sources = [
  recordings(source, gunzipSync(readFileSync(join(source, 'truth-6.12.jsonl.gz'))).toString()),
  ...values.more.map((from) => recordings(from, readFileSync(join(from, 'results.jsonl'), 'utf8'))),
];
const lines: Buffer[] = [];
for (const load of loads) {
  const found = sources
    .map((each) => each.get(loadName(load)))
    .filter((recording) => recording !== undefined && isOf(recording, load));
  for (const log of logsOf(load, found as Recording[])) {
    lines.push(Buffer.from(`${JSON.stringify(log)}\n`, 'latin1'));
  }
}
const bytes = Buffer.concat(lines);
const packed = brotliCompressSync(bytes, {
  params: {
    [constants.BROTLI_PARAM_LARGE_WINDOW]: 1,
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: 28,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  },
});
writeFileSync(join(folder, LOGS), packed);
console.log(`${lines.length} logs, ${bytes.length} bytes, ${packed.length} compressed`);
