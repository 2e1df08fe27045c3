/**
 * What it costs to capture rows of 8 numbers: CSV and JSON lines from a file on standard input, through the
 * program, into a log. Beside it the bare limits: reading the same bytes and counting newlines, and csv-parse
 * and JSON.parse on rows that go nowhere. CPU is that of all threads, start of the program included.
 */
import { spawn } from 'node:child_process';
import { closeSync, createReadStream, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parse } from 'csv-parse';
import {
  GiB,
  freshPath,
  line,
  median,
  secondsAsync,
  settle,
  title,
  warmPageCache,
} from './harness.mjs';

const ROWS = 2_000_000;
const ROUNDS = 3;
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const names = [
  'time_us',
  'sensor',
  'sequence',
  'value',
  'minimum',
  'maximum',
  'deviation',
  'count',
];

title(`${ROWS / 1e6} M rows of 8 numbers (7 with up to 13 digits, one of 16) on standard input`);
warmPageCache(2 * GiB);
const csvPath = freshPath('rows.csv');
const fullPath = freshPath('full.csv');
const jsonPath = freshPath('rows.jsonl');
write(csvPath, `${names.join()}\n`, (row) => row.join());
write(fullPath, `${names.join()}\n`, (row) => row.map(withAllDigits).join());
write(jsonPath, '', (row) => `{${row.map((value, i) => `"${names[i]}":${value}`).join()}}`);

await compare('CSV: capture stdin', () => capture(csvPath), csvPath);
await compare('  of doubles with 16 and 17 digits', () => capture(fullPath), fullPath);
await compare('  read, newlines counted', () => countLines(csvPath), csvPath);
await compare('  csv-parse, rows of strings', () => parsed(csvPath), csvPath, 1);
await compare('JSON lines: capture stdin', () => capture(jsonPath), jsonPath);
await compare('  read, newlines counted', () => countLines(jsonPath), jsonPath);
await compare('  readline and JSON.parse', () => parsedJson(jsonPath), jsonPath, 1);

async function compare(name, run, path, rounds = ROUNDS) {
  const taken = [];
  let note = '';
  for (let round = 0; round < rounds; round++) {
    settle();
    taken.push(await secondsAsync(async () => (note = (await run()) ?? '')));
  }
  const perSecond = ROWS / median(taken);
  const speed = (statSync(path).size / median(taken) / 1e6).toFixed(0);
  line(name, perSecond, 'rows', `${speed} MB/s ${note}`);
}

async function capture(path) {
  const log = freshPath('log');
  const fd = openSync(path, 'r');
  const child = spawn(process.execPath, [main, 'capture', 'stdin', log, '--json'], {
    stdio: [fd, 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  const before = cpuOfChildren();
  await new Promise((resolve) => child.once('close', resolve));
  closeSync(fd);
  const { events, rejected } = JSON.parse(text);
  if (events !== ROWS || rejected !== 0) throw new Error(`${events} events, ${rejected} rejected`);
  return `${(((cpuOfChildren() - before) * 1e6) / ROWS).toFixed(2)} µs of CPU a row`;
}

/** Seconds that ended children have taken (Linux). */
function cpuOfChildren() {
  const fields = readFileSync('/proc/self/stat', 'latin1').split(') ')[1].split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

async function countLines(path) {
  let lines = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
  }
  if (lines < ROWS) throw new Error(`${lines} lines`);
}

async function parsed(path) {
  let rows = 0;
  for await (const row of createReadStream(path).pipe(parse({ from_line: 2 })))
    rows += row.length / 8;
  if (rows !== ROWS) throw new Error(`${rows} rows`);
}

async function parsedJson(path) {
  let sum = 0;
  for await (const text of createInterface({ input: createReadStream(path) })) {
    sum += JSON.parse(text).sequence;
  }
  if (sum !== (ROWS * (ROWS - 1)) / 2) throw new Error(`a sum of ${sum}`);
}

function write(path, head, format) {
  const fd = openSync(path, 'w');
  let text = head;
  for (let i = 0; i < ROWS; i++) {
    const value = ((i * 7919) % 100_000) / 1000;
    const time = 1_700_000_000_000_000 + i * 125;
    text += `${format([time, i % 100, i, value, value - 0.25, value + 0.25, 0.125, i % 17])}\n`;
    if (text.length > 1 << 20) {
      writeSync(fd, text);
      text = '';
    }
  }
  writeSync(fd, text);
  closeSync(fd);
}

/** Numbers as a measurement has them that nobody has rounded. */
function withAllDigits(value, i) {
  return i < 3 || i === 7 ? value : Math.sqrt(value + i + 1);
}
