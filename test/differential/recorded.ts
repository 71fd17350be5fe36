/** The recorded answers of Linux 6.12 to the suite, as JSON lines: one for each object. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import type { Answer, Mode } from './answer.ts';

export interface RecordedObject {
  name: string;
  /** Of the object's bytes: answers to other bytes say nothing. */
  fingerprint: string;
  answers: Answer[];
}

/** seed, mode, errno, statistics, message, path */
type Row = [number, Mode, number, readonly number[], string, string];

interface Line {
  object: string;
  fingerprint: string;
  answers: Row[];
}

/** Where the recorded answers are, seen from the root of the package. */
const FILE = join('test', 'differential', 'recorded', 'answers-6.12.jsonl.br');

export function readRecorded(root: string): Map<string, RecordedObject> {
  const text = brotliDecompressSync(readFileSync(join(root, FILE))).toString();
  const objects = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  return new Map(
    objects.map(({ object, fingerprint, answers }) => [
      object,
      { name: object, fingerprint, answers: answers.map(fromRow) },
    ]),
  );
}

export function writeRecorded(root: string, objects: readonly RecordedObject[]): void {
  const lines = objects.map(({ name, fingerprint, answers }): Line => {
    return { object: name, fingerprint, answers: answers.map(toRow) };
  });
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  writeFileSync(join(root, FILE), brotliCompressSync(text, { params }));
}

function fromRow([seed, mode, errno, stats, message, path]: Row): Answer {
  return { seed, mode, errno, stats, message, path };
}

function toRow({ seed, mode, errno, stats, message, path }: Answer): Row {
  return [seed, mode, errno, stats, message, path];
}
