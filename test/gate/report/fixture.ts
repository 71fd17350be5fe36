/** A report with every rule, every status and text that no format likes, and any report at all. */
import fc from 'fast-check';
import {
  type Check,
  checkId,
  type Finding,
  type GateReport,
  type Rule,
  statusOf,
} from '../../../gate/check.ts';
import { RULE_NAMES } from '../../../gate/report/rules.ts';
import { statsOf } from '../check-support.ts';

export const NASTY = [
  '"double" \'single\' `tick` <script>alert(1)</script> & &amp; ]]> <!-- --> %0A ::error:: | *bold* [a](b) @someone #1',
  'line one\nline two\r\nline three\rline four\u2028line five\ttab',
  'control \0\x01\x07\x08\x1b[31mred\x1b[0m\x7f\x9b2J \ufffe\uffff',
  'halves \ud800 and \udc00, whole 🐝, turned \u202egnp.exe\u202c, accents é ü ß 漢字',
  '::set-output name=x::y',
  '%25 100%, {0} {braces} $(id) $HOME',
  'very long '.repeat(1000),
] as const;

const STATS = { insns: 1234567, states: 98, peakStates: 40, maxStatesPerInsn: 7, markRead: 12, stack: 64 };
const BEFORE = { insns: 1234567, states: 98, peakStates: 40, stack: 64, verdict: 'accepted' } as const;

export function finding(rule: Rule, more: Partial<Finding> = {}): Finding {
  return { rule, message: `message of ${rule}`, details: [], source: null, allowed: null, ...more };
}

export function check(more: Partial<Check>): Check {
  const findings = more.findings ?? [];
  return {
    kind: 'verify',
    kernel: '6.12',
    mode: 'priv',
    variant: '',
    file: 'build/trace.bpf.o',
    name: 'handle_exec',
    section: 'tp/sched/sched_process_exec',
    status: statusOf(findings),
    findings,
    result: { verdict: 'accepted', errno: 0, message: '', insn: null, source: null, stats: STATS },
    before: null,
    cached: false,
    ...more,
  };
}

export function gateReport(checks: readonly Check[], more: Partial<GateReport> = {}): GateReport {
  return { version: '0.1.0', config: 'drydock.gate.yaml', today: '2026-11-28', shard: null, checks, ...more };
}

/** Every rule once, each time with other text. */
function ruleChecks(): Check[] {
  return RULE_NAMES.map((rule, i) =>
    check({
      name: `prog_${rule.replaceAll('-', '_')}`,
      kernel: i % 2 === 0 ? '6.12' : '6.18',
      file: i % 3 === 0 ? 'build/dir with space/ünï#1?.bpf.o' : 'build/trace.bpf.o',
      findings: [
        finding(rule, {
          message: NASTY[i % NASTY.length] ?? '',
          details: i % 2 === 0 ? ['insn 4: r1 = *(u64 *)(r2 +0)', '', '  where r2 is scalar', ...NASTY] : [],
          source:
            i % 4 === 3
              ? null
              : { file: 'src/träce me.bpf.c', line: 40 + i, text: '\tif (a < b && c > d) {' },
        }),
      ],
    }),
  );
}

export function fixture(): GateReport {
  const allowed = { reason: 'Known <since> & "6.12"; see #17', expires: '2026-12-31' };
  return gateReport([
    ...ruleChecks(),
    check({ name: 'quiet', cached: true, before: { ...BEFORE, insns: 1234000 } }),
    check({ name: 'smaller', before: { ...BEFORE, states: 120, verdict: 'rejected' }, variant: 'no "core"' }),
    check({ name: 'first_time', mode: 'unpriv' }),
    check({ name: 'known', findings: [finding('rejected', { message: NASTY[0], allowed })] }),
    check({
      name: 'mixed',
      findings: [finding('budget', { allowed }), finding('budget'), finding('growth')],
    }),
    check({
      name: 'both',
      findings: [finding('budget'), finding('crash', { details: ['Error: no', '  at f (x)'] })],
    }),
    check({
      name: 'endless',
      kernel: '5.15',
      findings: [finding('unused', { allowed: { reason: NASTY[1], expires: null } })],
    }),
    check({ kind: 'run', file: 'scenes/a b.yaml', name: NASTY[0], section: '', result: null }),
    check({
      kind: 'object',
      name: '',
      section: '',
      result: null,
      findings: [finding('unloadable', { message: '' })],
    }),
    check({
      kind: 'config',
      kernel: '',
      file: '',
      name: NASTY[3],
      section: '',
      result: null,
      findings: [finding('unused', { source: { file: '/sources/a b.h', line: 0, text: '' } })],
    }),
  ]);
}

/** Strings with all that can be in them. */
const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.constantFrom(...NASTY));
const count = fc.nat();
const day = fc
  .date({ min: new Date('2000-01-01'), max: new Date('2099-12-31'), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const place = fc.option(fc.record({ file: text, line: count, text }));
const stats = statsOf(count);
const verdict = fc.constantFrom('accepted' as const, 'rejected' as const, 'not-loaded' as const);
const anyFinding: fc.Arbitrary<Finding> = fc.record({
  rule: fc.constantFrom(...RULE_NAMES),
  message: text,
  details: fc.array(text, { maxLength: 3 }),
  source: place,
  allowed: fc.option(fc.record({ reason: text, expires: fc.option(day) })),
});
const anyCheck: fc.Arbitrary<Check> = fc
  .record({
    kind: fc.constantFrom(
      'verify' as const,
      'run' as const,
      'checkpoint' as const,
      'object' as const,
      'config' as const,
    ),
    kernel: text,
    mode: fc.constantFrom('priv' as const, 'unpriv' as const),
    variant: text,
    file: text,
    name: text,
    section: text,
    findings: fc.array(anyFinding, { maxLength: 3 }),
    result: fc.option(
      fc.record({
        verdict,
        errno: count,
        message: text,
        insn: fc.option(count),
        source: place,
        stats: fc.option(stats),
      }),
    ),
    before: fc.option(fc.record({ insns: count, states: count, peakStates: count, stack: count, verdict })),
    cached: fc.boolean(),
  })
  .map((parts) => ({ ...parts, status: statusOf(parts.findings) }));

export const anyReport: fc.Arbitrary<GateReport> = fc.record({
  version: text,
  config: text,
  today: day,
  shard: fc.option(
    fc
      .tuple(fc.integer({ min: 1, max: 9 }), fc.nat(9))
      .map(([index, more]) => ({ index, count: index + more })),
  ),
  checks: fc.uniqueArray(anyCheck, { maxLength: 6, selector: checkId }),
});
