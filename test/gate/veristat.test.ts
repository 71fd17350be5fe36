import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../../bpf/input-error.ts';
import { comparison, comparisonCsv, comparisonText, difference } from '../../gate/comparison.ts';
import { parseCsv } from '../../gate/csv.ts';
import { NUMBERS, parseVeristat, type VeristatRow, veristatCsv, veristatRows } from '../../gate/veristat.ts';
import { checks, mutated, nasty, verified } from './check-support.ts';

const FILE = 'veristat.csv';
const HEADER =
  'file_name,prog_name,verdict,duration,total_insns,total_states,peak_states,max_states_per_insn,max_mark_read_len';

function reason(text: string): string {
  try {
    parseVeristat(text, FILE);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as InputError).message;
  }
  throw new Error('nothing was thrown');
}

function row(program: string, verdict: VeristatRow['verdict'], ...numbers: number[]): VeristatRow {
  return {
    file: 'a.bpf.o',
    program,
    verdict,
    numbers: Object.fromEntries(numbers.map((number, index) => [NUMBERS[index + 1], number])),
  };
}

const rows: fc.Arbitrary<VeristatRow[]> = fc.uniqueArray(
  fc.record({
    file: nasty.filter((name) => name !== 'N/A'),
    program: nasty.filter((name) => name !== 'N/A'),
    verdict: fc.constantFrom('success' as const, 'failure' as const, null),
    numbers: fc.tuple(...NUMBERS.map(() => fc.maxSafeInteger())).map((numbers) => {
      return Object.fromEntries(NUMBERS.map((name, index) => [name, numbers[index]! + 0]));
    }),
  }),
  { selector: ({ file, program }) => JSON.stringify([file, program]), maxLength: 6 },
);

describe('what is written', () => {
  it('has the columns of veristat and one line a program', () => {
    const text = veristatCsv(
      veristatRows([
        verified({ file: 'b/z.bpf.o' }, { maxStatesPerInsn: 4, markRead: 3 }),
        verified({ file: 'objects/a.bpf.o', name: 'two' }, { insns: 7 }, 'rejected'),
        verified({ file: 'objects/a.bpf.o', name: 'one' }, {}, 'not-loaded'),
        verified({ kind: 'run' }),
      ]),
    );
    expect(text.split('\n')).toEqual([
      HEADER,
      'a.bpf.o,one,failure,0,0,0,0,0,0',
      'a.bpf.o,two,failure,0,7,2,2,1,1',
      'z.bpf.o,run,success,0,10,2,2,4,3',
      '',
    ]);
  });

  it('tells files of the same name apart', () => {
    const files = veristatRows(['x/a.o', 'y/a.o', 'y/b.o'].map((file) => verified({ file }))).map(
      ({ file }) => file,
    );
    expect(files).toEqual(['b.o', 'x/a.o', 'y/a.o']);
  });

  it('is read again', () => {
    fc.assert(
      fc.property(rows, (all) => {
        expect(parseVeristat(veristatCsv(all), FILE)).toEqual(all);
      }),
    );
  });
});

