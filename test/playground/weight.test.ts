/** How much the page asks of a browser. Needs `npm run build`, and Chromium; skipped without. */
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { describeSite, Visit } from './site.ts';

/** Compressed, without the kernels' profiles. */
const FIRST_LOAD = 1_500_000;
/** Milliseconds of work that the page's own thread may do without a break. */
const LONGEST_TASK = 100;

/** A program of so many instructions, with branches and a map. */
function longProgram(insns: number): string {
  const lines = [
    '.type socket',
    '.license GPL',
    '.map counts array value 8 entries 1',
    '  r6 = *(u32 *)(r1 + 0)',
    '  r0 = 0',
  ];
  for (let i = 0; lines.length < insns; i++) {
    lines.push(`  r0 += ${i % 100}`, `  r0 &= 0xffff`);
    if (i % 500 === 0) lines.push(`  if r6 > ${i} goto l${i}`, `  r0 ^= ${i}`, `l${i}:`);
  }
  return [...lines, '  exit', ''].join('\n');
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds that the thread itself has worked: who shares the machine does not make it longer. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** Milliseconds of work of each task of pages' own threads. */
function mainThreadTasks(trace: Buffer): number[] {
  const { traceEvents } = JSON.parse(trace.toString()) as { traceEvents: TraceEvent[] };
  const keyOf = ({ pid, tid }: TraceEvent) => `${pid} ${tid}`;
  const threads = traceEvents.filter(
    ({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain',
  );
  const main = new Set(threads.map(keyOf));
  return traceEvents
    .filter((event) => /RunTask$/.test(event.name) && event.ph === 'X' && main.has(keyOf(event)))
    .flatMap(({ tdur }) => (tdur === undefined ? [] : [tdur / 1000]));
}

describeSite('the page', (site) => {
  it('loads with less than 1.5 MB, compressed', async () => {
    const visit = await Visit.open(site().browser, site().url);
    const sizes = new Map<string, Promise<number>>();
    visit.page.on('response', (response) => {
      const path = new URL(response.url()).pathname;
      if (!path.startsWith('/profiles/'))
        sizes.set(
          path,
          response.body().then((body) => gzipSync(body).length),
        );
    });
    await visit.page.goto(site().url);
    await visit.status(/accepted/);
    const total = (await Promise.all(sizes.values())).reduce((sum, size) => sum + size, 0);
    expect(sizes.size).toBeGreaterThan(4);
    expect(total).toBeLessThan(FIRST_LOAD);
    await visit.context.close();
    expect(visit.errors).toEqual([]);
  });

  it('stays responsive with a program of 10,000 instructions', async () => {
    const visit = await site().visit();
    const { page } = visit;
    await visit.status(/accepted/);
    await site().browser.startTracing(page, { categories: ['toplevel'] });
    const capsule = {
      drydock: 1,
      view: 'verify',
      kernel: '6.12',
      unprivileged: false,
      series: false,
      subject: { kind: 'assembly', text: longProgram(10_000) },
    };
    await visit.put('long.json', Buffer.from(JSON.stringify(capsule)));
    await visit.text('#step', /of \d{5}/);
    for (let step = 0; step <= 10_000; step += 500) {
      await page.getByRole('slider', { name: 'Step' }).fill(String(step));
      await page.locator(`#state[data-step="${step + 1}"]`).waitFor();
    }
    for (const key of ['PageDown', 'End', 'Home']) await page.locator('.log-pane .line-list').press(key);
    const search = page.getByRole('searchbox', { name: 'Search the log' });
    await search.fill('exit');
    await search.press('Enter');
    await page.locator('.log-pane .line.found').waitFor();
    const tasks = mainThreadTasks(await site().browser.stopTracing());
    expect(tasks.length).toBeGreaterThan(100);
    expect(Math.max(...tasks)).toBeLessThanOrEqual(LONGEST_TASK);
  });
});
