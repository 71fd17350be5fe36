/** A text editor: CodeMirror, as a component. */
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState, type Extension, StateEffect, StateField } from '@codemirror/state';
import {
  Decoration,
  type DecorationSet,
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { tags } from '@lezer/highlight';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** As in index.html's content security policy: without, no style of the editor counts. */
const STYLE_NONCE = 'drydock-editor';

export interface EditorProps {
  readonly label: string;
  readonly value: string;
  onChange(value: string): void;
  /** Language, completion, lint. The same array as long as nothing changes. */
  readonly extensions?: Extension;
  readonly readOnly?: boolean;
  /** A line that is marked and kept in sight, from 1; 0 for none. */
  readonly markedLine?: number;
}

const highlighting = syntaxHighlighting(
  HighlightStyle.define([
    { tag: tags.keyword, class: 'tok-keyword' },
    { tag: tags.comment, class: 'tok-comment' },
    { tag: [tags.number, tags.bool, tags.null], class: 'tok-number' },
    { tag: tags.string, class: 'tok-string' },
    { tag: [tags.propertyName, tags.definition(tags.propertyName), tags.labelName], class: 'tok-name' },
    { tag: [tags.function(tags.variableName), tags.macroName], class: 'tok-function' },
    { tag: [tags.variableName, tags.special(tags.variableName)], class: 'tok-register' },
    { tag: [tags.typeName, tags.meta], class: 'tok-type' },
    { tag: tags.invalid, class: 'tok-invalid' },
  ]),
);

/** Where the marked line begins, -1 for none. */
const mark = StateEffect.define<number>();
const marked = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(set, transaction) {
    let next = set.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (!effect.is(mark)) continue;
      next = effect.value < 0 ? Decoration.none : Decoration.set(MARK.range(effect.value));
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});
const MARK = Decoration.line({ class: 'marked-line' });

const basics: Extension = [
  marked,
  EditorView.cspNonce.of(STYLE_NONCE),
  lineNumbers(),
  history(),
  drawSelection(),
  bracketMatching(),
  highlightActiveLine(),
  highlightSelectionMatches(),
  highlighting,
  keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap]),
];

export function Editor({
  label,
  value,
  onChange,
  extensions = [],
  readOnly = false,
  markedLine = 0,
}: EditorProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const editor = useRef<EditorView>(undefined);
  const changed = useRef(onChange);
  /** Texts that were told and have not come back yet: they are older than what is written. */
  const told = useRef(new Set<string>());
  const added = useRef(new Compartment());
  changed.current = onChange;
  const own = () => [
    extensions,
    EditorState.readOnly.of(readOnly),
    EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
  ];

  useEffect(() => {
    if (!place.current) return;
    const view = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: value,
        extensions: [
          basics,
          added.current.of(own()),
          EditorView.updateListener.of((update) => {
            if (!update.docChanged) return;
            const text = update.state.doc.toString();
            told.current.add(text);
            changed.current(text);
          }),
        ],
      }),
    });
    editor.current = view;
    return () => view.destroy();
  }, []);

  useEffect(() => {
    editor.current?.dispatch({ effects: added.current.reconfigure(own()) });
  }, [extensions, readOnly, label]);

  useEffect(() => {
    const view = editor.current;
    const isOwn = told.current.has(value);
    if (!view || view.state.doc.toString() === value) told.current.clear();
    if (!view || isOwn || view.state.doc.toString() === value) return;
    told.current.clear();
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    const view = editor.current;
    if (!view) return;
    const { doc } = view.state;
    const line = markedLine > 0 && markedLine <= doc.lines ? doc.line(markedLine) : undefined;
    const effects: StateEffect<unknown>[] = [mark.of(line?.from ?? -1)];
    // Who writes looks at the cursor.
    if (line && !view.hasFocus)
      effects.push(EditorView.scrollIntoView(line.from, { y: 'nearest', yMargin: 40 }));
    view.dispatch({ effects });
  }, [markedLine, value]);

  return <div class="editor" ref={place} />;
}
