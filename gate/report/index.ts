/** The formats a report can be written in. */
import type { GateReport } from '../check.ts';
import { github, stepSummary } from './github.ts';
import { gitlab } from './gitlab.ts';
import { html } from './html.ts';
import { json } from './json.ts';
import { junit } from './junit.ts';
import { pretty } from './pretty.ts';
import { sarif } from './sarif.ts';

export { mergeReports, parseReport } from './json.ts';
export { type Summary, summarize } from './summary.ts';

export interface FormatOptions {
  /** Whether text for a terminal is coloured. */
  readonly colour?: boolean;
}

export type Format = (report: GateReport, options?: FormatOptions) => string;

export const FORMATS = {
  pretty,
  json,
  junit,
  sarif,
  github,
  /** For the file that $GITHUB_STEP_SUMMARY names. */
  markdown: stepSummary,
  gitlab,
  html,
} as const satisfies { readonly [name: string]: Format };

export type FormatName = keyof typeof FORMATS;
