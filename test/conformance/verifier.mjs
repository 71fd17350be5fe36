// Scores the verifier against what Linux 6.12 answered to the same loads (recorded/, see import-recorded.mjs).
//
//   npm run conformance [-- --only REGEX] [--show] [--update]
//
// Prints for each set how many loads agree in verdict and errno, in instructions processed, in states, and in the
// messages that the selftests expect. known-failures-6.12.txt names the loads whose verdict is wrong; a failure that
// is not in it, or one in it that has gone, fails the run (--update writes the file, which may only shrink).
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { brotliDecompressSync } from 'node:zlib';
import { openProfile } from '../../dist/kernel-model/profile-node.js';
import { readVerifierData } from '../../dist/kernel-model/verifier-data-node.js';
import { Verifier } from '../../dist/verifier/index.js';

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '.' },
    show: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
  },
});
const only = new RegExp(values.only);
const partial = values.only !== '.';
const KNOWN = new URL('./known-failures-6.12.txt', import.meta.url);
const PROFILE = new URL('../../kernel-model/profiles/6.12', import.meta.url).pathname;
/** All capabilities; those of a load with CAP_BPF and CAP_NET_ADMIN only. */
const ROOT = 15;
const BPF_AND_NET = 5;
const FULL_LOG = 6;
const STATS_LOG = 4;

/** The archive: blobs by number, module BTFs by name. */
function openArchive() {
  const file = (name) => readFileSync(new URL(`./recorded/${name}`, import.meta.url));
  const index = JSON.parse(file('index-6.12.json'));
  const bytes = brotliDecompressSync(file('blobs-6.12.br'));
  let at = 0;
  const take = (length) => {
    at += length;
    return new Uint8Array(bytes.subarray(at - length, at));
  };
  const blobs = index.blobs.map(take);
  const modules = new Map(Object.entries(index.modules).map(([name, length]) => [name, take(length)]));
  const text = brotliDecompressSync(file('loads-6.12.jsonl.br')).toString();
  return { blobs, modules, loads: text.split('\n').map((line) => JSON.parse(line)) };
}

function records(bytes, size, read) {
  if (!bytes) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, i) =>
    read((word) => view.getUint32(i * size + word * 4, true)),
  );
}

const NO_MAP = { name: '', type: 0, keySize: 0, valueSize: 0, maxEntries: 0, flags: 0 };

function mapInfo(map, blobs) {
  if (map === null) return { ...NO_MAP, extra: 0n, keyTypeId: 0, valueTypeId: 0, frozen: false };
  return {
    name: map.name,
    type: map.type,
    keySize: map.key,
    valueSize: map.value,
    maxEntries: map.entries,
    flags: map.flags,
    extra: BigInt(map.extra ?? 0),
    ...(map.inner === undefined ? {} : { inner: map.inner }),
    ...(map.btf === undefined ? {} : { btf: blobs[map.btf] }),
    keyTypeId: map.keyType ?? 0,
    valueTypeId: map.valueType ?? 0,
    ...(map.data === undefined ? {} : { data: blobs[map.data] }),
    frozen: map.frozen === 1,
  };
}

function requestOf(load, blobs) {
  const root = load.caps === undefined ? ROOT : BPF_AND_NET;
  return {
    insns: blobs[load.insns],
    progType: load.type,
    expectedAttachType: load.attach ?? 0,
    progFlags: load.flags ?? 0,
    license: load.license,
    caps: load.mode === 'unpriv' ? 0 : root,
    logLevel: load.messages === undefined ? STATS_LOG : FULL_LOG,
    ...(load.btf === undefined ? {} : { progBtf: blobs[load.btf] }),
    funcInfo: records(blobs[load.funcInfo], 8, (word) => ({ insn: word(0), typeId: word(1) })),
    lineInfo: records(blobs[load.lineInfo], 16, (word) => ({
      insn: word(0),
      fileNameOffset: word(1),
      lineOffset: word(2),
      line: word(3) >>> 10,
      column: word(3) & 1023,
    })),
    maps: (load.maps ?? []).map((map) => mapInfo(map, blobs)),
    attachBtfId: load.attachId ?? 0,
    ...(load.attachBtf ? { attachBtf: load.attachBtf } : {}),
    ...(load.kfuncBtfs ? { kfuncBtfs: load.kfuncBtfs } : {}),
    ...(load.immBtfs ? { immBtfs: load.immBtfs } : {}),
  };
}

