/** Formats without a schema: what they say, and that no text of an object gets out of its place. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GateReport } from '../../../gate/check.ts';
import { github, stepSummary } from '../../../gate/report/github.ts';
import { gitlab } from '../../../gate/report/gitlab.ts';
import { FORMATS } from '../../../gate/report/index.ts';
import { pretty } from '../../../gate/report/pretty.ts';
import { allFindings, failures } from '../../../gate/report/summary.ts';
import { anyReport, check, finding, fixture, gateReport } from './fixture.ts';

const allowed = { reason: 'waits for #17', expires: '2026-12-31' };
const small = gateReport([
  check({ name: 'good', cached: true }),
  check({
    name: 'bad',
    findings: [
      finding('rejected', {
        message: 'R2 invalid mem access',
        source: { file: 'src/trace.bpf.c', line: 42, text: '\treturn *p;' },
        details: ['insn 4: r1 = *(u64 *)(r2 +0)', '', '  where r2 is scalar'],
      }),
    ],
  }),
  check({
    name: 'known',
    kernel: '6.18',
    findings: [finding('budget', { message: '9 of 8 insns', allowed })],
  }),
]);

describe('every format', () => {
  it('gives the same text for the same report, and fails on none', () => {
    for (const format of Object.values(FORMATS)) expect(format(fixture())).toBe(format(fixture()));
    fc.assert(
      fc.property(anyReport, (report) => {
        for (const format of Object.values(FORMATS)) expect(typeof format(report)).toBe('string');
      }),
    );
  });

  it('has a crash as a failure, also one that an allowance matches', () => {
    const report = gateReport([check({ name: 'broken', findings: [finding('crash', { allowed })] })]);
    expect(pretty(report)).toContain('crash: message of crash');
    expect(pretty(report)).not.toContain('Allowed for now');
    expect(github(report)).toMatch(/^::error /);
    expect(stepSummary(report)).toContain('### Failures');
    expect(FORMATS.junit(report)).toContain('<error message="message of crash" type="crash">');
    expect(FORMATS.sarif(report)).not.toContain('suppressions');
    expect(gitlab(report)).toContain('"severity": "blocker"');
  });

  it('can be written as UTF-8 without loss', () => {
    fc.assert(
      fc.property(anyReport, (report) => {
        // Only JSON may name a half of a surrogate pair, as an escape sequence.
        for (const format of Object.values(FORMATS)) expect(format(report)).not.toMatch(/\p{Cs}/u);
      }),
    );
  });
});

describe('pretty', () => {
  it('has numbers, failures by file, and what is allowed', () => {
    expect(pretty(small)).toBe(`Drydock gate 0.1.0  drydock.gate.yaml, 2026-11-28
3 checks, 1 failed, 1 allowed, 1 passed; 1 from the cache
kernels: 6.12, 6.18

build/trace.bpf.o
  failed bad · 6.12
    rejected: R2 invalid mem access
      src/trace.bpf.c:42
        return *p;
      insn 4: r1 = *(u64 *)(r2 +0)

        where r2 is scalar

Allowed for now
  budget build/trace.bpf.o · known · 6.18: 9 of 8 insns (waits for #17, until 2026-12-31)
`);
  });

  it('colours on request, and only adds colour', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
    const sequences = /\x1b\[\d+m/g;
    expect(pretty(small, { colour: true })).toMatch(sequences);
    expect(pretty(small, { colour: true }).replace(sequences, '')).toBe(pretty(small));
  });

  it('sends nothing of an object to the terminal that would move it', () => {
    fc.assert(
      fc.property(anyReport, (report) => {
        expect(pretty(report).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      }),
    );
  });
});

describe('github', () => {
  it('annotates the source', () => {
    expect(github(small)).toBe(
      '::error file=src/trace.bpf.c,line=42,title=rejected%3A bad · 6.12::R2 invalid mem access%0Ainsn 4: r1 = *(u64 *)(r2 +0)%0A%0A  where r2 is scalar\n',
    );
    expect(github({ ...small, config: 'ci/drydock.yaml' })).toContain('file=ci/src/trace.bpf.c,');
    expect(github(gateReport([check({})]))).toBe('');
  });

  it('says how many more there are', () => {
    const many = Array.from({ length: 14 }, (_, i) =>
      check({ name: `p${i}`, findings: [finding('rejected')] }),
    );
    const lines = github(gateReport(many)).trimEnd().split('\n');
    expect(lines).toHaveLength(11);
    expect(lines.at(-1)).toMatch(/^::notice title=drydock gate::4 more failures; /);
  });

  it('has commands of its own only, whatever is in the text', () => {
    const form = /^::(error file=[^:,]*(,line=[1-9]\d*)?,title=[^:,]*|notice title=[^:,]*)::/;
    fc.assert(
      fc.property(anyReport, (report) => {
        const lines = github(report).split('\n').slice(0, -1);
        expect(lines.length).toBe(Math.min(failures(report).length, 11));
        for (const line of lines) {
          expect(line).toMatch(form);
          expect(line).not.toMatch(/[\r\n]|%(?!25|0A|0D|3A|2C)/);
        }
      }),
    );
  });
});

describe('step summary', () => {
  it('has a table of numbers, of failures and of what is allowed', () => {
    const text = stepSummary(small);
    expect(text).toContain('## Drydock gate ❌ failed');
    expect(text).toContain('| 3 | 0 | 1 | 1 | 1 | 1 |');
    expect(text).toContain(
      '| rejected | <code>build/trace.bpf.o</code><br>bad &#183; 6.12 | R2 invalid mem access |',
    );
    expect(text).toContain('<pre>insn 4: r1 = *(u64 *)(r2 +0)\n\n  where r2 is scalar\n</pre>');
    expect(text).toContain('waits for &#35;17, until 2026&#45;12&#45;31 |');
    expect(stepSummary(gateReport([check({})]))).toContain('✅ passed');
  });

  it('lets no text act as markup', () => {
    fc.assert(
      fc.property(anyReport, (report: GateReport) => {
        const text = stepSummary(report);
        const own = /<\/?(code|details|summary|pre)>|<br>/g;
        expect(text.replace(own, '')).not.toMatch(/[<>]/);
        for (const row of text
          .replace(/<pre>[^<]*<\/pre>/g, '')
          .split('\n')
          .filter((line) => line.startsWith('| '))) {
          expect(row).not.toMatch(/[@*_`[\]\\~]|https?:/);
          expect([4, 5, 7]).toContain(row.split('|').length - 1);
        }
      }),
    );
  });

  it('stays below the size that GitHub takes', () => {
    const details = ['<'.repeat(200_000)];
    const many = Array.from({ length: 3000 }, (_, i) =>
      check({ name: `p${i}`, findings: [finding('rejected', { message: '*'.repeat(5000), details })] }),
    );
    const text = stepSummary(gateReport(many));
    expect(Buffer.byteLength(text)).toBeLessThan(1 << 20);
    expect(text).toMatch(/[\d,]+ failures left out for want of room/);
    expect(text).toContain('3,000 explanations left out');
  });
});

describe('gitlab', () => {
  it('has an issue for each finding', () => {
    expect(JSON.parse(gitlab(small))).toEqual([
      {
        description: 'bad, 6.12: R2 invalid mem access',
        check_name: 'rejected',
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
        severity: 'major',
        location: { path: 'src/trace.bpf.c', lines: { begin: 42 } },
      },
      {
        description: 'known, 6.18: 9 of 8 insns (allowed: waits for #17, until 2026-12-31)',
        check_name: 'budget',
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
        severity: 'info',
        location: { path: 'build/trace.bpf.o', lines: { begin: 1 } },
      },
    ]);
  });

  it('has fingerprints that are unique', () => {
    fc.assert(
      fc.property(anyReport, (report) => {
        const prints = (JSON.parse(gitlab(report)) as { fingerprint: string }[]).map(
          ({ fingerprint }) => fingerprint,
        );
        expect(prints).toHaveLength(allFindings(report).length);
        expect(new Set(prints).size).toBe(prints.length);
      }),
    );
  });
});
