/** A picture as plain data: what is drawn, before anybody knows on what. */

/**
 * How values lie along an axis. `time` is linear, with ticks of clock and calendar; `percentile` takes
 * shares from 0 to 1, and gives each nine as much room as the one before: 0, 90 %, 99 %, 99.9 %.
 */
export type ChartScale = 'linear' | 'log' | 'time' | 'percentile';

export interface ChartAxis {
  readonly label: string;
  readonly scale: ChartScale;
  /**
   * To be added to every value along the axis, so that doubles hold differences of 64-bit integers (times
   * in ns) exactly. 0 for most.
   */
  readonly origin: number | bigint;
  /** Its ends, less the origin. */
  readonly from: number;
  readonly to: number;
  /** Of times and durations: nanoseconds of 1. */
  readonly unitNs?: number | undefined;
  /** What numbers are numbers of: `B`, `%`, `°C`. */
  readonly unit?: string | undefined;
}

/**
 * A line, of a point for each column of the picture; `null` where it is interrupted, in all lists at the
 * same place. A dense line has many events in most columns.
 */
export interface LineSeries {
  readonly kind: 'line';
  readonly name: string;
  /** Series of the same number look the same, in all panels. */
  readonly colour: number;
  readonly isDense: boolean;
  readonly x: readonly (number | null)[];
  readonly min: readonly (number | null)[];
  readonly max: readonly (number | null)[];
  readonly first: readonly (number | null)[];
  readonly last: readonly (number | null)[];
  readonly mean: readonly (number | null)[];
}

/** Bars between `from` and `to` along x, as high as `height`. */
export interface BarSeries {
  readonly kind: 'bars';
  readonly name: string;
  readonly colour: number;
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly height: readonly number[];
}

export type ChartSeries = LineSeries | BarSeries;

/** One of several pictures, one below the other, that share their x axis. */
export interface ChartPanel {
  readonly y: ChartAxis;
  readonly series: readonly ChartSeries[];
}

export interface Chart {
  readonly title: string;
  readonly x: ChartAxis;
  readonly panels: readonly ChartPanel[];
  /** What has to be known: how exact it is, and what is not shown. A sentence each. */
  readonly notes: readonly string[];
}

/**
 * Series that say something by their colour; each once, in the order of their numbers. Where a panel has
 * but one, its label says which.
 */
export function namedSeries({ panels }: Chart): readonly ChartSeries[] {
  const byColour = new Map<number, ChartSeries>();
  const several = panels.filter(({ series }) => series.length > 1);
  for (const each of several.flatMap(({ series }) => series)) {
    if (!byColour.has(each.colour)) byColour.set(each.colour, each);
  }
  return [...byColour.values()].sort((a, b) => a.colour - b.colour);
}

/** Where along the axis a value lies: 0 at its beginning, 1 at its end. Infinite ones lie at the ends. */
export function shareAlong({ scale, from, to }: ChartAxis, value: number): number {
  if (from === to) return 0.5;
  const place = placeOn(scale, value);
  const [low, high] = [placeOn(scale, from), placeOn(scale, to)];
  if (place === Infinity) return 1;
  if (place === -Infinity) return 0;
  // Halved, because the difference of two doubles may be infinite.
  const share = (place / 2 - low / 2) / (high / 2 - low / 2);
  return Math.min(1, Math.max(0, share));
}

function placeOn(scale: ChartScale, value: number): number {
  if (scale === 'log') return value > 0 ? Math.log10(value) : -Infinity;
  if (scale === 'percentile') return value < 1 ? -Math.log10(1 - value) : Infinity;
  return value;
}
