/** One plot below the other, for fields that cannot share an axis. Draws what it is given, when it is told. */
import { PALETTES, styleOf } from '../../plot/themes.js';
import { axisTicks, niceStep } from '../../plot/ticks.js';
import { unitOf, type FieldUnit } from '../../plot/units.js';
import type { Buckets, LineData } from './buckets.js';
import { element, setText } from './elements.js';
import { valueText } from './numbers.js';
import uPlot from './uplot.js';

/** Where and how x runs. */
export interface XAxis {
  readonly field: string;
  readonly origin: bigint;
  readonly isTime: boolean;
  readonly unitNs: number | undefined;
}

export interface Drawing {
  readonly ys: readonly string[];
  readonly lineNames: readonly string[] | undefined;
  readonly x: XAxis;
  readonly isRate: boolean;
}

export interface PanelEvents {
  /** A stretch has been marked. */
  readonly onSelect: (from: number, to: number) => void;
  /** The pointer stands at this x; `undefined`: nowhere. */
  readonly onPoint: (x: number | undefined) => void;
}

export interface Range {
  readonly from: number;
  readonly to: number;
}

type Theme = 'light' | 'dark';

/** So many times the usual distance without an event interrupt a line. */
const LONG = 20;
const AXIS_WIDTH = 66;
const NARROW_AXIS_WIDTH = 54;
/** Of the fill between the least and the largest values, in hexadecimal. */
const BAND_ALPHA = '66';

export class Panels {
  readonly #place: HTMLElement;
  readonly #events: PanelEvents;
  #drawing: Drawing | undefined;
  #panels: Panel[] = [];
  #theme: Theme = 'light';
  /** Lines that are not shown: by their names, so that they stay so. */
  readonly #hidden = new Set<string>();

  constructor(place: HTMLElement, events: PanelEvents) {
    this.#place = place;
    this.#events = events;
  }

  /** Width that values are drawn on, in pixels. */
  get width(): number {
    return Math.max(64, this.#place.clientWidth - this.#axisWidth - 12);
  }

  get #axisWidth(): number {
    return this.#place.clientWidth < 520 ? NARROW_AXIS_WIDTH : AXIS_WIDTH;
  }

