/** A chart in characters, for a terminal. */
import { checkInteger } from '../options.js';
import { Canvas, markOf, type Cell } from './canvas.js';
import {
  namedSeries,
  shareAlong,
  type BarSeries,
  type Chart,
  type ChartAxis,
  type ChartPanel,
  type LineSeries,
} from './chart.js';
import { axisTicks, type AxisTicks, type Tick } from './ticks.js';

export interface TextOptions {
  /** Of the terminal (default 80); from 20 on there is room for everything. */
  readonly columns?: number | undefined;
  /** Lines (default 20); more, if the chart needs them. */
  readonly rows?: number | undefined;
  /** Draw with ASCII characters only, not with those of Braille (default false). Names stay as they are. */
  readonly ascii?: boolean | undefined;
  /** Tell lines apart by colours (ANSI escapes; default false: by marks). */
  readonly colour?: boolean | undefined;
}

const LEAST_ROWS = 3;
const MAX_COLUMNS = 1000;
/** Blue, yellow, green, magenta, cyan, red. */
const COLOURS = [34, 33, 32, 35, 36, 31];

interface Frame {
  readonly columns: number;
  readonly ascii: boolean;
  readonly colour: boolean;
  /** Lines are told apart by what they are drawn with. */
  readonly isMarked: boolean;
  /** Columns left of the axis. */
  readonly margin: number;
}

/**
 * Draws a chart with characters: two by four dots of Braille each. Lines end with a newline; none is
 * longer than `columns`.
 * @throws {RangeError} fewer than 10 columns, or no rows
 */
export function chartToText(chart: Chart, options: TextOptions = {}): string {
  const { columns = 80, rows = 20, ascii = false, colour = false } = options;
  checkInteger('columns', columns, 10, MAX_COLUMNS);
  checkInteger('rows', rows, 1, MAX_COLUMNS);
  const named = namedSeries(chart);
  const isMarked = ascii || (named.length > 0 && !colour);
  const rest = { columns, ascii, colour, isMarked };
  const head = [
    plainly(chart.title),
    ...firstOf(legendLines(chart, rest), Math.max(2, Math.floor(rows / 3))),
  ];
  const notes = chart.notes.length === 0 ? [] : [plainly(chart.notes.join(' · '))];
  const taken = head.length + notes.length + 3;
  const room = Math.floor((rows - taken) / Math.max(1, chart.panels.length));
  const height = Math.max(LEAST_ROWS, chart.panels.length > 1 ? room - 2 : room);
  const ticks = chart.panels.map(({ y }) => yTicks(y, height));
  const widest = Math.max(1, ...ticks.flatMap((own) => own.ticks.map(({ label }) => label.length)));
  const frame = { ...rest, margin: Math.min(widest, Math.floor(columns / 3)) };
  const lines = chart.panels.flatMap((panel, i) => {
    const context = ticks[i]?.context;
    const label = context === undefined ? panel.y.label : `${panel.y.label}, ${context}`;
    const isSaid = chart.panels.length === 1 && label === chart.title;
    return [
      ...(isSaid ? [] : [plainly(label)]),
      ...panelLines(panel, chart.x, ticks[i]?.ticks ?? [], height, frame),
    ];
  });
  return [...head, ...lines, ...xLines(chart.x, frame), ...notes]
    .map((line) => `${cut(ascii ? inAscii(line) : line, columns).trimEnd()}\n`)
    .join('');
}

function firstOf(lines: readonly string[], most: number): readonly string[] {
  return lines.length <= most ? lines : [...lines.slice(0, most - 1), '…'];
}

/** Two at least, where that can be. */
function yTicks(axis: ChartAxis, height: number): AxisTicks {
  const most = Math.max(1, Math.floor(height / 3));
  for (let count = most; ; count++) {
    const found = axisTicks(axis, count);
    if (found.ticks.length >= 2 || count >= most + 3) return found;
  }
}

/** Of a name, what draws it comes before. */
function legendLines(chart: Chart, { columns, colour, isMarked }: Omit<Frame, 'margin'>): string[] {
  const lines: string[] = [];
  let used = Infinity;
  for (const { name, colour: number } of namedSeries(chart)) {
    const sign = isMarked ? markOf(number) : '⣿';
    const shown = cutPlain(name, Math.max(1, columns - 2));
    const width = 2 + columnsOf(shown);
    const entry = `${colour ? coloured(sign, number) : sign} ${shown}`;
    if (used + 2 + width > columns) {
      lines.push(entry);
      used = width;
    } else {
      lines.push(`${lines.pop() ?? ''}  ${entry}`);
      used += 2 + width;
    }
  }
  return lines;
}

function panelLines(
  panel: ChartPanel,
  x: ChartAxis,
  ticks: readonly Tick[],
  height: number,
  frame: Frame,
): string[] {
  const { columns, margin, ascii, isMarked } = frame;
  const canvas = new Canvas(columns - margin - 2, height, !isMarked);
  for (const series of panel.series) {
    if (series.kind === 'bars') drawBars(canvas, series, x, panel.y);
    else drawLine(canvas, series, x, panel.y);
  }
  const labels = new Map<number, string>();
  for (const { at, label } of ticks) {
    const row = Math.round((1 - shareAlong(panel.y, at)) * (height - 1));
    if (!labels.has(row)) labels.set(row, label);
  }
  const [plain, tick] = ascii ? ['|', '+'] : ['│', '┤'];
  return Array.from({ length: height }, (_, row) => {
    const label = labels.get(row);
    const left = cutPlain(label ?? '', margin).padStart(margin);
    return `${left} ${label === undefined ? plain : tick}${joined(canvas.row(row), frame)}`;
  });
}

