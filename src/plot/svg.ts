/** A chart as an SVG file: a few elements and paths, made of nothing but the chart. */
import { checkInteger, unknownChoice } from '../options.js';
import {
  shareAlong,
  type BarSeries,
  type Chart,
  type ChartAxis,
  type ChartSeries,
  type LineSeries,
} from './chart.js';
import {
  SWATCH,
  layOut,
  type Box,
  type Layout,
  type LegendEntry,
  type PlacedPanel,
  type PlacedText,
} from './layout.js';
import { PALETTES, styleOf, type Palette, type PlotTheme } from './themes.js';

export interface SvgOptions {
  /** Pixels (defaults 1200 and 600). */
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  /** Default `light`. */
  readonly theme?: PlotTheme | undefined;
}

const DEFAULT_WIDTH = 1200;
const DEFAULT_HEIGHT = 600;
const MIN_SIZE = 64;
const MAX_SIZE = 16_384;
const FONTS =
  "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', 'Noto Sans', sans-serif";
/** So few points are marked each. */
const FEW_POINTS = 60;

/**
 * Draws a chart as an SVG file. Text is text; data in it is escaped. The same chart gives the same bytes.
 * The size of the file depends on the chart's columns and lines alone: some 40 bytes for each column of
 * a line.
 * @throws {RangeError | TypeError} a size or theme that is none
 */
