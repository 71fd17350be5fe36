/** Nothing that can be written crashes or hangs: the parser, and the verifier behind it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assembledRequest, parseAssembly } from '../../assembly/index.ts';
import { createVerifier } from '../../verifier/node.ts';
import { kernelOptions, ROOT, STATS } from './support.ts';

const root = { caps: ROOT, logLevel: STATS };

describe('hostile text', () => {
  const words = fc.constantFrom(
    ...[
      'r1',
      'w2',
      'r10',
      '=',
      '+=',
      '0x10',
      '-1',
      '*(u64 *)',
      '(',
      ')',
      '[',
      ']',
      'goto',
      'call',
      'if',
      'exit',
    ],
    ...[
      '.type',
      '.section',
      '.map',
      '.data',
      '.flags',
      '.kfunc',
      '.module',
      '.license',
      '.x',
      'xdp',
      'm',
      'hash',
    ],
    ...[
      'key',
      'entries',
      'inner',
      'frozen',
      '4',
      '"',
      '"a\\n"',
      '\\',
      '\n',
      '\r\n',
      ';',
      '//',
      ':',
      'map[',
      'm]',
    ],
  );
  const texts = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.array(words, { maxLength: 30 }).map((parts) => parts.join(' ')),
  );

  it('is understood or refused, with places that are in the text', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const source = parseAssembly(text);
        expect(source.insns.length).toBe(source.lineOfSlot.length * 8);
        const lines = text.split(/\r?\n/);
        for (const { line, column, endColumn, message } of source.errors) {
          expect(line).toBeGreaterThanOrEqual(1);
          expect(line).toBeLessThanOrEqual(lines.length);
          expect(column).toBeGreaterThanOrEqual(1);
          expect(column).toBeLessThanOrEqual(lines[line - 1]!.length + 1);
          expect(endColumn).toBeGreaterThanOrEqual(column);
          expect(message).not.toMatch(/undefined|NaN/);
        }
      }),
      { seed: 4, numRuns: 5000 },
    );
  });

  it('is verified, when it is a program, without a crash', async () => {
    const verifier = await createVerifier('6.12');
    const kernel = kernelOptions();
    const lines = fc.constantFrom(
      ...[
        'r0 = 0',
        'r1 = map[m]',
        'r1 = map[m][0]',
        'r2 = r10',
        'r2 += -8',
        'call bpf_map_lookup_elem',
        'exit',
      ],
      ...['a:', 'b:', 'goto a', 'if r0 == 0 goto b', 'call a', 'call b', 'r2 = subprog[b]', 'call bpf_loop'],
      ...[
        '*(u64 *)(r10 - 8) = r0',
        'r1 = *(u32 *)(r1 + 4)',
        'lock *(u64 *)(r0 + 0) += r2',
        'call bpf_rcu_read_lock',
      ],
      ...['r9 = 1 ll', 'r1 = map[9]', 'may_goto a', 'r0 = *(u8 *)skb[3]', 'call f#1@5', 'r1 = btf[1:2]'],
    );
    const types = fc.constantFrom(
      'xdp',
      'socket',
      'tc',
      'iter/task',
      'fentry/bpf_prog_load',
      'syscall',
      'lsm/file_open',
    );
    const maps = fc.constantFrom(
      'array value 8 entries 1',
      'hash key 8 value 8 entries 9',
      'ringbuf entries 4096',
    );
    let verified = 0;
    fc.assert(
      fc.property(types, maps, fc.array(lines, { maxLength: 14 }), (type, map, body) => {
        const text = [`.type ${type}`, '.license GPL', `.map m ${map}`, '.kfunc bpf_rcu_read_lock', ...body];
        const source = parseAssembly([...text, 'r0 = 0', 'exit'].join('\n'));
        if (source.errors.length > 0) return;
        const { accepted, message, insn } = verifier.verify(assembledRequest(source, { ...root, kernel }));
        expect(accepted || message !== '').toBe(true);
        expect(insn).toBeLessThan(source.lineOfSlot.length);
        verified++;
      }),
      { seed: 5, numRuns: 1500 },
    );
    expect(verified).toBeGreaterThan(300);
  });

  const MIB = 1 << 20;
  it.each([
    ['one line of digits', '1'.repeat(MIB - 1)],
    ['digits and a letter', `${'1'.repeat(990)}a\n`.repeat(1050)],
    ['labels on one line', 'a:'.repeat(MIB / 2 - 1)],
    ['many labels', Array.from({ length: 100_000 }, (_, i) => `l${i}:`).join('\n')],
    ['many instructions', 'r0=0x1\n'.repeat(140_000)],
    [
      'bad jumps',
      `${Array.from({ length: 60_000 }, (_, i) => `l${i}:`).join('\n')}\n${'goto lx\n'.repeat(60_000)}`,
    ],
    ['open brackets', '('.repeat(MIB - 1)],
    ['quotes', '.data "'.repeat(140_000)],
    ['backslashes', `.data m "${'\\'.repeat(MIB - 20)}`],
    [
      'maps',
      Array.from({ length: 40_000 }, (_, i) => `.map m${i} ringbuf entries 1`)
        .join('\n')
        .slice(0, MIB),
    ],
    ['data', `.map m array value 1000000 entries 1\n${'.data m "a"\n'.repeat(80_000)}`],
    ['spaces', ' '.repeat(MIB - 1)],
    ['words of a directive', `.map${' a'.repeat(MIB / 2 - 4)}`],
    ['empty lines', '\n'.repeat(MIB - 1)],
    ['too much', 'exit\n'.repeat(300_000)],
  ])('%s: in bounded time', { timeout: 30_000 }, (_, text) => {
    const begun = performance.now();
    expect(parseAssembly(text).errors.length).toBeLessThanOrEqual(100);
    expect(performance.now() - begun).toBeLessThan(15_000);
  });
});
