/** Links, capsules, exports, and the page without a network. Needs `npm run build`, and Chromium; skipped without. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeSite, object, ROOT, serve, Visit } from './site.ts';

function jsonLines(text: string): object[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as object);
}

describeSite('sharing', (site) => {
  const stateAt = (visit: Visit, step: number) =>
    visit.page.locator(`#state[data-step="${step}"]`).waitFor({ timeout: 60_000 });

  const linkOf = async (visit: Visit): Promise<string> => {
    await visit.button('Share').click();
    return visit.page.getByRole('textbox', { name: 'Link' }).inputValue();
  };

  it('opens a link in another browser profile, at the same step of the same object', async () => {
    const first = await site().visit();
    await first.put('mine.bpf.o', object('task_vma/task_vma.bpf.o'));
    await first.status(/mine\.bpf\.o: 1 of 1/);
    await stateAt(first, 1);
    await first.page.getByRole('slider', { name: 'Step' }).fill('41');
    await stateAt(first, 42);
    const state = await first.page.textContent('#state');
    const link = await linkOf(first);
    expect(link.startsWith(`${site().url}#d1.`)).toBe(true);

    const second = await site().visit();
    await second.page.goto('about:blank');
    await second.page.goto(link);
    await second.status(/mine\.bpf\.o: 1 of 1/);
    await stateAt(second, 42);
    expect(await second.page.textContent('#state')).toBe(state);
  });

  it('keeps program, kernel mode and example in a link', async () => {
    const first = await site().visit();
    await first.page.selectOption('#example', 'rejected-bounds.bpf.o');
    await first.status(/rejected-bounds/);
    await first.page.selectOption('#program', 'length_zero');
    await first.page.check('#unprivileged');
    await first.status(/0 of 24/);
    const link = await linkOf(first);
    const second = await site().visit();
    // In a page that is open already.
    await second.page.evaluate((to: string) => {
      location.href = to;
    }, link);
    await second.status(/rejected-bounds/);
    await second.page.locator('#program').filter({ hasText: 'length_zero' }).waitFor();
    expect(await second.page.inputValue('#program')).toBe('length_zero');
    expect(await second.page.isChecked('#unprivileged')).toBe(true);
  });

  it('saves a capsule, a log and a report, and opens the capsule again', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await visit.put('mine.bpf.o', object('rejected/null.bpf.o'));
    await visit.status(/mine\.bpf\.o: 0 of 11/);
    await stateAt(visit, 2);
    const saved = async (button: string) => {
      const [download] = await Promise.all([page.waitForEvent('download'), visit.button(button).click()]);
      return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
    };
    const log = await saved('Save log');
    expect(log.name).toBe('task_unchecked.log');
    expect(log.bytes.toString()).toMatch(/^func#0 @0\n0: R1=ctx\(\) R10=fp0\n[\s\S]*processed 2 insns/);
    const report = await saved('Save report');
    const records = jsonLines(report.bytes.toString());
    expect(records.pop()).toHaveProperty('capsule');
    const program = join(ROOT, 'programs/rejected/null.bpf.o');
    const args = [join(ROOT, 'dist/cli/main.js'), 'verify', '--json', '--stock', program];
    const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(records).toEqual(jsonLines(stdout).map((record) => ({ ...record, object: 'mine.bpf.o' })));
    // Brought back, both are held against what this page says.
    await visit.put('theirs.log', log.bytes);
    await visit.text('#log-comparison', /theirs\.log is the same, all 9 lines/);
    await visit.put('theirs.log', Buffer.from(log.bytes.toString().replace('R10=fp0', 'R10=fp')));
    await visit.text('#log-comparison', /is different from line 2 on/);
    await visit.button('Forget the other log').click();
    await visit.put(report.name, report.bytes);
    await visit.status(/all 11 verdicts are the same here/);
    await visit.button('Share').click();
    const capsule = await saved('Save as a capsule file');
    await visit.button('Close').click();

    await page.selectOption('#example', 'task-task.bpf.o');
    await visit.status(/task-task/);
    await visit.put(capsule.name, capsule.bytes);
    await visit.status(/mine\.bpf\.o: 0 of 11/);
    await stateAt(visit, 2);
  });

  it.each([
    ['no capsule at all', 'd1.AAAA', /the link|is damaged/],
    ['another version', 'd99.AAAA', /another version/],
    ['something else', 'section-2', /the link/],
  ])('refuses %s in a link, and shows an example', async (_, fragment, message) => {
    const visit = await site().visit();
    await visit.page.goto('about:blank');
    await visit.page.goto(`${site().url}#${fragment}`);
    await visit.alert(message);
    await visit.page.selectOption('#example', 'task-task.bpf.o');
    await visit.status(/task-task\.bpf\.o: 1 of 1/);
  });

  it.each([
    ['not JSON', '{', /mine\.json: is no capsule: not JSON/],
    ['a field of the wrong kind', '{"drydock":1,"view":"verify","kernel":5}', /mine\.json.*kernel/],
    [
      'an unknown kernel',
      '{"drydock":1,"view":"verify","kernel":"2.4","unprivileged":false,"series":false}',
      /kernel 2\.4/,
    ],
  ])('refuses a capsule with %s', async (_, text, message) => {
    const visit = await site().visit();
    await visit.put('mine.json', Buffer.from(text));
    await visit.alert(message);
  });

  it('works without a network once it was open', async () => {
    const { url, stop } = await serve();
    const visit = await Visit.open(site().browser, url);
    try {
      await visit.page.goto(url);
      await visit.page.locator('#offline').waitFor({ timeout: 60_000 });
      await stop();
      await visit.context.setOffline(true);
      await visit.page.reload();
      await visit.status(/rejected-null\.bpf\.o: 0 of 11/);
      await stateAt(visit, 2);
      await visit.page.selectOption('#example', 'task_vma-task_vma.bpf.o');
      await visit.status(/1 of 1 programs accepted/);
      expect(visit.errors).toEqual([]);
    } finally {
      await visit.context.close();
    }
  });
});
