/** Results of a query, or the like, on standard output. */
import type { Cell } from '../index.js';
import { csvField, resultJson } from './cell-text.js';
import { Sink } from './sink.js';
import { visibleLines } from './terminal-text.js';

export type CsvCell = Cell | readonly unknown[];

/** Writes line by line: a result may have millions of rows. */
export async function printLines(lines: Iterable<string>, end = '\n'): Promise<void> {
  const sink = new Sink(process.stdout);
  for (const line of lines) {
    sink.text(line);
    sink.text(end);
    if (sink.isFull) await sink.drain();
  }
  await sink.drain();
}

/** Lines end as RFC 4180 has it. A terminal is not shown control characters as they are. */
export async function printCsv(
  names: readonly string[],
  rows: Iterable<readonly CsvCell[]>,
): Promise<void> {
  await printLines(csvLines(names, rows), '\r\n');
}

function* csvLines(
  names: readonly string[],
  rows: Iterable<readonly CsvCell[]>,
): Generator<string> {
  const shown = process.stdout.isTTY ? visibleLines : (line: string): string => line;
  yield shown(names.map(csvField).join(','));
  for (const row of rows) yield shown(row.map(csvField).join(','));
}

/** An array, a line for each row. */
export async function printJsonRows(rows: readonly unknown[]): Promise<void> {
  await printLines(jsonLines(rows));
}

function* jsonLines(rows: readonly unknown[]): Generator<string> {
  if (rows.length === 0) yield '[]';
  for (let i = 0; i < rows.length; i++) {
    const isLast = i === rows.length - 1;
    yield `${i === 0 ? '[' : ' '}${resultJson(rows[i])}${isLast ? ']' : ','}`;
  }
}