  /** Made anew where the fields, their lines or the colours are others. */
  shape(drawing: Drawing, theme: Theme): void {
    const before = JSON.stringify([this.#drawing?.ys, this.#drawing?.lineNames, this.#theme]);
    const isSame = before === JSON.stringify([drawing.ys, drawing.lineNames, theme]);
    this.#drawing = drawing;
    this.#theme = theme;
    if (isSame) {
      for (const panel of this.#panels) panel.drawing = drawing;
      return;
    }
    this.#rebuild();
  }

  resize(): void {
    const { width, height } = this.#size();
    for (const panel of this.#panels) panel.resize(width, height);
  }

  draw(buckets: Buckets, range: Range): void {
    for (const panel of this.#panels) panel.draw(buckets, range);
  }

  destroy(): void {
    for (const panel of this.#panels) panel.destroy();
    this.#panels = [];
    this.#drawing = undefined;
  }

  /** How far a pixel of the page is along x: 0 at the left end, 1 at the right. */
  shareAt(clientX: number): number {
    const box = this.#panels[0]?.box;
    return box === undefined ? 0.5 : (clientX - box.left) / Math.max(1, box.width);
  }

  #size(): { width: number; height: number } {
    const panels = Math.max(1, this.#panels.length);
    const room = Math.max(300, Math.min(window.innerHeight * 0.58, 640));
    const height = Math.max(130, Math.round(room / panels));
    return { width: Math.max(200, this.#place.clientWidth), height };
  }

  #rebuild(): void {
    const drawing = this.#drawing;
    if (drawing === undefined) return;
    for (const panel of this.#panels) panel.destroy();
    const groups = groupsOf(drawing);
    this.#panels = groups.map((ys, i) => {
      const isLast = i === groups.length - 1;
      const colours = { theme: this.#theme, axisWidth: this.#axisWidth };
      return new Panel(this.#place, drawing, ys, isLast, colours, this.#hidden, this.#events);
    });
    this.resize();
  }
}

/** Fields of one unit share a panel; of others nobody knows whether they can be compared. */
function groupsOf({ ys, lineNames }: Drawing): number[][] {
  if (lineNames !== undefined) return ys.map((_, i) => [i]);
  const groups = new Map<string, number[]>();
  ys.forEach((y, i) => {
    const key = unitOf(y)?.name ?? `?${y}`;
    groups.set(key, [...(groups.get(key) ?? []), i]);
  });
  return [...groups.values()];
}

/** A line of a panel. */
interface PanelLine {
  readonly y: number;
  readonly line: number;
  readonly name: string;
  readonly colour: string;
  readonly dash: readonly number[];
  readonly button: HTMLButtonElement;
  readonly value: HTMLElement;
}

class Panel {
  drawing: Drawing;
  readonly #root: HTMLElement;
  readonly #lines: readonly PanelLine[];
  readonly #plot: uPlot;
  readonly #unit: FieldUnit | undefined;
  readonly #hidden: Set<string>;
  readonly #isLast: boolean;
  #range: Range = { from: 0, to: 1 };
  #version = -1;
  #lastBuckets: Buckets | undefined;
  /** Of each line the least and the largest, infinite ones as they are. */
  #values: readonly Points[] = [];
  #edges: [number, number] | undefined;
  #xLabels: readonly string[] = [];
  #yLabels: readonly string[] = [];

  constructor(
    place: HTMLElement,
    drawing: Drawing,
    ys: readonly number[],
    isLast: boolean,
    { theme, axisWidth }: { theme: Theme; axisWidth: number },
    hidden: Set<string>,
    events: PanelEvents,
  ) {
    this.drawing = drawing;
    this.#isLast = isLast;
    this.#hidden = hidden;
    this.#unit = unitOf(drawing.ys[ys[0] ?? 0] ?? '');
    this.#lines = linesOf(drawing, ys, theme);
    const legend = element('div', { class: 'legend' });
    if (drawing.lineNames !== undefined) {
      legend.append(element('b', {}, drawing.ys[ys[0] ?? 0] ?? ''));
    }
    legend.append(...this.#lines.map(({ button }) => button));
    this.#root = element('div', { class: 'panel' }, legend);
    place.append(this.#root);
    this.#plot = new uPlot(
      this.#options(theme, axisWidth, events),
      [[], ...this.#lines.flatMap(() => [[], []])],
      this.#root,
    );
    this.#lines.forEach((line, i) => this.#wireButton(line, 2 * i + 1));
  }

  get box(): DOMRect {
    return this.#plot.over.getBoundingClientRect();
  }

  resize(width: number, height: number): void {
    const more = this.#isLast ? 26 : 0;
    if (this.#plot.width === width && this.#plot.height === height + more) return;
    this.#plot.setSize({ width, height: height + more });
  }

  destroy(): void {
    this.#plot.destroy();
    this.#root.remove();
  }

  draw(buckets: Buckets, range: Range): void {
    const isNew = buckets !== this.#lastBuckets || buckets.version !== this.#version;
    const isMoved = range.from !== this.#range.from || range.to !== this.#range.to;
    if (!isNew && !isMoved) return;
    this.#range = range;
    this.#plot.batch(() => {
      if (isNew) this.#plot.setData(this.#dataOf(buckets), false);
      this.#plot.setScale('x', { min: range.from, max: range.to });
    });
    if (isNew) this.#showValues(undefined);
    this.#lastBuckets = buckets;
    this.#version = buckets.version;
  }

  #wireButton({ button, name }: PanelLine, series: number): void {
    const show = (): void => {
      const isShown = !this.#hidden.has(name);
      button.setAttribute('aria-pressed', String(isShown));
      for (const each of [series, series + 1]) this.#plot.setSeries(each, { show: isShown });
    };
    button.addEventListener('click', () => {
      if (!this.#hidden.delete(name)) this.#hidden.add(name);
      show();
    });
    if (this.#hidden.has(name)) show();
  }

  #options(theme: Theme, axisWidth: number, { onSelect, onPoint }: PanelEvents): uPlot.Options {
    const palette = PALETTES[theme];
    const font = '12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif';
    const axis = {
      stroke: palette.muted,
      font,
      grid: { stroke: palette.grid, width: 1 },
      ticks: { stroke: palette.grid, width: 1, size: 4 },
    };
    return {
      width: 400,
      height: 160,
      legend: { show: false },
      padding: [8, 12, this.#isLast ? 0 : 6, 0],
      scales: {
        x: { time: false },
        y: { range: (_, min, max) => this.#edges ?? roundRange(min, max) },
      },
      axes: [
        {
          ...axis,
          size: this.#isLast ? 32 : 0,
          splits: (_, __, min, max) => this.#xSplits(min, max),
          values: () => (this.#isLast ? [...this.#xLabels] : this.#xLabels.map(() => '')),
        },
        {
          ...axis,
          size: axisWidth,
          gap: 4,
          splits: (_, __, min, max) => this.#ySplits(min, max),
          values: () => [...this.#yLabels],
        },
      ],
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false },
        sync: { key: 'stratalog', setSeries: false },
        points: { size: 6 },
        bind: { dblclick: () => () => null },
      },
      series: [{}, ...this.#lines.flatMap((line) => this.#seriesOf(line))],
      bands: this.#lines.map(({ colour }, i) => ({
        series: [2 * i + 2, 2 * i + 1],
        fill: `${colour}${BAND_ALPHA}`,
      })),
      hooks: {
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width < 4) return;
            onSelect(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'));
            plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          },
        ],
        setCursor: [
          (plot) => {
            const { left, idx } = plot.cursor;
            const isIn = left !== undefined && left >= 0;
            this.#showValues(isIn ? (idx ?? undefined) : undefined);
            if (this.#isLast) onPoint(isIn ? plot.posToVal(left, 'x') : undefined);
          },
        ],
      },
    };
  }

  /** Its least and its largest values, between which is the band. */
  #seriesOf({ colour, dash }: PanelLine): uPlot.Series[] {
    const line = {
      stroke: colour,
      width: 1.25,
      dash: [...dash],
      spanGaps: this.drawing.lineNames !== undefined,
    };
    const show = (plot: uPlot): boolean => isSparse(plot);
    return [
      { ...line, points: { show: false } },
      { ...line, points: { show, size: 5, fill: colour } },
    ];
  }

  #xSplits(min: number, max: number): number[] {
    const { field, origin, isTime, unitNs } = this.drawing.x;
    const wide = this.#plot?.width ?? 600;
    const axis = {
      label: field,
      scale: isTime ? 'time' : 'linear',
      origin: origin === 0n ? 0 : origin,
      from: min,
      to: max,
      unitNs,
    } as const;
    const { ticks } = axisTicks(axis, Math.max(2, Math.floor(wide / 110)));
    this.#xLabels = ticks.map(({ label }) => label);
    return ticks.map(({ at }) => at);
  }

  #ySplits(min: number, max: number): number[] {
    const unit = this.#unit?.name === 'time' || this.drawing.isRate ? undefined : this.#unit;
    const axis = { label: '', scale: 'linear', origin: 0, from: min, to: max, ...unit } as const;
    const tall = this.#plot?.height ?? 160;
    const { ticks } = axisTicks(axis, Math.max(3, Math.floor(tall / 42)));
    this.#yLabels = ticks.map(({ label }) => label);
    return ticks.map(({ at }) => at);
  }

  #dataOf(buckets: Buckets): uPlot.AlignedData {
    const { isRate, x } = this.drawing;
    const gaps = gapsOf(buckets);
    const lines = new Map([...buckets.lines].map((data) => [`${data.y}:${data.line}`, data]));
    const none = Array.from({ length: buckets.length + gaps.length }, () => null);
    const lists = this.#lines.flatMap(({ y, line }) => {
      const data = lines.get(`${y}:${line}`);
      if (data === undefined) return [none, none];
      if (!isRate) return [pointsOf(data.min, gaps), pointsOf(data.max, gaps)];
      const rates = pointsOf(ratesOf(buckets, data, x.unitNs ?? 1e9), gaps);
      return [rates, rates];
    });
    this.#values = lists;
    const edges = edgesOf(lists);
    this.#edges = edges;
    const drawn = edges === undefined ? lists : lists.map((list) => atEdges(list, edges));
    return [placesOf(buckets, gaps), ...drawn] as uPlot.AlignedData;
  }

  /** At the pointer, or the newest. */
  #showValues(index: number | undefined): void {
    const unit = this.drawing.isRate ? undefined : this.#unit;
    this.#lines.forEach(({ value }, i) => {
      const [low, high] = [this.#values[2 * i] ?? [], this.#values[2 * i + 1] ?? []];
      const at = nearestWithValue(low, index ?? low.length - 1, index === undefined ? Infinity : 3);
      const [a, b] = at === undefined ? [] : [low[at], high[at]];
      setText(value, a == null || b == null ? '–' : between(a, b, unit));
    });
  }
}

