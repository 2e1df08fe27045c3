/** `demo`: the main job on real data, every step told and checked. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Command } from 'commander';
import {
  capture,
  chartToSvg,
  countRecords,
  plotLines,
  queryEvents,
  systemCounters,
  systemSource,
  verifyEventLog,
  verifyLogInParallel,
  type CaptureReport,
  type QueryTable,
  type SystemReport,
} from '../index.js';
import { parseSeconds } from './arguments.js';
import type { FollowResult, FollowTask } from './demo-follower.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { Interruption } from './interruption.js';
import {
  colours,
  formatBytes,
  formatCount,
  formatOffsets,
  formatSeconds,
  plural,
  print,
  table,
} from './output.js';
import { ProgressLine } from './progress.js';

const HELP = `
Captures this machine's own counters a thousand times a second while two threads follow; then scans and
queries what was captured, in parallel, verifies it, and draws it. Every step says how fast it went, and
the threads' and the query's answers are compared. Uses a temporary folder; the log in it is removed at the
end, unless one is named, which is then kept.

Examples:
  $ stratalog demo
  $ stratalog demo --seconds 30 counters && stratalog stats counters
${EXIT_CODES_HELP}`;

const RATE_HZ = 1000;
const FOLLOWERS = 2;
/** What is asked about and drawn, of those that a machine has: the first two. */
const INTERESTING = ['context_switches', 'interrupts'];
const LABEL_WIDTH = 10;

export function demoCommand(): Command {
  return new Command('demo')
    .summary('see it work, in a few seconds')
    .description('Captures, follows, scans, queries, verifies and draws real data.')
    .argument('[log]', 'directory of the log (default: a temporary one)')
    .option('--seconds <n>', 'how long to capture', parseSeconds, 10)
    .addHelpText('after', HELP)
    .action(demo);
}

async function demo(log: string | undefined, options: { readonly seconds: number }): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'stratalog-demo-'));
  const path = log ?? join(folder, 'log');
  const picture = join(folder, 'counters.svg');
  const ending = new AbortController();
  const interruption = new Interruption(() => ending.abort());
  try {
    const captured = await captureAndFollow(path, options.seconds * 1000, ending.signal);
    if (captured.ended !== 'signal') await lookAt(path, captured, picture);
  } catch (error) {
    // Stopped before it had begun.
    if (!ending.signal.aborted || error !== ending.signal.reason) throw error;
  } finally {
    interruption.release();
    if (log === undefined) rmSync(path, { recursive: true, force: true });
    if (!existsSync(picture)) rmSync(folder, { recursive: true, force: true });
  }
  interruption.setExitCode();
}

// --- Capture, while others follow ---

/** A capture, and what its followers have seen of it. */
interface Captured extends CaptureReport {
  readonly followers: readonly FollowResult[];
}

async function captureAndFollow(path: string, ms: number, signal: AbortSignal): Promise<Captured> {
  const counters = systemCounters().length;
  const what = `${counters} counters of this machine, ${RATE_HZ} times a second`;
  tell('capture', `${what}, for ${formatSeconds(ms)}`);
  tell('', path);
  const source = systemSource({ rateHz: RATE_HZ });
  const followers: Follower[] = [];
  const progress = new ProgressLine();
  try {
    const report = await capture(source, path, {
      signal,
      durationMs: ms,
      commit: 'each',
      onStart: (from) => {
        for (let i = 0; i < FOLLOWERS; i++) followers.push(startFollower({ path, from }));
      },
      onProgress: ({ events, elapsedMs }) =>
        progress.update(() => `${progress.bar('capture', elapsedMs / ms)}  ${events} events`),
    });
    progress.end();
    tellCapture(report, source.report());
    const results = await Promise.all(followers.map(({ result }) => result));
    results.forEach(tellFollower);
    return { ...report, followers: results };
  } finally {
    progress.end();
    await Promise.all(followers.map(({ worker }) => worker.terminate()));
  }
}

function tellCapture(report: CaptureReport, timing: SystemReport): void {
  const { events, bytes, firstOffset, nextOffset } = report;
  const { achievedHz, lateUs, missedTicks, processCpu } = timing;
  const offsets = formatOffsets({ from: firstOffset, to: nextOffset });
  tell('', `${plural(events, 'event')}, ${formatBytes(bytes)}, ${offsets}`);
  const cpu = `${(100 * processCpu).toFixed(0)} % of a core, all threads`;
  tell('', `${achievedHz.toFixed(1)} a second, ${missedTicks} missed; ${cpu}`);
  tell('', `late by ${us(lateUs.p50)} (half of them), ${us(lateUs.p99)} (99 %)`);
}

