// Turns what a real kernel answered to the kept objects into test data (recorded/stock-6.12.json).
//
//   node test/programs/record.mjs DIRECTORY... > test/programs/recorded/stock-6.12.json
//
// A directory holds results.jsonl, one JSON record for each load, and logs/. Objects were handed to the kernel as
// FOLDER__NAME.bpf.o, for programs/FOLDER/NAME.bpf.o. Only facts are taken: verdict, errno, the last line of the
// reason, the instruction it was written at, and the statistics.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const CLOSING = /^(processed |verification time |stack depth |cur state:|old state:|; |$)/;

/** Reasons that are found before an instruction is looked at: the log then shows the one before it. */
const BETWEEN = /^(BPF program is too large|The sequence of|infinite loop)/;

function objectPath(name) {
  return `programs/${name.replace('__', '/').replace(/\.bpf$/, '')}.bpf.o`;
}

function readLog(directory, { log2, log }) {
  const path = [log2, log]
    .filter((name) => name !== undefined)
    .map((name) => join(directory, 'logs', name))
    .find(existsSync);
  return path === undefined ? [] : readFileSync(path, 'latin1').split('\n');
}

function reason(lines) {
  const at = lines.findLastIndex((line) => !CLOSING.test(line));
  const insn = lines.slice(0, at).findLast((line) => /^\d+: \(/.test(line));
  const message = lines[at] ?? '';
  const unknown = insn === undefined || BETWEEN.test(message);
  return { message, insn: unknown ? null : Number.parseInt(insn, 10) };
}

function record(directory, result) {
  const { object, program, section } = result;
  const subject = { object: objectPath(object), program, section };
  if (result.stage !== 'kernel') return { ...subject, verdict: 'not-loaded' };
  const accepted = result.verdict === 'success';
  return {
    ...subject,
    verdict: accepted ? 'accepted' : 'rejected',
    errno: result.errno,
    ...(accepted ? {} : reason(readLog(directory, result))),
    stats: {
      insns_processed: result.insns_processed,
      max_states_per_insn: result.max_states_per_insn,
      total_states: result.total_states,
      peak_states: result.peak_states,
      mark_read: result.mark_read,
      stack_depth: result.stack_depth,
    },
  };
}

const records = process.argv.slice(2).flatMap((directory) =>
  readFileSync(join(directory, 'results.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => record(directory, JSON.parse(line))),
);
const order = (a, b) => (a.object < b.object ? -1 : a.object > b.object ? 1 : 0);
records.sort(order);
const objects = Object.fromEntries(
  [...new Set(records.map(({ object }) => object))].map((object) => [
    object,
    createHash('sha256')
      .update(readFileSync(new URL(`../../${object}`, import.meta.url)))
      .digest('hex'),
  ]),
);
console.log(`{
  "kernel": "Linux 6.12.117 (Debian, stock)",
  "objects": ${JSON.stringify(objects, null, 2).replaceAll('\n', '\n  ')},
  "programs": [
${records.map((each) => `    ${JSON.stringify(each)}`).join(',\n')}
  ]
}`);
