// A verification worker that misbehaves on request: for harness.test.ts.
import { parentPort } from 'node:worker_threads';

parentPort.on('message', ({ path }) => {
  if (path === 'hang') for (;;);
  if (path === 'exit') process.exit(3);
  if (path === 'throw') throw new Error('out of luck');
  parentPort.postMessage({ kind: 'refused', reason: path });
});
