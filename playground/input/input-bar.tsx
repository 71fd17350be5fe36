/** What is verified and run: an example, an object of the user, or assembly; and the kernel it is meant for. */
import type { JSX } from 'preact';
import { TEMPLATES } from '../assembly/templates.ts';
import type { Example } from '../kernel/site.ts';
import { chooseExample, kernel, series, site, subject, unprivileged, vmlinux } from '../state.ts';
import { draft } from '../verify/assembly-pane.tsx';
import { openFiles } from './open-files.ts';

export function InputBar(): JSX.Element {
  const { kernels } = site.value;
  return (
    <form class="input-bar" aria-label="What is verified" onSubmit={(event) => event.preventDefault()}>
      <label class="field" for="example">
        <span>Program</span>
        <SubjectSelect />
      </label>
      <label class="button file-button">
        <input
          type="file"
          id="file"
          multiple
          class="visually-hidden"
          onChange={({ currentTarget }) => {
            void openFiles([...(currentTarget.files ?? [])]);
            currentTarget.value = '';
          }}
        />
        Open .bpf.o…
      </label>
      <label class="field">
        <span>Kernel</span>
        <select
          id="kernel"
          value={kernel.value}
          onChange={({ currentTarget }) => {
            kernel.value = currentTarget.value;
          }}
        >
          {kernels.map(({ name, verifies }) => (
            <option key={name} value={name}>
              Linux {name}
              {verifies ? '' : ' (run only)'}
            </option>
          ))}
        </select>
      </label>
      <Check id="unprivileged" label="unprivileged" state={unprivileged} />
      <Check id="series" label="io_uring series" state={series} />
      {vmlinux.value && (
        <button
          type="button"
          class="chip"
          title="Use the kernel's own types again"
          onClick={() => {
            vmlinux.value = undefined;
          }}
        >
          types of {vmlinux.value.file} ×
        </button>
      )}
    </form>
  );
}

function Check(props: { id: string; label: string; state: { value: boolean } }): JSX.Element {
  const { id, label, state } = props;
  return (
    <label class="check">
      <input
        type="checkbox"
        id={id}
        checked={state.value}
        onChange={({ currentTarget }) => {
          state.value = currentTarget.checked;
        }}
      />
      {label}
    </label>
  );
}

const NEW_ASSEMBLY = ':assembly';
const OWN = ':own';
/** In front of a template's name. */
const TEMPLATE = ':template ';

function SubjectSelect(): JSX.Element {
  const chosen = subject.value;
  const value =
    chosen?.kind === 'example' ? chosen.file : chosen?.kind === 'assembly' ? NEW_ASSEMBLY : chosen ? OWN : '';
  return (
    <select id="example" value={value} onChange={({ currentTarget }) => choose(currentTarget.value)}>
      {chosen?.kind === 'object' && <option value={OWN}>{chosen.file}</option>}
      <option value={NEW_ASSEMBLY}>BPF assembly, written here</option>
      <optgroup label="Assembly to begin with">
        {TEMPLATES.map(({ name }) => (
          <option key={name} value={TEMPLATE + name}>
            {name}
          </option>
        ))}
      </optgroup>
      {groups(site.value.examples).map(([group, examples]) => (
        <optgroup key={group} label={group}>
          {examples.map(({ name, file }) => (
            <option key={file} value={file}>
              {name}
            </option>
          ))}
        </optgroup>
      ))}
    </select>
  );
}

function choose(value: string): void {
  const template = TEMPLATES.find(({ name }) => value === TEMPLATE + name);
  if (template) subject.value = { kind: 'assembly', text: template.text };
  else if (value === NEW_ASSEMBLY) subject.value = { kind: 'assembly', text: draft.peek() };
  else if (value !== OWN) chooseExample(value);
}

function groups(examples: readonly Example[]): [string, Example[]][] {
  const found = new Map<string, Example[]>();
  for (const example of examples) found.set(example.group, [...(found.get(example.group) ?? []), example]);
  return [...found];
}
