/**
 * Results of a real kernel: a JSON line for each program and mode, and beside the file a folder "logs" with what
 * the lines name as "log": the log of a load at level 1. Further fields that are read: object, program, mode, stage
 * ("kernel" when the load reached it), verdict ("success" or another), errno, libbpf and the statistics.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { type Answer, type Mode, pathDigest } from './answer.ts';

interface ResultLine {
  object: string;
  program: string | null;
  mode: Mode;
  stage: string;
  verdict?: string;
  errno?: number;
  libbpf?: string;
  log?: string;
  insns_processed?: number;
  max_states_per_insn?: number;
  total_states?: number;
  peak_states?: number;
  mark_read?: number;
}

/** errno of a load whose log is longer than its buffer. */
const ENOSPC = 28;
/** Lines that close a log, or only say where in the source something is. */
const NO_REASON = /^(processed |verification time |stack depth |; |$)/;

/** Answers by object. */
export function readResults(file: string): Map<string, Answer[]> {
  const objects = new Map<string, Answer[]>();
  for (const text of readFileSync(file, 'utf8').split('\n')) {
    if (text === '') continue;
    const line = JSON.parse(text) as ResultLine;
    const answers = objects.get(line.object) ?? [];
    objects.set(line.object, answers);
    // The log did not fit its buffer: that is an answer about the buffer.
    if (line.errno !== ENOSPC) answers.push(answerOf(line, dirname(file)));
  }
  return objects;
}

function answerOf(line: ResultLine, folder: string): Answer {
  if (line.program === null) throw new Error(`${line.object} cannot be opened: ${line.libbpf}`);
  const seed = Number.parseInt(line.program.slice(1), 16);
  const { mode } = line;
  if (line.stage !== 'kernel') {
    return { seed, mode, errno: -1, stats: [], message: line.libbpf ?? '', path: '' };
  }
  const stats = [
    line.insns_processed,
    line.max_states_per_insn,
    line.total_states,
    line.peak_states,
    line.mark_read,
  ].map((value) => value ?? 0);
  if (line.verdict === 'success') return { seed, mode, errno: 0, stats, message: '', path: '' };
  const path = line.log === undefined ? undefined : join(folder, 'logs', line.log);
  const log = path !== undefined && existsSync(path) ? readFileSync(path, 'utf8') : '';
  const message = log.split('\n').findLast((row) => !NO_REASON.test(row)) ?? '';
  return { seed, mode, errno: line.errno ?? 0, stats, message, path: pathDigest(log) };
}
