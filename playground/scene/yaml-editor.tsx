/** An editor for scenes: YAML, with what is wrong marked where it is wrong. */
import { yaml } from '@codemirror/lang-yaml';
import { type Diagnostic, linter, lintGutter } from '@codemirror/lint';
import type { Text } from '@codemirror/state';
import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';
import { Editor } from '../ui/editor.tsx';
import type { SceneProblem } from './problem.ts';

export interface YamlEditorProps {
  readonly label: string;
  readonly value: string;
  onChange(value: string): void;
  /** What is wrong with a text; the same function as long as nothing changes. */
  readonly check: (text: string) => Promise<SceneProblem | undefined>;
}

export function YamlEditor({ label, value, onChange, check }: YamlEditorProps): JSX.Element {
  const extensions = useMemo(
    () => [
      yaml(),
      lintGutter(),
      linter(async ({ state }) => diagnostics(state.doc, await check(state.doc.toString())), { delay: 400 }),
    ],
    [check],
  );
  return <Editor label={label} value={value} onChange={onChange} extensions={extensions} />;
}

function diagnostics(doc: Text, problem: SceneProblem | undefined): Diagnostic[] {
  if (!problem) return [];
  const { line, column } = problem.at ?? { line: 1, column: 1 };
  const found = doc.line(Math.min(Math.max(line, 1), doc.lines));
  const from = Math.min(found.from + column - 1, found.to);
  return [
    {
      from,
      to: wordEnd(found.text, from - found.from) + found.from,
      severity: 'error',
      message: problem.message,
    },
  ];
}

/** End of the word at a place of a line, so that what is marked can be seen. */
function wordEnd(line: string, from: number): number {
  const length = /^[\w.-]+/.exec(line.slice(from))?.[0].length ?? 0;
  return Math.min(from + Math.max(length, 1), line.length);
}
