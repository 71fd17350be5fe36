/** Every view, wide and narrow, light and dark: axe finds nothing serious, and nothing is cut off. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import { expect, it } from 'vitest';
import { describeSite, type Visit } from './site.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Each view with something in it. */
const SIGHTS: { readonly [name: string]: (visit: Visit) => Promise<void> } = {
  rejected: async (visit) => {
    await visit.page.selectOption('#example', 'rejected-bounds.bpf.o');
    await visit.status(/rejected-bounds/);
    await visit.page.selectOption('#program', 'map_value_index_unbounded');
    await visit.text('.why h3', /Where it comes from/);
    await visit.button('R0').click();
    await visit.text('.detail', /unsigned/);
  },
  accepted: async (visit) => {
    await visit.page.selectOption('#example', 'task_vma-task_vma.bpf.o');
    await visit.text('#verdict', /accepted/);
    await visit.page.getByRole('slider', { name: 'Step' }).fill('60');
    await visit.text('#step', /step 61 of/);
    await visit.page.getByText('What is what').click();
  },
  assembly: async (visit) => {
    await visit.page.selectOption('#example', ':assembly');
    await visit.page.selectOption('#template', 'Map lookup, the NULL check missing');
    await visit.text('#verdict', /rejected/);
    await visit.page.locator('.cm-lintRange-error').first().waitFor();
  },
  run: async (visit) => {
    await visit.page.selectOption('#example', 'io_uring_buf-io_uring_buf.bpf.o');
    await visit.view('Run');
    await visit.text('#run-step', /of 166/);
    await visit.page.getByRole('slider').first().fill('90');
    await visit.text('#run-step', /step 91 of/);
  },
  locks: async (visit) => {
    await visit.view('Locks');
    await visit.button('Explore all orders').click();
    await visit.button(/submitter waits for it->lock/, { exact: false }).click();
    await visit.text('#locks-status', /deadlock/i);
  },
  checkpoint: async (visit) => {
    await visit.view('Checkpoint');
    await visit.button('Checkpoint and restore').click();
    await visit.text('#checkpoint-verdict', /Equal/);
  },
  learn: (visit) => visit.view('Learn'),
  lesson: async (visit) => {
    await visit.view('Learn');
    await visit.button('Begin: Why a NULL check').click();
    await visit.text('#verdict', /rejected/);
    await visit.button('Hint').click();
  },
  share: async (visit) => {
    await visit.status(/accepted/);
    await visit.button('Share').click();
    await visit.page.getByRole('textbox', { name: 'Link' }).waitFor();
  },
};

async function seriousIssues({ page }: Visit): Promise<string[]> {
  // What is drawn anew meanwhile, axe does not find again.
  await page.locator('[aria-busy="true"]').waitFor({ state: 'detached' });
  await page.evaluate(AXE);
  const results = (await page.evaluate('axe.run()')) as AxeResults;
  return results.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

describeSite('every view', (site) => {
  const sizes = [
    { width: 1440, height: 900 },
    { width: 390, height: 844 },
  ];
  const kinds = sizes.flatMap((viewport) =>
    (['light', 'dark'] as const).map((colorScheme) => ({ viewport, colorScheme })),
  );
  const cases = Object.keys(SIGHTS).flatMap((sight) => kinds.map((kind) => ({ sight, ...kind })));

  it.each(cases)('$sight at $viewport.width pixels, $colorScheme', async ({ sight, ...kind }) => {
    const visit = await site().visit(kind);
    await SIGHTS[sight]?.(visit);
    await visit.picture(`${sight}-${kind.viewport.width}-${kind.colorScheme}`);
    expect(await seriousIssues(visit)).toEqual([]);
    expect(await visit.page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
      kind.viewport.width,
    );
  });
});
