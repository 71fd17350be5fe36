// Speed of the two tiers: instructions a second over small programs (test/bench/vm/*.asm; most were compiled from
// programs.bpf.c with clang -O2 -mcpu=v3). `array` and `hash` look maps up, `help` calls a helper of the host.
// The peer is the same C compiled for this machine (cc -O2 -fno-tree-vectorize), where a C compiler is at hand.
// `checked` is the translated tier as it is; `verified` leaves out the checks of accesses that a verifier has
// proven to stay in low memory: here, all of them. Rounds of the peer and the tiers take turns; the shortest counts.
//
// After `npm run build`: node test/bench/vm.mjs [--wasm FILE] [--rounds N]
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kernelAddress } from '../../dist/bpf/address.js';
import { assemble } from '../../dist/bpf/asm.js';
import { HostCall } from '../../dist/bpf/vm-call.js';
import { MapTable, Vm } from '../../dist/vm/index.js';
import { vmModule } from '../../dist/vm/node.js';

const folder = new URL('./vm/', import.meta.url);
const { values } = parseArgs({
  options: { wasm: { type: 'string' }, rounds: { type: 'string', default: '40' } },
});
const rounds = Number(values.rounds);
/**
 * n and rounds of `struct in`: each program then executes 1 to 10 million instructions, in the interpreter for some
 * milliseconds. On a machine that has other things to do, longer runs are never undisturbed.
 */
const sizes = {
  copy: [0, 50],
  ipsum: [0, 50],
  sieve: [0, 4],
  sort: [1500, 1],
  default: [200_000, 10],
};
const mapTypes = { hash: 1, array: 2 };
const DATA = 65536;

const vm = await Vm.create({ wasm: values.wasm ? readFileSync(values.wasm) : vmModule() });
vm.setHelper(HostCall.Time, () => 1n);
const maps = new MapTable(vm);
const context = vm.ram.alloc(8 + DATA, 4096);

function fillContext(name) {
  const [n, repeats] = sizes[name] ?? sizes.default;
  const { view } = vm.ram;
  for (let i = 0; i < DATA; i++) view.setUint8(context + 8 + i, (i * 7) & 0xff);
  if (name === 'pkt') {
    for (let at = context + 8; at < context + 8 + 4096; at += 64) {
      view.setUint16(at + 12, 8, true);
      view.setUint8(at + 14, 0x45);
      view.setUint8(at + 23, 6);
    }
  }
  view.setUint32(context, n, true);
  view.setUint32(context + 4, repeats, true);
}

/** A map of 512 elements. */
function makeMap(type) {
  const sizes = { keySize: 4, valueSize: 8, maxEntries: 512, flags: 0, mapExtra: 0n };
  const map = maps.create({ name: 'bench', type, ...sizes, keyTypeId: 0, valueTypeId: 0, section: '.maps' });
  for (let key = 0; key < 512; key++) map.update(Uint8Array.of(key & 255, key >> 8, 0, 0), new Uint8Array(8));
  return map;
}

/** The tiers to measure, by the options that `Vm.load` takes. */
const tiers = {
  interpreter: {},
  checked: { tier: 'translated' },
  verified: { tier: 'translated', verified: () => true },
};

function loadPrograms(name) {
  let text = readFileSync(new URL(`${name}.asm`, folder), 'utf8');
  if (mapTypes[name]) text = text.replace('r7 = 0 ll', `r7 = ${makeMap(mapTypes[name]).address} ll`);
  const code = assemble(text);
  return Object.entries(tiers).map(([tier, options]) => {
    const program = vm.load(code, { name, ...options });
    if (program.tier !== (options.tier ?? 'interpreter'))
      throw new Error(`${name}: ${program.translated.reason}`);
    return { tier, program, times: [] };
  });
}

/** Path of the compiled peer, undefined without a C compiler. */
function compilePeer(into) {
  const source = new URL('native.c', folder).pathname;
  const binary = join(into, 'native');
  try {
    execFileSync(
      'cc',
      ['-O2', '-fno-tree-vectorize', '-fno-tree-loop-distribute-patterns', '-w', source, '-o', binary],
      { stdio: 'ignore' },
    );
    return binary;
  } catch {
    return undefined;
  }
}

