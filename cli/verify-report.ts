/** What is told of a verified program, as text for people. */
import { errnoName } from '../bpf/errno-name.ts';
import { diagnosisText } from '../verifier/diagnosis/diagnosis-text.ts';
import type { Report } from '../verifier/examine.ts';
import { messageOf, outcome } from '../verifier/report-record.ts';

/** Lines for people: the outcome, for a program that was not accepted the reason and where it is. */
export function reportText(report: Report, options: { log: number }): string {
  const { path, program, verdict } = report;
  const lines = [`${path} ${program.name} (${program.section}): ${outcome(verdict)}`];
  if (verdict?.accepted) {
    const { insnsProcessed, totalStates, stackDepths } = verdict.stats;
    lines[0] += `, ${insnsProcessed} insns, ${totalStates} states, stack ${stackDepths.join('+')}`;
  } else {
    if (verdict) lines[0] += `, ${errnoName(verdict.errno)}`;
    const { diagnosis } = report;
    const message = messageOf(report);
    if (diagnosis && diagnosis.message !== message) lines.push(`  ${diagnosis.message}`);
    lines.push(`  ${message}`);
    if (diagnosis) lines.push(...diagnosisText(diagnosis));
  }
  if (options.log > 0 && verdict) lines.push(verdict.log.trimEnd());
  return `${lines.join('\n')}\n`;
}
