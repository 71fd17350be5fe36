/**
 * Makes recorded/logs-6.12.jsonl.br from the logs that were recorded of a real kernel.
 *
 *   node build/conformance/test/conformance/import-logs.js --recorded DIR [--more DIR]...
 *
 * DIR holds truth-6.12.jsonl.gz, and unpacked beside it logs/; that of --more results.jsonl and logs/ of a later
 * recording, whose full logs count for loads that have none. The loads must have been imported before
 * (import-recorded.mjs).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants, gunzipSync } from 'node:zlib';
import { withoutBootFacts } from '../../verifier/log-text.ts';
import { packageRoot } from '../package-root.ts';
import { loadName, openArchive, type RecordedLoad } from './archive.ts';
import { LOGS, type RecordedLog } from './log-archive.ts';

/** What the recording says of a load. */
interface Truth {
  stage: string;
  object: string;
  program: string;
  mode: string;
  verdict: 'success' | 'failure';
  /** Path of the log of level 2|4, and bytes of the log with the NUL behind it. */
  log2?: string;
  log2_bytes?: number;
  /** Path of the log as the selftests' loader got it. */
  log?: string;
  expect: { log_level?: number };
}

const FULL_AND_STATS = 6;
/** Level at which libbpf asks again when a load without a log has failed. */
const RETRIED = 1;
/** Buffer of the selftests' loader: the end of a longer log was kept. */
const LOADER_BUFFER = 2 << 20;
const CUT = /\n\[\[oracle: \d+ bytes cut here\]\]\n/;

const { values } = parseArgs({
  options: { recorded: { type: 'string' }, more: { type: 'string', multiple: true, default: [] } },
});
const source = values.recorded;
if (source === undefined) throw new Error('--recorded DIR is missing');
const folder = join(packageRoot(), 'test/conformance/recorded');

/** A recording, and the folder that its logs are in. */
interface Recorded {
  from: string;
  truth: Truth;
}

function parseTruths(text: string): Truth[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Truth);
}

function truths(from: string): Truth[] {
  return parseTruths(gunzipSync(readFileSync(join(from, 'truth-6.12.jsonl.gz'))).toString());
}

function truthName({ object, program, mode }: Truth): string {
  return `${object}/${program}/${mode}`;
}

function laterRecordings(folders: readonly string[]): Map<string, Recorded> {
  const found = new Map<string, Recorded>();
  for (const from of folders) {
    for (const truth of parseTruths(readFileSync(join(from, 'results.jsonl'), 'utf8')))
      found.set(truthName(truth), { from, truth });
  }
  return found;
}

/** A log of level 2|4. Of a large one the recording has cut out the middle. */
function fullLog(
  load: string,
  raw: string,
  wholeBytes: number,
  normal: (text: string) => string,
): RecordedLog {
  const [head = '', tail] = raw.split(CUT);
  const ends = tail ?? head;
  const bytes = wholeBytes - 1 - (ends.length - normal(ends).length);
  const log = { load, level: FULL_AND_STATS, bytes };
  if (tail === undefined) return { ...log, text: normal(head) };
  return { ...log, text: normal(untilLastLine(head)), tail: normal(fromFirstLine(tail)) };
}

function untilLastLine(text: string): string {
  return text.slice(0, text.lastIndexOf('\n') + 1);
}

function fromFirstLine(text: string): string {
  return text.slice(text.indexOf('\n') + 1);
}

/** A log as the selftests' loader asked for it. */
function loaderLog(load: string, level: number, raw: string, normal: (text: string) => string): RecordedLog {
  if (raw.length >= LOADER_BUFFER - 1) return { load, level, tail: normal(fromFirstLine(raw)) };
  const text = normal(raw);
  return { load, level, bytes: text.length, text };
}

function logsOf(
  load: RecordedLoad,
  insns: Uint8Array,
  { from, truth }: Recorded,
  full: Recorded,
): RecordedLog[] {
  const read = (folder: string, path: string) => readFileSync(join(folder, 'logs', path), 'ascii');
  const normal = (text: string) => withoutBootFacts(insns, text);
  const name = loadName(load);
  const { log2, log2_bytes = 0 } = full.truth;
  const logs: RecordedLog[] = [];
  if (log2) logs.push(fullLog(name, read(full.from, log2), log2_bytes, normal));
  if (truth.log) logs.push(loaderLog(name, truth.expect.log_level ?? RETRIED, read(from, truth.log), normal));
  return logs;
}

const { loads, blobs } = openArchive(folder);
const wanted = new Map(loads.filter(({ set }) => set !== 'struct').map((load) => [loadName(load), load]));
const later = laterRecordings(values.more);
const lines: Buffer[] = [];
for (const truth of truths(source)) {
  const load = wanted.get(truthName(truth));
  if (truth.stage !== 'kernel' || load === undefined) continue;
  const insns = blobs[load.insns] ?? new Uint8Array();
  const recorded = { from: source, truth };
  const full = truth.log2 ? recorded : (later.get(truthName(truth)) ?? recorded);
  for (const log of logsOf(load, insns, recorded, full)) {
    lines.push(Buffer.from(`${JSON.stringify(log)}\n`, 'ascii'));
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
