/** Where BPF assembly is written. */
import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { AssemblySource } from '../../assembly/source.ts';
import { fetchText } from '../kernel/site.ts';
import { fail } from '../state.ts';
import '../style/assembly.css';
import { Editor } from '../ui/editor.tsx';
import { type HelperDocs, helperDocs } from './helper-docs.ts';
import { assemblyLanguage, type Problem, shownProblems } from './language.ts';
import { parseText } from './source-cache.ts';
import { SyntaxHelp } from './syntax-help.tsx';
import { TEMPLATES } from './templates.ts';

/** Helpers have their numbers and prototypes for good: one kernel's serve all. */
const HELPERS = 'profiles/6.12/helpers.json';
/** Milliseconds, as long as the editor waits before it marks errors. */
const PAUSE = 150;
const NO_PROBLEMS: readonly Problem[] = [];

export interface AssemblyEditorProps {
  readonly text: string;
  onChange(text: string): void;
  /** What the verifier said of lines. The same array as long as nothing changes. */
  readonly problems?: readonly Problem[];
  /** Line that is marked, from 1; 0 for none. */
  readonly line?: number;
}

let known: Promise<HelperDocs> | undefined;

/** Completion does without when they are not to be had. */
function loadHelperDocs(): Promise<HelperDocs> {
  known ??= fetchText(HELPERS).then(helperDocs, () => {
    known = undefined;
    return new Map();
  });
  return known;
}

export function AssemblyEditor(props: AssemblyEditorProps): JSX.Element {
  const { text, onChange, problems = NO_PROBLEMS, line = 0 } = props;
  const docs = useRef<HelperDocs>(new Map());
  useEffect(() => {
    void loadHelperDocs().then((found) => {
      docs.current = found;
    });
  }, []);
  const language = useMemo(() => assemblyLanguage(() => docs.current), []);
  const extensions = useMemo(() => [language, shownProblems(problems)], [language, problems]);
  return (
    <div class="assembly">
      <div class="toolbar assembly-toolbar">
        <label class="field">
          <span>New from template</span>
          <select
            id="template"
            value=""
            onChange={({ currentTarget }) => {
              const template = TEMPLATES.find(({ name }) => name === currentTarget.value);
              currentTarget.value = '';
              if (template) onChange(template.text);
            }}
          >
            <option value="">choose…</option>
            {TEMPLATES.map(({ name, isAccepted }) => (
              <option key={name} value={name}>
                {name}
                {isAccepted ? '' : ' (rejected)'}
              </option>
            ))}
          </select>
        </label>
        <span class="spread" />
        <Size text={text} />
      </div>
      <SyntaxHelp />
      <Editor
        label="BPF assembly"
        value={text}
        onChange={onChange}
        extensions={extensions}
        markedLine={line}
      />
    </div>
  );
}

interface Settled {
  readonly text: string;
  readonly errors: AssemblySource['errors'];
  readonly slots: number;
}

/** How long the program is, or how much is wrong with it; once the typing pauses. */
function Size({ text }: { text: string }): JSX.Element {
  const [settled, settle] = useState<Settled>(() => ({ text: '', errors: [], slots: 0 }));
  useEffect(() => {
    let isCurrent = true;
    const parse = async () => {
      const { errors, lineOfSlot } = await parseText(text);
      if (isCurrent) settle({ text, errors, slots: lineOfSlot.length });
    };
    const timer = setTimeout(() => void parse().catch(fail), PAUSE);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [text]);
  const { errors, slots } = settled;
  const isEmpty = settled.text.trim() === '';
  const first = isEmpty ? undefined : errors[0];
  const said = first
    ? `${counted(errors.length, 'error')}; line ${first.line}: ${first.message}`
    : counted(slots, 'slot');
  return (
    <span role="status" class={`assembly-size ${first ? 'bad' : ''}`}>
      {isEmpty ? 'Choose a template, or write a program' : said}
    </span>
  );
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
