/** The lessons, taken as a learner takes them. Needs `npm run build`, and Chromium; skipped without. */
import { expect, it } from 'vitest';
import { LEAK, LOOP, NULL_CHECK, PACKET, RANGES } from '../../playground/learn/programs.ts';
import { describeSite, Visit } from './site.ts';

describeSite('lessons', (site) => {
  const begin = async (title: string): Promise<Visit> => {
    const visit = await site().visit();
    await visit.view('Learn');
    await visit.button(`Begin: ${title}`).click();
    await visit.page.getByRole('complementary', { name: `Lesson: ${title}` }).waitFor();
    return visit;
  };
  const stepDone = (visit: Visit, number: number) =>
    visit.page.locator(`.lesson progress[value="${number}"]`).waitFor({ timeout: 60_000 });
  const clickInsn = async (visit: Visit, text: string) => {
    await visit.page.locator('.insn-pane .line', { hasText: text }).first().click();
  };
  /** As if it had been written. */
  const write = async ({ page }: Visit, text: string) => {
    const editor = page.getByRole('textbox', { name: 'BPF assembly' });
    await editor.click();
    await page.keyboard.press('ControlOrMeta+a');
    await page.keyboard.press('Delete');
    await page.keyboard.insertText(text);
  };
  const ended = (visit: Visit) => visit.text('#lesson-step', /Done/);

  it('why a NULL check', async () => {
    const visit = await begin('Why a NULL check');
    await visit.text('#verdict', /rejected/);
    await clickInsn(visit, 'call bpf_map_lookup_elem');
    await stepDone(visit, 1);
    await visit.button('Step').click();
    await stepDone(visit, 2);
    await visit.button('Hint').click();
    await visit.text('.hint', /verifies while you write/);
    await write(visit, NULL_CHECK.replace('  r1 = 1\n', '  if r0 == 0 goto out\n  r1 = 1\n'));
    await stepDone(visit, 3);
    await clickInsn(visit, 'lock');
    await ended(visit);
    await visit.button('Next: The end of the packet').click();
    await visit.page.getByRole('complementary', { name: 'Lesson: The end of the packet' }).waitFor();
    await visit.view('Learn');
    await visit.text('.lessons li', /Why a NULL check done/);
  });

  it('the end of the packet', async () => {
    const visit = await begin('The end of the packet');
    await visit.text('#verdict', /rejected/);
    await clickInsn(visit, 'if r4 >');
    await stepDone(visit, 1);
    await visit.button('Last step').click();
    await stepDone(visit, 2);
    await write(visit, PACKET.replace('r4 += 12', 'r4 += 14'));
    await ended(visit);
  });

  it('what is known of a number', async () => {
    const visit = await begin('What is known of a number');
    await visit.text('#verdict', /rejected/);
    await clickInsn(visit, 'r0 += r6');
    await stepDone(visit, 1);
    await write(visit, RANGES.replace('r6 &= 31', 'r6 &= 15'));
    await stepDone(visit, 2);
    await clickInsn(visit, 'r0 += r6');
    await ended(visit);
  });

  it('paths and states', async () => {
    const visit = await begin('Paths and states');
    await visit.text('#verdict', /accepted/);
    const isBranch = visit.page.locator('.events .event.branch');
    while ((await isBranch.count()) === 0) await visit.page.keyboard.press('ArrowRight');
    await stepDone(visit, 1);
    await visit.page.locator('.paths-pane .line', { hasText: 'covered' }).first().click();
    await visit.button('End of this path').click();
    await stepDone(visit, 2);
    await visit.page.locator('.events .event.pruned button').first().click();
    await ended(visit);
  });

  it('sees nothing done in what was shown before it began', async () => {
    const visit = await begin('Why a NULL check');
    await clickInsn(visit, 'call bpf_map_lookup_elem');
    await stepDone(visit, 1);
    await visit.button('Start over').click();
    await visit.text('.insn-pane .line.selected', /lock/);
    await stepDone(visit, 0);
  });

  it('loops have to end', async () => {
    const visit = await begin('Loops have to end');
    await visit.text('#verdict', /rejected/);
    await visit.button('Last step').click();
    await stepDone(visit, 1);
    await write(visit, LOOP.replace('r1 <= 8', 'r1 < 8'));
    await stepDone(visit, 2);
    await write(visit, LOOP.replace('r1 <= 8', 'r1 < 100').replace('  r2 += r1\n', ''));
    await ended(visit);
  });

  it('begins where it should, though the page is not all there yet', async () => {
    const visit = await Visit.open(site().browser, site().url);
    const { page } = visit;
    let arrive = () => {};
    const begun = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    await page.route('**/site.json', async (route) => {
      await begun;
      await route.continue();
    });
    await page.goto(site().url);
    await visit.view('Learn');
    await visit.button('Begin: Loops have to end').click();
    arrive();
    await visit.text('#verdict', /rejected/);
    await visit.text('#step', /step 1 of/);
    await visit.context.close();
    expect(visit.errors).toEqual([]);
  });

  it('what is taken is given back', async () => {
    const visit = await begin('What is taken is given back');
    await visit.text('#verdict', /rejected/);
    await visit.page.locator('.history button').first().click();
    await stepDone(visit, 1);
    await visit.button('Last step').click();
    await stepDone(visit, 2);
    const second = LEAK.lastIndexOf('  if r0 == 0 goto out\n');
    await write(visit, LEAK.slice(0, second) + LEAK.slice(second).replace('  if r0 == 0 goto out\n', ''));
    await ended(visit);
  });

  it('an iterator reads io_uring', async () => {
    const visit = await begin('An iterator reads io_uring');
    await visit.text('#run-step', /step 1 of/);
    await visit.button('Next output').click();
    await stepDone(visit, 1);
    await visit.button('Next object').click();
    await visit.button('Next object').click();
    await stepDone(visit, 2);
    await visit.view('Checkpoint');
    await visit.button('Checkpoint and restore').click();
    await ended(visit);
  });

  it('why trylock', async () => {
    const visit = await begin('Why trylock');
    await visit.button(/^reader: mutex_lock/, { exact: false }).click();
    await visit.button(/^submitter: mutex_lock/, { exact: false }).click();
    await visit.button(/^reader: looks at/, { exact: false }).click();
    await stepDone(visit, 1);
    await visit.button('Explore all orders').click();
    await stepDone(visit, 2);
    await visit.page.selectOption('#lock-scene', 'abba-trylock');
    await visit.button('Explore all orders').click();
    await ended(visit);
    await visit.text('#lesson-step', /That was the last lesson/);
    expect(await visit.page.locator('.lesson progress').getAttribute('value')).toBe('3');
  });
});