type Points = ArrayLike<number | null | undefined>;

/** Lines that take turns have no value at most places, but near to them. */
function nearestWithValue(list: Points, index: number, farthest: number): number | undefined {
  for (let i = index; i >= 0 && index - i <= farthest; i--) if (list[i] != null) return i;
  return undefined;
}

function between(low: number, high: number, unit: FieldUnit | undefined): string {
  const text = valueText(low, unit);
  return low === high ? text : `${text} … ${valueText(high, unit)}`;
}

function linesOf(drawing: Drawing, ys: readonly number[], theme: Theme): PanelLine[] {
  const { lineNames } = drawing;
  const places =
    lineNames === undefined
      ? ys.map((y) => ({ y, line: 0, name: drawing.ys[y] ?? '', number: y }))
      : ys.flatMap((y) => lineNames.map((name, line) => ({ y, line, name, number: line })));
  return places.map(({ y, line, name, number }) => {
    const { colour, dash } = styleOf(PALETTES[theme], number);
    const value = element('span', {}, '–');
    const swatch = element('i');
    swatch.style.background = colour;
    const button = element(
      'button',
      { type: 'button', 'aria-pressed': 'true', title: `Show or hide ${name}` },
      swatch,
      name,
      value,
    );
    const dashes = dash
      .split(' ')
      .filter((each) => each !== '')
      .map(Number);
    return { y, line, name, colour, dash: dashes, button, value };
  });
}

