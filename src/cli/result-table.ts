/** Tables of results, for terminals of any width, and for pipes. */
import { colours } from './output.js';
import { pad, shorten, visible, widthOf } from './terminal-text.js';

export interface TableColumn {
  readonly name: string;
  /** Numbers are right-aligned, and their columns keep their widths. */
  readonly isNumeric: boolean;
  readonly cells: readonly string[];
}

const GAP = '  ';
/** Of long texts, so much is shown even where there is room. */
const MAX_CELL = 48;
const MAX_PADDING = 200;
/** Columns of text become as narrow as this, rather than that the table is turned. */
const MIN_CELL = 8;

/** The terminal's width, or none, where everything is shown in full. */
export function terminalColumns(): number | undefined {
  if (!process.stdout.isTTY) return undefined;
  // One column is left free: some terminals wrap when the last one is written.
  return Math.max(4, (process.stdout.columns || 80) - 1);
}

/**
 * Lines of a table with a header. Where it is wider than the terminal, texts are cut; where that is not
 * enough, it is told in several tables below each other, if there is a column to `repeat` in each, and
 * else each row in lines of its own.
 */
export function tableLines(
  columns: readonly TableColumn[],
  width: number | undefined,
  { repeat = false }: { readonly repeat?: boolean } = {},
): string[] {
  const shown = columns.map((column) => ({
    ...column,
    name: visible(column.name),
    cells: column.cells.map(visible),
  }));
  const natural = shown.map(({ name, cells }) =>
    cells.reduce((most, cell) => Math.max(most, widthOf(cell)), widthOf(name)),
  );
  if (width === undefined) return inFull(shown, natural);
  const widths = fitted(shown, natural, width);
  if (widths !== undefined) return aligned(shown, widths);
  return (repeat ? parted(shown, natural, width) : undefined) ?? turned(shown, width);
}

/** Tables below each other, each with the first column; `undefined`: not even two columns fit. */
function parted(
  columns: readonly TableColumn[],
  natural: readonly number[],
  width: number,
): string[] | undefined {
  const widths = natural.map((each) => Math.min(each, MAX_CELL));
  const first = widths[0] as number;
  const parts: number[][] = [];
  let used = Infinity;
  for (let i = 1; i < columns.length; i++) {
    const own = GAP.length + (widths[i] as number);
    if (first + own > width) return undefined;
    if (used + own > width) {
      parts.push([0]);
      used = first;
    }
    parts.at(-1)?.push(i);
    used += own;
  }
  return parts.flatMap((part, i) => [
    ...(i === 0 ? [] : ['']),
    ...aligned(
      part.map((at) => columns[at] as TableColumn),
      part.map((at) => widths[at] as number),
    ),
  ]);
}

/** Widths with which all columns fit; `undefined`: there are none. */
function fitted(
  columns: readonly TableColumn[],
  natural: readonly number[],
  width: number,
): number[] | undefined {
  const widths = natural.map((each, i) =>
    columns[i]?.isNumeric === true ? each : Math.min(each, MAX_CELL),
  );
  let over = widths.reduce((sum, each) => sum + each, GAP.length * (widths.length - 1)) - width;
  while (over > 0) {
    const widest = widestText(columns, widths);
    if (widest < 0) return undefined;
    widths[widest] = (widths[widest] as number) - 1;
    over--;
  }
  return widths;
}

/** Which column of text may give most; -1: none may. */
function widestText(columns: readonly TableColumn[], widths: readonly number[]): number {
  let widest = -1;
  columns.forEach(({ isNumeric }, i) => {
    const own = widths[i] as number;
    if (isNumeric || own <= MIN_CELL) return;
    if (widest < 0 || own > (widths[widest] as number)) widest = i;
  });
  return widest;
}

function aligned(columns: readonly TableColumn[], widths: readonly number[]): string[] {
  const cut = columns.map((column, i) => {
    const own = widths[i] as number;
    const cells = column.cells.map((cell) => shorten(cell, own));
    return { ...column, name: shorten(column.name, own), cells };
  });
  return inFull(cut, widths);
}

/** Nothing is cut. One very long text does not make all lines as long. */
function inFull(columns: readonly TableColumn[], widths: readonly number[]): string[] {
  const rows = columns[0]?.cells.length ?? 0;
  const line = (cellOf: (column: TableColumn) => string): string =>
    columns
      .map((column, i) => {
        const own = Math.min(widths[i] as number, MAX_PADDING);
        return pad(cellOf(column), own, column.isNumeric ? 'left' : 'right');
      })
      .join(GAP)
      .trimEnd();
  const lines = [colours.bold(line(({ name }) => name))];
  for (let row = 0; row < rows; row++) lines.push(line(({ cells }) => cells[row] as string));
  return lines;
}

/** A line for each cell, or two where name and value do not stand side by side. */
function turned(columns: readonly TableColumn[], width: number): string[] {
  const rows = columns[0]?.cells.length ?? 0;
  const nameWidth = Math.min(
    Math.max(...columns.map(({ name }) => widthOf(name))),
    Math.floor(width / 2),
  );
  const lines: string[] = [];
  for (let row = 0; row < rows; row++) {
    if (row > 0) lines.push('');
    for (const { name, cells, isNumeric } of columns) {
      const cell = cells[row] as string;
      const room = width - nameWidth - GAP.length;
      if (widthOf(name) <= nameWidth && widthOf(cell) <= room) {
        lines.push(`${colours.bold(pad(name, nameWidth, 'right'))}${GAP}${cell}`.trimEnd());
      } else {
        const value = isNumeric ? broken(cell, width - 2) : [shorten(cell, width - 2)];
        lines.push(colours.bold(shorten(name, width)), ...value.map((part) => GAP + part));
      }
    }
  }
  return lines;
}

/** All of it, in as many lines as it takes: half a number would be another one. */
function broken(text: string, width: number): string[] {
  return text.match(new RegExp(`.{1,${width}}`, 'g')) ?? [''];
}
