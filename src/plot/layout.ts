/** Where things are in a picture of so many pixels. */
import { namedSeries, shareAlong, type Chart, type ChartAxis, type ChartPanel } from './chart.js';
import { axisTicks, type AxisTicks, type Tick } from './ticks.js';
import { fitted, textWidth } from './text-width.js';

export interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Text at a place; its y is that of the base line. */
export interface PlacedText {
  readonly text: string;
  readonly x: number;
  readonly y: number;
}

export interface PlacedTick {
  readonly at: number;
  readonly label: PlacedText;
}

export interface PlacedPanel {
  readonly panel: ChartPanel;
  readonly box: Box;
  readonly ticks: readonly PlacedTick[];
  readonly label: PlacedText;
}

export interface LegendEntry {
  readonly colour: number;
  readonly isBar: boolean;
  readonly label: PlacedText;
}

export interface Layout {
  readonly fontSize: number;
  readonly title: PlacedText | undefined;
  readonly notes: readonly PlacedText[];
  readonly legend: readonly LegendEntry[];
  readonly panels: readonly PlacedPanel[];
  readonly xTicks: readonly PlacedTick[];
  readonly xLabel: PlacedText;
  /** Ends where the axis ends. */
  readonly xContext: PlacedText | undefined;
}

export const SWATCH = 18;
const SMALL = { width: 420, height: 260 };
const MAX_NAME = 240;

/** Sizes that follow from that of the text. */
interface Sizes {
  readonly width: number;
  readonly height: number;
  readonly font: number;
  readonly title: number;
  readonly margin: number;
  readonly line: number;
}

export function layOut(chart: Chart, width: number, height: number): Layout {
  const isSmall = width < SMALL.width || height < SMALL.height;
  const font = isSmall ? 10 : 12;
  const margin = isSmall ? 8 : 16;
  const sizes = { width, height, font, title: font * 1.3, margin, line: font * 1.5 };
  const head = layOutHead(chart, sizes);
  const foot = axisTexts(chart, sizes);
  const bottom = height - margin - (foot.hasLine ? sizes.line : 0) - sizes.line;
  const { panels, left, right } = layOutPanels(chart, sizes, head.bottom, bottom);
  const xTicks = layOutTicks(chart.x, { left, right, top: 0, bottom }, sizes);
  const y = height - margin - font * 0.25;
  const { context } = xTicks;
  const room = right - left;
  const contextText = context === undefined ? undefined : fitted(context, font, room);
  const taken = contextText === undefined ? 0 : textWidth(contextText, font) + font;
  const isRoom = taken === 0 || taken + textWidth(chart.x.label, font) <= room;
  return {
    fontSize: font,
    title: head.title,
    notes: head.notes,
    legend: head.legend,
    panels,
    xTicks: xTicks.placed,
    xLabel: { text: isRoom ? fitted(chart.x.label, font, room) : '', x: left, y },
    xContext: contextText === undefined ? undefined : { text: contextText, x: right, y },
  };
}

function axisTexts({ x }: Chart, { height }: Sizes): { hasLine: boolean } {
  return { hasLine: x.label !== '' && height >= 100 };
}

// --- Title, notes, legend ---

interface Head {
  readonly title: PlacedText | undefined;
  readonly notes: readonly PlacedText[];
  readonly legend: readonly LegendEntry[];
  readonly bottom: number;
}

function layOutHead(chart: Chart, sizes: Sizes): Head {
  const { width, height, margin, font, line } = sizes;
  const room = width - 2 * margin;
  let y = margin;
  let title: PlacedText | undefined;
  if (chart.title !== '' && height >= 120) {
    y += sizes.title;
    title = { text: fitted(chart.title, sizes.title * 1.05, room), x: margin, y: y - font * 0.2 };
    y += font * 0.3;
  }
  const notes =
    height < 160
      ? []
      : wrapped([...legendNotes(chart), ...chart.notes], font * 0.92, room).map((text) => {
          y += line;
          return { text, x: margin, y: y - font * 0.5 };
        });
  const legend = layOutLegend(chart, sizes, y);
  const last = legend.at(-1);
  return { title, notes, legend, bottom: last === undefined ? y : last.label.y + font * 0.4 };
}

/** What is drawn for many events. */
function legendNotes({ panels }: Chart): string[] {
  const isDense = panels.some(({ series }) =>
    series.some((each) => each.kind === 'line' && each.isDense),
  );
  return isDense ? ['line: mean, band: least to largest'] : [];
}

/** In one line, if they fit; else in two. */
function wrapped(notes: readonly string[], size: number, room: number): string[] {
  const lines: string[] = [];
  for (const note of notes) {
    const longer = lines.length === 0 ? note : `${lines.at(-1) ?? ''} · ${note}`;
    if (lines.length > 0 && textWidth(longer, size) <= room) lines[lines.length - 1] = longer;
    else if (lines.length < 2) lines.push(fitted(note, size, room));
    else lines[1] = fitted(`${lines[1] ?? ''} · ${note}`, size, room);
  }
  return lines;
}

