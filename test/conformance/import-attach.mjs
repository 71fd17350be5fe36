// Keeps what a real kernel answered to loads of programs that attach to programs.
//
//   node test/conformance/import-attach.mjs --results FILE --answers FILE [--only FILE]
//   node test/conformance/import-attach.mjs --results FILE --objects DIR --modules DIR --archive FILE
//
// FILE of --results has one JSON record a line: case ("OBJECT:PROGRAM[=FUNCTION] ...", each attached to the one
// before), stage, errno, stats, log at level 6. Answers alone are for objects that are kept in the repository;
// --only names the cases that are wanted, one a line. An archive has the requests too, as the loader prepares them
// from the objects in DIR; --modules has the BTF of the modules the kernel had loaded, as NAME-6.12.bin.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { brotliCompressSync, constants } from 'node:zlib';
import { Btf } from '../../dist/bpf/btf.js';
import { openProfile } from '../../dist/kernel-model/profile-node.js';
import { loadObject } from '../../dist/loader/index.js';
import { programRequest } from '../../dist/verifier/program-request.js';

const { values } = parseArgs({
  options: {
    results: { type: 'string' },
    answers: { type: 'string' },
    only: { type: 'string' },
    objects: { type: 'string' },
    modules: { type: 'string' },
    archive: { type: 'string' },
  },
});
if (!values.results || !(values.answers || (values.archive && values.objects && values.modules))) {
  throw new Error('see the head of this file for the options');
}

/** Lines that close a log, or only say where in the source something is. */
const NO_REASON = /^(processed |verification time |stack depth |; |$)/;
const ROOT = 15;
const STATS_LOG = 4;

function answerOf({ case: name, stage, errno, stats, log }) {
  const message =
    errno === 0 || stage !== 'kernel' ? '' : log.split('\n').findLast((line) => !NO_REASON.test(line));
  return { case: name, stage, errno, message, stats: stats ?? [0, 0, 0, 0, 0] };
}

const lines = readFileSync(values.results, 'utf8').trim().split('\n');
const wanted = values.only ? new Set(readFileSync(values.only, 'utf8').trim().split('\n')) : undefined;
const answers = lines
  .map((line) => JSON.parse(line))
  .filter(({ stage }) => stage === 'kernel' || stage === 'libbpf')
  .map(answerOf)
  .filter((answer) => wanted === undefined || wanted.has(answer.case));
console.log(`${answers.length} of ${lines.length} cases`);

if (values.answers) {
  const rows = answers.map((answer) => JSON.stringify(answer));
  writeFileSync(values.answers, `[\n${rows.join(',\n')}\n]\n`);
} else {
  writeFileSync(values.archive, pack(answers.filter(({ stage }) => stage === 'kernel').map(withChain)));
}

function openKernel() {
  const { vmlinux } = openProfile('6.12');
  const suffix = '-6.12.bin';
  const files = readdirSync(values.modules).filter(
    (file) => file.endsWith(suffix) && !file.startsWith('btf-'),
  );
  const modules = files.map((file) => ({
    name: file.slice(0, -suffix.length),
    btf: Btf.parse(readFileSync(join(values.modules, file)), { base: vmlinux }),
  }));
  return { kernelBtf: vmlinux, modules, kconfig: new Map(), ksym: () => 1n };
}

function withChain(answer) {
  const kernel = openKernel();
  let before;
  const chain = answer.case.split(' ').map((link) => {
    const [, file, name, func] = /^([^:]+):([^=]+)(?:=(.*))?$/.exec(link);
    const path = join(values.objects, file);
    if (!existsSync(path)) throw new Error(`${path} is missing`);
    const target = before && { ...before, ...(func ? { func } : {}) };
    const options = { ...kernel, file, programs: [name], target: () => target };
    const object = loadObject(readFileSync(path), options);
    const program = object.programs.find((candidate) => candidate.name === name);
    if (program.error !== undefined) throw new Error(`${link}: ${program.error}`);
    before = { object, program };
    return programRequest(object, program, { caps: ROOT, logLevel: STATS_LOG });
  });
  return { ...answer, chain };
}

function pack(cases) {
  const numbers = new Map();
  const encode = (value) => {
    if (typeof value === 'bigint') return { big: String(value) };
    if (value instanceof Uint8Array) {
      const text = Buffer.from(value).toString('base64');
      if (!numbers.has(text)) numbers.set(text, numbers.size);
      return { blob: numbers.get(text) };
    }
    if (Array.isArray(value)) return value.map(encode);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, encode(part)]));
  };
  const text = JSON.stringify({ cases: encode(cases), blobs: [...numbers.keys()] });
  return brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_LGWIN]: 24 } });
}
