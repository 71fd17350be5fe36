/** drydock gate: everything that a configuration asks for, as a step of a pipeline. */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { InputError } from '../bpf/input-error.ts';
import { readInputText } from '../bpf/input-file.ts';
import { packageRoot } from '../bpf/package-root.ts';
import { writeAtomically } from '../gate/atomic-file.ts';
import { type Baseline, baselineText, isBaseline, parseBaseline } from '../gate/baseline.ts';
import { ResultCache } from '../gate/cache.ts';
import { unchangedSince } from '../gate/changes.ts';
import type { Check, GateReport } from '../gate/check.ts';
import { comparison, comparisonCsv, comparisonText } from '../gate/comparison.ts';
import { type ParsedConfig, parseConfig } from '../gate/config/parse.ts';
import { type GateOptions, runGate } from '../gate/gate.ts';
import { Pool } from '../gate/jobs/pool.ts';
import { mergeShards } from '../gate/merge.ts';
import type { Shard } from '../gate/plan.ts';
import { parseReport } from '../gate/report/json.ts';
import { baselineRows, parseVeristat, type VeristatRow } from '../gate/veristat.ts';
import { ExitCode } from './exit-code.ts';
import { type Output, outputOf, writeReports } from './gate-output.ts';
import { Progress } from './progress.ts';
import { version } from './version.ts';

interface GateCommand {
  format?: Output[];
  kernel?: string[];
  baseline?: string;
  updateBaseline?: boolean;
  updateOutputs?: boolean;
  shard?: Shard;
  changedSince?: string;
  jobs: number;
  timeout: number;
  cache: string | boolean;
  today?: string;
}

export const CONFIG = 'drydock.yaml';
const DEFAULT_BASELINE = 'drydock-baseline.csv';
const MOST_CACHE_BYTES = 512 << 20;

const HELP = `
Examples:
  drydock init && drydock gate
  drydock gate --update-baseline
  drydock gate --format pretty --format junit=gate.xml --format sarif=gate.sarif
  drydock gate --shard 1/4 --format json=shard-1.jsonl    and, once all four are there,
  drydock gate merge shard-*.jsonl --format html=gate.html

The configuration (its schema: gate/config/schema.json) says which objects, kernels, programs, runs and checkpoints, and
what is expected of them; docs/gate.md explains it. Formats: pretty, json (JSON Lines), junit, sarif, github (annotations,
and the step summary), markdown, gitlab (code quality), html, veristat (CSV), compare
(what is not as in the baseline, as a table). A format without =FILE goes to stdout. Results are kept in the cache, by the content of what they depend on.

Exit code: 0 all good; 1 something failed that is not allowed; 2 bad configuration or command line; 3 a bug in Drydock;
130 or 143 interrupted, with no report written.`;

export function addGate(program: Command, done: (code: number) => void): void {
  const gate = program
    .command('gate')
    .description('check everything that drydock.yaml asks for')
    .argument('[config]', 'configuration', CONFIG)
    .option('--format <format[=file]>', 'report; may be repeated; default: pretty', collectOutput)
    .option('--kernel <name...>', "kernels in place of the configuration's")
    .option('--baseline <file>', "baseline in place of the configuration's")
    .option('--update-baseline', 'write what was measured as the new baseline')
    .option('--update-outputs', 'write what runs give into their output_file')
    .option('--shard <i/n>', 'only one of n parts', shardOf)
    .option('--changed-since <revision>', 'without the files that git says are as they were then')
    .option('--jobs <n>', 'threads', count, availableParallelism())
    .option('--timeout <seconds>', 'longest time that one program may take', count, 120)
    .option('--cache <directory>', 'where results are kept; default: $XDG_CACHE_HOME/drydock')
    .option('--no-cache', 'keep nothing, and take nothing that was kept')
    .option('--today <date>', 'day that allowances are held against, YYYY-MM-DD', day)
    .addHelpText('after', HELP)
    .action(async (config: string, options: GateCommand) => done(await run(config, options)));
  gate
    .command('merge')
    .description('put the json reports of all shards together')
    .argument('<report...>', 'reports of --shard with --format json')
    .option('--format <format[=file]>', 'report; may be repeated; default: pretty', collectOutput)
    .action((files: string[], _options: unknown, command: Command) => {
      const { format } = command.optsWithGlobals<{ format?: Output[] }>();
      done(merge(files, format ?? []));
    });
  gate
    .command('compare')
    .description('compare two CSV files: baselines, or what veristat has written')
    .argument('<before>', 'CSV file')
    .argument('<after>', 'CSV file')
    .option('--csv', 'as CSV')
    .option('--changed', 'only what differs')
    .action((before: string, after: string, options: { csv?: boolean; changed?: boolean }) => {
      done(compare(before, after, options));
    });
}

async function run(path: string, options: GateCommand): Promise<number> {
  const parsed = readConfig(path, options.kernel);
  const root = dirname(resolve(path));
  const baselinePath = resolve(root, options.baseline ?? parsed.config.baseline ?? DEFAULT_BASELINE);
  const isNamed = options.baseline !== undefined || parsed.config.baseline !== undefined;
  const baseline = options.updateBaseline ? undefined : readBaseline(baselinePath, isNamed);
  const outputs = options.format ?? [];
  const pool = new Pool({ size: options.jobs, limit: 1000 * options.timeout });
  const progress = new Progress();
  const cache = openCache(options.cache, progress);
  if (!cache?.isThere) pool.warm();
  const interrupted = onSignals(pool, progress);
  const watched = [path, baselinePath].map((file) => relative(root, resolve(file)).replaceAll('\\', '/'));
  const isUnchanged = unchanged(options.changedSince, root, watched);
  const gateOptions: GateOptions = {
    root,
    pool,
    version: version(),
    cache,
    build: buildId(),
    baseline,
    shard: options.shard ?? null,
    isUnchanged,
    isWhole:
      options.shard === undefined && options.changedSince === undefined && options.kernel === undefined,
    today: options.today ?? new Date().toISOString().slice(0, 10),
    progress: (finished, total, what) => progress.show(finished, total, what),
    explains: true,
    updatesOutputs: options.updateOutputs === true,
  };
  let report: GateReport;
  try {
    report = await runGate(parsed, gateOptions);
  } finally {
    await pool.stop();
    progress.end();
  }
  if (interrupted.signal !== undefined) return interrupted.signal;
  gateOptions.cache?.prune(MOST_CACHE_BYTES);
  if (options.updateBaseline) updateBaseline(baselinePath, report, gateOptions.isWhole);
  writeReports(report, outputs);
  return exitCode(report.checks);
}

