// Makes test/conformance/recorded/ from the recordings of a real kernel: the loads of its own selftests and of its
// struct-style tests, with what it answered. Only what the verifier is given and what it is scored by is kept.
//
//   node test/conformance/import-recorded.mjs --recorded DIR
//
// DIR holds truth-6.12.jsonl.gz, test_verifier-6.12.jsonl.gz, truth-6.1.jsonl.gz, and unpacked beside them blobs/ and
// btf/. Of 6.1 there are the loads, with what they are scored by; most of their blobs are those of 6.12, and only the
// others are kept for it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants, gunzipSync } from 'node:zlib';

const { values } = parseArgs({ options: { recorded: { type: 'string' } } });
if (!values.recorded) throw new Error('--recorded DIR is missing');
const folder = new URL('./recorded/', import.meta.url);
const blobs = new Map();
/** Modules that the loads of the kernel at hand refer to. */
let modules = new Set();

/** Number of a blob in the archives; blobs are kept once. */
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

/** Loads of one kernel's truth file that reached its verifier. */
function selftests(kernel) {
  return readLines(`truth-${kernel}.jsonl.gz`)
    .filter(({ stage }) => stage === 'kernel')
    .map((line) => loadRecord(line, line.object.startsWith('verifier_') ? 'verifier' : 'others'));
}

function writeLoads(kernel, loads) {
  const text = loads.map((load) => JSON.stringify(load)).join('\n');
  writeFileSync(new URL(`loads-${kernel}.jsonl.br`, folder), compress(Buffer.from(text)));
}

/** @param first number of the first blob that no earlier archive has. */
function writeBlobs(kernel, first) {
  const contents = [...blobs.keys()]
    .slice(first)
    .map((name) => readFileSync(join(values.recorded, 'blobs', name.slice(0, 2), name)));
  const names = [...modules].sort();
  const types = names.map((name) => readFileSync(join(values.recorded, 'btf', `${name}-${kernel}.bin`)));
  const index = {
    blobs: contents.map(({ length }) => length),
    modules: Object.fromEntries(names.map((name, i) => [name, types[i].length])),
  };
  writeFileSync(new URL(`blobs-${kernel}.br`, folder), compress(Buffer.concat([...contents, ...types])));
  writeFileSync(new URL(`index-${kernel}.json`, folder), `${JSON.stringify(index)}\n`);
  console.log(`${kernel}: ${contents.length} blobs, ${names.length} modules`);
}

const newest = selftests('6.12');
const structStyle = readLines('test_verifier-6.12.jsonl.gz')
  .filter(({ load }) => load !== undefined)
  .map((line) => loadRecord(line, 'struct'));
writeLoads('6.12', [...newest, ...structStyle]);
writeBlobs('6.12', 0);
const shared = blobs.size;
modules = new Set();
writeLoads('6.1', selftests('6.1'));
writeBlobs('6.1', shared);

const opened = readLines('truth-6.12.jsonl.gz');
/** What libbpf wrote first, without its name. */
function refusal({ object, program, libbpf }) {
  return { object, program, reason: libbpf.split('\n')[0].replace(/^libbpf: /, '') };
}

const refusals = {
  refused: opened.filter(({ stage }) => stage === 'open' || stage === 'libbpf').map(refusal),
  empty: opened.filter(({ stage }) => stage === 'noprog').map(({ object }) => object),
};
writeFileSync(new URL('refused-6.12.json', folder), `${JSON.stringify(refusals, undefined, 1)}\n`);
