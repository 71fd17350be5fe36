/** Runs held against the verifier: of recorded programs, and of iterators over a scene. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { loadObject } from '../../loader/index.ts';
import { type ClaimReport, checkClaims } from '../../session/claims/claim-check.ts';
import { ClaimRunner } from '../../session/claims/claim-runner.ts';
import { recordPath } from '../../session/claims/recorded-path.ts';
import { iterate } from '../../session/iterate.ts';
import { openSession, readScene } from '../../session/open-session-node.ts';
import { verifierLoadOptions } from '../../verifier/load-options-node.ts';
import type { LoadRequest } from '../../verifier/load-request.ts';
import { createVerifier } from '../../verifier/node.ts';
import type { Verifier } from '../../verifier/verifier.ts';
import { installHelpers } from '../../vm/helpers/index.ts';
import { MapTable } from '../../vm/maps.ts';
import { createVm } from '../../vm/node.ts';
import type { Vm } from '../../vm/vm.ts';
import { openArchive } from '../conformance/archive.ts';
import { recordedRequest } from '../conformance/recorded-request.ts';
import { type RecordedRun, runName, runRecorded } from '../conformance/test-run.ts';
import { collectFacts } from '../conformance/test-run-facts.ts';
import { packageRoot } from '../package-root.ts';
import { requestOf } from '../verifier/support.ts';
import { TestKernel } from '../vm/helper-rig.ts';
import { Random, scalarProgram } from './scalar-programs.ts';

const STEPS = 3000;
/** A context outside the model: a program that touches it faults. */
const NO_CONTEXT = 0xffff_8700_0000_0000n;
/** DRYDOCK_CLAIMS=100000 tries more. */
const PROGRAMS = Number(process.env.DRYDOCK_CLAIMS ?? 400);
const TIMEOUT = 60_000 + PROGRAMS * 20;
const root = packageRoot();

let verifier: Verifier;
let vm: Vm;
let kernel: TestKernel;

beforeAll(async () => {
  verifier = await createVerifier('6.12', true);
  vm = await createVm();
  kernel = new TestKernel();
  installHelpers(vm, kernel, new MapTable(vm));
});

/** Runs assembly over a context, and checks it as it is, or as `claimed`. */
function check(text: string, claimed = text): ClaimReport {
  const program = vm.load(assemble(text));
  const { path } = recordPath(vm, program, NO_CONTEXT, {}, STEPS);
  vm.unload(program);
  return checkClaims(verifier, requestOf(assemble(claimed)), path);
}

describe('claims', () => {
  it('hold for numbers, the stack and calls', () => {
    const report = check(`r1 = 7
*(u64 *)(r10 -8) = r1
*(u64 *)(r10 -16) = 0
r2 = *(u64 *)(r10 -8)
r2 <<= 3
if r2 > 100 goto pc+2
w2 += 1
r2 &= 0xff
r0 = r2
exit`);
    expect(report.misses).toEqual([]);
    expect(report.steps).toBe(10);
    expect(report.claims).toBeGreaterThan(20);
  });

  it.each([
    [
      'a number that is another',
      'r0 = 1\nr0 += 1\nexit',
      'r0 = 1\nr0 += 2\nexit',
      2,
      /^R0 is 0x2: known bits/,
    ],
    [
      'a branch that no run takes',
      'r0 = 1\nif r0 == 1 goto pc+1\nr0 = 2\nexit',
      'r0 = 2\nif r0 == 1 goto pc+1\nr0 = 2\nexit',
      1,
      /^R0 is 0x1/,
    ],
    ['a stack slot', '*(u64 *)(r10 -8) = 1\nr0 = 0\nexit', '*(u64 *)(r10 -8) = 0\nr0 = 0\nexit', 1, /^fp-8/],
  ])('do not hold for %s', (_, run, claimed, step, what) => {
    const { misses } = check(run, claimed);
    expect(misses[0]).toMatchObject({ step, what: expect.stringMatching(what) });
  });

  it('do not hold where the verifier does not go', () => {
    const { misses } = check(
      'r0 = 1\nif r0 == 2 goto pc+1\nr0 = 3\nexit',
      'r0 = 2\nif r0 == 2 goto pc+1\nr0 = 3\nexit',
    );
    expect(misses.at(-1)?.what).toBe('no path of the verifier leads here');
  });
});

