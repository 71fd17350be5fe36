/** BPF assembly for CodeMirror: colours, completion, errors, tooltips. */
import { autocompletion, completionKeymap } from '@codemirror/autocomplete';
import { toggleComment } from '@codemirror/commands';
import type { Extension } from '@codemirror/state';
import { EditorView, keymap } from '@codemirror/view';
import { completionsFor } from './completion.ts';
import type { HelperDocs } from './helper-docs.ts';
import { highlighting } from './highlight.ts';
import { explanations } from './hover.ts';
import { linting, type Problem, problems } from './problems.ts';

export type { Problem } from './problems.ts';

/** @param docs asked whenever a helper is shown: they may come later than the editor. */
export function assemblyLanguage(docs: () => HelperDocs): Extension {
  return [
    highlighting,
    autocompletion({ override: [completionsFor(docs)] }),
    linting,
    explanations(docs),
    keymap.of([...completionKeymap, { key: 'Mod-/', run: toggleComment }]),
    EditorView.contentAttributes.of({ spellcheck: 'false', autocapitalize: 'off' }),
  ];
}

/** Shown beside the assembler's own errors: what the verifier said of lines. */
export function shownProblems(found: readonly Problem[]): Extension {
  return problems.of(found);
}
