// How the model grows: one ring with 4,096, 8,192 and 16,384 buffers (1 to 256 pages each, a million pages in
// the end) and twice as many files, built from programs/scenes/scale.yaml and read through compiled iterators.
//
// After `npm run build`: node test/bench/scale.mjs [--kernel 6.12]
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { parseScene } from '../../dist/kernel-model/scene/index.js';
import { readObject } from '../../dist/loader/object-file-node.js';
import { iterate } from '../../dist/session/iterate.js';
import { openSession } from '../../dist/session/open-session-node.js';

const { values } = parseArgs({ options: { kernel: { type: 'string', default: '6.12' } } });
const scene = readFileSync(new URL('../../programs/scenes/scale.yaml', import.meta.url), 'utf8');
const path = (name) => new URL(`../../programs/${name}/${name}.bpf.o`, import.meta.url).pathname;
const READ_SIZE = 65536;

function seconds(action) {
  const start = performance.now();
  const result = action();
  return [(performance.now() - start) / 1000, result];
}

function read(session, program) {
  const object = session.load(readObject(path(program)), path(program));
  const [time, iterations] = seconds(() => [...iterate(session, object, {}, READ_SIZE)]);
  for (const { failure } of iterations) if (failure !== undefined) throw new Error(`${program}: ${failure}`);
  const bytes = iterations.reduce((sum, iteration) => sum + iteration.bytes.length, 0);
  const insns = iterations.reduce((sum, iteration) => sum + iteration.log.insns, 0);
  return { time, bytes, insns };
}

async function measure(divisor) {
  const text = scene.replaceAll('4096', String(4096 / divisor)).replaceAll('32768', String(32768 / divisor));
  const parsed = parseScene(text, 'scale.yaml');
  const start = performance.now();
  const session = await openSession(parsed, values.kernel);
  const build = (performance.now() - start) / 1000;
  const buffers = 16384 / divisor;
  const files = 32768 / divisor;
  const bufferRun = read(session, 'io_uring_buf');
  const pageRun = read(session, 'bvec');
  const fileRun = read(session, 'io_uring_file');
  const perSecond = (count, run) => `${(count / run.time / 1000).toFixed(0)}k`;
  const memory = session.vm.core.exports.memory.buffer.byteLength / 2 ** 20;
  const insns = bufferRun.insns + pageRun.insns + fileRun.insns;
  const time = bufferRun.time + pageRun.time + fileRun.time;
  console.log(
    [
      String(buffers).padStart(8),
      String(files).padStart(8),
      `${build.toFixed(2)} s`.padStart(8),
      perSecond(buffers, bufferRun).padStart(10),
      perSecond((buffers / 4) * 259, pageRun).padStart(10),
      perSecond(files, fileRun).padStart(10),
      `${(insns / time / 1e6).toFixed(1)} M`.padStart(9),
      `${memory.toFixed(0)} MiB`.padStart(9),
    ].join(' '),
  );
}

console.log(
  ' buffers    files    built  buffers/s    pages/s    files/s   insns/s    memory   (Linux ' +
    `${values.kernel})`,
);
for (const divisor of [4, 2, 1]) await measure(divisor);
console.log(`peak resident memory of the process: ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`);
