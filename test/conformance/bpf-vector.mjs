/**
 * Runs one ISA vector in the interpreter, called as the public bpf_conformance suite calls its plugins:
 *
 *   echo 'b7 00 00 00 2a 00 00 00 95 00 00 00 00 00 00 00' | bpf-vector ['MEMORY HEX']
 *
 * Prints r0 in hex. Ends with status 1 and a message when the program is none, faults or does not end. The
 * built checkout is what runs (`npm run build`): dist/ and build/vm.wasm.
 */
import { existsSync, readFileSync } from 'node:fs';

const USAGE = 'usage: bpf-vector [--program HEX] [MEMORY HEX] [--debug] [--interpret] [--elf]';
/** Ends endless programs within a second or so; the suite's longest vectors take thousands of instructions. */
const BUDGET = 100_000_000;
/** @returns {{ program?: string, memory: string, debug: boolean, elf: boolean }} */
function parseArguments(args) {
  const options = { memory: '', debug: false, elf: false };
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === '--help') throw new Error(USAGE);
    else if (arg === '--program') options.program = rest.shift() ?? '';
    else if (arg === '--debug') options.debug = true;
    else if (arg === '--elf') options.elf = true;
    else if (arg === '--interpret' || arg === '') continue;
    else if (arg.startsWith('--')) throw new Error(`unknown option ${arg}\n${USAGE}`);
    else options.memory += ` ${arg}`;
  }
  return options;
}

/** Hex bytes, with or without spaces between them. */
function bytesOf(text, what) {
  const digits = text.replace(/\b0x/gi, '').replace(/\s+/g, '');
  if (!/^([0-9a-f]{2})*$/i.test(digits)) throw new Error(`${what} is not hex: ${text.trim().slice(0, 60)}`);
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

/** A module of the built checkout. */
function built(path) {
  const url = new URL(`../../dist/${path}`, import.meta.url);
  if (!existsSync(url)) throw new Error(`${url.pathname} is missing: run npm run build`);
  return import(url.href);
}

/** Instructions of the first program of an object file. */
async function firstProgram(object) {
  const { loadObject } = await built('loader/index.js');
  const program = loadObject(object, { file: 'stdin' }).programs[0];
  if (!program) throw new Error('the object has no program');
  if (program.error !== undefined) throw new Error(program.error);
  return program.insns;
}

async function main() {
  const options = parseArguments(process.argv.slice(2));
  const input = bytesOf(options.program ?? readFileSync(0, 'utf8'), 'the program');
  const memory = bytesOf(options.memory, 'the memory');
  const [{ createVm }, { kernelAddress }, { HostCall }] = await Promise.all(
    ['vm/node.js', 'bpf/address.js', 'bpf/vm-call.js'].map(built),
  );
  const vm = await createVm();
  // Vectors call helper 5, which is bpf_ktime_get_ns, and do not look at what it gives: the clock stands.
  vm.setHelper(HostCall.Time, () => 0n);
  const insns = options.elf ? await firstProgram(input) : input;
  if (options.debug) {
    const { disassemble } = await built('bpf/disasm.js');
    process.stderr.write(`${disassemble(insns, { opcodes: true }).join('\n')}\n`);
  }
  const program = vm.load(insns, { name: 'the program' });
  const at = memory.length > 0 ? vm.ram.alloc(memory.length) : 0;
  new Uint8Array(vm.ram.buffer).set(memory, at);
  vm.start(program, [at === 0 ? 0n : kernelAddress(at), BigInt(memory.length)]);
  const run = vm.resume(BUDGET);
  if (run.fault) throw new Error(run.fault.message);
  if (run.status !== 'finished') throw new Error(`no end after ${BUDGET} instructions`);
  process.stdout.write(`${run.r0.toString(16)}\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
