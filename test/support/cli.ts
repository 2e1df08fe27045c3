import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { openAppender, type CaptureReport } from '../../src/index.js';
import { allFrames, copyOf, flipBit, segmentFile, type FrameOnDisk } from './log-damage.js';
import { bytes, temporaryLogPath } from './temporary-log.js';

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** What a capture or an import has told with `--json`. */
export function reportOf({ stdout }: Pick<CliResult, 'stdout'>): CaptureReport {
  return JSON.parse(stdout.toString()) as CaptureReport;
}

/** Starts the built program; its environment asks for neither colours nor stacks. */
export function startCli(args: readonly string[]): ChildProcessWithoutNullStreams {
  const { STRATALOG_DEBUG: _debug, FORCE_COLOR: _force, ...env } = process.env;
  const child = spawn(process.execPath, [main, ...args], { env: { ...env, NO_COLOR: '1' } });
  // A program that has had enough input closes it; what that means is for its exit code to say.
  child.stdin.on('error', () => {});
  return child;
}

export function finished(child: ChildProcessWithoutNullStreams): Promise<CliResult> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const texts = { stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() };
      resolve({ code, signal, ...texts });
    });
  });
}

/** Runs the program to its end, with `input` on its standard input. */
export function runCli(
  args: readonly string[],
  input: Uint8Array | string = '',
): Promise<CliResult> {
  const child = startCli(args);
  child.stdin.end(input);
  return finished(child);
}

/** Records as `--framing length` has them. */
export function framed(records: readonly Uint8Array[]): Buffer {
  const pieces = records.map((record) => {
    const prefix = Buffer.alloc(4);
    prefix.writeUInt32LE(record.length);
    return Buffer.concat([prefix, record]);
  });
  return Buffer.concat(pieces);
}

/** A log that was not closed, durable from end to end, and damaged in the record at `offset`. */
export async function logWithDamagedEnd(
  records: readonly string[],
  offset: number,
): Promise<string> {
  const path = temporaryLogPath();
  const appender = openAppender(path, { flush: 'none' });
  for (const record of records) appender.append(bytes(record));
  await appender.flush();
  // It names the bound.
  appender.append(bytes('behind'));
  const copy = copyOf(path);
  await appender.close();
  const { segment, position } = allFrames(copy)[offset] as FrameOnDisk;
  flipBit(segmentFile(copy, segment), position + 70);
  return copy;
}

/** A closed log of these records, each committed by itself. */
export async function madeLog(records: readonly string[]): Promise<string> {
  const path = temporaryLogPath();
  const appender = openAppender(path);
  for (const record of records) appender.append(bytes(record));
  await appender.close();
  return path;
}
