// A worker that does what the name of its object says, in place of verifying.
import { parentPort } from 'node:worker_threads';

const wait = (milliseconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
const WAYS = {
  ok() {},
  slow: () => wait(2),
  hang: () => wait(60_000),
  exit: () => process.exit(7),
  crash() {
    throw new Error('seeded');
  },
};

parentPort.on('message', async ({ job, claims }) => {
  const ways = job.object.file.split(' ');
  if (ways[0] === 'boom') throw new Error('before the first program');
  for (const [index, way] of ways.entries()) {
    if (Atomics.compareExchange(claims, index, 0, 1) !== 0) continue;
    const turn = { index, program: String(index), section: '', mode: 'priv' };
    parentPort.postMessage({ begins: turn });
    // What was said has to be heard before the thread goes down.
    await new Promise((resolve) => setTimeout(resolve, 5));
    WAYS[way]();
    parentPort.postMessage({ index, program: { ...turn, result: null, crash: null } });
  }
  parentPort.postMessage({ answer: { kind: 'verify', programs: [] } });
});
