/** The verifier's view where answers come late, or there is little to show. Needs `npm run build`, and Chromium. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeSite, object, Visit } from './site.ts';

/** Drops files as a browser hands them over. */
async function drop(
  visit: Visit,
  target: string,
  files: readonly (readonly [name: string, content: Buffer])[],
) {
  const transfer = await visit.page.evaluateHandle(
    (given: readonly (readonly [string, string])[]) => {
      const data = new DataTransfer();
      for (const [name, base64] of given) {
        const content = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
        data.items.add(new File([content], name));
      }
      return data;
    },
    files.map(([name, content]) => [name, content.toString('base64')] as const),
  );
  await visit.page.dispatchEvent(target, 'drop', { dataTransfer: transfer });
}

/** The object without a section: its name is another. */
function without(bytes: Buffer, ...sections: string[]): Buffer {
  const copy = Buffer.from(bytes);
  for (const section of sections) {
    for (let at = copy.indexOf(`\0${section}\0`); at >= 0; at = copy.indexOf(`\0${section}\0`, at + 1))
      copy.write('?', at + 1);
  }
  return copy;
}

describeSite("the verifier's view, at its edges", (site) => {
  const stateAt = (visit: Visit, step: number) =>
    visit.page.locator(`#state[data-step="${step}"]`).waitFor({ timeout: 60_000 });

  const write = async ({ page }: Visit, text: string) => {
    await page.getByRole('textbox', { name: 'BPF assembly' }).click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.press('Delete');
    await page.keyboard.insertText(text);
  };

  it('stops a long verification, and begins again when asked to', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await stateAt(visit, 2);
    await page.selectOption('#example', 'rejected-complexity.bpf.o');
    await visit.status(/rejected-complexity\.bpf\.o: verifying \S+ \(\d of 2\)…/);
    await visit.button('Stop').focus();
    await page.keyboard.press('Enter');
    await visit.status(/rejected-complexity\.bpf\.o: stopped before there was a verdict/);
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Verify again');
    expect(await page.locator('.verify-grid:visible').count()).toBe(0);
    await page.keyboard.press('Enter');
    await visit.status(/verifying/);
    await page.selectOption('#example', 'task-task.bpf.o');
    await visit.status(/task-task\.bpf\.o: 1 of 1/);
    await stateAt(visit, 1);
    expect(await page.locator('#stop').count()).toBe(0);
  });

  it('keeps the verdict when only the steps were stopped, and brings the steps with the next program', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', 'rejected-complexity.bpf.o');
    await visit.status(/following every step/);
    await visit.button('Stop').click();
    await visit.status(/0 of 2 programs accepted.*stopped, so there are no steps/);
    await visit.text('#verdict', /rejected/);
    const other = page.locator('.programs button[aria-pressed=false]');
    const name = await other.textContent();
    await other.click();
    await visit.text('#step', /step [\d,]+ of/);
    expect(await page.locator('.programs button[aria-pressed=true]').textContent()).toBe(name);
  });

  it('goes on with something else while steps are followed', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', 'rejected-complexity.bpf.o');
    await visit.status(/following every step/);
    await page.selectOption('#example', 'task-task.bpf.o');
    await visit.status(/task-task\.bpf\.o: 1 of 1/);
    await stateAt(visit, 1);
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('follows the program that was chosen last, however fast they are chosen', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', 'rejected-bounds.bpf.o');
    await visit.status(/0 of 24/);
    await page.evaluate(() => {
      const select = document.querySelector('#program') as HTMLSelectElement;
      const names = [...select.options].map(({ value }) => value);
      for (const name of [...names, ...names.toReversed(), 'length_zero', 'stack_past_end', 'length_zero']) {
        select.value = name;
        select.dispatchEvent(new Event('change', { bubbles: true }));
      }
    });
    await visit.text('.why .message', /R2|zero|size/);
    await visit.status(/0 of 24 programs accepted/);
    await page.locator('#state').waitFor();
    expect(await page.inputValue('#program')).toBe('length_zero');
  });

  it('says nothing of steps and lines that were asked of what is gone', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', 'task_vma-task_vma.bpf.o');
    await stateAt(visit, 1);
    for (const name of ['rejected-complexity.bpf.o', 'rejected-flow.bpf.o', 'rejected-complexity.bpf.o']) {
      await page.selectOption('#example', name);
      await page.keyboard.press('ArrowRight');
      const line = page.locator('.insn-pane .line, .log-pane .line').first();
      await line.click({ timeout: 1000 }).catch(() => {});
      await page.keyboard.press('ArrowRight');
    }
    await page.selectOption('#example', 'task-task.bpf.o');
    await visit.status(/task-task\.bpf\.o: 1 of 1/);
    await stateAt(visit, 1);
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('moves through lists with the keys, over lines that cannot be chosen', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', 'task-task.bpf.o');
    await visit.status(/task-task\.bpf\.o: 1 of 1/);
    await stateAt(visit, 1);
    const steps = async (list: string, key: string, count: number) => {
      await page.getByRole('listbox', { name: list, exact: true }).focus();
      const seen: number[] = [];
      for (let i = 0; i < count; i++) {
        const before = await page.getAttribute('#state', 'data-step');
        await page.keyboard.press(key);
        await page.locator(`#state:not([data-step="${before}"])`).waitFor();
        seen.push(Number(await page.getAttribute('#state', 'data-step')));
      }
      return seen;
    };
    expect(await steps('Instructions', 'ArrowDown', 6)).toEqual([2, 3, 4, 5, 6, 7]);
    expect(await steps('Instructions', 'ArrowUp', 6)).toEqual([6, 5, 4, 3, 2, 1]);
    expect(await steps('Log', 'ArrowDown', 6)).toEqual([2, 3, 4, 5, 6, 7]);
    expect(await steps('Log', 'ArrowUp', 6)).toEqual([6, 5, 4, 3, 2, 1]);
    await steps('Source', 'ArrowDown', 3);
    await steps('Source', 'ArrowUp', 3);
  });

  it('shows objects without line information, and programs without a step', async () => {
    const visit = await site().visit();
    await visit.put('plain.o', without(object('rejected/flow.bpf.o'), '.BTF.ext'));
    await visit.status(/plain\.o: 0 of 15/);
    await visit.text('.source-pane', /no line information/);
    const { page } = visit;
    const names = await page.$$eval('#program option', (options) =>
      options.map((o) => (o as HTMLOptionElement).value),
    );
    for (const name of names) {
      await page.selectOption('#program', name);
      await visit.status(/0 of 15 programs accepted/);
      await page
        .locator('#state')
        .or(page.getByText('Nothing was followed'))
        .or(page.locator('#verdict', { hasText: 'not-loaded' }))
        .first()
        .waitFor();
    }
  });

  it('shows a program that is refused before it is verified', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', 'task_vma-task_vma.bpf.o');
    await visit.status(/1 of 1/);
    await page.check('#unprivileged');
    await visit.text('#verdict', /EPERM/);
    await visit.text('.state-pane', /Nothing was followed/);
    await visit.text('.log-pane', /refused before anything is logged/);
    await visit.text('.insn-pane .line', /r6 = r1|r[0-9] =/);
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('takes names of any length, and brings them back from a link', async () => {
    const visit = await site().visit();
    const name = `${'n'.repeat(250)}.o`;
    await visit.put(name, object('task/task.bpf.o'));
    await visit.status(/n{250}\.o: 1 of 1/);
    expect(await visit.page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(1440);
    await visit.button('Share').click();
    const link = await visit.page.getByRole('textbox', { name: 'Link' }).inputValue();
    const second = await site().visit();
    await second.page.goto('about:blank');
    await second.page.goto(link);
    await second.status(/n{250}\.o: 1 of 1/);
  });

  it('says of a folder that it is none of what is opened', async () => {
    const visit = await site().visit();
    await visit.page.evaluate(() => {
      const folder = new File([], 'folder');
      folder.arrayBuffer = () => Promise.reject(new DOMException('no file', 'NotFoundError'));
      const event = new Event('drop', { bubbles: true, cancelable: true });
      document.body.dispatchEvent(Object.assign(event, { dataTransfer: { files: [folder] } }));
    });
    await visit.alert(/folder: cannot be read: folders are not opened/);
  });

  it('keeps what it said of a file that came before the site was there', async () => {
    const visit = await Visit.open(site().browser, site().url);
    let arrive = () => {};
    const opened = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    await visit.page.route('**/site.json', async (route) => {
      await opened;
      await route.continue();
    });
    await visit.page.goto(site().url);
    await drop(visit, 'body', [['bad.json', Buffer.from('{')]]);
    await visit.alert(/bad\.json: is no capsule/);
    arrive();
    await visit.status(/rejected-null\.bpf\.o: 0 of 11/);
    await visit.alert(/bad\.json: is no capsule/);
    await visit.context.close();
    expect(visit.errors).toEqual([]);
  });

  it('says which of several files it could not open, and opens the others', async () => {
    const visit = await site().visit();
    await drop(visit, 'body', [
      ['bad.json', Buffer.from('{')],
      ['good.o', object('task/task.bpf.o')],
      ['theirs.log', Buffer.from('func#0 @0\n')],
    ]);
    await visit.alert(/bad\.json: is no capsule/);
    await visit.status(/good\.o: 1 of 1/);
    await visit.text('#log-comparison', /theirs\.log is different from line 2/);
  });

  it('shows a log where it is compared, whatever view it was dropped on', async () => {
    const visit = await site().visit();
    await visit.view('Locks');
    await drop(visit, 'body', [['theirs.log', Buffer.from('x\n')]]);
    await visit.text('#log-comparison', /theirs\.log is different from line 1/);
  });

  it('takes no file for text when it is dropped on the editor', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', ':assembly');
    await page.selectOption('#template', 'Map lookup, the NULL check missing');
    await visit.text('#verdict', /rejected/);
    const before = await page.textContent('.cm-content');
    await drop(visit, '.cm-content', [['theirs.log', Buffer.from('no assembly\n')]]);
    await visit.text('#log-comparison', /theirs\.log is different/);
    expect(await page.textContent('.cm-content')).toBe(before);
  });

  it('keeps what was written while something else is looked at, and shares the last key', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', ':assembly');
    await write(visit, '.type socket\nr0 = 0\nexit\n');
    await visit.text('#verdict', /accepted/);
    await write(visit, '.type socket\nr0 = 1\nexit\n');
    await visit.button('Share').click();
    const link = await page.getByRole('textbox', { name: 'Link' }).inputValue();
    await visit.button('Close').click();
    await page.selectOption('#example', 'task-task.bpf.o');
    await visit.status(/task-task\.bpf\.o: 1 of 1/);
    await page.selectOption('#example', ':assembly');
    expect(await page.textContent('.cm-content')).toMatch(/r0 = 1/);
    const second = await site().visit();
    await second.page.goto('about:blank');
    await second.page.goto(link);
    await second.text('.cm-content', /r0 = 1/);
  });

  it('does not say that a kernel is for runs alone when an object is broken', async () => {
    const visit = await site().visit();
    await visit.put('bad.o', Buffer.from('no object'));
    await visit.alert(/bad\.o/);
    await visit.status(/It could not be verified/);
  });

  it('opens the link that came last', async () => {
    const visit = await site().visit();
    const { page } = visit;
    const linkTo = async (choose: () => Promise<void>, status: RegExp): Promise<string> => {
      await choose();
      await visit.status(status);
      await visit.button('Share').click();
      const link = await page.getByRole('textbox', { name: 'Link' }).inputValue();
      await visit.button('Close').click();
      return new URL(link).hash;
    };
    const large = Buffer.concat([object('task/task.bpf.o'), Buffer.alloc(24 << 20)]);
    const slow = await linkTo(() => visit.put('large.o', large), /large\.o: 1 of 1/);
    const fast = await linkTo(async () => {
      await page.selectOption('#example', 'rejected-null.bpf.o');
    }, /rejected-null/);
    await page.evaluate(
      ([first, second]) => {
        location.hash = first as string;
        location.hash = second as string;
      },
      [slow, fast],
    );
    await visit.status(/rejected-null\.bpf\.o: 0 of 11/);
    await page.waitForTimeout(1500);
    await visit.status(/rejected-null\.bpf\.o: 0 of 11/);
    await page.goBack();
    await visit.status(/large\.o: 1 of 1/);
    await page.goForward();
    await visit.status(/rejected-null\.bpf\.o: 0 of 11/);
  });

  it('holds a report against what it is about, not against what was shown before', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', 'rejected-flow.bpf.o');
    await visit.status(/0 of 15/);
    await stateAt(visit, 8);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      visit.button('Save report').click(),
    ]);
    const report = readFileSync(await download.path());
    await page.selectOption('#example', 'task-task.bpf.o');
    await visit.status(/task-task\.bpf\.o: 1 of 1/);
    await visit.put('theirs.jsonl', report);
    await visit.status(/theirs\.jsonl: all 15 verdicts are the same here/);
  });

  it('says what signs and keys mean', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.getByText('What is what').click();
    await visit.text('.signs', /states were kept here/);
    await page.keyboard.press('Escape');
    expect(await page.locator('.signs-body').isVisible()).toBe(false);
  });

  it('marks in the log, too, what led to a rejection', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await page.selectOption('#example', 'rejected-bounds.bpf.o');
    await visit.status(/0 of 24/);
    await page.selectOption('#program', 'map_value_index_unbounded');
    await visit.text('.log-pane .line.failed', /^11: /);
    await visit.text('.log-pane .line.cause', /^9: /);
  });
});