/** Expected messages are substrings of the log, in order; {{...}} parts are regular expressions. */
function hasMessages(log, messages) {
  let at = 0;
  for (const message of messages) {
    const pattern = message
      .split(/\{\{(.*?)\}\}/)
      .map((part, i) => (i % 2 === 1 ? part : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
      .join('');
    const found = new RegExp(pattern).exec(log.slice(at));
    if (!found) return false;
    at += found.index + found[0].length;
  }
  return true;
}

function nameOf(load) {
  const program = load.set === 'struct' ? `${load.index} ${load.program}` : load.program;
  return `${load.object}/${program}@${load.mode}`;
}

function readKnown() {
  const lines = readFileSync(KNOWN, 'utf8').split('\n');
  return new Set(
    lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(': ')[0]),
  );
}

const scores = new Map();
function count(set, what, good) {
  const key = `${set} ${what}`;
  const score = scores.get(key) ?? [0, 0];
  score[0] += good ? 1 : 0;
  score[1]++;
  scores.set(key, score);
}

function judge(load, verdict) {
  const set = `${load.set} ${load.mode}`;
  const [insns, perInsn, total, peak, markRead] = load.stats;
  const { stats } = verdict;
  const same = verdict.errno === load.errno;
  count(set, 'verdict', same);
  count(set, 'insns', same && stats.insnsProcessed === insns);
  const states =
    stats.maxStatesPerInsn === perInsn &&
    stats.totalStates === total &&
    stats.peakStates === peak &&
    stats.markRead === markRead;
  count(set, 'states', same && states);
  if (load.messages !== undefined) count(set, 'messages', hasMessages(verdict.log, load.messages));
  return same;
}

function reasonOf(load, verdict) {
  if (load.errno !== 0 && verdict.accepted) return `accepted, Linux: errno ${load.errno}`;
  return `errno ${verdict.errno}, Linux ${load.errno}: ${verdict.message}`.trim();
}

const { blobs, modules, loads } = openArchive();
const btf = openProfile('6.12').vmlinux;
const kernel = { btf, data: readVerifierData(PROFILE, '6.12', btf), modules };
const wasm = readFileSync(new URL('../../build/verifier.wasm', import.meta.url));
let verifier = await Verifier.create({ wasm, kernel });
const failures = new Map();
let crashes = 0;
let done = 0;
for (const load of loads) {
  const name = nameOf(load);
  if (!only.test(name)) continue;
  if (++done % 500 === 0) process.stderr.write(`${done} loads\n`);
  try {
    const verdict = verifier.verify(requestOf(load, blobs));
    if (judge(load, verdict)) continue;
    failures.set(name, reasonOf(load, verdict));
  } catch (error) {
    crashes++;
    judge(load, { errno: -1, stats: {}, log: '' });
    failures.set(name, `crash: ${error.message}`);
    verifier = await Verifier.create({ wasm, kernel });
  }
}

for (const [key, [good, all]] of [...scores].sort()) {
  console.log(
    `${key.padEnd(28)} ${String(good).padStart(5)} of ${String(all).padStart(5)}  ${((100 * good) / all).toFixed(2)} %`,
  );
}
if (values.show) for (const [name, reason] of failures) console.log(`${name}: ${reason}`);
console.log(`${crashes} crashes`);
if (values.update) {
  const lines = [...failures].map(([name, reason]) => `${name}: ${reason}`);
  const head = "# Loads whose verdict or errno is not yet Linux 6.12's. This file may only shrink.\n";
  writeFileSync(KNOWN, `${head}${lines.sort().join('\n')}\n`);
} else if (!partial) {
  const known = readKnown();
  const fresh = [...failures.keys()].filter((name) => !known.has(name));
  const gone = [...known].filter((name) => !failures.has(name));
  for (const name of fresh) console.log(`new failure: ${name}: ${failures.get(name)}`);
  for (const name of gone) console.log(`no longer fails, take it out of the list: ${name}`);
  const passed = loads.length - failures.size;
  console.log(`${known.size} known failures, ${fresh.length} new, ${gone.length} gone; ${passed} agree`);
  process.exitCode = fresh.length + gone.length > 0 ? 1 : 0;
}
