/** A real browser for tests of the page, where there is one. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll } from 'vitest';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

const PLACES = [
  process.env['STRATALOG_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

/** `undefined`: there is none, and tests of the page are left out. */
export const browserPath = PLACES.find((path) => path !== undefined && existsSync(path));

if (browserPath === undefined) {
  process.stderr.write(
    'No browser was found: tests of the page are left out. Install chromium, or name one in STRATALOG_CHROMIUM.\n',
  );
}

/** What has gone wrong in a page, and what it has asked of whom. */
export interface Watched {
  readonly page: Page;
  /** Errors of scripts, of the console, and violations of the policy. */
  readonly faults: string[];
  readonly requests: string[];
}

let browser: Browser | undefined;

export function useBrowser(): void {
  beforeAll(async () => {
    if (browserPath === undefined) return;
    browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'] });
  });
  afterAll(() => browser?.close());
}

export async function openPage(url: string, options: BrowserContextOptions = {}): Promise<Watched> {
  if (browser === undefined) throw new Error('The browser has not been started');
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const faults: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    // Tests count pixels.
    if (message.text().includes('willReadFrequently')) return;
    if (['error', 'warning'].includes(message.type())) faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, faults, requests };
}