function readConfig(path: string, kernels: readonly string[] | undefined): ParsedConfig {
  const text = readInputText(
    path,
    path === CONFIG ? 'there is none here; "drydock init" writes one' : undefined,
  );
  const parsed = parseConfig(text, path);
  return kernels ? { ...parsed, config: { ...parsed.config, kernels } } : parsed;
}

function readBaseline(path: string, isNamed: boolean): Baseline | undefined {
  if (!isNamed && !existsSync(path)) return undefined;
  return parseBaseline(
    readInputText(path, 'there is no baseline; "drydock gate --update-baseline" writes one'),
    relative('', path),
  );
}

function unchanged(
  revision: string | undefined,
  root: string,
  watched: readonly string[],
): (file: string) => boolean {
  if (revision === undefined) return () => false;
  const isUnchanged = unchangedSince(revision, root);
  // Another configuration or baseline asks for other things of all files.
  const isSame = watched.every((file) => isUnchanged(file) || !existsSync(resolve(root, file)));
  return isSame ? isUnchanged : () => false;
}

function openCache(option: string | boolean, progress: Progress): ResultCache | undefined {
  if (option === false || buildId() === '') return undefined;
  const base = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const directory = typeof option === 'string' ? option : join(base, 'drydock');
  return new ResultCache(directory, { warn: (warning) => progress.say(`drydock: ${warning}`) });
}

/** Empty for code that was not built as a whole. */
function buildId(): string {
  const path = join(packageRoot(), 'build', 'build-id');
  return existsSync(path) ? readFileSync(path, 'utf8').trim() : '';
}

/** Nothing is written once a signal has come; what is known by then stays in the cache. */
function onSignals(pool: Pool, progress: Progress): { signal: number | undefined } {
  const state: { signal: number | undefined } = { signal: undefined };
  const stop = (code: number) => () => {
    if (state.signal !== undefined) process.exit(code);
    state.signal = code;
    progress.say('drydock: interrupted: no report is written');
    void pool.stop();
  };
  process.on('SIGINT', stop(130));
  process.on('SIGTERM', stop(143));
  return state;
}

function updateBaseline(path: string, { checks }: GateReport, isWhole: boolean): void {
  if (!isWhole)
    throw new InputError('--update-baseline needs everything: neither --shard, --changed-since nor --kernel');
  const verified = checks.filter(({ kind, result }) => kind === 'verify' && result !== null);
  writeAtomically(path, baselineText(verified));
  process.stderr.write(`drydock: ${basename(path)}: ${verified.length} programs\n`);
}

function exitCode(checks: readonly Check[]): ExitCode {
  if (checks.some(({ status }) => status === 'crashed')) return ExitCode.Bug;
  return checks.some(({ status }) => status === 'failed') ? ExitCode.Failed : ExitCode.Ok;
}

function merge(files: readonly string[], outputs: readonly Output[]): ExitCode {
  const report = mergeShards(files.map((file) => parseReport(readInputText(file), file)));
  writeReports(report, outputs);
  return exitCode(report.checks);
}

function compare(before: string, after: string, options: { csv?: boolean; changed?: boolean }): ExitCode {
  const rows = comparison(numbersOf(before), numbersOf(after));
  const text = options.csv
    ? comparisonCsv(rows)
    : comparisonText(rows, { onlyChanged: options.changed === true });
  process.stdout.write(text);
  return ExitCode.Ok;
}

/** Of a baseline, or of what veristat writes. */
function numbersOf(file: string): VeristatRow[] {
  const text = readInputText(file);
  return isBaseline(text) ? baselineRows(parseBaseline(text, file)) : parseVeristat(text, file);
}

function collectOutput(text: string, before: Output[] | undefined): Output[] {
  const output = outputOf(text);
  if (typeof output === 'string') throw new InvalidArgumentError(output);
  const all = [...(before ?? []), output];
  if (all.filter(({ file }) => file === undefined).length > 1)
    throw new InvalidArgumentError('Only one report can go to stdout: name a file with FORMAT=FILE.');
  return all;
}

function shardOf(text: string): Shard {
  const [, index, total] = /^([1-9]\d{0,3})\/([1-9]\d{0,3})$/.exec(text) ?? [];
  if (index === undefined || total === undefined || Number(index) > Number(total))
    throw new InvalidArgumentError('It has to be I/N, with I from 1 to N.');
  return { index: Number(index), count: Number(total) };
}

function count(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value < 1)
    throw new InvalidArgumentError('It has to be a number from 1 on.');
  return value;
}

function day(text: string): string {
  const date = new Date(`${text}T00:00:00Z`);
  if (Number.isNaN(date.getTime()) || date.toISOString().slice(0, 10) !== text)
    throw new InvalidArgumentError('It has to be a day, as YYYY-MM-DD.');
  return text;
}
