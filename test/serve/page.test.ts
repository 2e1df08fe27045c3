/** The page in a real browser. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { openAppender, openEventAppender } from '../../src/index.js';
import { browserPath, openPage, useBrowser, type Watched } from '../support/browser.js';
import { served } from '../support/served.js';
import { sensorEvents, sensorLog, sensorSchema } from '../support/sensor-log.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

useBrowser();
const opened: Watched[] = [];

afterEach(async () => {
  for (const { page, faults, requests } of opened.splice(0)) {
    const { origin } = new URL(page.url());
    await page.context().close();
    expect(faults).toEqual([]);
    expect(requests.filter((url) => new URL(url).origin !== origin)).toEqual([]);
  }
});

async function open(...given: Parameters<typeof openPage>): Promise<Page> {
  const watched = await openPage(...given);
  opened.push(watched);
  return watched.page;
}

const log = (count = 2000): Promise<string> => sensorLog(sensorEvents(count));

const sites: Server[] = [];

afterEach(async () => {
  for (const site of sites.splice(0)) {
    site.closeAllConnections();
    await new Promise((closed) => site.close(closed));
  }
});

/** A server of this HTML alone; returns its address. */
async function siteOf(html: string): Promise<string> {
  const site = createServer((_, response) =>
    response.setHeader('Content-Type', 'text/html').end(`<link rel="icon" href="data:,">${html}`),
  );
  sites.push(site);
  await new Promise<void>((listening) => site.listen(0, '127.0.0.1', listening));
  return `http://127.0.0.1:${(site.address() as AddressInfo).port}/`;
}

/** Until something of it has been drawn. */
async function untilDrawn(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelectorAll('.panel canvas').length > 0);
  await page.waitForFunction(() =>
    /\d to /.test(document.querySelector('#span-text')?.textContent ?? ''),
  );
  await page.waitForFunction(inkOnPlots);
}

/** Coloured pixels: lines, and no axes. Runs in the page. */
function inkOnPlots(): number {
  let ink = 0;
  for (const canvas of document.querySelectorAll<HTMLCanvasElement>('.panel canvas')) {
    const { data } = canvas.getContext('2d')?.getImageData(0, 0, canvas.width, canvas.height) ?? {
      data: [],
    };
    for (let i = 0; i < data.length; i += 4) {
      const [r = 0, g = 0, b = 0, a = 0] = [data[i], data[i + 1], data[i + 2], data[i + 3]];
      if (a > 100 && Math.max(r, g, b) - Math.min(r, g, b) > 60) ink++;
    }
  }
  return ink;
}

/** Of the rows of pixels in the right half of the first plot, how many the line has something in. */
function shareOfRowsWithInk(): number {
  const canvas = document.querySelector<HTMLCanvasElement>('.panel canvas');
  if (canvas === null) return 0;
  const { width, height } = canvas;
  const left = Math.floor(width / 2);
  const { data } = canvas.getContext('2d')?.getImageData(left, 0, width - left, height) ?? {
    data: [],
  };
  const rows = new Set<number>();
  for (let i = 0; i < data.length; i += 4) {
    const [r = 0, g = 0, b = 0, a = 0] = [data[i], data[i + 1], data[i + 2], data[i + 3]];
    if (a > 100 && Math.max(r, g, b) - Math.min(r, g, b) > 60) {
      rows.add(Math.floor(i / 4 / (width - left)));
    }
  }
  return rows.size / height;
}

function viewOf(page: Page): string {
  return new URLSearchParams(new URL(page.url()).hash.slice(1)).get('view') ?? '';
}

async function spanText(page: Page): Promise<string> {
  return (await page.textContent('#span-text')) ?? '';
}

/** Marks a part of the first plot with the mouse. */
async function drag(page: Page, from: number, to: number): Promise<void> {
  const box = await page.locator('.panel .u-over').first().boundingBox();
  if (box === null) throw new Error('There is no plot');
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * from, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * ((from + to) / 2), y, { steps: 3 });
  await page.mouse.move(box.x + box.width * to, y, { steps: 3 });
  await page.mouse.up();
}

/** Fingers on the first plot: where each is along it, from 0 to 1, at one moment after the other. */
async function touch(page: Page, moments: readonly (readonly number[])[]): Promise<void> {
  const box = await page.locator('.panel .u-over').first().boundingBox();
  if (box === null) throw new Error('There is no plot');
  const y = box.y + box.height / 2;
  const session = await page.context().newCDPSession(page);
  for (const [i, places] of moments.entries()) {
    const touchPoints = places.map((share, id) => ({ x: box.x + box.width * share, y, id }));
    const type = i === 0 ? 'touchStart' : 'touchMove';
    await session.send('Input.dispatchTouchEvent', { type, touchPoints });
  }
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
}

