// How large scenes drydock locks explores: 3 actors of 20 steps each, from hardly to heavily contended, with and
// without partial-order reduction, and all bundled scenes.
//
// After `npm run build`: node test/bench/locks.mjs
import { readdirSync, readFileSync } from 'node:fs';
import { parseLockScene, runLockScene } from '../../dist/kernel-model/locks/index.js';

const MOST_STATES = 2_000_000;
const LOCKS = ['a', 'b', 'c', 'd', 'e'];

/** 20 steps: ten times a lock and back, of so many different ones; `twist` shifts where an actor begins. */
function pairs(locks, twist) {
  return Array.from({ length: 10 }, (_, i) => LOCKS[(i + twist) % locks]).flatMap((lock) => [
    { lock },
    { unlock: lock },
  ]);
}

/** 20 steps: five times two locks nested, in an order that all actors keep. */
function nested(twist) {
  return Array.from({ length: 5 }, (_, i) => (i + twist) % 4).flatMap((i) => {
    const [outer, inner] = [LOCKS[i], LOCKS[i + 1]];
    return [{ lock: outer }, { lock: inner }, { unlock: inner }, { unlock: outer }];
  });
}

/** 20 steps on a counter that all share, so that every order is another one. */
function references() {
  return Array.from({ length: 10 }, () => [{ get: 'object' }, { put: 'object' }]).flat();
}

const CASES = {
  'own locks': (i) => Array.from({ length: 10 }, () => [{ lock: LOCKS[i] }, { unlock: LOCKS[i] }]).flat(),
  '5 locks': (i) => pairs(5, i),
  '1 lock': () => pairs(1, 0),
  'nested locks': (i) => nested(i),
  'shared references': references,
};

function explore(name, full) {
  const scene = {
    expect: 'none',
    locks: LOCKS.map((lock) => ({ name: lock })),
    objects: [{ name: 'object' }],
    actors: [0, 1, 2].map((i) => ({ name: `t${i}`, does: CASES[name](i) })),
  };
  const start = performance.now();
  const report = runLockScene(scene, { full, maxStates: MOST_STATES });
  return { report, time: (performance.now() - start) / 1000 };
}

function cell({ report, time }) {
  const states = `${report.states}${report.complete ? '' : '+'}`;
  return `${states.padStart(10)} ${`${time.toFixed(2)} s`.padStart(8)}`;
}

console.log(
  '3 actors x 20 steps     reduced: states     time   in full: states     time   verdict   all interleavings',
);
for (const name of Object.keys(CASES)) {
  const reduced = explore(name, false);
  const full = explore(name, true);
  const verdict = [...new Set(full.report.findings.map(({ kind }) => kind))].join(', ') || 'none';
  const orders = Number(full.report.interleavings ?? 0).toExponential(1);
  console.log(`${name.padEnd(20)}   ${cell(reduced)}        ${cell(full)}   ${verdict.padEnd(8)} ${orders}`);
}

const folder = new URL('../../programs/scenes/locks/', import.meta.url);
const scenes = readdirSync(folder).map(
  (name) => parseLockScene(readFileSync(new URL(name, folder), 'utf8'), name).scene,
);
const start = performance.now();
const reports = scenes.map((scene) => runLockScene(scene));
const states = reports.reduce((sum, report) => sum + report.states, 0);
const agree = reports.filter((report) => report.agrees).length;
const time = ((performance.now() - start) / 1000).toFixed(2);
console.log(`${agree} of ${scenes.length} bundled scenes as expected: ${states} states, ${time} s`);
