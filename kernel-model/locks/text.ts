/** A report as text: verdict, how much was explored, and a timeline for each kind of finding. */
import type { FindingReport, SceneReport } from './report.ts';
import { timeline } from './timeline.ts';

/** @param all a timeline for every finding, not only for the first of each kind. */
export function sceneText(scene: string, report: SceneReport, all = false): string {
  const parts = [`${verdict(scene, report)}\n${explored(report)}`];
  for (const finding of shownFindings(report, all)) parts.push(findingText(finding, report.actors));
  const others = all ? [] : otherMessages(report);
  if (others.length > 0) parts.push(['also found:', ...others.map((message) => `  ${message}`)].join('\n'));
  const results = resultLines(report);
  if (report.findings.length === 0 && results.length > 0)
    parts.push(['what calls gave, all interleavings together:', ...results].join('\n'));
  return `${parts.join('\n\n')}\n`;
}

function verdict(scene: string, { expected, wanted, findings, agrees, complete }: SceneReport): string {
  const found = [...new Set(findings.map(({ kind }) => kind))];
  const text = found.length > 0 ? found.join(', ') : complete ? 'no error' : 'no error found so far';
  if (agrees) return `${scene}: ${text}, as expected`;
  const missing = wanted.filter((message) => !findings.some((finding) => finding.message === message));
  const asked = expected.length > 0 ? expected.join(', ') : 'none';
  return `${scene}: ${text}, but expected: ${[asked, ...missing].join('; ')}`;
}

/** "45 states, 52 steps, 15 interleavings after partial-order reduction" */
export function explored(report: SceneReport): string {
  const { states, transitions, interleavings, reduced, complete, unexpanded } = report;
  const orders =
    interleavings === undefined
      ? 'interleavings without number (actors can go round)'
      : plural(interleavings, 'interleaving');
  const how = reduced ? 'after partial-order reduction' : 'without reduction';
  if (complete) return `${plural(states, 'state')}, ${plural(transitions, 'step')}, ${orders}, ${how}`;
  return (
    `${plural(states, 'state')}, ${plural(transitions, 'step')}, ${how}: the limit was reached with ` +
    `${plural(unexpanded, 'state')} not gone on from, so what was not found may still be there (--max-states)`
  );
}

function plural(count: number | bigint, noun: string): string {
  return `${count} ${noun}${BigInt(count) === 1n ? '' : 's'}`;
}

/** The findings to draw: those that the scene is about, and of the other kinds the first. */
export function shownFindings({ findings, wanted }: SceneReport, all = false): FindingReport[] {
  const about = findings.filter(({ message }) => wanted.includes(message));
  const others = findings.filter(
    ({ kind }, i) =>
      !about.some((finding) => finding.kind === kind) && findings.findIndex((f) => f.kind === kind) === i,
  );
  return all ? [...findings] : [...about, ...others];
}

function otherMessages(report: SceneReport): string[] {
  const shown = shownFindings(report);
  return report.findings
    .filter((finding) => !shown.includes(finding))
    .map(({ kind, message, trace }) => `${kind} after ${trace.length} steps: ${message}`);
}

function findingText(finding: FindingReport, actors: readonly string[]): string {
  const { kind, message, trace, shortest } = finding;
  const how = shortest ? `${trace.length} steps, none shorter` : `${trace.length} steps`;
  return `${kind}: ${message} (${how})\n\n${indent(timeline(finding, actors))}`;
}

function resultLines({ results }: SceneReport): string[] {
  return [...results]
    .filter(([, all]) => all.length > 0)
    .map(([actor, all]) => `  ${actor}: ${all.join('; ')}`);
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '    ');
}
