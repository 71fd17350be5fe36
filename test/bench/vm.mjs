// Interpreter speed: instructions a second over small programs (test/bench/vm/*.asm, made from programs.bpf.c).
// Run after `npm run build`: node test/bench/vm.mjs [vm.wasm] [rounds]
import { readdirSync, readFileSync } from 'node:fs';
import { kernelAddress } from '../../dist/bpf/address.js';
import { assemble } from '../../dist/bpf/asm.js';
import { Vm } from '../../dist/vm/index.js';
import { vmModule } from '../../dist/vm/node.js';

const folder = new URL('./vm/', import.meta.url);
const [wasmPath, roundsText] = process.argv.slice(2);
const wasm = wasmPath ? readFileSync(wasmPath) : vmModule();
const rounds = Number(roundsText ?? 7);
/** n and rounds of `struct in`: each program then executes some 5 to 30 million instructions. */
const sizes = { sort: [4000, 1], default: [1_000_000, 50] };

const vm = await Vm.create({ wasm });
vm.setHelper(5, () => 1n);
const context = vm.ram.alloc(8 + 65536, 4096);

function fillContext(name) {
  const [n, repeats] = sizes[name] ?? sizes.default;
  const { view } = vm.ram;
  for (let i = 0; i < 65536; i++) view.setUint8(context + 8 + i, (i * 7) & 0xff);
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

const speeds = [];
for (const file of readdirSync(folder).filter((name) => name.endsWith('.asm'))) {
  const name = file.slice(0, -4);
  const program = vm.load(assemble(readFileSync(new URL(file, folder), 'utf8')), { name });
  const times = [];
  let insns = 0;
  let r0 = 0n;
  for (let round = 0; round < rounds; round++) {
    fillContext(name);
    const start = performance.now();
    const result = vm.run(program, kernelAddress(context));
    times.push(performance.now() - start);
    if (result.status !== 'finished') throw new Error(`${name}: ${result.fault?.message ?? result.status}`);
    ({ insns, r0 } = result);
  }
  const median = times.sort((a, b) => a - b)[rounds >> 1];
  speeds.push(insns / median / 1000);
  console.log(
    `${name.padEnd(6)} ${(insns / 1e6).toFixed(1).padStart(6)} M insns ${median.toFixed(1).padStart(7)} ms ` +
      `${speeds.at(-1).toFixed(0).padStart(5)} M insns/s   r0 ${r0.toString(16)}`,
  );
}
const mean = Math.exp(speeds.reduce((sum, speed) => sum + Math.log(speed), 0) / speeds.length);
console.log(`geometric mean ${mean.toFixed(0)} M insns/s`);
