/** What is wrong, under the text it is about: the assembler's errors, and what the verifier said. */
import { type Diagnostic, linter, lintKeymap } from '@codemirror/lint';
import { type EditorState, type Extension, Facet } from '@codemirror/state';
import { keymap } from '@codemirror/view';
import { loadSource, sourceOf } from './source-cache.ts';

export interface Problem {
  /** From 1. */
  readonly line: number;
  readonly message: string;
  readonly severity: 'error' | 'warning' | 'info';
}

/** Problems that others found. */
export const problems = Facet.define<readonly Problem[], readonly Problem[]>({
  combine: (values) => values.flat(),
});

const DELAY = 150;

export function diagnosticsOf(state: EditorState): Diagnostic[] {
  const { doc } = state;
  const own = sourceOf(state).errors.map(({ line, column, endColumn, message }): Diagnostic => {
    const { from, to } = doc.line(Math.min(line, doc.lines));
    const start = Math.min(from + column - 1, to);
    const end = Math.max(start, Math.min(from + endColumn - 1, to));
    return { from: start, to: end, severity: 'error', source: 'assembler', message };
  });
  // Of another text, perhaps: lines that are no more have no place.
  const others = state
    .facet(problems)
    .filter(({ line }) => line >= 1 && line <= doc.lines)
    .map(({ line, message, severity }): Diagnostic => {
      const { from, text } = doc.line(line);
      const start = text.search(/\S|$/);
      const end = Math.max(start, text.replace(/(;|\/\/).*/, '').trimEnd().length);
      return { from: from + start, to: from + end, severity, source: 'verifier', message };
    });
  return [...own, ...others].sort((a, b) => a.from - b.from);
}

export const linting: Extension = [
  linter(
    async ({ state }) => {
      await loadSource(state.doc);
      return diagnosticsOf(state);
    },
    {
      delay: DELAY,
      needsRefresh: (update) => update.startState.facet(problems) !== update.state.facet(problems),
    },
  ),
  keymap.of(lintKeymap),
];
