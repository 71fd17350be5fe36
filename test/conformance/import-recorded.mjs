// Makes test/conformance/recorded/ from the recordings of a real kernel: the loads of its own selftests and of its
// struct-style tests, with what it answered. Only what the verifier is given and what it is scored by is kept.
//
//   node test/conformance/import-recorded.mjs --recorded DIR
//
// DIR holds truth-6.12.jsonl.gz, test_verifier-6.12.jsonl.gz, and unpacked beside them blobs/ and btf/.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants, gunzipSync } from 'node:zlib';

const { values } = parseArgs({ options: { recorded: { type: 'string' } } });
if (!values.recorded) throw new Error('--recorded DIR is missing');
const folder = new URL('./recorded/', import.meta.url);
const blobs = new Map();
const modules = new Set();

/** Number of a blob in the archive; blobs are kept once. */
function blob(name) {
  if (!name) return undefined;
  if (!blobs.has(name)) blobs.set(name, blobs.size);
  return blobs.get(name);
}

function mapRecord(map) {
  if (map === null) return null;
  return {
    name: map.name,
    type: map.type,
    key: map.key_size,
    value: map.value_size,
    entries: map.max_entries,
    flags: map.map_flags,
    extra: map.map_extra || undefined,
    inner: map.inner,
    btf: blob(map.btf),
    keyType: map.btf_key_type_id || undefined,
    valueType: map.btf_value_type_id || undefined,
    data: blob(map.data),
    frozen: map.frozen ? 1 : undefined,
  };
}

function loadRecord(line, set) {
  const { load, expect } = line;
  // The messages that the test expects, and the log level at which it looks for them: without one, libbpf asks again
  // at level 1 when a load has failed. Scored are those that this kernel itself wrote.
  const matched = line.msgs_match === true;
  for (const name of [load.attach_btf, ...(load.kfunc_btf_objs ?? []), ...(load.ldimm_btf_objs ?? [])]) {
    if (name) modules.add(name);
  }
  return {
    set,
    object: line.object,
    program: line.program,
    index: line.index,
    mode: line.mode,
    caps: line.caps,
    errno: line.verdict === 'success' ? 0 : line.errno,
    // A load that is refused before the verifier has none.
    stats:
      line.insns_processed === undefined
        ? undefined
        : [
            line.insns_processed,
            line.max_states_per_insn,
            line.total_states,
            line.peak_states,
            line.mark_read,
            line.stack_depth,
          ],
    messages: matched ? (line.mode === 'unpriv' ? expect.msgs_unpriv : expect.msgs) : undefined,
    logLevel: matched ? (expect.log_level ?? 1) : undefined,
    type: load.prog_type,
    attach: load.expected_attach_type || undefined,
    flags: load.prog_flags || undefined,
    license: load.license,
    insns: blob(load.insns),
    funcInfo: blob(load.func_info),
    lineInfo: blob(load.line_info),
    btf: blob(load.prog_btf),
    attachId: load.attach_btf_id || undefined,
    attachBtf: load.attach_btf,
    kfuncBtfs: load.kfunc_btf_objs,
    immBtfs: load.ldimm_btf_objs,
    maps: load.maps.length > 0 ? load.maps.map(mapRecord) : undefined,
  };
}

function readLines(name) {
  const text = gunzipSync(readFileSync(join(values.recorded, name))).toString();
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

function compress(bytes) {
  return brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 },
  });
}

const truth = readLines('truth-6.12.jsonl.gz');
const loads = [
  ...truth
    .filter(({ stage }) => stage === 'kernel')
    .map((line) => loadRecord(line, line.object.startsWith('verifier_') ? 'verifier' : 'others')),
  ...readLines('test_verifier-6.12.jsonl.gz')
    .filter(({ load }) => load !== undefined)
    .map((line) => loadRecord(line, 'struct')),
];
const contents = [...blobs.keys()].map((name) =>
  readFileSync(join(values.recorded, 'blobs', name.slice(0, 2), name)),
);
const moduleNames = [...modules].sort();
const moduleBlobs = moduleNames.map((name) => readFileSync(join(values.recorded, 'btf', `${name}-6.12.bin`)));
const index = {
  blobs: contents.map(({ length }) => length),
  modules: Object.fromEntries(moduleNames.map((name, i) => [name, moduleBlobs[i].length])),
};
writeFileSync(
  new URL('loads-6.12.jsonl.br', folder),
  compress(Buffer.from(loads.map((l) => JSON.stringify(l)).join('\n'))),
);
writeFileSync(new URL('blobs-6.12.br', folder), compress(Buffer.concat([...contents, ...moduleBlobs])));
writeFileSync(new URL('index-6.12.json', folder), `${JSON.stringify(index)}\n`);
/** What libbpf wrote first, without its name. */
function refusal({ object, program, libbpf }) {
  return { object, program, reason: libbpf.split('\n')[0].replace(/^libbpf: /, '') };
}

const refusals = {
  refused: truth.filter(({ stage }) => stage === 'open' || stage === 'libbpf').map(refusal),
  empty: truth.filter(({ stage }) => stage === 'noprog').map(({ object }) => object),
};
writeFileSync(new URL('refused-6.12.json', folder), `${JSON.stringify(refusals, undefined, 1)}\n`);
console.log(`${loads.length} loads, ${contents.length} blobs, ${moduleNames.length} modules`);
