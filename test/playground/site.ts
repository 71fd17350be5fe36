/** The playground in a real browser, for tests: the built site, served by the command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { CHROMIUM } from '../chromium.ts';
import { packageRoot } from '../package-root.ts';

export const ROOT = packageRoot();

/** Programs are big and machines busy. */
const PATIENCE = { timeout: 60_000 };

export interface Server {
  readonly url: string;
  stop(): Promise<number>;
}

/** `drydock playground`, once it listens. */
export async function serve(): Promise<Server> {
  const child: ChildProcess = spawn(process.execPath, [
    join(ROOT, 'dist/cli/main.js'),
    'playground',
    '--port',
    '0',
  ]);
  const url = await new Promise<string>((resolve) =>
    child.stdout?.once('data', (text) => resolve(String(text).trim())),
  );
  const ended = new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? -1)));
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  return { url, stop };
}

export function object(path: string): Buffer {
  return readFileSync(join(ROOT, 'programs', path));
}

/** Directory for pictures of what is tested; none when not set. */
const PICTURES = process.env.SCREENSHOTS;

/** A page of the playground, whose errors are collected. */
export class Visit {
  readonly page: Page;
  readonly context: BrowserContext;
  readonly errors: string[] = [];

  private constructor(context: BrowserContext, page: Page, url: string) {
    this.context = context;
    this.page = page;
    page.on('console', (message) => {
      if (message.type() === 'error') this.errors.push(message.text());
    });
    page.on('pageerror', (error) => this.errors.push(error.message));
    context.on('request', (request) => {
      const asked = request.url();
      if (!asked.startsWith(url) && !/^(data|blob):/.test(asked)) this.errors.push(`asks ${asked}`);
    });
  }

  static async open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visit> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
    return new Visit(context, await context.newPage(), url);
  }

  status(text: RegExp): Promise<void> {
    return this.page.getByRole('status').filter({ hasText: text }).first().waitFor(PATIENCE);
  }

  alert(text: RegExp): Promise<void> {
    return this.page.getByRole('alert').filter({ hasText: text }).waitFor(PATIENCE);
  }

  text(selector: string, text: RegExp): Promise<void> {
    return this.page.locator(selector).filter({ hasText: text }).first().waitFor(PATIENCE);
  }

  async view(name: string): Promise<void> {
    await this.page.getByRole('tab', { name }).click();
  }

  button(name: string | RegExp, options: { exact?: boolean } = { exact: true }) {
    return this.page.getByRole('button', { name, ...options });
  }

  /** Chooses a file as a user does. */
  put(name: string, bytes: Buffer): Promise<void> {
    return this.page.setInputFiles('#file', { name, mimeType: 'application/octet-stream', buffer: bytes });
  }

  async picture(name: string): Promise<void> {
    if (PICTURES) await this.page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
  }
}

interface Site {
  readonly url: string;
  readonly browser: Browser;
  /** A page for the test that runs; it is closed, and has to be without errors, behind it. */
  visit(options?: BrowserContextOptions): Promise<Visit>;
}

/**
 * Tests in a browser; skipped where there is none. One that fails is tried again: on a machine that others use, a
 * browser may be later than anybody waits. What is wrong is wrong each time.
 */
export function describeSite(name: string, tests: (site: () => Site) => void): void {
  describe.skipIf(CHROMIUM === undefined)(name, { timeout: 180_000, retry: 2 }, () => {
    let server: Server;
    let browser: Browser;
    let visits: Visit[] = [];

    beforeAll(async () => {
      server = await serve();
      browser = await chromium.launch({ executablePath: CHROMIUM as string, args: ['--no-sandbox'] });
    });
    afterAll(async () => {
      await browser?.close();
      expect(await server.stop()).toBe(0);
    });
    afterEach(async () => {
      const done = visits;
      visits = [];
      for (const { context } of done) await context.close();
      expect(done.flatMap(({ errors }) => errors)).toEqual([]);
    });

    const visit = async (options?: BrowserContextOptions) => {
      const made = await Visit.open(browser, server.url, options);
      visits.push(made);
      await made.page.goto(server.url);
      return made;
    };
    tests(() => ({ url: server.url, browser, visit }));
  });
}
