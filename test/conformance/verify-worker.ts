/** A thread that verifies what it is sent, so that a crash or a hang is an answer to its parent. */
import { readFileSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { InputError } from '../../bpf/input-error.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { openVerifierData } from '../../kernel-model/verifier-data-node.ts';
import { explainMissing } from '../../loader/missing.ts';
import type { LoadRequest } from '../../verifier/load-request.ts';
import { Verifier } from '../../verifier/verifier.ts';
import { openModules } from './archive.ts';
import { SelftestLoader } from './from-source/selftest-loader.ts';
import type { Answer, Job, WorkerSetup } from './job.ts';

const { kernel: name = '6.12', wasm, recorded, config } = workerData as WorkerSetup;
const modules = openModules(recorded, name);
const { vmlinux } = openProfile(name);
const kernel = { btf: vmlinux, data: openVerifierData(name), modules };
const verifier = await Verifier.create({ wasm: readFileSync(wasm), kernel });
const loader = new SelftestLoader(vmlinux, modules, config);

function requestOf(job: Job): LoadRequest {
  return job.kind === 'request' ? job.request : loader.request(job);
}

function answer(job: Job): Answer {
  let request: LoadRequest;
  try {
    request = requestOf(job);
  } catch (error) {
    if (error instanceof InputError) return { kind: 'refused', reason: error.message };
    throw error;
  }
  const start = performance.now();
  const { accepted, errno, message, stats, log: kernelLog, logLength } = verifier.verify(request);
  const milliseconds = performance.now() - start;
  const explained = job.kind === 'object' && job.explained === true;
  const log = explained ? explainMissing(kernelLog, request.missing ?? []) : kernelLog;
  const verdict = { accepted, errno, message, stats, log, logLength };
  return { kind: 'verdict', verdict, memoryBytes: verifier.memoryBytes, milliseconds };
}

parentPort?.on('message', (job: Job) => {
  try {
    parentPort?.postMessage(answer(job));
  } catch (error) {
    parentPort?.postMessage({ kind: 'crash', reason: String(error) } satisfies Answer);
  }
});
