// Interpreter speed: instructions a second over small programs (test/bench/vm/*.asm; most were compiled from
// programs.bpf.c with clang -O2 -mcpu=v3). `array` and `hash` look maps up, `help` calls a helper of the host.
// The peer is the same C compiled for this machine (cc -O2 -fno-tree-vectorize), where a C compiler is at hand.
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
  options: { wasm: { type: 'string' }, rounds: { type: 'string', default: '7' } },
});
const rounds = Number(values.rounds);
/** n and rounds of `struct in`: each program then executes 2 to 100 million instructions. */
const sizes = { sort: [4000, 1], default: [1_000_000, 50] };
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

function loadProgram(name) {
  let text = readFileSync(new URL(`${name}.asm`, folder), 'utf8');
  if (mapTypes[name]) text = text.replace('r7 = 0 ll', `r7 = ${makeMap(mapTypes[name]).address} ll`);
  return vm.load(assemble(text), { name });
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

/** Milliseconds of a run of the peer, undefined for programs it does not have. */
function measurePeer(name) {
  const [n, repeats] = sizes[name] ?? sizes.default;
  try {
    return Number(execFileSync(peer, [name, n, repeats, rounds].map(String), { encoding: 'utf8' }));
  } catch {
    return undefined;
  }
}

function measure(name) {
  const program = loadProgram(name);
  const times = [];
  let insns = 0;
  for (let round = 0; round < rounds; round++) {
    fillContext(name);
    const start = performance.now();
    const result = vm.run(program, kernelAddress(context));
    times.push(performance.now() - start);
    if (result.status !== 'finished') throw new Error(`${name}: ${result.fault?.message ?? result.status}`);
    insns = result.insns;
  }
  const median = times.sort((a, b) => a - b)[rounds >> 1];
  const speed = insns / median / 1000;
  const columns = [
    (insns / 1e6).toFixed(1).padStart(6),
    median.toFixed(1).padStart(7),
    speed.toFixed(0).padStart(5),
  ];
  const native = peer === undefined || mapTypes[name] ? undefined : measurePeer(name);
  const ratio = native === undefined ? undefined : median / native;
  const compared = ratio === undefined ? '' : `  ${ratio.toFixed(1).padStart(5)} x the time of native code`;
  console.log(`${name.padEnd(6)} ${columns[0]} M insns ${columns[1]} ms ${columns[2]} M insns/s${compared}`);
  return { speed, ratio };
}

const names = readdirSync(folder)
  .filter((name) => name.endsWith('.asm'))
  .map((name) => name.slice(0, -4));
const scratch = mkdtempSync(join(tmpdir(), 'drydock-bench-'));
const peer = compilePeer(scratch);
const results = names.map(measure);
rmSync(scratch, { recursive: true });
const mean = (values) => Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
const ratios = results.map(({ ratio }) => ratio).filter((ratio) => ratio !== undefined);
console.log(`geometric mean ${mean(results.map(({ speed }) => speed)).toFixed(0)} M insns/s`);
if (ratios.length > 0) console.log(`geometric mean ${mean(ratios).toFixed(1)} x the time of native code`);

const empty = vm.load(assemble('r0 = 0\nexit'));
const start = performance.now();
for (let i = 0; i < 200_000; i++) vm.run(empty, 0n);
console.log(`a run of two instructions: ${((performance.now() - start) * 5).toFixed(0)} ns`);
