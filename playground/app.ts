/** The page: what is chosen goes to the worker, what comes back is shown. */
import type { Answer, ProgramReport, Site, VerifyRequest } from './protocol.ts';

const base = new URL('./', location.href);
const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });

function element<E extends HTMLElement>(id: string): E {
  return document.getElementById(id) as E;
}

const drop = element('drop');
const file = element<HTMLInputElement>('file');
const example = element<HTMLSelectElement>('example');
const kernel = element<HTMLSelectElement>('kernel');
const unprivileged = element<HTMLInputElement>('unprivileged');
const series = element<HTMLInputElement>('series');

/** What is looked at: it is verified again when the kernel or the mode changes. */
let subject: { readonly file: string; readonly bytes: Uint8Array } | undefined;
/** Of the last request: answers to others come too late. */
let current = 0;

function say(text: string, isError = false): void {
  const status = element('status');
  status.textContent = text;
  status.classList.toggle('error', isError);
}

function verify(): void {
  if (!subject) return;
  say(`${subject.file}: verifying…`);
  const request: VerifyRequest = {
    id: ++current,
    kernel: kernel.value,
    stock: !series.checked,
    unprivileged: unprivileged.checked,
    ...subject,
  };
  worker.postMessage(request);
}

worker.onmessage = ({ data }: MessageEvent<Answer>) => {
  if (data.id !== current) return;
  if ('error' in data) {
    show([]);
    say(data.bug ? `This is a bug in Drydock, please report it: ${data.error}` : data.error, true);
    return;
  }
  const accepted = data.programs.filter(({ verdict }) => verdict === 'accepted').length;
  say(
    `${subject?.file}: ${accepted} of ${data.programs.length} programs accepted, ${data.milliseconds.toFixed(0)} ms`,
  );
  show(data.programs);
};
worker.onerror = ({ message }) => say(`This is a bug in Drydock, please report it: ${message}`, true);

function show(programs: readonly ProgramReport[]): void {
  const buttons = programs.map((program) => {
    const button = make('button', {}, program.name, verdictOf(program), make('small', {}, program.section));
    button.onclick = () => choose(program, button);
    return button;
  });
  element('programs').replaceChildren(...buttons);
  element('program').replaceChildren();
  const first = Math.max(
    0,
    programs.findIndex(({ verdict }) => verdict !== 'accepted'),
  );
  buttons[first]?.click();
}

function choose(program: ProgramReport, button: HTMLElement): void {
  for (const other of element('programs').children)
    other.setAttribute('aria-pressed', String(other === button));
  const { errno, message, numbers, explanation, log } = program;
  element('program').replaceChildren(
    make('h2', {}, program.name, ' ', verdictOf(program), errno === '' ? '' : ` ${errno}`),
    ...(numbers === '' ? [] : [make('p', {}, numbers)]),
    ...(message === '' ? [] : [make('p', { className: 'message' }, message)]),
    ...(explanation.length === 0 ? [] : [make('h3', {}, 'Why'), pane(explanation.join('\n'), 'Explanation')]),
    ...(log === '' ? [] : [make('h3', {}, 'Log'), pane(log, 'Log of the verifier')]),
  );
}

function verdictOf({ verdict }: ProgramReport): HTMLElement {
  return make('span', { className: `verdict ${verdict}` }, verdict);
}

/** Text that scrolls, with the keyboard too. */
function pane(text: string, label: string): HTMLElement {
  const pre = make('pre', { tabIndex: 0 }, text);
  pre.setAttribute('aria-label', label);
  pre.setAttribute('role', 'region');
  return pre;
}

/** What comes from objects goes in as text, never as markup. */
function make<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  properties: Partial<HTMLElementTagNameMap[T]>,
  ...children: (string | Node)[]
): HTMLElementTagNameMap[T] {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

async function open(chosen: File | undefined): Promise<void> {
  if (!chosen) return;
  subject = { file: chosen.name, bytes: new Uint8Array(await chosen.arrayBuffer()) };
  example.value = '';
  verify();
}

async function openExample({ examples }: Site): Promise<void> {
  const chosen = examples.find((each) => each.file === example.value);
  if (!chosen) return;
  const response = await fetch(new URL(`examples/${chosen.file}`, base));
  subject = { file: chosen.file, bytes: new Uint8Array(await response.arrayBuffer()) };
  series.checked = chosen.series;
  verify();
}

function listen(site: Site): void {
  file.onchange = () => open(file.files?.[0]);
  for (const input of [kernel, unprivileged, series]) input.onchange = verify;
  example.onchange = () => openExample(site);
  document.ondragover = (event) => {
    event.preventDefault();
    drop.classList.add('over');
  };
  document.ondragleave = () => drop.classList.remove('over');
  document.ondrop = (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    void open(event.dataTransfer?.files[0]);
  };
}

async function begin(): Promise<void> {
  const site = (await (await fetch(new URL('site.json', base))).json()) as Site;
  kernel.append(...site.kernels.map(({ name }) => make('option', { value: name }, `Linux ${name}`)));
  const options = site.examples.map(({ name, file }) => make('option', { value: file }, name));
  example.append(make('option', { value: '' }, 'of your own'), ...options);
  listen(site);
  example.selectedIndex = 1;
  await openExample(site);
}

begin().catch((error: unknown) => say(`The page cannot begin: ${String(error)}`, true));
