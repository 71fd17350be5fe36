/** The conformance plugin, as the public suite's runner calls it: a process per vector. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';

const plugin = fileURLToPath(new URL('bpf-vector', import.meta.url));

/** The runner writes every byte as two digits and two spaces. */
const spaced = (bytes: Uint8Array) =>
  Array.from(bytes, (byte) => `${byte.toString(16).padStart(2, '0')}  `).join('');

function run(text: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(plugin, args, {
    input: `${spaced(assemble(text))}\n`,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const passed = (r0: string) => ({ status: 0, stdout: `${r0}\n`, stderr: '' });

describe('bpf-vector', () => {
  it('prints r0 in hex', () => {
    expect(run('r0 = 42\nexit')).toEqual(passed('2a'));
    expect(run('r0 = -1\nexit')).toEqual(passed('ffffffffffffffff'));
  });

  it('hands the memory over in r1 and r2, or nulls', () => {
    const sum = 'r0 = *(u32 *)(r1 +0)\nr0 += r2\nexit';
    expect(run(sum, '01 02 03 04 ff ')).toEqual(passed('4030206'));
    expect(run(sum, '01020304ff', '')).toEqual(passed('4030206'));
    expect(run('r0 = r1\nr0 |= r2\nexit', '', '')).toEqual(passed('0'));
  });

  it('runs v4 instructions, local calls and callx', () => {
    expect(run('gotol pc+1\nexit\nr1 = -7\nr1 s/= 2\nw0 = (s8)w1\nr0 = bswap32 r0\nexit')).toEqual(
      passed('fdffffff'),
    );
    expect(run('r1 = 20\ncall f\nexit\nf: r0 = r1\nr0 += 1\nexit')).toEqual(passed('15'));
    expect(run('r7 = subprog[f]\ncallx r7\nexit\nf: r0 = 6\nexit')).toEqual(passed('6'));
    // The suite's callx vector: the register holds the number of a helper.
    expect(run('r1 = -1\nr2 = 5\ncallx r2\nr0 = 2\nexit')).toEqual(passed('2'));
    expect(run('r1 = -1\ncall 5\nr0 = 2\nexit')).toEqual(passed('2'));
  });

  it('takes the program as an argument too, and lists it on demand', () => {
    const program = Buffer.from(assemble('r0 = 3\nexit')).toString('hex');
    const { status, stdout, stderr } = spawnSync(plugin, ['--program', program, '--debug', '--interpret'], {
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: '3\n',
      stderr: '(b7) r0 = 3\n(95) exit\n',
    });
  });

  it('takes an object file with --elf', () => {
    // clang -target bpf -O2: __attribute__((section("xdp"), used)) int prog(void *ctx) { return 42; }
    const object = readFileSync(new URL('golden/xdp-returns-42.bpf.o', import.meta.url));
    const { status, stdout } = spawnSync(plugin, ['--elf'], { input: spaced(object), encoding: 'utf8' });
    expect({ status, stdout }).toEqual({ status: 0, stdout: '2a\n' });
  });

  it.each([
    ['a fault', 'r1 = 0\nr0 = *(u64 *)(r1 +8)\nexit', [], /insn 1: read of 8 bytes at 0x8/],
    ['an endless loop', 'again: goto again', [], /no end after 100000000 instructions/],
    ['a call by BTF id', 'call runtime#42\nexit', [], /insn 0/],
    ['memory that is not hex', 'exit', ['xyz'], /the memory is not hex/],
    ['an unknown option', 'exit', ['--jit'], /unknown option --jit/],
  ])('ends with a message and status 1 on %s', (_, text, args, message) => {
    const { status, stdout, stderr } = run(text, ...args);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('refuses a cut-off program', () => {
    const { status, stderr } = spawnSync(plugin, [], { input: 'b7 00 00', encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stderr).toMatch(/not a multiple of 8/);
  });
});