describe('what is read', () => {
  it('has any columns in any order', () => {
    const text = 'prog_size,insns,prog,file_name,attach_type\r\n1,22,run,a.o,x\r\nN/A,N/A,other,a.o,N/A\r\n';
    expect(parseVeristat(text, FILE)).toEqual([
      { file: 'a.o', program: 'run', verdict: null, numbers: { total_insns: 22 } },
      { file: 'a.o', program: 'other', verdict: null, numbers: {} },
    ]);
    expect(parseVeristat('file_name,prog_name\n', FILE)).toEqual([]);
  });

  it.each([
    ['', 'line 1: there is no line that names the columns'],
    ['file_name,verdict\n', 'line 1: column prog_name is missing'],
    ['prog_name\n', 'line 1: column file_name is missing'],
    ['file_name,prog_name,insns,total_insns\n', 'line 1: column total_insns stands there twice'],
    ['file_name,prog_name\na,b,c\n', 'line 2: 3 fields, where there are 2 columns'],
    ['file_name,prog_name\na,b\na,b\n', 'line 3: the program stands in line 2 already'],
    ['file_name,prog_name\na,N/A\n', 'line 2: the name of the file or of the program is missing'],
    ['file_name,prog_name,verdict\na,b,ok\n', "line 2: verdict is 'ok', neither success nor failure"],
    ['file_name,prog_name,insns\na,b,1.5\n', "line 2: total_insns is '1.5', not an integer"],
    [
      'file_name,prog_name,insns\na,b,9007199254740992\n',
      'line 2: total_insns is 9007199254740992, which is out of range',
    ],
  ])('is refused: %j', (text, message) => {
    expect(reason(text)).toBe(`${FILE}: ${message}`);
  });

  it('is read or refused, however it is damaged', () => {
    const texts = checks.map((all) => veristatCsv(veristatRows(all))).chain(mutated);
    fc.assert(
      fc.property(texts, (text) => {
        try {
          parseVeristat(text, FILE);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect((error as Error).message).toMatch(/^veristat\.csv: line \d+: /);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a comparison', () => {
  const before = [
    row('same', 'success', 100, 10, 5),
    row('grown', 'success', 348, 10, 5),
    row('gone', 'failure', 1, 1, 1),
    row('none', 'success', 0, 0),
  ];
  const after = [
    row('new', 'success', 7, 1, 1),
    row('none', 'success', 3, 0, 9),
    row('grown', 'failure', 360, 9, 5),
    row('same', 'success', 100, 10, 5),
  ];

  it('has differences as veristat prints them', () => {
    expect(difference(348, 360)).toBe('+12 (+3.45%)');
    expect(difference(360, 348)).toBe('-12 (-3.33%)');
    expect(difference(5, 5)).toBe('+0 (+0.00%)');
    expect(difference(0, 3)).toBe('+3 (+100.00%)');
    expect(difference(0, 0)).toBe('+0 (+0.00%)');
    expect(difference(4, 0)).toBe('-4 (-100.00%)');
  });

  it('is a table', () => {
    const lines = comparisonText(comparison(before, after)).split('\n');
    expect(lines).toMatchInlineSnapshot(`
      [
        "File     Program  Verdict (A)  Verdict (B)  Verdict (DIFF)  Insns (A)  Insns (B)  Insns  (DIFF)  States (A)  States (B)  States (DIFF)  Peak states (A)  Peak states (B)  Peak states (DIFF)",
        "-------  -------  -----------  -----------  --------------  ---------  ---------  -------------  ----------  ----------  -------------  ---------------  ---------------  ------------------",
        "a.bpf.o  gone     failure      N/A          N/A                     1        N/A            N/A           1         N/A            N/A                1              N/A                 N/A",
        "a.bpf.o  grown    success      failure      MISMATCH              348        360   +12 (+3.45%)          10           9   -1 (-10.00%)                5                5         +0 (+0.00%)",
        "a.bpf.o  new      N/A          success      N/A                   N/A          7            N/A         N/A           1            N/A              N/A                1                 N/A",
        "a.bpf.o  none     success      success      MATCH                   0          3  +3 (+100.00%)           0           0    +0 (+0.00%)              N/A                9                 N/A",
        "a.bpf.o  same     success      success      MATCH                 100        100    +0 (+0.00%)          10          10    +0 (+0.00%)                5                5         +0 (+0.00%)",
        "",
      ]
    `);
    expect(lines.slice(0, -1).every((line) => line.length <= lines[1]!.length)).toBe(true);
  });

  it('may leave out what is the same', () => {
    const all = comparison(before, after);
    expect(all.map(({ program, changed }) => [program, changed])).toEqual([
      ['gone', true],
      ['grown', true],
      ['new', true],
      ['none', true],
      ['same', false],
    ]);
    expect(comparisonText(all, { onlyChanged: true })).not.toContain('same');
    expect(comparisonText(comparison(after, after), { onlyChanged: true })).toBe('');
    const slower = [{ ...after[0]!, numbers: { ...after[0]!.numbers, duration: 99 } }];
    expect(comparison([after[0]!], slower)[0]!.changed).toBe(false);
    const fewer = [{ ...after[0]!, verdict: null, numbers: { total_insns: 7 } }];
    expect(comparison(fewer, after.slice(0, 1))[0]!.changed).toBe(false);
    expect(
      comparison([{ ...slower[0]!, numbers: { ...slower[0]!.numbers, duration: 1 } }], slower)[0]!.changed,
    ).toBe(false);
  });

  it('is CSV with all columns', () => {
    const lines = comparisonCsv(comparison(before, after)).split('\n');
    expect(lines[0]).toMatch(
      /^file_name,prog_name,verdict_base,verdict_comp,verdict_diff,duration_base,duration_comp,/,
    );
    expect(lines[2]).toBe(
      'a.bpf.o,grown,success,failure,MISMATCH,N/A,N/A,N/A,348,360,+12 (+3.45%),10,9,-1 (-10.00%),5,5,+0 (+0.00%)' +
        ',N/A,N/A,N/A,N/A,N/A,N/A',
    );
  });

  it('has each program once, whatever its name', () => {
    fc.assert(
      fc.property(rows, rows, (a, b) => {
        const all = comparison(a, b);
        const names = new Set([...a, ...b].map(({ file, program }) => JSON.stringify([file, program])));
        expect(all.length).toBe(names.size);
        const width = 2 + 3 * (1 + NUMBERS.length);
        const records = parseCsv(comparisonCsv(all), FILE);
        expect(records.map(({ fields }) => fields.length)).toEqual(Array(all.length + 1).fill(width));
        const lines = comparisonText(all).split('\n').length - 1;
        expect(lines).toBe(all.length > 0 ? all.length + 2 : 0);
      }),
    );
  });
});
