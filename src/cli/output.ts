/** What goes to the terminal, or to whoever reads instead of one. */
import pc from 'picocolors';
import type { OffsetRange } from '../index.js';
import { visible } from './terminal-text.js';

/** Colours where standard output is a terminal that has them. */
export const colours = pc.createColors(
  process.stdout.isTTY && pc.isColorSupported && process.env['NO_COLOR'] === undefined,
);

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
}

/** One line on standard error, for what is not the result; it may quote what others have written. */
export function note(message: string): void {
  process.stderr.write(`stratalog: ${visible(message)}\n`);
}

/** One line, whatever the message holds; the stack only for those who ask for it. */
export function printError(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  note(message.replaceAll(/\s*\n\s*/g, ' '));
  if (process.env['STRATALOG_DEBUG'] && error instanceof Error) {
    process.stderr.write(`${error.stack}\n`);
  }
}

export function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}

const COUNT_UNITS = ['', 'k', 'M', 'G', 'T', 'P'];

/** Four characters or five, such as `999`, `1.2k` and `250M`, where there is no room for more. */
export function formatShort(count: number): string {
  let unit = 0;
  let value = count;
  for (; value >= 999.5 && unit < COUNT_UNITS.length - 1; unit++) value /= 1000;
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toFixed(1)}${COUNT_UNITS[unit]}`;
}

export function plural(count: number, one: string): string {
  return `${formatCount(count)} ${one}${count === 1 ? '' : 's'}`;
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function formatBytes(bytes: number): string {
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit < BYTE_UNITS.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${BYTE_UNITS[unit]}`;
}

export function formatSeconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(2)} s` : `${(ms / 1000).toFixed(1)} s`;
}

/** `count` things in `ms`, per second; 0 if no time has passed. */
export function perSecond(count: number, ms: number): number {
  return ms > 0 ? (count * 1000) / ms : 0;
}

/** `offsets 3 to 9`, of an exclusive-ended range. */
export function formatOffsets({ from, to }: OffsetRange): string {
  return to - from === 1 ? `offset ${from}` : `offsets ${from} to ${to - 1}`;
}

export function formatTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** Tells of a gap between two records. */
export function noteLost(range: OffsetRange): void {
  note(`${formatOffsets(range)} lost to damage before a repair`);
}

/** Columns, each as wide as its widest cell; all but the last right-aligned. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) =>
    Math.max(...rows.map((row) => row[at]?.length ?? 0)),
  );
  const last = widths.length - 1;
  return rows
    .map((row) =>
      row.map((cell, at) => (at === last ? cell : cell.padStart(widths[at] ?? 0))).join('  '),
    )
    .join('\n');
}