export function chartToSvg(chart: Chart, options: SvgOptions = {}): string {
  const { width = DEFAULT_WIDTH, height = DEFAULT_HEIGHT, theme = 'light' } = options;
  checkInteger('width', width, MIN_SIZE, MAX_SIZE);
  checkInteger('height', height, MIN_SIZE, MAX_SIZE);
  if (!Object.hasOwn(PALETTES, theme)) throw unknownChoice('theme', theme);
  const palette = PALETTES[theme];
  const layout = layOut(chart, width, height);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="${FONTS}" font-size="${layout.fontSize}">`,
    `<title>${escaped(chart.title)}</title>`,
    `<desc>${escaped(describe(chart))}</desc>`,
    `<rect width="${width}" height="${height}" fill="${palette.background}"/>`,
    ...head(layout, palette),
    ...layout.panels.flatMap((panel) => drawPanel(panel, chart.x, layout, palette)),
    ...foot(layout, palette),
    '</svg>\n',
  ].join('\n');
}

// --- Text ---

/** Also without what XML does not allow at all. */
function escaped(text: string): string {
  return Array.from(text, (character) => {
    if (Object.hasOwn(ENTITIES, character)) return ENTITIES[character] ?? '';
    return isAllowed(character.codePointAt(0) ?? 0) ? character : '\uFFFD';
  }).join('');
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '\n': ' ',
  '\r': ' ',
  '\t': ' ',
};

function isAllowed(code: number): boolean {
  const isControl = code < 0x20 || (code >= 0x7f && code < 0xa0);
  const isSurrogate = code >= 0xd8_00 && code <= 0xdf_ff;
  return !isControl && !isSurrogate && (code & 0xff_fe) !== 0xff_fe;
}

function describe({ x, panels, notes }: Chart): string {
  const shown = panels.map(({ y, series }) => {
    const names = series.map(({ name }) => name).join(', ');
    return `${y.label} over ${x.label}: ${names || 'nothing'}`;
  });
  return [...shown, ...notes].join('. ');
}

function textElement(placed: PlacedText, attributes: string): string {
  return `<text x="${round(placed.x)}" y="${round(placed.y)}"${attributes === '' ? '' : ` ${attributes}`}>${escaped(placed.text)}</text>`;
}

function head({ title, notes, legend, fontSize }: Layout, palette: Palette): string[] {
  const size = `font-size="${round(fontSize * 1.3)}" font-weight="600" fill="${palette.ink}"`;
  const small = `font-size="${round(fontSize * 0.92)}" fill="${palette.muted}"`;
  return [
    ...(title === undefined ? [] : [textElement(title, size)]),
    ...notes.map((note) => textElement(note, small)),
    ...legend.flatMap((entry) => drawEntry(entry, fontSize, palette)),
  ];
}

function drawEntry(
  { colour, isBar, label }: LegendEntry,
  font: number,
  palette: Palette,
): string[] {
  const style = styleOf(palette, colour);
  const y = label.y - font * 0.35;
  const [from, to] = [round(label.x - SWATCH - 6), round(label.x - 6)];
  const sign = isBar
    ? `<rect x="${from}" y="${round(y - 5)}" width="${SWATCH}" height="10" fill="${style.colour}"/>`
    : `<path d="M${from} ${round(y)}H${to}" stroke="${style.colour}" stroke-width="2.5"${dashed(style.dash)}/>`;
  return [sign, textElement(label, `fill="${palette.ink}"`)];
}

function foot({ xTicks, xLabel, xContext }: Layout, palette: Palette): string[] {
  return [
    `<g fill="${palette.muted}" text-anchor="middle">`,
    ...xTicks.map(({ label }) => textElement(label, '')),
    '</g>',
    ...(xLabel.text === '' ? [] : [textElement(xLabel, `fill="${palette.ink}"`)]),
    ...(xContext === undefined
      ? []
      : [textElement(xContext, `fill="${palette.muted}" text-anchor="end"`)]),
  ];
}

// --- Panels ---

function drawPanel(
  { panel, box, ticks, label }: PlacedPanel,
  x: ChartAxis,
  { xTicks }: Layout,
  palette: Palette,
): string[] {
  const place = new Place(x, panel.y, box);
  const across = ticks.map(({ at }) => `M${round(box.left)} ${crisp(at)}H${round(box.right)}`);
  const down = xTicks.map(({ at }) => `M${crisp(at)} ${round(box.top)}V${round(box.bottom)}`);
  const ends = xTicks.map(({ at }) => `M${crisp(at)} ${round(box.bottom)}v4`);
  return [
    `<path d="${across.join('')}${down.join('')}" stroke="${palette.grid}" fill="none"/>`,
    ...bands(panel.series, place, palette),
    ...panel.series.flatMap((series) => drawSeries(series, place, palette)),
    `<path d="M${round(box.left)} ${crisp(box.bottom)}H${round(box.right)}${ends.join('')}" stroke="${palette.axis}" fill="none"/>`,
    `<g fill="${palette.muted}" text-anchor="end">`,
    ...ticks.map((tick) => textElement(tick.label, '')),
    '</g>',
    textElement(label, `fill="${palette.ink}"`),
  ];
}

/** Where values are within a box. */
class Place {
  readonly #xAxis: ChartAxis;
  readonly #yAxis: ChartAxis;
  readonly #box: Box;

  constructor(xAxis: ChartAxis, yAxis: ChartAxis, box: Box) {
    this.#xAxis = xAxis;
    this.#yAxis = yAxis;
    this.#box = box;
  }

  get bottom(): number {
    return this.#box.bottom;
  }

  x(value: number): number {
    const { left, right } = this.#box;
    return left + shareAlong(this.#xAxis, value) * (right - left);
  }

  y(value: number): number {
    const { top, bottom } = this.#box;
    return bottom - shareAlong(this.#yAxis, value) * (bottom - top);
  }
}

function drawSeries(series: ChartSeries, place: Place, palette: Palette): string[] {
  const { colour, dash } = styleOf(palette, series.colour);
  if (series.kind === 'bars') {
    return [`<path d="${barsPath(series, place)}" fill="${colour}"/>`];
  }
  const pieces = piecesOf(series, place);
  const line = `fill="none" stroke="${colour}" stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round"${dashed(dash)}`;
  if (series.isDense) {
    return [`<path d="${pieces.map(meanPath).join('')}" ${line}/>`];
  }
  const drawn = [`<path d="${pieces.map(exactPath).join('')}" ${line}/>`];
  const dots = dotsOf(pieces);
  if (dots !== '') {
    drawn.push(`<path d="${dots}" stroke="${colour}" stroke-width="5" stroke-linecap="round"/>`);
  }
  return drawn;
}