function layOutLegend(
  chart: Chart,
  { width, height, margin, font, line }: Sizes,
  top: number,
): LegendEntry[] {
  const entries: LegendEntry[] = [];
  const most = Math.max(1, Math.floor((height * 0.25) / line));
  let [x, row] = [margin, 0];
  for (const { name, colour, kind } of namedSeries(chart)) {
    const text = fitted(name, font, Math.min(MAX_NAME, width - 2 * margin - SWATCH - 6));
    const taken = SWATCH + 6 + textWidth(text, font);
    if (x > margin && x + taken > width - margin) [x, row] = [margin, row + 1];
    if (row >= most) break;
    const label = { text, x: x + SWATCH + 6, y: top + (row + 1) * line - font * 0.2 };
    entries.push({ colour, isBar: kind === 'bars', label });
    x += taken + font * 1.5;
  }
  return entries;
}

// --- Panels ---

function layOutPanels(
  { panels, title }: Chart,
  sizes: Sizes,
  top: number,
  bottom: number,
): { panels: PlacedPanel[]; left: number; right: number } {
  const { width, margin, font, line } = sizes;
  const gap = font * 0.8;
  const each = (bottom - top - gap * (panels.length - 1)) / Math.max(1, panels.length);
  const ticks = panels.map(({ y }) => ticksFor(y, each - line, sizes));
  const labels = ticks.flatMap((own) => own.ticks.map(({ label }) => textWidth(label, font)));
  const left = Math.min(width * 0.4, margin + Math.max(font * 2, ...labels) + font * 0.6);
  const right = width - margin - font;
  const placed = panels.map((panel, i): PlacedPanel => {
    const from = top + i * (each + gap);
    const own = ticks[i] as AxisTicks;
    const context = own.context === undefined ? '' : `, ${own.context}`;
    const isSaid = panels.length === 1 && panel.y.label === title && context === '';
    const text = isSaid ? '' : fitted(`${panel.y.label}${context}`, font, right - margin);
    const bottomOf = Math.max(from + 2, from + each);
    const topOf = Math.min(bottomOf - 2, from + line * (isSaid ? 0.5 : 1.15));
    const box = { left, right, top: topOf, bottom: bottomOf };
    return {
      panel,
      box,
      ticks: apart(
        own.ticks.map((tick) => placeY(tick, panel.y, box, font)),
        font,
      ),
      label: { text, x: margin, y: from + line * 0.7 },
    };
  });
  return { panels: placed, left, right };
}

/** As many as have room one above the other, and two at least. */
function ticksFor(axis: ChartAxis, height: number, { line }: Sizes): AxisTicks {
  const most = Math.max(1, Math.min(8, Math.floor(height / (line * 1.8))));
  for (let count = most; ; count++) {
    const found = axisTicks(axis, count);
    if (found.ticks.length >= 2 || count >= most + 4) return found;
  }
}

/** Without those that touch the one below. */
function apart(ticks: readonly PlacedTick[], font: number): PlacedTick[] {
  let above = Infinity;
  return ticks.filter(({ at }) => {
    if (at > above) return false;
    above = at - font;
    return true;
  });
}

function placeY(
  { at, label }: Tick,
  axis: ChartAxis,
  { left, top, bottom }: Box,
  font: number,
): PlacedTick {
  const y = bottom - shareAlong(axis, at) * (bottom - top);
  return { at: y, label: { text: label, x: left - font * 0.6, y: y + font * 0.35 } };
}

/** Fewer and fewer, until no label touches another. */
function layOutTicks(
  axis: ChartAxis,
  { left, right, bottom }: Box,
  { width, font, line }: Sizes,
): { placed: PlacedTick[]; context: string | undefined } {
  const most = Math.max(1, Math.floor((right - left) / (font * 4)));
  for (let count = Math.min(12, most); ; count--) {
    const { ticks, context } = axisTicks(axis, count);
    const placed = ticks.map(({ at, label }): PlacedTick => {
      const x = left + shareAlong(axis, at) * (right - left);
      const half = textWidth(label, font) / 2;
      const within = Math.min(width - 2 - half, Math.max(2 + half, x));
      return { at: x, label: { text: label, x: within, y: bottom + line } };
    });
    if (count <= 1 || !doOverlap(placed, font)) return { placed: separate(placed, font), context };
  }
}

function doOverlap(ticks: readonly PlacedTick[], font: number): boolean {
  return separate(ticks, font).length < ticks.length;
}

/** Without those that touch the one before. */
function separate(ticks: readonly PlacedTick[], font: number): PlacedTick[] {
  let end = -Infinity;
  return ticks.filter(({ label }) => {
    const half = textWidth(label.text, font) / 2;
    if (label.x - half < end) return false;
    end = label.x + half + font;
    return true;
  });
}
