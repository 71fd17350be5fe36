/** What the kernel lacks is named: by the loader, and in the log that it hands on. */
import { describe, expect, it } from 'vitest';
import { explainMissing, MISSING_TYPE } from '../../loader/missing.ts';
import { btfOf, EXTERNS, load, program } from './support.ts';

const KERNEL_WITHOUT_NUMBERS = btfOf('iter');

describe('the loader', () => {
  const core = load('core');

  it.each([
    ['off_missing', '<byte_off> [6] struct task.missing (0:15 @ offset 88)'],
    ['load_missing', '<byte_off> [6] struct task.missing (0:15 @ offset 88)'],
    ['enum_value_gone', '<enumval_value> [125] enum mode::MODE_GONE = 2'],
  ])('names the relocation of %s', (name, what) => {
    expect(program(core, name).missing).toEqual([{ insn: 0, kind: 'core', what }]);
  });

  it('names elements of arrays, and a place that is not at a byte', () => {
    const object = load('core', { kernelBtf: KERNEL_WITHOUT_NUMBERS });
    const texts = object.programs.flatMap(({ missing }) => missing.map(({ what }) => what));
    expect(texts).toContainEqual(
      expect.stringMatching(/^<byte_off> .* struct task\.numbers\[3\] \(0:\d+:3 @ /),
    );
    expect(texts).toContainEqual(
      expect.stringMatching(/^<\w+> .* struct task\.\w+ \(0:\d+ @ offset \d+\.[1-7]\)$/),
    );
  });

  it('names a kfunc where it is called', () => {
    expect(program(load('externs', EXTERNS), 'call_changed').missing).toMatchObject([
      { kind: 'kfunc', what: 'kfunc_changed' },
    ]);
  });

  it('says nothing of programs that have all they need', () => {
    expect(program(core, 'off_pid').missing).toEqual([]);
  });
});

describe('a log', () => {
  const refused = (insn: number, helper: number) =>
    `${insn}: (85) call unknown#${helper}\ninvalid func unknown#${helper}\nprocessed 1 insns\n`;

  it('says what could not be relocated', () => {
    const missing = [
      { insn: 7, kind: 'core' as const, what: '<byte_off> [6] struct task.gone (0:1 @ offset 8)' },
    ];
    expect(explainMissing(refused(7, MISSING_TYPE), missing)).toBe(
      '7: <invalid CO-RE relocation>\n' +
        'failed to resolve CO-RE relocation <byte_off> [6] struct task.gone (0:1 @ offset 8)\n' +
        'processed 1 insns\n',
    );
  });

  it('says which kfunc there is not', () => {
    const missing = [{ insn: 3, kind: 'kfunc' as const, what: 'bpf_gone' }];
    expect(explainMissing(refused(3, 2_002_000_001), missing)).toBe(
      "3: <invalid kfunc call>\nkfunc 'bpf_gone' is referenced but wasn't resolved\nprocessed 1 insns\n",
    );
  });

  it('stays as it is where the program itself calls no function', () => {
    const missing = [{ insn: 3, kind: 'kfunc' as const, what: 'bpf_gone' }];
    expect(explainMissing(refused(4, 9999), missing)).toBe(refused(4, 9999));
  });
});