describe('random programs', () => {
  it(
    `about numbers do nothing that the verifier has ruled out (${PROGRAMS})`,
    () => {
      const misses: string[] = [];
      for (let seed = 0; seed < PROGRAMS; seed++) {
        const insns = scalarProgram(new Random(seed), 40);
        const program = vm.load(insns);
        const { path } = recordPath(vm, program, NO_CONTEXT, {}, STEPS);
        vm.unload(program);
        const report = checkClaims(verifier, requestOf(insns), path);
        if (report.steps !== path.slots.length)
          misses.push(`seed ${seed}: ${report.steps} of ${path.slots.length} steps`);
        for (const { insn, what } of report.misses) misses.push(`seed ${seed}: insn ${insn}: ${what}`);
      }
      expect(misses).toEqual([]);
    },
    TIMEOUT,
  );
});

describe('programs that Linux ran', async () => {
  const file = join(root, 'test/conformance/golden/test-run-6.12.json.gz');
  const runs = JSON.parse(gunzipSync(readFileSync(file)).toString()) as RecordedRun[];
  const facts = await collectFacts(new Set(runs.map(({ name }) => name)));
  const { loads, blobs } = openArchive(join(root, 'test/conformance/recorded'));
  const requests = new Map<string, LoadRequest>();
  for (const load of loads) {
    const object = load.set === 'struct' ? 'test_verifier' : load.object;
    if (load.errno === 0) requests.set(runName({ ...load, object }), recordedRequest(load, blobs));
  }

  it('do nothing that the verifier has ruled out', () => {
    const misses: string[] = [];
    let steps = 0;
    let programs = 0;
    for (const run of runs) {
      const request = requests.get(run.name);
      if (!request) continue;
      const path = runRecorded(vm, run, kernel, facts.get(run.name), STEPS);
      if (!path || path.slots.length === 0) continue;
      const report = checkClaims(verifier, request, path);
      programs++;
      steps += report.steps;
      for (const { insn, what } of report.misses) misses.push(`${run.name}: insn ${insn}: ${what}`);
    }
    expect(misses).toEqual([]);
    expect(programs).toBeGreaterThanOrEqual(1215);
    expect(steps).toBeGreaterThan(5000);
  });
});

describe('iterators over the bundled scenes', () => {
  it.each([
    ['io_uring_buf', 'demo'],
    ['io_uring_file', 'io_uring_file'],
    ['epoll', 'demo'],
    ['bvec', 'demo'],
    ['task', 'demo'],
  ])('%s over %s does nothing that the verifier has ruled out', async (name, scene) => {
    const path = join(root, 'programs', name, `${name}.bpf.o`);
    const session = await openSession(
      await readScene(join(root, 'programs/scenes', `${scene}.yaml`)),
      '6.12',
    );
    const object = session.load(new Uint8Array(readFileSync(path)), path);
    // The code has addresses of symbols: both must be of the same kernel.
    const ksym = (symbol: string) => session.machine.symbolAddress(symbol);
    const options = { ...verifierLoadOptions('6.12'), file: path, ksym };
    const loaded = loadObject(new Uint8Array(readFileSync(path)), options);
    const claims = new ClaimRunner(session, loaded, await createVerifier('6.12'));
    for (const iteration of iterate(session, object, {}, 4096)) expect(iteration.failure).toBeUndefined();
    expect(claims.misses).toEqual([]);
    expect(claims.runs).toBeGreaterThan(0);
    expect(claims.claims).toBeGreaterThan(claims.steps);
  });
});
