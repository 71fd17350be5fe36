/** The HTML report: its text, and how a browser shows it. The latter needs Chromium (Debian's package will do). */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { html } from '../../../gate/report/html.ts';
import { CHROMIUM } from '../../chromium.ts';
import { anyReport, check, fixture, gateReport } from './fixture.ts';

describe('text', () => {
  it('has no markup but its own, whatever is in the report', () => {
    const tags = (text: string) => new Set(text.match(/<[!/]?[^\s>]*/g));
    const own = tags(html(fixture()));
    fc.assert(
      fc.property(anyReport, (report) => {
        for (const tag of tags(html(report))) expect(own).toContain(tag);
      }),
    );
    expect([...own].filter((tag) => tag.startsWith('<script'))).toEqual(['<script']);
    expect(html(fixture()).match(/<script/g)).toHaveLength(1);
  });

  it('refers to nothing outside of it', () => {
    expect(html(fixture())).not.toMatch(/\s(src|href)="(?!data:,")|url\(|@import/);
  });

  it('tells what a number was, and by how much it has changed', () => {
    const stats = { insns: 1150, states: 9, peakStates: 4, maxStatesPerInsn: 2, markRead: 1, stack: 64 };
    const before = { insns: 1000, states: 10, peakStates: 4, stack: 64, verdict: 'accepted' } as const;
    const result = { verdict: 'accepted', errno: 0, message: '', insn: null, source: null, stats } as const;
    const text = html(gateReport([check({ result, before })]));
    expect(text).toContain('1,150<small>was 1,000 <span class="more">+150 (+15.0 %)</span></small>');
    expect(text).toContain('9<small>was 10 <span class="less">−1 (−10.0 %)</span></small>');
    expect(text).toContain('64<small>unchanged</small>');
  });
});

const title = CHROMIUM
  ? 'in a browser'
  : 'in a browser (skipped: no Chromium; install the package "chromium", or name it in CHROMIUM)';

describe.skipIf(CHROMIUM === undefined)(title, () => {
  let folder: string;
  let browser: Browser;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'drydock-test-'));
    browser = await chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  /** Opens a report and hands over what went wrong with it. */
  async function open(text: string, width: number, colorScheme: 'light' | 'dark') {
    const file = join(folder, 'report.html');
    writeFileSync(file, text);
    const url = pathToFileURL(file).href;
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const errors: string[] = [];
    const requests: string[] = [];
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('request', (request) => request.url() !== url && requests.push(request.url()));
    await page.goto(url);
    return { page, errors, requests };
  }

  /**
   * Elements that reach out of the window or of what holds them. Narrow windows have the
   * table's head for listeners only, and explanations with their columns scroll by themselves.
   */
  const overflowing = (page: Page) =>
    page.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll('main *:not(thead *, details pre)')]
        .filter((element) => {
          const { right, left, width } = element.getBoundingClientRect();
          const outside = width > 1 && (right > document.documentElement.clientWidth + 1 || left < -1);
          return (
            outside ||
            (element.localName !== 'option' &&
              element.scrollWidth > element.clientWidth + 1 &&
              element.clientWidth > 1)
          );
        })
        .map((element) => `${element.localName}.${element.className}: ${element.textContent?.slice(0, 60)}`),
    );

  const background = (page: Page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

  it.each([
    [390, 'light'],
    [390, 'dark'],
    [1440, 'light'],
    [1440, 'dark'],
  ] as const)('shows well at %i pixels, %s', async (width, scheme) => {
    const { page, errors, requests } = await open(html(fixture()), width, scheme);
    const pictures = process.env.SCREENSHOTS;
    if (pictures) {
      mkdirSync(pictures, { recursive: true });
      await page.screenshot({ path: join(pictures, `${width}-${scheme}.png`), fullPage: true });
    }
    expect(await overflowing(page)).toEqual([]);
    expect(await background(page)).toBe(scheme === 'light' ? 'rgb(245, 246, 248)' : 'rgb(17, 22, 28)');
    expect(errors).toEqual([]);
    expect(requests).toEqual([]);
    await page.close();
  });

  it('filters by words and by status', async () => {
    const { page } = await open(html(fixture()), 1440, 'light');
    const rows = page.locator('tbody tr:visible');
    const all = fixture().checks.length;
    expect(await rows.count()).toBe(all);
    await page.fill('#search', 'PROG_ 6.18');
    expect(await rows.count()).toBe(6);
    expect(await page.textContent('#shown')).toBe(`6 of ${all} shown`);
    await page.selectOption('#status', 'crashed');
    expect(await rows.allTextContents()).toEqual([expect.stringContaining('prog_crash')]);
    await page.fill('#search', 'no such thing');
    expect(await rows.count()).toBe(0);
    expect(await page.isVisible('#empty')).toBe(true);
    await page.fill('#search', '');
    await page.selectOption('#status', '');
    expect(await rows.count()).toBe(all);
    await page.close();
  });

  it('shows a report without checks, and one of passed checks only', async () => {
    for (const report of [gateReport([]), gateReport([check({})])]) {
      const { page, errors } = await open(html(report), 390, 'light');
      expect(errors).toEqual([]);
      expect(await overflowing(page)).toEqual([]);
      expect(await page.textContent('header .badge')).toBe('passed');
      expect(await page.isVisible('#empty')).toBe(report.checks.length === 0);
      await page.close();
    }
  });

  it('would run no script and load nothing that got into it', async () => {
    const evil = '<img src="https://drydock.invalid/x.png"><script>document.title = "owned"</script>';
    const { page, errors } = await open(
      html(fixture()).replace('<footer>', `${evil}<footer>`),
      1440,
      'light',
    );
    expect(await page.title()).toBe('Drydock gate: failed');
    expect(errors.filter((text) => text.includes('Content Security Policy'))).toHaveLength(2);
    await page.close();
  });
});
