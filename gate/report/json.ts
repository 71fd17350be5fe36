/** The report as JSON Lines, which `drydock gate merge` reads back: the shards of a run become one report. */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { InputError } from '../../bpf/input-error.ts';
import { type Check, checkId, type GateReport, statusOf } from '../check.ts';
import { lineError } from '../csv.ts';
import schema from './schema.json' with { type: 'json' };
import { type Summary, summarize } from './summary.ts';

/** First line of a report. */
interface GateRecord extends Omit<GateReport, 'checks'> {
  readonly record: 'gate';
  /** Of the lines that follow, so that a report that was cut off is found out. */
  readonly summary: Summary;
}

type CheckRecord = Check & { readonly record: 'check' };

export function json(report: GateReport): string {
  const { version, config, today, shard, checks } = report;
  const head: GateRecord = { record: 'gate', version, config, today, shard, summary: summarize(report) };
  const records = [head, ...checks.map((check): CheckRecord => ({ record: 'check', ...check }))];
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

/**
 * @param file named in errors.
 * @throws {InputError} for anything but a whole report.
 */
export function parseReport(text: string, file: string): GateReport {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  else throw lineError(file, lines.length, 'has no end of line; the report is cut off');
  const first = lines[0];
  if (first === undefined) throw new InputError('is empty, and no report of the gate', { file });
  const { version, config, today, shard, summary } = parseLine<GateRecord>(first, 'gate', file, 1);
  if (shard && shard.index > shard.count) {
    throw lineError(file, 1, `shard ${shard.index} of ${shard.count} cannot be`);
  }
  const checks = lines.slice(1).map((line, i) => parseCheck(line, file, i + 2));
  const duplicate = firstDuplicate(checks);
  if (duplicate) {
    throw lineError(file, checks.indexOf(duplicate) + 2, `${checkId(duplicate)} is there twice`);
  }
  const report: GateReport = { version, config, today, shard, checks };
  compareSummaries(summary, summarize(report), file);
  return report;
}

/**
 * Shards of one run as one report, with its checks in the order of their ids.
 * @throws {InputError} when they are not all the shards of one run.
 */
export function mergeReports(reports: readonly GateReport[]): GateReport {
  const first = reports[0];
  if (!first) throw new InputError('there are no reports to merge');
  for (const key of ['version', 'config', 'today'] as const) {
    const other = reports.find((report) => report[key] !== first[key]);
    if (other) throw new InputError(`the reports differ in ${key}: "${first[key]}" and "${other[key]}"`);
  }
  checkShards(reports);
  const checks = reports.flatMap((report) => report.checks);
  const duplicate = firstDuplicate(checks);
  if (duplicate) throw new InputError(`${checkId(duplicate)} is in more than one shard`);
  const { version, config, today } = first;
  return { version, config, today, shard: null, checks: sorted(checks) };
}

function checkShards(reports: readonly GateReport[]): void {
  const shards = reports.map(({ shard }) => {
    if (shard) return shard;
    throw new InputError('one of the reports is of a whole run, not of a shard');
  });
  const count = shards[0]?.count ?? 0;
  const other = shards.find((shard) => shard.count !== count);
  if (other) throw new InputError(`the reports are of runs with ${count} and with ${other.count} shards`);
  const seen = new Set<number>();
  for (const { index } of shards) {
    if (index < 1 || index > count) throw new InputError(`shard ${index} of ${count} cannot be`);
    if (seen.has(index)) throw new InputError(`shard ${index} of ${count} is there twice`);
    seen.add(index);
  }
  // A count out of a file may be anything: never loop to it.
  if (seen.size === count) return;
  let missing = 1;
  while (seen.has(missing)) missing++;
  throw new InputError(`shard ${missing} of ${count} is missing`);
}

/** By code units, which is the same everywhere. */
function sorted(checks: readonly Check[]): Check[] {
  return checks
    .map((check) => ({ check, id: checkId(check) }))
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
    .map(({ check }) => check);
}

/** The second one of two that have the same id. */
function firstDuplicate(checks: readonly Check[]): Check | undefined {
  const seen = new Set<string>();
  return checks.find((check) => {
    const id = checkId(check);
    if (seen.has(id)) return true;
    seen.add(id);
    return false;
  });
}

function parseCheck(line: string, file: string, number: number): Check {
  const { record: _, ...check } = parseLine<CheckRecord>(line, 'check', file, number);
  const status = statusOf(check.findings);
  if (status !== check.status) {
    throw lineError(file, number, `/status: "${check.status}", while its findings make it "${status}"`);
  }
  return check;
}

function parseLine<T>(line: string, kind: 'gate' | 'check', file: string, number: number): T {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) throw lineError(file, number, `not JSON: ${error.message}`);
    // Recursion is only bounded by the stack, so that running out of it means bad input.
    if (error instanceof RangeError) throw lineError(file, number, 'nested too deeply');
    throw error;
  }
  const validate = validator(kind);
  if (!validate(record)) throw lineError(file, number, explain(validate.errors ?? []));
  return record as T;
}

const compiled = new Map<string, ValidateFunction>();

function validator(kind: 'gate' | 'check'): ValidateFunction {
  let validate = compiled.get(kind);
  if (!validate) {
    validate = new Ajv().compile({ ...schema, $ref: `#/definitions/${kind}` });
    compiled.set(kind, validate);
  }
  return validate;
}

/** Of the alternatives, the one that got deepest into the record says what is wrong with it. */
function explain(errors: readonly ErrorObject[]): string {
  const depth = ({ instancePath }: ErrorObject) => instancePath.split('/').length;
  const told = errors.filter(({ keyword }) => keyword !== 'anyOf');
  const deepest = Math.max(...told.map(depth));
  const candidates = told.filter((one) => depth(one) === deepest);
  const error = candidates.find(({ keyword }) => keyword !== 'type') ?? candidates[0];
  if (!error) return 'not a record of the gate';
  const at = error.instancePath === '' ? '' : `${error.instancePath}: `;
  switch (error.keyword) {
    case 'additionalProperties':
      return `${at}unknown field "${String(error.params.additionalProperty)}"`;
    case 'required':
      return `${at}field "${error.params.missingProperty}" is missing`;
    case 'type':
      return `${at}must be ${candidates.map(({ params }) => String(params.type)).join(' or ')}`;
    case 'enum':
      return `${at}must be one of: ${(error.params.allowedValues as unknown[]).join(', ')}`;
    case 'const':
      return `${at}must be ${JSON.stringify(error.params.allowedValue)}`;
    default:
      return `${at}${error.message ?? 'not valid'}`;
  }
}

function compareSummaries(told: Summary, counted: Summary, file: string): void {
  for (const key of Object.keys(counted) as (keyof Summary)[]) {
    if (JSON.stringify(told[key]) === JSON.stringify(counted[key])) continue;
    throw lineError(
      file,
      1,
      `/summary/${key}: ${JSON.stringify(told[key])}, while the lines after it make it ${JSON.stringify(counted[key])}; the report is cut off or was changed`,
    );
  }
}