/** Below all lines; the more there are, the lighter. */
function bands(all: readonly ChartSeries[], place: Place, palette: Palette): string[] {
  const dense = all.filter((series) => series.kind === 'line' && series.isDense) as LineSeries[];
  const fill = [0.28, 0.28, 0.2][dense.length] ?? 0.13;
  return dense.map((series) => {
    const { colour } = styleOf(palette, series.colour);
    const path = piecesOf(series, place).map(bandPath).join('');
    return `<path d="${path}" fill="${colour}" fill-opacity="${fill}" stroke="${colour}" stroke-opacity="${round(1.6 * fill)}" stroke-width="0.8" stroke-linejoin="round"/>`;
  });
}

/** A column, in pixels. */
interface Drawn {
  readonly x: number;
  readonly min: number;
  readonly max: number;
  readonly first: number;
  readonly last: number;
  readonly mean: number;
}

/** What is drawn without interruption. */
function piecesOf(series: LineSeries, place: Place): Drawn[][] {
  const pieces: Drawn[][] = [[]];
  series.x.forEach((x, i) => {
    if (x === null) {
      pieces.push([]);
      return;
    }
    const y = (list: readonly (number | null)[]): number => round(place.y(list[i] ?? 0));
    const { min, max, first, last, mean } = series;
    pieces.at(-1)?.push({
      x: round(place.x(x)),
      min: y(min),
      max: y(max),
      first: y(first),
      last: y(last),
      mean: y(mean),
    });
  });
  return pieces.filter((piece) => piece.length > 0);
}

/** Around everything that is in the columns. */
function bandPath(piece: readonly Drawn[]): string {
  const [first] = piece;
  if (first === undefined) return '';
  const upper = piece.map(({ x, max }) => `${x} ${max}`);
  const lower = piece.toReversed().map(({ x, min }) => `${x} ${min}`);
  return `M${upper.join('L')}L${lower.join('L')}Z`;
}

function meanPath(piece: readonly Drawn[]): string {
  const points = piece.map(({ x, mean }) => `${x} ${mean}`);
  return points.length === 1 ? `M${points[0] ?? ''}h.1` : `M${points.join('L')}`;
}

/** What a line through all events would cover, at this width: first, least, largest and last of each column. */
function exactPath(piece: readonly Drawn[]): string {
  let [path, atX, atY] = ['', NaN, NaN];
  for (const { x, min, max, first, last } of piece) {
    if (path === '') path = `M${x} ${first}`;
    else if (x !== atX || first !== atY) path += `L${x} ${first}`;
    atY = first;
    for (const y of [min, max, last]) {
      if (y !== atY) path += `V${y}`;
      atY = y;
    }
    atX = x;
  }
  return piece.length === 1 ? `${path}h.1` : path;
}

/** Where there is no line: points that are alone; and all, where they are few. */
function dotsOf(pieces: readonly (readonly Drawn[])[]): string {
  const isFew = pieces.reduce((sum, { length }) => sum + length, 0) <= FEW_POINTS;
  return pieces
    .filter((piece) => isFew || piece.length === 1)
    .flat()
    .flatMap(({ x, min, max }) => (min === max ? [max] : [min, max]).map((y) => `M${x} ${y}h0`))
    .join('');
}

function barsPath({ from, to, height }: BarSeries, place: Place): string {
  const bottom = round(place.bottom);
  return height
    .map((count, i) => {
      if (count === 0) return '';
      const [left, right] = [place.x(from[i] ?? 0), place.x(to[i] ?? 0)];
      // A line of background between bars that are wide enough; and no bar that nobody sees.
      const gap = right - left > 4 ? 0.5 : 0;
      const [begin, end] = [round(left + gap), round(Math.max(right - gap, left + gap + 0.5))];
      return `M${begin} ${bottom}V${round(Math.min(place.y(count), bottom - 0.5))}H${end}V${bottom}Z`;
    })
    .join('');
}

function dashed(dash: string): string {
  return dash === '' ? '' : ` stroke-dasharray="${dash}"`;
}

/** A tenth of a pixel is enough. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** In the middle of a pixel, so that a thin line is sharp. */
function crisp(value: number): number {
  return Math.floor(value) + 0.5;
}