function startOf(view: string): number {
  return Number(view.split('..')[0]);
}

function widthOf(view: string): number {
  const [from = 0n, to = 0n] = view.split('..').map(BigInt);
  return Number(to - from);
}

describe.skipIf(browserPath === undefined)('the page', () => {
  it('draws a log that was closed as a whole, with its newest events and its segments', async () => {
    const page = await open((await served(await log())).url);
    await untilDrawn(page);
    expect(await page.title()).toBe('log · stratalog');
    expect(await spanText(page)).toBe('2026-01-31 12:00:00 to 2026-01-31 12:33:19, 33.317 min');
    await expect.poll(() => page.textContent('#writer')).toBe('closed');
    await expect.poll(() => page.textContent('#total')).toBe('2.0 k');
    await page.waitForSelector('#rows tbody tr');
    expect(await page.textContent('#rows tbody tr td')).toBe('1,999');
    expect(await page.locator('#segments i').count()).toBe(1);
  });

  it('zooms to what is marked, says so in its address, and a link to it shows the same', async () => {
    const page = await open((await served(await log())).url);
    await untilDrawn(page);
    await drag(page, 0.25, 0.5);
    await page.waitForFunction(() => location.hash.includes('view=17'));
    const [from = '', to = ''] = viewOf(page).split('..');
    const seconds = (text: string): number => Number(BigInt(text) / 1_000_000_000n) - 1_769_860_800;
    expect(seconds(from)).toBeGreaterThan(450);
    expect(seconds(from)).toBeLessThan(550);
    expect(seconds(to)).toBeGreaterThan(950);
    expect(seconds(to)).toBeLessThan(1050);
    await page.waitForFunction(inkOnPlots);
    // While the pointer is over a plot, the text is of the place below it.
    await page.mouse.move(0, 0);
    await page.waitForFunction(() =>
      document.querySelector('#span-text')?.textContent?.includes(' to '),
    );
    const text = await spanText(page);
    const other = await open(page.url());
    await untilDrawn(other);
    expect(await spanText(other)).toBe(text);
    await page.click('#back');
    await page.waitForFunction(() => location.hash.endsWith('view=..'));
    await page.waitForFunction(() =>
      document.querySelector('#span-text')?.textContent?.endsWith('33.317 min'),
    );
    await drag(page, 0.1, 0.3);
    await page.waitForFunction(() => location.hash.includes('view=17'));
    const marked = viewOf(page);
    await drag(page, 0.4, 0.6);
    await page.waitForFunction((old) => !location.hash.includes(old), marked);
    await page.locator('.panel .u-over').first().dblclick();
    await page.waitForFunction((old) => location.hash.endsWith(old), marked);
    await page.mouse.move(0, 0);
    await page.waitForFunction(() =>
      /^2026-01-31 12:0[34].* to /.test(document.querySelector('#span-text')?.textContent ?? ''),
    );
  });

  it('is moved by keys: closer, later, all, back', async () => {
    const page = await open((await served(await log())).url);
    await untilDrawn(page);
    await page.keyboard.press('+');
    expect(viewOf(page)).toMatch(/^\d+\.\.\d+$/);
    const before = viewOf(page);
    await page.keyboard.press('ArrowRight');
    expect(viewOf(page)).not.toBe(before);
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('-');
    await page.keyboard.press('0');
    expect(viewOf(page)).toBe('..');
    await page.keyboard.press('?');
    expect(await page.isVisible('#keys')).toBe(true);
    await page.keyboard.press('Escape');
    expect(await page.isVisible('#keys')).toBe(false);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    const outline = await page.evaluate(
      () => getComputedStyle(document.activeElement ?? document.body).outlineStyle,
    );
    expect(outline).not.toBe('none');
  });

  it('zooms around the pointer with the wheel, and moves sideways', async () => {
    const page = await open((await served(await log())).url);
    await untilDrawn(page);
    await page.locator('.panel .u-over').first().hover();
    await page.mouse.wheel(0, -300);
    await page.waitForFunction(() => /view=\d+\.\.\d+/.test(location.hash));
    const zoomed = viewOf(page);
    await page.mouse.wheel(200, 0);
    await page.waitForFunction((old) => !location.hash.includes(old), zoomed);
    const [from = '0', to = '0'] = viewOf(page).split('..');
    const [oldFrom = '0', oldTo = '0'] = zoomed.split('..');
    expect(BigInt(from)).toBeGreaterThan(BigInt(oldFrom));
    expect(Number(BigInt(to) - BigInt(from))).toBeCloseTo(
      Number(BigInt(oldTo) - BigInt(oldFrom)),
      -4,
    );
  });

  it('follows a capture, holds still on space, and follows again', async () => {
    const path = temporaryLogPath();
    const appender = openEventAppender(path, {
      schema: sensorSchema,
      commit: 'each',
      flush: 'none',
    });
    const [model] = sensorEvents(1);
    let i = 0;
    const append = (): void => {
      const time_ns = BigInt(Date.now()) * 1_000_000n;
      appender.append({ ...model, time_ns, value: Math.sin(i++ / 40) });
    };
    for (let k = 0; k < 100; k++) append();
    const timer = setInterval(append, 10);
    const page = await open((await served(path)).url);
    await untilDrawn(page);
    expect(viewOf(page) || 'live:60000000000').toBe('live:60000000000');
    await expect.poll(() => page.textContent('#writer')).toBe('live');
    const first = await page.textContent('#total');
    await page.selectOption('#span', { label: '2 s' });
    await page.waitForFunction(inkOnPlots);
    await page.waitForFunction(
      (old) => document.querySelector('#total')?.textContent !== old,
      first,
    );
    await page.click('h1');
    await page.keyboard.press(' ');
    expect(viewOf(page)).toMatch(/^\d+\.\.\d+$/);
    expect(await page.getAttribute('#live', 'aria-pressed')).toBe('false');
    const still = await spanText(page);
    await page.waitForTimeout(400);
    expect(await spanText(page)).toBe(still);
    await page.keyboard.press(' ');
    expect(viewOf(page)).toBe('live:2000000000');
    const names = page.locator('#tailers tbody tr td:first-child');
    await names.first().waitFor();
    expect(await names.allTextContents()).toEqual(['stratalog serve']);
    clearInterval(timer);
    await page.context().close();
    opened.pop();
    await appender.close();
  });

  it('draws a line for each value of a field, and hides one that is switched off', async () => {
    const page = await open((await served(await log())).url);
    await untilDrawn(page);
    await page.selectOption('#by', 'sensor');
    await page.waitForFunction(() => document.querySelectorAll('.legend button').length === 4);
    expect(page.url()).toContain('by=sensor');
    const button = page.locator('.legend button').first();
    await button.click();
    expect(await button.getAttribute('aria-pressed')).toBe('false');
  });

  it('draws infinite values at the edge, and the others as if there were none', async () => {
    const events = sensorEvents(400).map((event, i) => ({
      ...event,
      value: i === 100 ? Infinity : i === 150 ? -Infinity : Math.sin(i / 10),
    }));
    const page = await open(`${(await served(await sensorLog(events))).url}#y=value`);
    await untilDrawn(page);
    // A line that goes up and down takes most of the rows.
    expect(await page.evaluate(shareOfRowsWithInk)).toBeGreaterThan(0.4);
    const over = await page.locator('.panel .u-over').first().boundingBox();
    if (over === null) throw new Error('There is no plot');
    await page.mouse.move(over.x + (over.width * 100) / 399, over.y + 20);
    await page.waitForFunction(() =>
      document.querySelector('.legend button')?.textContent?.includes('∞'),
    );
  });

  it('draws other fields, along the offset as well', async () => {
    const page = await open((await served(await log())).url);
    await untilDrawn(page);
    await page.click('#fields summary');
    await page.check('#choices input[value=late_us]');
    await page.waitForFunction(() => document.querySelectorAll('.panel').length === 2);
    await page.keyboard.press('Escape');
    await page.selectOption('#x', '$offset');
    await page.waitForFunction(() =>
      document.querySelector('#span-text')?.textContent?.startsWith('offset 0 to offset 1,999'),
    );
    await page.waitForFunction(inkOnPlots);
    expect(page.url()).toContain('y=value,late_us');
  });

  it('is light or dark as the system is, and as it is switched', async () => {
    const server = await served(await log());
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open(server.url, { colorScheme });
      await untilDrawn(page);
      const shade = (): Promise<number> =>
        page.evaluate(() =>
          Number(/\d+/.exec(getComputedStyle(document.body).backgroundColor)?.[0]),
        );
      expect((await shade()) > 128).toBe(colorScheme === 'light');
      await page.click('#theme');
      expect((await shade()) > 128).toBe(colorScheme === 'dark');
      await page.reload();
      await untilDrawn(page);
      expect((await shade()) > 128).toBe(colorScheme === 'dark');
    }
  });

  it('fits on a phone: nothing is wider than the screen', async () => {
    const page = await open((await served(await log())).url, {
      viewport: { width: 360, height: 740 },
      hasTouch: true,
      isMobile: true,
    });
    await untilDrawn(page);
    await page.waitForSelector('#rows tbody tr');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    await page.click('#fields summary');
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
    await page.tap('h1');
    await page.tap('#in');
    await page.waitForFunction(() => /view=\d+\.\.\d+/.test(location.hash));
  });

  it('is moved by one finger and zoomed by two', async () => {
    const page = await open((await served(await log())).url, {
      viewport: { width: 360, height: 740 },
      hasTouch: true,
      isMobile: true,
    });
    await untilDrawn(page);
    await page.tap('#in');
    await page.waitForFunction(() => /view=\d+\.\.\d+/.test(location.hash));
    const zoomed = viewOf(page);
    await touch(page, [[0.3], [0.5], [0.7]]);
    const movedBy = (): number => (startOf(zoomed) - startOf(viewOf(page))) / widthOf(zoomed);
    await expect.poll(movedBy).toBeCloseTo(0.4, 1);
    const moved = viewOf(page);
    expect(widthOf(moved) / widthOf(zoomed)).toBeCloseTo(1, 3);
    await touch(page, [
      [0.4, 0.6],
      [0.3, 0.7],
      [0.2, 0.8],
    ]);
    await expect.poll(() => widthOf(viewOf(page)) / widthOf(moved)).toBeCloseTo(1 / 3, 1);
    expect(startOf(viewOf(page))).toBeGreaterThan(startOf(moved));
  });

  it('has names for everything that can be pressed or chosen', async () => {
    const page = await open((await served(await log())).url);
    await untilDrawn(page);
    for (const role of ['button', 'combobox', 'checkbox', 'searchbox'] as const) {
      for (const each of await page.getByRole(role).all()) {
        const name = await each.evaluate((control: HTMLInputElement) =>
          [
            control.getAttribute('aria-label'),
            control.textContent,
            control.title,
            control.labels?.[0]?.textContent,
          ].join(''),
        );
        expect(name.trim()).not.toBe('');
      }
    }
  });

  it('shows a log without a schema, whatever its bytes are, as text', async () => {
    const path = temporaryLogPath();
    const appender = openAppender(path);
    appender.append(bytes('<img src=x onerror=alert(1)>'));
    await appender.close();
    const page = await open((await served(path)).url);
    await page.waitForSelector('#rows tbody tr');
    expect(await page.textContent('#rows tbody tr')).toContain('<img src=x onerror=alert(1)>');
    expect(await page.textContent('#plots')).toContain('no schema');
    expect(await page.locator('img').count()).toBe(0);
  });

  it('says when the connection is lost, and goes on when it is back', async () => {
    const path = await log();
    const server = await served(path);
    const watched = await openPage(server.url);
    const { page } = watched;
    await untilDrawn(page);
    await server.close();
    await page.waitForSelector('#banner:not([hidden])');
    expect(await page.textContent('#banner')).toContain('connection is lost');
    await served(path, { port: server.port });
    await page.waitForSelector('#banner', { state: 'hidden' });
    await page.context().close();
    expect(watched.faults.filter((fault) => !/ERR_|Failed to load/.test(fault))).toEqual([]);
  });

  it('asks for a token once', async () => {
    const server = await served(await log(), { token: 'a-token-of-24-characters' });
    const page = await open(server.url);
    await untilDrawn(page);
    expect(page.url()).not.toContain('token');
  });

  it('is opened by links on other sites, with the token in them and afterwards without', async () => {
    const { url } = await served(await log(), { token: 'a-token-of-24-characters' });
    const links = `<a id="first" href="${url}">x</a><a id="later" href="${new URL('/', url).href}">x</a>`;
    // By its name it is another site.
    const elsewhere = (await siteOf(links)).replace('127.0.0.1', 'localhost');
    const page = await open(elsewhere);
    for (const link of ['#first', '#later']) {
      await page.goto(elsewhere);
      await page.click(link);
      await untilDrawn(page);
    }
    // What was asked of the other site is none of the page's.
    opened.splice(0).forEach(({ faults }) => expect(faults).toEqual([]));
    await page.context().close();
  });
});
