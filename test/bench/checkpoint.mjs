// How checkpoint and restore grow: 16, 32 and 64 rings with 1,024 buffers and 1,024 files each, and epoll instances with
// 25,000, 50,000 and 100,000 items; built, dumped, written as images, read, restored, dumped again and compared. Each in
// a process of its own, whose peak memory is shown.
//
// After `npm run build`: node test/bench/checkpoint.mjs [--kernel 6.12]
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compareStates } from '../../dist/checkpoint/compare/compare.js';
import { fromImages, toImages } from '../../dist/checkpoint/convert/index.js';
import { dump } from '../../dist/checkpoint/dump/dump.js';
import { restore } from '../../dist/checkpoint/restore/restore.js';
import { parseScene } from '../../dist/kernel-model/scene/index.js';
import { openSession } from '../../dist/session/open-session-node.js';

const { values } = parseArgs({
  options: {
    kernel: { type: 'string', default: '6.12' },
    rings: { type: 'string' },
    items: { type: 'string' },
  },
});
const SLOTS = 1024;

function objectOf(name) {
  const folder = name === 'bvec_pages' ? name : 'checkpoint';
  return readFileSync(new URL(`../../programs/${folder}/${name}.bpf.o`, import.meta.url));
}

function ringScene(rings) {
  return `
tasks:
  - pid: 100
    rlimits: { nofile: 100000, memlock: unlimited }
    files: [{ fd: i, open: "/srv/{i}", repeat: ${SLOTS} }]
    mappings: [{ name: heap, address: 0x7f0000000000, length: 4K * ${SLOTS}, kind: shared }]
    rings:
${Array.from(
  { length: rings },
  (_, ring) => `
      - fd: ${2000 + ring}
        register:
          - buffers: [{ address: heap + 4K * i, length: 4K, repeat: ${SLOTS} }]
          - files: [{ fd: i, repeat: ${SLOTS} }]`,
).join('')}
`;
}

function epollScene(items) {
  return `
tasks:
  - pid: 100
    rlimits: { nofile: 1000000 }
    files:
      - { fd: 10 + i, eventfd: 0, repeat: ${items} }
      - { fd: 9, epoll: [{ fd: 10 + i, repeat: ${items} }] }
`;
}

async function measure(label, scene) {
  const times = [];
  const timed = (action) => {
    const start = performance.now();
    const result = action();
    times.push((performance.now() - start) / 1000);
    return result;
  };
  const parsed = timed(() => parseScene(scene, 'bench.yaml'));
  const start = performance.now();
  const session = await openSession(parsed, values.kernel);
  times[0] += (performance.now() - start) / 1000;
  const { state, refusals } = timed(() => dump(session, objectOf));
  if (refusals.length > 0) throw new Error(`refused: ${refusals[0].reason}`);
  const images = timed(() => toImages(state));
  const again = timed(() => fromImages(images));
  const fresh = await openSession(parseScene('', 'empty'), values.kernel);
  const { calls } = timed(() => restore(fresh, again));
  const after = timed(() => dump(fresh, objectOf));
  if (!compareStates(state, after.state).equal) throw new Error('not equal after the restore');
  const shown = times.map((time) => `${time.toFixed(2)} s`.padStart(9)).join('');
  const memory = `${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`;
  console.log(`${label.padEnd(20)}${shown}${String(calls.length).padStart(9)}${memory.padStart(10)}`);
}

if (values.rings) await measure(`${values.rings} rings`, ringScene(Number(values.rings)));
else if (values.items) await measure(`${values.items} epoll items`, epollScene(Number(values.items)));
else {
  console.log(
    '                        built     dump   images     read  restore     dump    calls    memory',
  );
  const runs = [16, 32, 64]
    .map((n) => ['--rings', n])
    .concat([25_000, 50_000, 100_000].map((n) => ['--items', n]));
  for (const [option, count] of runs) {
    const self = fileURLToPath(import.meta.url);
    const args = [self, '--kernel', values.kernel, option, String(count)];
    const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
    if (status !== 0) process.exit(status ?? 1);
  }
}