/** Single events can be told apart: then they are dots. */
function isSparse(plot: uPlot): boolean {
  const [xs] = plot.data;
  const { min, max } = plot.scales['x'] ?? {};
  const [from, to] = [min ?? 0, max ?? 1];
  let inView = 0;
  for (let i = 0; i < xs.length; i++) {
    const x = xs[i] as number;
    if (x >= from && x <= to) inView++;
  }
  return inView < plot.width / 14;
}

/** Round ends, so that the axis stands still while the values move. */
function roundRange(min: number | null, max: number | null): [number, number] {
  if (min === null || max === null || !Number.isFinite(min) || !Number.isFinite(max)) return [0, 1];
  if (min === max) {
    const room = min === 0 ? 1 : Math.abs(min) * 0.1;
    return [min - room, max + room];
  }
  const step = niceStep(max / 2 - min / 2, 3);
  const room = (max / 2 - min / 2) * 0.04;
  const [low, high] = [
    Math.floor((min - room) / step) * step,
    Math.ceil((max + room) / step) * step,
  ];
  // From 0, where that is near.
  if (min >= 0 && min <= 0.4 * max) return [0, high];
  return [low, high];
}

/** Where infinite values are drawn, if there are any: at the ends of what the finite ones take. */
function edgesOf(lists: readonly Points[]): [number, number] | undefined {
  let [low, high] = [Infinity, -Infinity];
  let hasInfinite = false;
  for (const list of lists) {
    for (let i = 0; i < list.length; i++) {
      const value = list[i];
      if (value == null) continue;
      if (!Number.isFinite(value)) hasInfinite = true;
      else {
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
  }
  return hasInfinite ? roundRange(low, high) : undefined;
}

function atEdges(list: Points, [low, high]: readonly [number, number]): (number | null)[] {
  return Array.from(list, (value) =>
    value === Infinity ? high : value === -Infinity ? low : (value ?? null),
  );
}

/** Buckets behind which the line is interrupted. */
function gapsOf({ xMin, xMax }: Buckets): readonly number[] {
  const distances = xMin.slice(1).map((from, i) => from - (xMax[i] as number));
  if (distances.length < 8) return [];
  const usual = [...distances].sort((a, b) => a - b)[distances.length >> 1] ?? 0;
  const whole = (xMax.at(-1) ?? 0) - (xMin[0] ?? 0);
  const longest = Math.max(LONG * usual, whole / 100);
  return distances.flatMap((each, i) => (each > longest ? [i] : []));
}

function placesOf({ xMin, xMax }: Buckets, gaps: readonly number[]): number[] {
  const places = xMin.map((from, i) => from / 2 + (xMax[i] as number) / 2);
  return withGaps(places, gaps, (i) => xMax[i] as number);
}

function pointsOf(values: readonly number[], gaps: readonly number[]): (number | null)[] {
  const points = values.map((value) => (Number.isNaN(value) ? null : value));
  return withGaps<number | null>(points, gaps, () => null);
}

function withGaps<T>(list: T[], gaps: readonly number[], inGap: (i: number) => T): T[] {
  if (gaps.length === 0) return list;
  const behind = new Set(gaps);
  return list.flatMap((each, i) => (behind.has(i) ? [each, inGap(i)] : [each]));
}

/** How much a counter grows in a second, from one bucket to the next; less than before is a reset. */
function ratesOf({ xMax }: Buckets, { max }: LineData, unitNs: number): number[] {
  let before = -1;
  return max.map((value, i) => {
    if (Number.isNaN(value)) return NaN;
    const from = max[before] ?? NaN;
    const seconds = (((xMax[i] as number) - (xMax[before] ?? NaN)) * unitNs) / 1e9;
    before = i;
    return seconds > 0 ? (value < from ? value : value - from) / seconds : NaN;
  });
}
