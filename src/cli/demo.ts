/** `demo`: real input through the whole log, every step checked. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Command } from 'commander';
import { openAppender, openReader, verifyLog, type Appender } from '../index.js';
import { parseSeconds } from './arguments.js';
import { openCounters, type CounterSource } from './counters.js';
import type { FollowResult, FollowTask } from './demo-follower.js';
import { EXIT_CODES_HELP } from './exit-codes.js';
import { Fingerprint, formatFingerprint } from './fingerprint.js';
import { Interruption } from './interruption.js';
import {
  colours,
  formatBytes,
  formatCount,
  formatSeconds,
  perSecond,
  plural,
  print,
} from './output.js';

const HELP = `
Samples this machine's own counters as fast as it can, one record a line, while a second thread
follows the log; then closes it, reads everything back, verifies it, and compares checksums. Uses a
temporary folder, removed at the end, unless a log is named, which is then kept.

Examples:
  $ stratalog demo
  $ stratalog demo --seconds 10 counters && stratalog cat --limit 20 --times counters
${EXIT_CODES_HELP}`;

/** Samples between two turns of the event loop. */
const ROUNDS_PER_TURN = 50;

export function demoCommand(): Command {
  return new Command('demo')
    .summary('see it work, in a few seconds')
    .description('Runs real input through a log and checks every step.')
    .argument('[log]', 'directory of the log (default: a temporary one)')
    .option('--seconds <n>', 'how long to sample', parseSeconds, 3)
    .addHelpText('after', HELP)
    .action(demo);
}

async function demo(log: string | undefined, options: { readonly seconds: number }): Promise<void> {
  const folder = log === undefined ? mkdtempSync(join(tmpdir(), 'stratalog-demo-')) : undefined;
  const interruption = new Interruption();
  try {
    await run(log ?? join(folder as string, 'log'), options.seconds * 1000, interruption);
  } finally {
    interruption.release();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  }
  print(folder === undefined ? `kept ${log}` : `removed ${folder}`);
  interruption.setExitCode();
}

async function run(path: string, ms: number, interruption: Interruption): Promise<void> {
  const written = await appendCounters(path, ms, interruption);
  readBack(path, written);
  lookUpTime(path, written);
  verify(path);
  print(colours.green('everything that went in came out'));
}

interface Written {
  readonly from: number;
  readonly fingerprint: Fingerprint;
  readonly middleMs: number;
}

async function appendCounters(
  path: string,
  ms: number,
  interruption: Interruption,
): Promise<Written> {
  const appender = openAppender(path, { commit: { bytes: 65536, delayMs: 10 } });
  const from = appender.nextOffset;
  const counters = openCounters();
  const follower = startFollower({ path, from });
  step('log', path);
  step('input', `${counters.description}, for ${formatSeconds(ms)}`);
  try {
    const written = await pump(appender, counters, ms, interruption);
    const { flushedOffset, durable } = await appender.flush();
    step('flush', `durable up to offset ${flushedOffset}${durable ? '' : ' (memory file system)'}`);
    await appender.close();
    expectSame('follow', await follower.result, written.fingerprint);
    return { ...written, from };
  } finally {
    counters.close();
    await appender.close();
    await follower.worker.terminate();
  }
}

async function pump(
  appender: Appender,
  counters: CounterSource,
  ms: number,
  interruption: Interruption,
): Promise<Omit<Written, 'from'>> {
  const fingerprint = new Fingerprint();
  const startedAt = performance.now();
  const middleMs = Date.now() + ms / 2;
  let bytes = 0;
  const take = (line: Uint8Array): void => {
    appender.append(line);
    fingerprint.add(line);
    bytes += line.length;
  };
  while (performance.now() - startedAt < ms && interruption.signal === undefined) {
    for (let round = 0; round < ROUNDS_PER_TURN; round++) counters.sample(take);
    await turn();
  }
  step('append', speed(fingerprint.records, bytes, performance.now() - startedAt));
  return { fingerprint, middleMs };
}

/** Starts the second thread; resolves when that has seen the close of the log. */
function startFollower(task: FollowTask): { worker: Worker; result: Promise<FollowResult> } {
  const worker = new Worker(new URL('./demo-follower.js', import.meta.url), { workerData: task });
  const result = new Promise<FollowResult>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  // Whoever asks for the result is told; a failure before that must not end the process.
  result.catch(() => {});
  return { worker, result };
}

function readBack(path: string, { from, fingerprint }: Written): void {
  const reader = openReader(path, { access: 'sequential' });
  try {
    const read = new Fingerprint();
    let bytes = 0;
    const startedAt = performance.now();
    for (const record of reader.cursor({ from, snapshot: true })) {
      read.add(record.payload);
      bytes += record.length;
    }
    step('read', speed(read.records, bytes, performance.now() - startedAt));
    expectSame('compare', { records: read.records, fingerprint: read.value }, fingerprint);
  } finally {
    reader.close();
  }
}

function lookUpTime(path: string, { middleMs }: Written): void {
  const reader = openReader(path);
  try {
    const startedAt = performance.now();
    const offset = reader.offsetAtTime(middleMs);
    const ms = performance.now() - startedAt;
    step('seek', `the middle of that time is at offset ${offset}, found in ${ms.toFixed(2)} ms`);
  } finally {
    reader.close();
  }
}

function verify(path: string): void {
  const startedAt = performance.now();
  const { isIntact, frames, segments, frameBytes } = verifyLog(path);
  const ms = performance.now() - startedAt;
  if (!isIntact) throw new Error(`Verification has found damage in ${path}`);
  const size = `${formatBytes(frameBytes)} in ${plural(frames, 'frame')}, ${plural(segments, 'segment')}`;
  step('verify', `intact: ${size}, checked in ${formatSeconds(ms)}`);
}

function expectSame(
  name: string,
  found: Pick<FollowResult, 'records' | 'fingerprint'>,
  written: Fingerprint,
): void {
  const { records, fingerprint } = found;
  if (records !== written.records || fingerprint !== written.value) {
    throw new Error(
      `Appended ${written.records} records (checksum ${formatFingerprint(written.value)}), but found ${records} (${formatFingerprint(fingerprint)})`,
    );
  }
  const who = name === 'follow' ? 'the second thread saw' : 'read back';
  step(name, `${who} all ${formatCount(records)}, checksum ${formatFingerprint(fingerprint)}`);
}

function speed(records: number, bytes: number, ms: number): string {
  const rate = formatCount(perSecond(records, ms));
  return `${plural(records, 'record')}, ${formatBytes(bytes)} in ${formatSeconds(ms)}: ${rate} records/s`;
}

function step(name: string, text: string): void {
  print(`${colours.bold(name.padEnd(9))}${text}`);
}
