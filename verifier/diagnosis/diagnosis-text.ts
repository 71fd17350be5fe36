/** A diagnosis as lines for people. */
import type { Diagnosis, DiagnosisStep } from './diagnose.ts';

const INDENT = '  ';
/** Widest instruction text that is put in a column of its own. */
const INSN_WIDTH = 36;

const ACTIONS: { readonly [A in DiagnosisStep['action']]: string } = {
  entry: 'given',
  constant: 'constant',
  returned: 'returned',
  loaded: 'loaded',
  copied: 'copied',
  computed: 'computed',
  refined: 'learnt',
  acquired: 'acquired',
  invalidated: 'changed',
};
const ACTION_WIDTH = Math.max(...Object.values(ACTIONS).map((text) => text.length));

export function diagnosisText(diagnosis: Diagnosis): string[] {
  const paragraphs = [
    [`${diagnosis.category}: ${diagnosis.meaning}`],
    excerptText(diagnosis),
    storyText(diagnosis),
    diagnosis.suggestion === undefined ? [] : [`Try: ${diagnosis.suggestion}`],
  ];
  return paragraphs
    .filter((lines) => lines.length > 0)
    .flatMap((lines, i) => (i === 0 ? lines : ['', ...lines]))
    .map((line) => (line === '' ? '' : `${INDENT}${line}`));
}

function excerptText({ source, excerpt }: Diagnosis): string[] {
  if (!source) return [];
  const width = String(excerpt.at(-1)?.line ?? 0).length;
  const lines = excerpt.map(({ line, text, marked }) =>
    `${marked ? '>' : ' '} ${String(line).padStart(width)} | ${text}`.trimEnd(),
  );
  return [`${source.file}:${source.line}`, ...lines];
}

function storyText(diagnosis: Diagnosis): string[] {
  const { insn, text, register, state, history } = diagnosis;
  if (insn < 0) return [];
  const known = register === undefined ? '' : `, where ${register} is ${state ?? 'not known'}`;
  const width = Math.min(INSN_WIDTH, Math.max(0, ...history.map((step) => step.text.length)));
  return [`insn ${insn}: ${text}${known}`, ...history.map((step) => stepText(step, width))];
}

function stepText({ insn, text, action, place, state, source }: DiagnosisStep, width: number): string {
  const at = insn < 0 ? 'start' : String(insn);
  const what = [place, state].filter((part) => part !== '').join('=');
  const where = source ? `  line ${source.line}` : '';
  return `${at.padStart(7)}: ${text.padEnd(width)}  ${ACTIONS[action].padEnd(ACTION_WIDTH)}  ${what}${where}`.trimEnd();
}
