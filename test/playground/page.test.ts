/** The playground in a real browser. Needs `npm run build`, and Chromium; skipped without. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CHROMIUM } from '../chromium.ts';
import { packageRoot } from '../package-root.ts';

const ROOT = packageRoot();

/** The command, once it listens, and where. */
async function serve(): Promise<{ server: ChildProcess; url: string }> {
  const server = spawn(process.execPath, [join(ROOT, 'dist/cli/main.js'), 'playground', '--port', '0']);
  const url = await new Promise<string>((resolve) =>
    server.stdout.once('data', (text) => resolve(String(text).trim())),
  );
  return { server, url };
}

const READY = { timeout: 60_000 };

describe.skipIf(CHROMIUM === undefined)('the playground', { timeout: 120_000 }, () => {
  let server: ChildProcess;
  let url: string;
  let browser: Browser;
  let page: Page;
  let errors: string[];

  beforeAll(async () => {
    ({ server, url } = await serve());
    browser = await chromium.launch({ executablePath: CHROMIUM as string, args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  beforeEach(async () => {
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    errors = [];
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    page.on('pageerror', (error) => errors.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith('data:'))
        errors.push(`asks ${request.url()}`);
    });
    await page.goto(url);
    await status(/accepted/);
  });
  afterEach(async () => {
    await page.close();
    expect(errors).toEqual([]);
  });

  const status = (text: RegExp) => page.getByRole('status').filter({ hasText: text }).waitFor(READY);
  const put = (name: string, bytes: Buffer) =>
    page.setInputFiles('#file', { name, mimeType: 'application/octet-stream', buffer: bytes });
  const object = (path: string) => readFileSync(join(ROOT, 'programs', path));

  it('verifies an example, and says why a program is rejected', async () => {
    await page.selectOption('#example', 'rejected-bounds.bpf.o');
    await status(/rejected-bounds\.bpf\.o: 0 of 24 programs accepted/);
    await page.getByRole('button', { name: /stack_past_end/ }).click();
    expect(await page.textContent('#program .message')).toMatch(/invalid write to stack/);
    expect(await page.textContent('#program pre')).toMatch(/bounds\.bpf\.c:\d+/);
    expect(await page.textContent('#program pre:last-of-type')).toMatch(/processed \d+ insns/);
  });

  it('takes an object of the user', async () => {
    await put('mine.bpf.o', object('task_vma/task_vma.bpf.o'));
    await status(/mine\.bpf\.o: 1 of 1 programs accepted/);
    expect(await page.textContent('#program')).toMatch(/147 insns, 9 states, stack 296/);
  });

  it('verifies again for another kernel or mode', async () => {
    await put('mine.bpf.o', object('io_uring_buf/io_uring_buf.bpf.o'));
    await status(/mine\.bpf\.o: 0 of 1/);
    await page.check('#series');
    await status(/mine\.bpf\.o: 1 of 1/);
    await page.check('#unprivileged');
    await status(/mine\.bpf\.o: 0 of 1/);
    expect(await page.textContent('#program h2')).toMatch(/EPERM/);
  });

  it('tells what is wrong with what is no object, and goes on', async () => {
    await put('bad.o', Buffer.from('no object'));
    await status(/bad\.o/);
    expect(await page.getAttribute('#status', 'class')).toBe('error');
    const cut = object('task/task.bpf.o');
    await put('cut.o', cut.subarray(0, cut.length - 700));
    await status(/cut\.o/);
    await put('good.o', cut);
    await status(/good\.o: 1 of 1/);
  });

  it('takes no name of an object for markup', async () => {
    await put('<img src=x onerror=alert(1)>.o', object('task/task.bpf.o'));
    await status(/img src/);
    expect(await page.locator('#status img').count()).toBe(0);
  });

  it.each([1440, 390])('fits into %i pixels', async (width) => {
    await page.setViewportSize({ width, height: 900 });
    await page.selectOption('#example', 'rejected-null.bpf.o');
    await status(/rejected-null/);
    const pictures = process.env.SCREENSHOTS;
    if (pictures) await page.screenshot({ path: join(pictures, `playground-${width}.png`), fullPage: true });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
  });
});

describe('the server', () => {
  it('gives only what is in the site', async () => {
    const { server, url } = await serve();
    try {
      const codeOf = async (path: string, method = 'GET') => (await fetch(url + path, { method })).status;
      expect(await codeOf('')).toBe(200);
      expect(await codeOf('site.json')).toBe(200);
      for (const path of ['..%2f..%2fpackage.json', '%2e%2e/build-id', 'assets', 'nothing', '%00', '%'])
        expect(await codeOf(path), path).toBe(404);
      expect(await codeOf('site.json', 'POST')).toBe(405);
    } finally {
      server.kill();
    }
  });
});
