/** Where the reports of the gate go. */
import { appendFileSync } from 'node:fs';
import { InputError } from '../bpf/input-error.ts';
import { writeAtomically } from '../gate/atomic-file.ts';
import type { GateReport } from '../gate/check.ts';
import { comparison, comparisonText } from '../gate/comparison.ts';
import { FORMATS, type Format } from '../gate/report/index.ts';
import { comparedRows, veristatCsv, veristatRows } from '../gate/veristat.ts';

export interface Output {
  readonly format: string;
  /** Undefined for stdout. */
  readonly file: string | undefined;
}

const ALL: { readonly [name: string]: Format } = {
  ...FORMATS,
  compare: ({ checks }) => {
    const { before, now } = comparedRows(checks);
    return comparisonText(comparison(before, now), { onlyChanged: true }) || 'nothing has changed\n';
  },
  veristat: ({ checks }) => veristatCsv(veristatRows(checks)),
};

/** FORMAT[=FILE]; text that says what is wrong with it. */
export function outputOf(text: string): Output | string {
  const [, format = '', file] = /^([^=]*)(?:=(.+))?$/s.exec(text) ?? [];
  if (Object.hasOwn(ALL, format)) return { format, file };
  return `There is no format "${format}"; there are ${Object.keys(ALL).join(', ')}.`;
}

/** All reports are made before the first is written, and each is written whole. */
export function writeReports(report: GateReport, outputs: readonly Output[]): void {
  const all = outputs.length === 0 ? [{ format: 'pretty', file: undefined }] : outputs;
  const texts = all.map((output) => ({ ...output, text: textOf(report, output) }));
  for (const { file, text } of texts) {
    if (file === undefined) process.stdout.write(text);
    else write(file, text);
  }
  const summary = process.env.GITHUB_STEP_SUMMARY;
  if (summary && all.some(({ format }) => format === 'github'))
    appendFileSync(summary, FORMATS.markdown(report));
}

function write(file: string, text: string): void {
  try {
    writeAtomically(file, text);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new InputError(`cannot be written: ${message}`, { file });
  }
}

function textOf(report: GateReport, { format, file }: Output): string {
  const make = ALL[format];
  if (!make) throw new Error(`no format ${format}`);
  return make(report, { colour: file === undefined && hasColour() });
}

function hasColour(): boolean {
  return process.stdout.isTTY === true && !process.env.NO_COLOR;
}
