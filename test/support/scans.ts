import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { openAppender, type AppenderOptions } from '../../src/index.js';
import { fixture } from './dying.js';
import { appendNumbered } from './logs.js';
import { temporaryLogPath } from './temporary-log.js';

export const functions = fixture('scan-functions.mjs');

/** A closed log of numbered records of one length, in small segments and frames. */
export async function numberedLog(
  count: number,
  length: number,
  options: AppenderOptions = {},
): Promise<string> {
  const path = temporaryLogPath();
  const appender = openAppender(path, {
    segmentSizeBytes: 65_536,
    maintenance: false,
    commit: { bytes: 2000, delayMs: 1_000_000 },
    ...options,
  });
  appendNumbered(appender, count, length);
  await appender.close();
  return path;
}

/** How many mappings of the log's files this process has, in all its threads. */
export function mappingsOf(log: string): number {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
  return lines.filter((line) => line.includes(log)).length;
}

/** Files of the log that this process has open, in all its threads. */
export function openFilesOf(log: string): string[] {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return links.filter((path) => path.startsWith(log));
}

/** Resolves when no thread has any of a log's files mapped: those that were stopped need a moment. */
export async function unmapped(log: string): Promise<void> {
  while (mappingsOf(log) > 0) await new Promise((resolve) => setTimeout(resolve, 5));
}
