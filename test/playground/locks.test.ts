/** The locks view. Needs `npm run build`, and Chromium; skipped without. */
import { expect, it } from 'vitest';
import { describeSite, type Visit } from './site.ts';

describeSite('the locks view', (site) => {
  const open = async (scene: string): Promise<Visit> => {
    const visit = await site().visit();
    await visit.view('Locks');
    await visit.page.selectOption('#lock-scene', scene);
    await visit.text('.cm-content', /actors/);
    return visit;
  };
  const choose = (visit: Visit, name: RegExp) => visit.button(name, { exact: false }).click();

  it('finds the deadlock among all orders, and shows its shortest timeline', async () => {
    const visit = await open('abba-mutex_lock');
    await visit.button('Explore all orders').click();
    await visit.text('#locks-result', /Deadlock/);
    await visit.text('#locks-result', /as the scene expects/);
    await visit
      .button(/reader waits for ring->uring_lock; submitter waits for it->lock/, { exact: false })
      .click();
    await visit.text('#locks-status', /deadlock/i);
    await visit.picture('locks-deadlock-1440');
  });

  it('lets the user choose the order, and says when nobody can move', async () => {
    const visit = await open('abba-mutex_lock');
    await choose(visit, /^reader: mutex_lock/);
    await choose(visit, /^submitter: mutex_lock/);
    expect(await visit.button(/^submitter: mutex_lock\(&it->lock\)/, { exact: false }).isDisabled()).toBe(
      true,
    );
    await choose(visit, /^reader: looks at/);
    await visit.text('#locks-status', /deadlock/i);
    await visit.button('Undo', { exact: false }).click();
    await visit.text('#locks-status', /reader can move, submitter waits/);
    await visit.button('Redo', { exact: false }).click();
    await visit.text('#locks-status', /deadlock/i);
    await visit.button('Reset').click();
    await visit.text('#locks-status', /At the start/);
  });

  it('keeps the order in a link', async () => {
    const visit = await open('abba-mutex_lock');
    await choose(visit, /^submitter: mutex_lock/);
    await choose(visit, /^reader: mutex_lock/);
    await visit.text('#locks-status', /After step 2 of 2/);
    const status = await visit.page.textContent('#locks-status');
    await visit.button('Share').click();
    const link = await visit.page.getByRole('textbox', { name: 'Link' }).inputValue();
    const other = await site().visit();
    await other.page.goto('about:blank');
    await other.page.goto(link);
    await other.text('#locks-status', /After step 2 of 2/);
    expect(await other.page.textContent('#locks-status')).toBe(status);
  });

  it('finds none with trylock, and stops what takes too long', async () => {
    const visit = await open('abba-trylock');
    await visit.button('Explore all orders').click();
    await visit.text('#locks-result', /no error|nothing/i);
    const actors = Array.from(
      { length: 9 },
      (_, i) => `  - { name: a${i}, does: [${'{ lock: l }, { unlock: l }, '.repeat(4)}] }`,
    );
    await visit.page.locator('.cm-content').click();
    await visit.page.keyboard.press('ControlOrMeta+a');
    await visit.page.keyboard.press('Delete');
    await visit.page.keyboard.insertText(
      `expect: none\nlocks: [{ name: l }]\nactors:\n${actors.join('\n')}\n`,
    );
    await visit.text('#locks-status', /At the start: a0/);
    await visit.page.getByRole('checkbox', { name: /without reduction/ }).check();
    await visit.button('Explore all orders').click();
    await visit.button('Stop').click();
    await visit.button('Explore all orders').waitFor();
  });

  it('marks what is wrong with a scene where it is wrong', async () => {
    const visit = await open('abba-trylock');
    const { page } = visit;
    await page.locator('.cm-content').click();
    await page.keyboard.press('ControlOrMeta+End');
    await page.keyboard.type('\nnonsense: 1');
    await page.locator('.cm-lintRange-error').first().waitFor();
    await visit.text('.view', /nonsense/);
  });
});