/** Milliseconds of a run of the peer (the shortest of three), undefined for programs it does not have. */
function runPeer(name) {
  if (peer === undefined || mapTypes[name]) return undefined;
  const [n, repeats] = sizes[name] ?? sizes.default;
  try {
    return Number(execFileSync(peer, [name, n, repeats, 3].map(String), { encoding: 'utf8' }));
  } catch {
    return undefined;
  }
}

function runTier(program) {
  fillContext(program.name);
  const start = performance.now();
  const result = vm.run(program, kernelAddress(context));
  const time = performance.now() - start;
  if (result.status !== 'finished')
    throw new Error(`${program.name}: ${result.fault?.message ?? result.status}`);
  return { time, result };
}

// The machine has other things to do, too: the shortest round says most of the code.
const shortest = (values) => Math.min(...values);
const mean = (values) => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

async function measure(name) {
  const programs = loadPrograms(name);
  const native = [];
  let insns = 0;
  let r0;
  // Engines put optimised code in place between runs: the first ones are not counted.
  for (const { program } of programs.slice(1)) {
    for (let warm = 0; warm < 3; warm++) {
      runTier(program);
      await new Promise((done) => setTimeout(done, 30));
    }
  }
  for (let round = 0; round < rounds; round++) {
    const time = runPeer(name);
    if (time !== undefined) native.push(time);
    for (const { program, times, tier } of programs) {
      const run = runTier(program);
      times.push(run.time);
      if (!mapTypes[name] && r0 !== undefined && run.result.r0 !== r0) throw new Error(`${name}: r0 differs`);
      r0 = run.result.r0;
      if (tier === 'interpreter') insns = run.result.insns;
    }
  }
  const peerTime = native.length > 0 ? shortest(native) : undefined;
  const row = programs.map(({ times }) => ({
    speed: insns / shortest(times) / 1000,
    ratio: peerTime === undefined ? undefined : shortest(times) / peerTime,
  }));
  const cells = row.map(({ speed, ratio }) => `${speed.toFixed(0).padStart(7)} ${percent(ratio)}`);
  console.log(`${name.padEnd(6)} ${(insns / 1e6).toFixed(1).padStart(6)} ${cells.join('  ')}`);
  return row;
}

function percent(ratio) {
  return (ratio === undefined ? '' : `${ratio.toFixed(2)}x`).padStart(7);
}

const names = readdirSync(folder)
  .filter((name) => name.endsWith('.asm'))
  .map((name) => name.slice(0, -4));
const scratch = mkdtempSync(join(tmpdir(), 'drydock-bench-'));
const peer = compilePeer(scratch);
console.log(
  `M insns/s, and the time of native code as a unit${peer === undefined ? ' (no C compiler)' : ''}`,
);
console.log(
  `        M insns ${Object.keys(tiers)
    .map((tier) => tier.padStart(14))
    .join('  ')}`,
);
const results = [];
for (const name of names) results.push(await measure(name));
rmSync(scratch, { recursive: true });
Object.keys(tiers).forEach((tier, index) => {
  const column = results.map((row) => row[index]);
  const ratios = column.map(({ ratio }) => ratio).filter((ratio) => ratio !== undefined);
  const speed = `${mean(column.map((cell) => cell.speed)).toFixed(0)} M insns/s`;
  const compared = ratios.length > 0 ? `, ${mean(ratios).toFixed(2)} x the time of native code` : '';
  console.log(`geometric mean, ${tier}: ${speed}${compared}`);
});

const RUNS = 10_000;
for (const [tier, options] of Object.entries(tiers)) {
  const empty = vm.load(assemble('r0 = 0\nexit'), options);
  const calls = {
    run: () => {
      for (let i = 0; i < RUNS; i++) vm.run(empty, 0n);
    },
    runMany: () => vm.runMany(empty, 0n, RUNS),
  };
  for (const [name, call] of Object.entries(calls)) {
    const times = Array.from({ length: rounds }, () => {
      const start = performance.now();
      call();
      return performance.now() - start;
    });
    console.log(`${tier}, ${name} of two instructions: ${((shortest(times) / RUNS) * 1e6).toFixed(0)} ns`);
  }
}
