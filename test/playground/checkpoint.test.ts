/** The checkpoint view. Needs `npm run build`, and Chromium; skipped without. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { describeSite, object } from './site.ts';

describeSite('the checkpoint view', (site) => {
  it.each(['checkpoint', 'demo'])('brings %s back, item by item', async (scene) => {
    const visit = await site().visit();
    const { page } = visit;
    await visit.view('Checkpoint');
    await page.selectOption('#checkpoint-scene', scene);
    await visit.button('Checkpoint and restore').click();
    await visit.text('#checkpoint-verdict', /Equal: nothing was lost/);
    await visit.text('.view', /\d+ system calls/);
    expect(await page.locator('[id^="item-"]').count()).toBeGreaterThan(5);
    await visit.picture(`checkpoint-${scene}-1440`);
  });

  it('works on every kernel', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await visit.view('Checkpoint');
    for (const kernel of ['6.1', '5.16+series']) {
      await page.selectOption('#checkpoint-kernel', kernel);
      await visit.button('Checkpoint and restore').click();
      await visit.text('#checkpoint-verdict', /Equal: nothing was lost/);
    }
    // What is shown of a kernel is not taken for that of another.
    await page.selectOption('#checkpoint-kernel', '6.12');
    await expect.poll(() => page.textContent('#checkpoint-verdict')).not.toMatch(/Equal/);
  });

  it('shows the images, and hands them out', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await visit.view('Checkpoint');
    await visit.button('Checkpoint and restore').click();
    await visit.text('#checkpoint-verdict', /Equal/);
    await visit
      .button(/^2 ?Images|Images/, { exact: false })
      .first()
      .click();
    await visit.text('.view', /io_uring\.img/);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      visit.button('Download all (.tar)').click(),
    ]);
    const archive = readFileSync(await download.path());
    expect(archive.subarray(257, 262).toString()).toBe('ustar');
  });

  it('refuses what cannot be brought back, with the reason, and lets it be lost', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await visit.view('Checkpoint');
    await visit.text('.cm-content', /tasks/);
    await page.locator('.cm-content').click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.press('Delete');
    await page.keyboard.insertText(object('scenes/acceptance/direct-only-slots.yaml').toString());
    await visit.button('Checkpoint and restore').click();
    await visit.text('#checkpoint-verdict', /[Rr]efused/);
    await visit.text('.view', /52/);
    await visit.picture('checkpoint-refused-1440');
    await page
      .getByRole('checkbox', { name: /52|lost/ })
      .first()
      .check();
    await visit.button('Try again with these losses').click();
    await visit.text('#checkpoint-verdict', /Equal, but for what was allowed to be lost/);
  });

  it('looks at what is written as often as it is', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await visit.view('Checkpoint');
    await visit.text('.cm-content', /tasks/);
    // More kernels in a row than a browser has addresses for, were each to have memory of its own.
    const failed = await page.evaluate(
      `(async () => {
        const script = [...document.scripts].find(({ type }) => type === 'module').src;
        const url = new URL((await (await fetch(script)).text()).match(/worker-[\\w-]+\\.js/)[0], script);
        const worker = new Worker(url, { type: 'module' });
        const scene = { text: 'tasks: [{ pid: 7, comm: app }]', file: 'scene.yaml', kernel: '6.12' };
        let id = 0;
        const check = () => new Promise((resolve) => {
          worker.onmessage = ({ data }) => resolve(data.error);
          worker.postMessage({ id: ++id, service: 'checkpoint', method: 'check', args: [scene] });
        });
        for (let i = 0; i < 300; i++) {
          const error = await check();
          if (error !== undefined) return i + ': ' + error;
        }
        worker.terminate();
        return '';
      })()`,
    );
    expect(failed).toBe('');
  });
});