function drawBars(
  canvas: Canvas,
  { from, to, height, colour }: BarSeries,
  x: ChartAxis,
  y: ChartAxis,
): void {
  height.forEach((count, i) => {
    if (count === 0) return;
    const begin = Math.floor(shareAlong(x, from[i] ?? 0) * canvas.width);
    const end = Math.max(begin + 1, Math.floor(shareAlong(x, to[i] ?? 0) * canvas.width));
    const top = placeY(canvas, y, count);
    for (let at = begin; at < end; at++) canvas.line(at, canvas.height - 1, at, top, colour);
  });
}

/** Each column from its least to its largest, and lines between columns. */
function drawLine(canvas: Canvas, series: LineSeries, x: ChartAxis, y: ChartAxis): void {
  const { colour, min, max, first, last } = series;
  let before: { readonly x: number; readonly y: number } | undefined;
  series.x.forEach((value, i) => {
    if (value === null) {
      before = undefined;
      return;
    }
    const at = Math.round(shareAlong(x, value) * (canvas.width - 1));
    const place = (list: readonly (number | null)[]): number => placeY(canvas, y, list[i] ?? 0);
    if (before !== undefined) canvas.line(before.x, before.y, at, place(first), colour);
    canvas.line(at, place(min), at, place(max), colour);
    before = { x: at, y: place(last) };
  });
}

function placeY({ height }: Canvas, axis: ChartAxis, value: number): number {
  return Math.round((1 - shareAlong(axis, value)) * (height - 1));
}

/** The axis, its labels, and what they are of. */
function xLines(axis: ChartAxis, { columns, margin, ascii }: Frame): string[] {
  const width = columns - margin - 2;
  const { ticks, context } = textTicks(axis, width);
  const [plain, mark, corner] = ascii ? ['-', '+', '+'] : ['─', '┬', '└'];
  const line = Array.from({ length: width }, () => plain);
  const labels = Array.from({ length: columns }, () => ' ');
  for (const { column, begin, label } of ticks) {
    line[column] = mark;
    Array.from(label).forEach((character, i) => (labels[margin + 2 + begin + i] = character));
  }
  const pad = ' '.repeat(margin + 1);
  const about = plainly(context === undefined ? axis.label : `${axis.label}, ${context}`);
  // What does not fit beside the margin may still fit below it.
  const indent = margin + 2 + columnsOf(about) <= columns ? `${pad} ` : '';
  return [`${pad}${corner}${line.join('')}`, labels.join(''), `${indent}${about}`];
}

interface TextTick {
  readonly column: number;
  /** Of its label; may lie left of the axis. */
  readonly begin: number;
  readonly label: string;
}

/** Fewer and fewer, until no label touches another. */
function textTicks(
  axis: ChartAxis,
  width: number,
): { ticks: TextTick[]; context: string | undefined } {
  for (let count = Math.max(1, Math.min(8, Math.floor(width / 6))); ; count--) {
    const { ticks, context } = axisTicks(axis, count);
    let end = -Infinity;
    const placed = ticks.map(({ at, label }): TextTick => {
      const column = Math.min(width - 1, Math.round(shareAlong(axis, at) * (width - 1)));
      const begin = Math.max(-1, Math.min(width - label.length, column - (label.length >> 1)));
      return { column, begin, label };
    });
    const kept = placed.filter(({ begin, label }) => {
      if (begin <= end) return false;
      end = begin + label.length;
      return label.length <= width;
    });
    if (count <= 1 || kept.length === placed.length) return { ticks: kept, context };
  }
}

function joined(cells: readonly Cell[], { colour }: Frame): string {
  if (!colour) return cells.map(({ text }) => text).join('');
  let [line, run, of] = ['', '', -1];
  for (const { text, series } of [...cells, { text: '', series: -2 }]) {
    if (series !== of) {
      line += of >= 0 ? coloured(run, of) : run;
      [run, of] = ['', series];
    }
    run += text;
  }
  return line;
}

function coloured(text: string, series: number): string {
  return `${ESCAPE}[${COLOURS[series % COLOURS.length] ?? 39}m${text}${ESCAPE}[39m`;
}

// --- Columns ---

const ESCAPE = '\u001B';

/** As much of a line as fits; our own colours take no room. */
function cut(line: string, columns: number): string {
  let [shown, width, isEscape] = ['', 0, false];
  for (const character of line) {
    if (isEscape || character === ESCAPE) {
      shown += character;
      isEscape = character !== 'm';
      continue;
    }
    width += widthOf(character);
    if (width <= columns) shown += character;
  }
  return shown;
}

/** Text of others, without what would move the cursor, or begin a colour. */
function plainly(text: string): string {
  return Array.from(text, (character) => (isControl(character) ? '?' : character)).join('');
}

/** What we write ourselves. */
function inAscii(line: string): string {
  return line
    .replaceAll('\u2212', '-')
    .replaceAll('µ', 'u')
    .replaceAll(' · ', '; ')
    .replaceAll('…', '~');
}

function cutPlain(text: string, columns: number): string {
  const plain = plainly(text);
  return columnsOf(plain) <= columns ? plain : `${cut(plain, columns - 1)}…`;
}

function columnsOf(text: string): number {
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

/** At most: from Hangul on, many characters are two columns wide; ours for drawing are not. */
function widthOf(character: string): number {
  if (character >= '\u2000' && character < '\u2900') return 1;
  return character >= '\u1100' ? 2 : 1;
}

function isControl(character: string): boolean {
  return character < ' ' || (character >= '\u007F' && character < '\u00A0');
}
