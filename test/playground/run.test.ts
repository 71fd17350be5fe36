/** The run view. Needs `npm run build`, and Chromium; skipped without. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeSite, object, ROOT, type Visit } from './site.ts';

describeSite('the run view', (site) => {
  const open = async (example = 'io_uring_buf-io_uring_buf.bpf.o'): Promise<Visit> => {
    const visit = await site().visit();
    await visit.page.selectOption('#example', example);
    await visit.view('Run');
    await visit.text('#run-step', /step 1 of \d+/);
    return visit;
  };
  const stepIs = (visit: Visit, step: number) => visit.text('#run-step', new RegExp(`step ${step} of`));
  const current = ({ page }: Visit) =>
    page.locator('.view-run [aria-label="Program"] [role=option]', { hasText: '→' });

  it('runs an iterator over a scene: the output is that of the command line', async () => {
    const visit = await open();
    await visit.page.getByRole('slider', { name: 'Step of the run' }).fill('20');
    await stepIs(visit, 21);
    // Run anew, it begins at its beginning.
    await visit.button('Run').click();
    await stepIs(visit, 1);
    await visit.page.getByRole('slider', { name: 'Step of the run' }).fill('165');
    await stepIs(visit, 166);
    const scene = join(ROOT, 'programs/scenes/demo.yaml');
    const program = join(ROOT, 'programs/io_uring_buf/io_uring_buf.bpf.o');
    const args = [
      join(ROOT, 'dist/cli/main.js'),
      'run',
      program,
      '--scene',
      scene,
      '--task',
      '100',
      '--fd',
      '3',
    ];
    const expected = execFileSync(process.execPath, args, { encoding: 'utf8' });
    expect(expected).toMatch(/PFN/);
    await expect.poll(() => visit.page.textContent('#run-output')).toBe(expected);
    await visit.text('.view-run', /Registered buffers/);
  });

  it('steps forwards and back, and the output grows and shrinks along', async () => {
    const visit = await open();
    await visit.button('Step').click();
    await stepIs(visit, 2);
    await visit.page.keyboard.press('ArrowRight');
    await stepIs(visit, 3);
    const third = await current(visit).textContent();
    await visit.button('Step back').click();
    await stepIs(visit, 2);
    await visit.button('Step').click();
    await stepIs(visit, 3);
    expect(await current(visit).textContent()).toBe(third);
    await visit.button('Next output').click();
    await visit.text('#run-output', /B/);
    const grown = (await visit.page.textContent('#run-output')) ?? '';
    await visit.button('Next output').click();
    await expect
      .poll(async () => (await visit.page.textContent('#run-output'))?.length)
      .toBeGreaterThan(grown.length);
    await visit.button('Last output').click();
    await expect.poll(() => visit.page.textContent('#run-output')).toBe(grown);
  });

  it('stops at breakpoints, in both directions', async () => {
    const visit = await open();
    await visit.page.getByRole('slider', { name: 'Step of the run' }).fill('90');
    await stepIs(visit, 91);
    await current(visit).click();
    await visit.button('Breakpoint', { exact: false }).click();
    await visit.page.getByRole('slider', { name: 'Step of the run' }).fill('0');
    await stepIs(visit, 1);
    await visit.button('Continue').click();
    await expect.poll(() => current(visit).textContent()).toMatch(/call bpf_seq_printf#126/);
    const first = await visit.page.textContent('#run-step');
    await visit.button('Continue').click();
    await expect.poll(() => visit.page.textContent('#run-step')).not.toBe(first);
    await visit.button('Reverse').click();
    await expect.poll(() => visit.page.textContent('#run-step')).toBe(first);
  });

  it('shows memory by its types', async () => {
    const visit = await open();
    const { page } = visit;
    await visit.text('#run-look', /struct bpf_iter__io_uring_buf/);
    await page.getByRole('textbox', { name: 'Address to look at' }).fill('r1');
    await page.getByRole('textbox', { name: 'Type to look at it as' }).fill('struct bpf_iter__io_uring_buf');
    await visit.button('Look').click();
    await visit.text('#run-look', /index\s*0/);
    await page.getByRole('textbox', { name: 'Address to look at' }).fill('r1');
    await page.getByRole('textbox', { name: 'Type to look at it as' }).fill('struct no_such_type');
    await visit.button('Look').click();
    await visit.text('.view-run, .notice', /no_such_type/);
  });

  it('says where a scene is wrong, and runs over one that was written', async () => {
    const visit = await open('task-task.bpf.o');
    const { page } = visit;
    await page.getByRole('tab', { name: 'YAML' }).click();
    const editor = page.locator('.cm-content');
    await editor.click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.press('Delete');
    await page.keyboard.insertText('tasks:\n  - { pid: 7, comm: lonely, nonsense: 1 }\n');
    await visit.text('#run-scene-fault', /unknown field "nonsense"/);
    await page.locator('.cm-lintRange-error').first().waitFor();
    await editor.click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.press('Delete');
    await page.keyboard.insertText('tasks:\n  - { pid: 7, comm: lonely }\n');
    await expect.poll(() => page.textContent('#run-scene-fault')).toBe('');
    await visit.button('Run').click();
    await visit.text('.run-outcome', /read to the end/);
    const slider = page.getByRole('slider', { name: 'Step of the run' });
    await slider.fill((await slider.getAttribute('max')) ?? '');
    await visit.text('#run-output', /lonely/);
  });

  it('edits a scene as a form, and keeps what the form does not know', async () => {
    const visit = await open('task-task.bpf.o');
    const { page } = visit;
    await visit.button(/^Add task/, { exact: false }).click();
    await page.getByRole('tab', { name: 'YAML' }).click();
    await visit.text('.cm-content', /yaml-language-server/);
    await page.getByRole('tab', { name: 'Form' }).click();
    await visit.button('Run').click();
    await visit.text('#run-step', /step 1 of/);
  });

  it('runs on other kernels, and says what cannot be run', async () => {
    const visit = await open('task-task.bpf.o');
    const { page } = visit;
    for (const kernel of ['6.1', '5.16+series']) {
      await page.selectOption('#kernel', kernel);
      await visit.button('Run').click();
      await visit.text('#run-step', /step 1 of/);
    }
    await page.selectOption('#kernel', '6.12');
    await visit.put('socket.o', object('rejected/flow.bpf.o'));
    await visit.text('.view-run, .notice', /iterator/);
  });

  it('keeps scene, target, step and breakpoints in a link', async () => {
    const visit = await open();
    await visit.page.getByRole('slider', { name: 'Step of the run' }).fill('99');
    await stepIs(visit, 100);
    await visit.button('Share').click();
    const link = await visit.page.getByRole('textbox', { name: 'Link' }).inputValue();
    const other = await site().visit();
    await other.page.goto('about:blank');
    await other.page.goto(link);
    await stepIs(other, 100);
    await expect
      .poll(() => other.page.textContent('#run-output'))
      .toBe(await visit.page.textContent('#run-output'));
  });

  const write = async ({ page }: Visit, text: string) => {
    await page.getByRole('tab', { name: 'YAML' }).click();
    await page.locator('.run-scene .cm-content').click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.press('Delete');
    await page.keyboard.insertText(text);
  };
  const toEnd = async ({ page }: Visit) => {
    const slider = page.getByRole('slider', { name: 'Step of the run' });
    await slider.fill((await slider.getAttribute('max')) ?? '');
  };

  it('runs over what was written just now', async () => {
    const visit = await open('task-task.bpf.o');
    await write(visit, 'tasks:\n  - { pid: 7, comm: hasty }\n');
    await visit.button('Run').click();
    await visit.text('.run-outcome', /read to the end/);
    await visit.text('#run-step', /step 1 of/);
    await toEnd(visit);
    await visit.text('#run-output', /hasty/);
  });

  it('says which lock a read waits for, and who has it', async () => {
    const visit = await open('epoll-epoll.bpf.o');
    await write(
      visit,
      [
        'tasks:',
        '  - { pid: 5, comm: holder }',
        '  - { pid: 100, comm: app, files: [{ fd: [4, 5], pipe: true }, { fd: 3, epoll: [{ fd: 4 }] }] }',
        'locks:',
        '  - { lock: ep_mtx, task: 100, fd: 3, by: 5 }',
        '',
      ].join('\n'),
    );
    await visit.button('Run').click();
    await visit.text('.run-outcome', /waits for .*mtx, which task 5 \(holder\) holds and never lets go/);
    await visit.text('.run-locks', /mtx of epoll instance 3 of task 100, by task 5 \(holder\)/);
    await visit.text('#run-step', /no steps/);
    expect(await visit.page.textContent('.run-obstacle')).toBe('');
  });

  it('shows the memory of the step while the scene is written anew', async () => {
    const visit = await open();
    await write(visit, 'tasks: [{ pid: 7, comm: other }]\n');
    await visit.text('.run-choice', /scene changed/);
    await toEnd(visit);
    await stepIs(visit, 166);
    // In the last run there is no buffer any more.
    await visit.text('.run-memory', /ubuf\s*(NULL|0)/);
  });

  it('keeps to what was chosen last, however quickly', async () => {
    const visit = await open('task-task.bpf.o');
    const { page } = visit;
    // Keys are the view's, and not those of the tab that was clicked.
    await page.locator('h1').click();
    const examples = ['io_uring_buf-io_uring_buf', 'bvec-bvec', 'epoll-epoll', 'task-task'];
    for (let turn = 0; turn < 16; turn++) {
      await page.selectOption('#example', `${examples[turn % 4]}.bpf.o`);
      await page.selectOption('#run-scene', turn % 3 === 0 ? 'epoll.yaml' : 'demo.yaml');
      // Where there is nothing to attach to, there are no steps.
      const slider = page.getByRole('slider', { name: 'Step of the run' });
      await slider.press('ArrowRight', { timeout: 500 }).catch(() => {});
    }
    await page.selectOption('#run-scene', 'demo.yaml');
    await visit.text('.run-outcome', /186 instructions in 6 runs/);
    await visit.text('.run-memory', /struct bpf_iter__task/);
    expect(await page.textContent('.run-obstacle')).toBe('');
    expect(await page.textContent('#notice')).toBe('');
  });

  it('runs an iterator that is written in assembly', async () => {
    const visit = await site().visit();
    await visit.page.selectOption('#example', ':assembly');
    await visit.page.selectOption('#template', 'Iterator: a byte for each task');
    await visit.view('Run');
    await visit.text('.run-outcome', /read to the end/);
    await toEnd(visit);
    await visit.text('#run-output', /^\*+$/);
    await visit.text('.run-memory', /struct bpf_iter__task/);
  });

  it('has a form for what does not fit the format, too', async () => {
    const visit = await open('task-task.bpf.o');
    await write(visit, 'tasks: [5, { pid: 7, comm: fits, files: { fd: 3 } }]\n');
    await visit.page.getByRole('tab', { name: 'Form' }).click();
    await visit.button('Remove task 5').click();
    await visit.text('.scene-form', /comm fits/);
    await visit.text('#run-scene-fault', /must be a list/);
  });
});
