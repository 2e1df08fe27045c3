/** Looking around when a capture opens: what files there are, and what they say. Strings are fine here. */
import { readFileSync, readdirSync } from 'node:fs';
import type { FilePlan, RowPlan } from './plan.js';

/** Where the kernel shows itself; elsewhere in a container that is to watch its host. */
export interface Roots {
  readonly proc: string;
  readonly sys: string;
}

/** As often as there are ticks. */
const EVERY_TICK = Infinity;
/** For the comment of what is read less often. */
export const NOT_EVERY_TICK = '; null in ticks that did not read it';

/** Content byte by byte, so that keys are found again; `undefined` if it cannot be read. */
export function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** Names in a directory, in the order of the numbers in them; none if there is no such directory. */
export function entriesOf(path: string): string[] {
  try {
    return readdirSync(path).sort(byNumber);
  } catch {
    return [];
  }
}

const { compare: byNumber } = new Intl.Collator('en', { numeric: true });

/** A line as it is found when a capture opens. */
export interface Line {
  readonly key: string;
  /** What stands behind the key. */
  readonly words: readonly string[];
}

/** Lines of a file, keyed by their word number `keyColumn`. A key that comes twice counts once. */
export function linesOf(content: string, keyColumn = 0): Line[] {
  const byKey = new Map<string, Line>();
  for (const line of content.split('\n')) {
    const words = line
      .replace(/^([^:]*):/, '$1 ')
      .trim()
      .split(/[ \t]+/);
    const key = words[keyColumn];
    if (key === undefined || key === '' || byKey.has(key)) continue;
    byKey.set(key, { key, words: words.slice(keyColumn + 1) });
  }
  return [...byKey.values()];
}

/** The plan of a file by lines; none if the file is not there, or has nothing of interest. */
export function planOf(
  path: string,
  columnsOf: (line: Line) => RowPlan['columns'],
  { keyColumn = 0, maxHz = EVERY_TICK }: Partial<Pick<FilePlan, 'keyColumn' | 'maxHz'>> = {},
): FilePlan[] {
  const content = contentOf(path);
  if (content === undefined) return [];
  const rows = linesOf(content, keyColumn).map((line) => ({
    key: line.key,
    columns: columnsOf(line),
  }));
  if (rows.every(({ columns }) => columns.length === 0)) return [];
  return [{ path, keyColumn, rows, maxHz }];
}

/** The plan of a file that holds one number and no key. */
export function planOfNumber(
  path: string,
  column: Omit<RowPlan['columns'][number], 'column'>,
  maxHz: number,
): FilePlan[] {
  if (!/^-?\d+\n$/.test(contentOf(path) ?? '')) return [];
  return [{ path, keyColumn: 0, rows: [{ key: '', columns: [{ ...column, column: 0 }] }], maxHz }];
}

/** Part of a field's name: letters, digits and `_`. */
export function identifier(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '_')
    .replaceAll(/^_|_$/g, '');
}

/** Gives each name once: what comes again has a number behind it. */
export class Namer {
  readonly #given = new Map<string, number>();

  unique(name: string): string {
    const times = (this.#given.get(name) ?? 0) + 1;
    this.#given.set(name, times);
    return times === 1 ? name : this.unique(`${name}_${times}`);
  }
}
