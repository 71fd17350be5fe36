/** Holds findings against what is allowed. */
import type { Finding } from '../check.ts';
import type { Selectable } from '../config/select.ts';
import type { Rules } from './rules.ts';

/** Rules that no allowance covers: they are about the allowances themselves, or about Drydock. */
const NEVER = new Set(['crash', 'unused', 'expired']);

/**
 * @param isNamed it is a run or a checkpoint.
 * @param today YYYY-MM-DD
 * @returns the findings with what allows them; those whose allowance is over come with a finding that says so.
 */
export function allow(
  findings: readonly Finding[],
  check: Selectable,
  { rules, isNamed, today }: { rules: Rules; isNamed: boolean; today: string },
): Finding[] {
  return findings.flatMap((each) => {
    if (NEVER.has(each.rule)) return [each];
    const spec = rules.allowance(check, isNamed, each.rule);
    if (!spec) return [each];
    const { reason, expires = null } = spec;
    if (expires === null || today <= expires) return [{ ...each, allowed: { reason, expires } }];
    const message = `was allowed until ${expires} (${reason})`;
    return [each, { rule: 'expired' as const, message, details: [], source: null, allowed: null }];
  });
}
