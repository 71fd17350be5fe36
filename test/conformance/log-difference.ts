/** Where a log is different from the one that Linux wrote. */
import { withoutBootFacts } from '../../verifier/log-text.ts';
import type { ComparedVerdict } from './job.ts';
import type { RecordedLog } from './log-archive.ts';

/** What of our own log is compared. */
export interface OwnLog {
  /** The log, or of a long one the end. */
  end: Pick<ComparedVerdict, 'log' | 'logLength'>;
  /** The log, or of a long one the beginning. */
  start: string;
}

/** The first difference in a few words; undefined when the logs are the same, byte for byte. */
export function logDifference(recorded: RecordedLog, own: OwnLog, insns: Uint8Array): string | undefined {
  const end = withoutBootFacts(insns, own.end.log);
  const start = own.start === own.end.log ? end : withoutBootFacts(insns, own.start);
  const { text, tail, bytes } = recorded;
  if (text !== undefined && tail === undefined) return end === text ? undefined : firstDifference(end, text);
  if (text !== undefined && !start.startsWith(text)) return firstDifference(start, text);
  if (tail !== undefined && !end.endsWith(tail)) return lastDifference(end, tail);
  const length = own.end.logLength - (own.end.log.length - end.length);
  if (bytes !== undefined && bytes !== length) return `${length} bytes of log, Linux: ${bytes}`;
  return undefined;
}

function firstDifference(own: string, linux: string): string {
  return differenceAt(own.split('\n'), linux.split('\n'), 'line');
}

function lastDifference(own: string, linux: string): string {
  return differenceAt(own.split('\n').reverse(), linux.split('\n').reverse(), 'line from the end');
}

function differenceAt(own: readonly string[], linux: readonly string[], unit: string): string {
  let at = 0;
  while (at < own.length && own[at] === linux[at]) at++;
  return `${unit} ${at + 1} is ${quoted(own[at])}, Linux: ${quoted(linux[at])}`;
}

function quoted(line: string | undefined): string {
  return line === undefined ? 'not there' : JSON.stringify(line);
}
