/**
 * The live page of a long log: how soon the first picture is there, from the start of the program on, how soon
 * one made of all events, and what a zoom to any range costs; then, while 100,000 events a second come in, what
 * the server takes of a core, how long an append takes with and without it, in turn, and, where there is a
 * Chromium (`STRATALOG_CHROMIUM` names another), how many frames a second the page draws.
 *
 *   node bench/serve.mjs [millions of events]        default 100; 96 bytes each, which should fit into memory
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GiB, freshPath, median, settle, title, warmPageCache } from './harness.mjs';
import { makeReadings } from './readings.mjs';

const EVENTS = Number(process.argv[2] ?? 100) * 1e6;
const ROUNDS = 5;
const ZOOMS = 200;
const CAPTURE_SECONDS = 10;
const FIELDS = 'x=time_ns&y=value,sensor&px=1200';
const CHROMIUM = process.env.STRATALOG_CHROMIUM ?? '/usr/bin/chromium';
const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const WRITER = fileURLToPath(new URL('./serve-writer.mjs', import.meta.url));
const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

title(`a live page of ${EVENTS / 1e6} M events`);
warmPageCache(110 * EVENTS + GiB);
const path = freshPath('served');
await makeReadings(path, EVENTS);
settle();
await measureFirst();
await measureZooms();
await measureCapture();
await measureFrames();

function show(name, text) {
  console.log(`  ${name.padEnd(44)} ${text}`);
}

async function startServer() {
  const child = spawn(process.execPath, [MAIN, 'serve', path, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = String((await once(child.stdout, 'data'))[0]).trim();
  const stop = async () => {
    child.kill('SIGTERM');
    await once(child, 'close');
  };
  return { url, pid: child.pid, stop };
}

/** What a picture says of itself. */
async function picture(url, query = '') {
  const answer = await fetch(`${url}api/history?${FIELDS}${query}`);
  if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
  const bytes = Buffer.from(await answer.arrayBuffer());
  return JSON.parse(bytes.toString('utf8', 4, 4 + bytes.readUInt32LE(0)));
}

/** Until the server has read all of the log for this picture, which it does once. */
async function untilComplete(url) {
  while (!(await picture(url)).isComplete) await new Promise((go) => setTimeout(go, 200));
}

async function measureFirst() {
  const found = { first: [], again: [], whole: [] };
  for (let round = 0; round < ROUNDS; round++) {
    const begun = performance.now();
    const server = await startServer();
    const listening = performance.now();
    await picture(server.url);
    found.first.push(performance.now() - begun);
    found.again.push(performance.now() - listening);
    await untilComplete(server.url);
    found.whole.push(performance.now() - begun);
    await server.stop();
  }
  show('first picture, from the start of the program', ms(median(found.first)));
  show('  from when it listens', ms(median(found.again)));
  show('picture of all events', ms(median(found.whole)));
}

async function measureZooms() {
  const server = await startServer();
  await untilComplete(server.url);
  const taken = [];
  for (let i = 0; i < ZOOMS; i++) {
    const width = Math.floor(1000 * (EVENTS / 1000) ** ((i % 50) / 50));
    const from = Math.floor(Math.random() * (EVENTS - width));
    const begun = performance.now();
    const { isComplete } = await picture(server.url, `&from=${from}0000&to=${from + width}0000`);
    taken.push(performance.now() - begun);
    if (!isComplete) throw new Error(`Not all of ${width} events from ${from}`);
  }
  taken.sort((a, b) => a - b);
  const [p50, p99, worst] = [0.5, 0.99, 1].map((at) => ms(taken[Math.ceil(at * ZOOMS) - 1]));
  show(
    `${ZOOMS} zooms to 1,000 to ${EVENTS / 1e6} M events`,
    `p50 ${p50}, p99 ${p99}, worst ${worst}`,
  );
  await server.stop();
}

async function measureCapture() {
  const alone = [];
  const watched = [];
  const servers = [];
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(await capture());
    const server = await startServer();
    await untilComplete(server.url);
    const client = await follow(server.url);
    const before = cpuSeconds(server.pid);
    watched.push(await capture());
    servers.push((cpuSeconds(server.pid) - before) / CAPTURE_SECONDS);
    client.abort();
    await server.stop();
  }
  const share = (100 * median(servers)).toFixed(1);
  show('server while 100,000 events/s come in', `${share} % of a core`);
  for (const at of ['p50', 'p99']) {
    const [bare, seen] = [alone, watched].map((some) => median(some.map((each) => each[at])));
    const both = `${bare.toFixed(0)} / ${seen.toFixed(0)} ns, ${(seen / bare).toFixed(2)} ×`;
    show(`append, ${at} of ticks, nobody follows / a page`, both);
  }
}

/** The browser draws without a graphics card here, on the same cores as all the rest. */
async function measureFrames() {
  if (!existsSync(CHROMIUM)) return show('frames drawn', `not measured: no ${CHROMIUM}`);
  const server = await startServer();
  await untilComplete(server.url);
  const page = await openPage(server.url);
  await untilComplete(server.url);
  const writing = capture();
  await new Promise((go) => setTimeout(go, 1000));
  const { perSecond, longest } = await page.frames((CAPTURE_SECONDS - 2) * 1000);
  await writing;
  await page.close();
  await server.stop();
  show('frames drawn by the page', `${perSecond.toFixed(1)} a second, longest ${ms(longest)}`);
}

/** What an append took, in nanoseconds. */
async function capture() {
  const child = spawn(process.execPath, [WRITER, path, String(CAPTURE_SECONDS)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  await once(child, 'close');
  const told = JSON.parse(text);
  if (told.events < 99_000 * CAPTURE_SECONDS) throw new Error(`Only ${told.events} events`);
  return told;
}

async function follow(url) {
  const ending = new AbortController();
  const answer = await fetch(`${url}api/live?x=time_ns&y=value,sensor`, { signal: ending.signal });
  (async () => {
    for await (const _ of answer.body);
  })().catch(() => {});
  return ending;
}

async function openPage(url) {
  const { chromium } = await import('playwright-core');
  const args = ['--no-sandbox'];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args });
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(url);
  await page.waitForSelector('.panel canvas');
  return {
    frames: (duration) => page.evaluate(countFrames, duration),
    close: () => browser.close(),
  };
}

/** Runs in the page. */
function countFrames(duration) {
  return new Promise((resolve) => {
    const begun = performance.now();
    let [last, count, longest] = [begun, 0, 0];
    const next = (now) => {
      count++;
      longest = Math.max(longest, now - last);
      last = now;
      if (now - begun < duration) requestAnimationFrame(next);
      else resolve({ perSecond: (1000 * count) / (now - begun), longest });
    };
    requestAnimationFrame(next);
  });
}

function cpuSeconds(pid) {
  const after = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return (Number(after[11]) + Number(after[12])) / TICKS_PER_SECOND;
}

function ms(value) {
  return `${value.toFixed(value < 100 ? 1 : 0)} ms`;
}
