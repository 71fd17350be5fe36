/** A regression of each kind makes the gate fail, and stands in every report. Needs `npm run build`. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checksOf, Project } from './support.ts';

const FORMATS = ['pretty', 'json', 'junit', 'sarif', 'github', 'gitlab', 'html'] as const;

/** GitHub shows no more errors of one step. */
const MOST_ANNOTATIONS = 10;

let project: Project;
beforeEach(() => {
  project = Project.settled();
});
afterEach(() => project.remove());

/** Runs the gate with all reports at once: its exit code, and the reports by format. */
function gate() {
  const files = FORMATS.flatMap((format) => ['--format', `${format}=report.${format}`]);
  const { status, stderr } = project.gate(...files);
  return { status, stderr, report: (format: (typeof FORMATS)[number]) => project.read(`report.${format}`) };
}

interface Regression {
  readonly what: string;
  readonly rule: string;
  readonly file: string;
  /** Of the program, the run or the checkpoint. */
  readonly name: string;
  readonly message: RegExp;
  readonly make: (project: Project) => void;
}

const config = (change: (text: string) => string) => (project: Project) =>
  project.edit('drydock.yaml', change);
const KNOWN =
  '\nallow:\n  - { object: objects/good.bpf.o, program: stack_past_end, reason: to be mended, expires: 2026-06-14 }\n';

const REGRESSIONS: readonly Regression[] = [
  {
    what: 'a new rejection',
    rule: 'rejected',
    file: 'objects/good.bpf.o',
    name: 'stack_past_end',
    message: /is rejected \(EACCES\): /,
    make: (project) => project.object('good', 'rejected/bounds'),
  },
  {
    what: 'a budget',
    rule: 'budget',
    file: 'objects/good.bpf.o',
    name: 'stack_of_two_functions',
    message: /takes 96 instructions processed, 46 over the budget of 50/,
    make: config((text) => text.replace('insns: 1000', 'insns: 50')),
  },
  {
    what: 'growth',
    rule: 'growth',
    file: 'objects/good.bpf.o',
    name: 'stack_index',
    message: /takes 29 instructions processed, 9 \(\+45\.0%\) more than the baseline's 20/,
    make: (project) =>
      project.edit('drydock-baseline.csv', (text) =>
        text.replace(/^(.*,stack_index,.*,accepted),29,/m, '$1,20,'),
      ),
  },
  {
    what: 'a changed output',
    rule: 'output',
    file: 'objects/buffers.bpf.o',
    name: 'buffers',
    message: /gives another output than expected/,
    make: (project) => project.edit('buffers.txt', (text) => text.replace('7', '8')),
  },
  {
    what: 'an expired allowance',
    rule: 'expired',
    file: 'objects/good.bpf.o',
    name: 'stack_past_end',
    message: /was allowed until 2026-06-14 \(to be mended\)/,
    make: (project) => {
      project.object('good', 'rejected/bounds');
      project.edit('drydock.yaml', (text) => text + KNOWN);
    },
  },
  {
    what: 'an object that cannot be loaded',
    rule: 'unloadable',
    file: 'objects/good.bpf.o',
    name: '',
    message: /objects\/good\.bpf\.o.*/,
    make: (project) => project.write('objects/good.bpf.o', 'no object'),
  },
  {
    what: 'a program that is gone',
    rule: 'missing',
    file: 'objects/good.bpf.o',
    name: 'stack_index',
    message: /is in the baseline and nowhere else/,
    make: (project) => project.object('good', 'accepted/null'),
  },
  {
    what: 'a program that is accepted and should not be',
    rule: 'accepted',
    file: 'objects/wrong.bpf.o',
    name: 'struct_copied',
    message: /is accepted, and has to be rejected/,
    make: (project) => project.object('wrong', 'accepted/bounds'),
  },
  {
    what: 'another reason',
    rule: 'wrong-reason',
    file: 'objects/wrong.bpf.o',
    name: 'stack_past_end',
    message: /says ".*", which is not out of luck/,
    make: config((text) => text.replace('invalid write to stack', 'out of luck')),
  },
  {
    what: 'a checkpoint that is refused',
    rule: 'checkpoint',
    file: 'scene.yaml',
    name: 'there and back',
    message: /cannot be restored, and is refused/,
    make: (project) => project.copy('programs/scenes/acceptance/direct-only-slots.yaml', 'scene.yaml'),
  },
  {
    what: 'a rule that matches nothing',
    rule: 'unused',
    file: 'drydock.yaml',
    name: 'budgets 2 (line 9)',
    message: /matches nothing/,
    make: config((text) => text.replace('growth:', '  - { program: no_such_program, insns: 5 }\ngrowth:')),
  },
];

describe('the gate', () => {
  it('is green when all is as expected', () => {
    const { status, report } = gate();
    expect(checksOf(report('json')).filter(({ status }) => status !== 'passed')).toEqual([]);
    expect(status).toBe(0);
  });

  it.each(REGRESSIONS)('fails for $what', ({ make, rule, file, name, message }) => {
    make(project);
    const { status, report } = gate();
    expect(status).toBe(1);
    const failed = checksOf(report('json')).filter((check) => check.status === 'failed');
    const check = failed.find((each) => each.file === file && each.name === name);
    expect(check, JSON.stringify(failed.map((each) => [each.file, each.name]))).toBeDefined();
    const found = check?.findings.find((each) => each.rule === rule);
    expect(found?.message).toMatch(message);
    // Up to what formats write in another way.
    const beginning = found?.message.split('"')[0]?.slice(0, 20) ?? '';
    const findings = failed.flatMap((each) => each.findings).length;
    const formats = FORMATS.filter((format) => format !== 'github' || findings <= MOST_ANNOTATIONS);
    if (findings > MOST_ANNOTATIONS) expect(report('github')).toContain('more failures');
    for (const format of formats) {
      expect(report(format), format).toContain(beginning);
      if (name !== '') expect(report(format), format).toContain(name.split(' (')[0]);
    }
    for (const format of ['pretty', 'junit', 'sarif', 'gitlab', 'html'] as const)
      expect(report(format), format).toContain(rule);
    for (const format of ['pretty', 'junit', 'html'] as const) expect(report(format), format).toContain(file);
  });

  it('explains rejections in the reports', () => {
    project.object('good', 'rejected/bounds');
    const { report } = gate();
    const check = checksOf(report('json')).find(
      ({ file, name }) => file.endsWith('good.bpf.o') && name === 'stack_past_end',
    );
    expect(check?.findings[0]?.details.join('\n')).toMatch(/bounds\.bpf\.c:\d+/);
    for (const format of ['pretty', 'junit', 'html'] as const)
      expect(report(format)).toMatch(/bounds\.bpf\.c:\d+/);
  });

  it('lets pass what is allowed, until its day', () => {
    project.object('good', 'rejected/bounds');
    project.edit('drydock.yaml', (text) =>
      text.replace(
        'expect:',
        'allow:\n  - { object: objects/good.bpf.o, reason: later, expires: 2026-06-15 }\nexpect:',
      ),
    );
    const allowed = project.gate('--format', 'json');
    expect(allowed.status).toBe(0);
    expect(checksOf(allowed.stdout).filter(({ status }) => status === 'allowed').length).toBeGreaterThan(20);
    expect(project.gate('--today', '2026-06-16').status).toBe(1);
  });
});
