// Verifier speed: instructions processed a second over the large selftests, against what the same verifier does as
// native code of the kernel (Linux 6.12.117 as User-Mode Linux; recorded once, on another machine), and the time of
// the median selftest. After `npm run build` and `tsc -p test/conformance/tsconfig.json`.
import { fileURLToPath } from 'node:url';

const built = '../../build/conformance/test/conformance';
const { openArchive } = await import(`${built}/archive.js`);
const { recordedRequest } = await import(`${built}/recorded-request.js`);
const { createVerifier } = await import('../../dist/verifier/node.js');

/** Millions of instructions a second, native. */
const NATIVE = {
  test_verif_scale1: 6.9,
  test_verif_scale2: 9.2,
  test_verif_scale3: 7.7,
  core_kern: 6.9,
  loop1: 5.0,
  pyperf600_nounroll: 1.9,
  pyperf100: 1.6,
  strobemeta: 1.4,
  test_cls_redirect_subprogs: 0.9,
};
const ROUNDS = 5;

const recorded = fileURLToPath(new URL('../conformance/recorded', import.meta.url));
const { loads, blobs } = openArchive(recorded);
const verifier = await createVerifier('6.12', true);
const request = (load) => ({ ...recordedRequest(load, blobs), logLevel: 0 });

function time(work) {
  const start = performance.now();
  const result = work();
  return { result, milliseconds: performance.now() - start };
}

const processed = (load) => load.stats?.[0] ?? 0;
for (const [object, native] of Object.entries(NATIVE)) {
  const programs = loads.filter((load) => load.object === object && load.mode === 'priv');
  const wanted = request(programs.sort((a, b) => processed(b) - processed(a))[0]);
  const rounds = Array.from({ length: ROUNDS }, () =>
    time(() => verifier.verify(wanted).stats.insnsProcessed),
  );
  const best = Math.min(...rounds.map(({ milliseconds }) => milliseconds));
  const speed = rounds[0].result / best / 1000;
  const columns = [`${rounds[0].result} insns`.padStart(16), `${best.toFixed(0)} ms`.padStart(7)];
  console.log(
    `${object.padEnd(26)}${columns.join('')}  ${speed.toFixed(2)} M insns/s  ${(native / speed).toFixed(2)} x the time of native code`,
  );
}

const times = loads
  .filter(({ set }) => set !== 'struct')
  .map((load) => {
    const wanted = request(load);
    verifier.verify(wanted);
    return time(() => verifier.verify(wanted)).milliseconds;
  })
  .sort((a, b) => a - b);
const at = (share) => times[Math.floor(times.length * share)].toFixed(2);
console.log(`${times.length} selftests, warm: median ${at(0.5)} ms, nine of ten within ${at(0.9)} ms`);
console.log(`linear memory: ${verifier.memoryBytes >> 20} MiB`);