function tellFollower({ events, ageUs }: FollowResult, index: number): void {
  const seen = `${plural(events, 'event')}, each seen`;
  const ages = `${us(ageUs.p50)} after it was sampled (half of them), ${us(ageUs.p99)} (99 %)`;
  tell('tail', `thread ${index + 1} followed: ${seen} ${ages}`);
}

interface Follower {
  readonly worker: Worker;
  /** Resolves when it has seen the close of the log. */
  readonly result: Promise<FollowResult>;
}

function startFollower(task: FollowTask): Follower {
  const worker = new Worker(new URL('./demo-follower.js', import.meta.url), { workerData: task });
  const result = new Promise<FollowResult>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  // Whoever asks for the result is told; a failure before that must not end the process.
  result.catch(() => {});
  return { worker, result };
}

// --- Look at it ---

async function lookAt(path: string, captured: Captured, picture: string): Promise<void> {
  const { firstOffset: from, nextOffset: to } = captured;
  await count(path, { from, to });
  await query(path, { from, to }, captured);
  await verify(path);
  await draw(path, { from, to }, picture);
  print(
    colours.green('what the threads saw, what the query says, and what was captured is the same'),
  );
}

interface Range {
  readonly from: number;
  readonly to: number;
}

async function count(path: string, range: Range): Promise<void> {
  const startedAt = performance.now();
  const { value } = await countRecords(path, range);
  const ms = performance.now() - startedAt;
  expectSame('scan', value, range.to - range.from);
  tell(
    'scan',
    `${plural(value, 'record')} counted in parallel in ${ms.toFixed(0)} ms, threads started included`,
  );
}

async function query(path: string, range: Range, { followers }: Captured): Promise<void> {
  const startedAt = performance.now();
  const counters = interesting();
  const { value } = await queryEvents(
    path,
    {
      groupBy: [{ field: 'time_ns', every: 1_000_000_000, as: 'second' }],
      select: {
        samples: { fn: 'count' },
        ...Object.fromEntries(counters.map((field) => [field, { fn: 'increase', field } as const])),
        late: { fn: 'quantile', field: 'late_ns', at: 0.99 },
        lateSum: { fn: 'sum', field: 'late_ns' },
      },
    },
    range,
  );
  const ms = performance.now() - startedAt;
  tell(
    'query',
    `what happened in each second, from ${plural(value.events, 'event')}, in ${ms.toFixed(0)} ms`,
  );
  print(secondsTable(value, counters));
  const lateNs = sumOf(value, 'lateSum');
  for (const follower of followers) {
    expectSame('tail', follower.events, value.events);
    expectSame('tail', follower.lateNs, lateNs);
  }
}

function secondsTable(value: QueryTable, counters: readonly string[]): string {
  const header = [
    'second',
    'samples',
    ...counters.map((name) => name.replaceAll('_', ' ')),
    'late (p99)',
  ];
  const rows = value.rows.map((row) => [
    new Date(Number(row['second']) / 1e6).toISOString().slice(11, 19),
    formatCount(Number(row['samples'])),
    ...counters.map((name) => formatCount(Number(row[name]))),
    us(Number(row['late']) / 1000),
  ]);
  return table([header, ...rows].map((cells) => [' '.repeat(LABEL_WIDTH), ...cells]));
}

async function verify(path: string): Promise<void> {
  const startedAt = performance.now();
  const { isIntact, records, frames } = await verifyLogInParallel(path);
  const events = verifyEventLog(path);
  const ms = performance.now() - startedAt;
  if (!isIntact || !events.isIntact) throw new Error(`Cannot verify ${path}: it is damaged`);
  tell(
    'verify',
    `${plural(records, 'record')} in ${plural(frames, 'frame')}: every checksum and every event is sound; ${ms.toFixed(0)} ms`,
  );
}

async function draw(path: string, range: Range, picture: string): Promise<void> {
  const startedAt = performance.now();
  const { value: chart } = await plotLines(path, { y: interesting(), rate: true }, range);
  writeFileSync(picture, chartToSvg(chart));
  tell('plot', `${picture}, in ${(performance.now() - startedAt).toFixed(0)} ms`);
}

function interesting(): string[] {
  const there = systemCounters().map(({ name }) => name);
  const found = INTERESTING.filter((name) => there.includes(name));
  return found.length > 0 ? found : there.slice(0, 2);
}

function sumOf(value: QueryTable, name: string): number {
  return (value.columns[name] ?? []).reduce<number>((sum, cell) => sum + Number(cell), 0);
}

function expectSame(what: string, found: number, expected: number): void {
  if (found === expected) return;
  throw new Error(`The demo failed: ${what} has ${found}, expected ${expected}`);
}

function us(value: number): string {
  return value < 1000 ? `${value.toFixed(0)} µs` : `${(value / 1000).toFixed(1)} ms`;
}

function tell(what: string, text: string): void {
  print(`${colours.bold(what.padEnd(LABEL_WIDTH))}${text}`);
}
