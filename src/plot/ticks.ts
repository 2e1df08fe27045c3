/** Where an axis is marked, and what is written there. */
import type { ChartAxis } from './chart.js';
import { timeTicks } from './time-ticks.js';
import { formatAlone, formatNumber, numberForm } from './units.js';

export interface Tick {
  /** A value along the axis, less its origin. */
  readonly at: number;
  readonly label: string;
}

export interface AxisTicks {
  readonly ticks: readonly Tick[];
  /** What all labels have in common and do not say: the date, or a number that they are to be added to. */
  readonly context?: string | undefined;
}

/** Differences of less than this share of the values are written as such. */
const FINE = 2e-6;
const QUARTERS = [1, 2, 2.5, 5];

/** About `count` ticks, at most one more than that. */
export function axisTicks(axis: ChartAxis, count: number): AxisTicks {
  const wished = Math.max(1, count);
  switch (axis.scale) {
    case 'log':
      return { ticks: logTicks(axis, wished) };
    case 'percentile':
      return { ticks: percentileTicks(axis, wished) };
    case 'time':
      return timeTicks(axis, wished) ?? numberTicks(axis, wished);
    default:
      return numberTicks(axis, wished);
  }
}

/** The least of 1, 2 and 5 (or others) times a power of ten that makes at most `count` steps of a span. */
export function niceStep(span: number, count: number, nice: readonly number[] = [1, 2, 5]): number {
  const least = span / count;
  if (!(least > 0)) return Number.MIN_VALUE;
  const power = 10 ** Math.floor(Math.log10(least));
  const step = nice.find((each) => each * power >= least * (1 - 1e-9)) ?? 10;
  return Math.max(Number.MIN_VALUE, step * power);
}

/** Multiples of a step from one end to the other. */
export function multiples(from: number, to: number, step: number): number[] {
  const [first, last] = [Math.ceil(from / step - 1e-9), Math.floor(to / step + 1e-9)];
  const found: number[] = [];
  for (let k = first; k <= last && found.length < MAX_TICKS; k++) {
    // By a division where the step is a fraction: 3 × 0.1 is not 0.3, but 3 / 10 is.
    found.push(step < 1 && step > 1e-15 ? k / Math.round(1 / step) : k * step);
    if (k + 1 === k) break;
  }
  return found.map((each) => each + 0);
}

const MAX_TICKS = 1000;

function numberTicks(axis: ChartAxis, count: number): AxisTicks {
  const { from, to, origin } = axis;
  if (from === to) return { ticks: [{ at: from, label: alone(from, axis) }] };
  const unit = scaleOfDurations(axis);
  const step = niceStep((to / 2 - from / 2) * unit, count / 2, QUARTERS) / unit;
  const places =
    unit === 1
      ? multiples(from, to, step)
      : multiples(from * unit, to * unit, step * unit).map((at) => at / unit);
  const largest = Math.max(Math.abs(from), Math.abs(to));
  if (origin === 0 && !(step < largest * FINE)) {
    const form = numberForm(largest, axis);
    return { ticks: places.map((at) => ({ at, label: formatNumber(at, step, form) })) };
  }
  return differences(axis, places, step);
}

/** Steps are round in the unit that is shown: hours are no power of ten of anything. */
function scaleOfDurations({ unitNs, from, to }: ChartAxis): number {
  if (unitNs === undefined) return 1;
  const { factor } = numberForm(Math.max(Math.abs(from), Math.abs(to)), { unitNs });
  const power = Math.log10(factor);
  return Math.abs(power - Math.round(power)) < 1e-9 ? 1 : factor;
}

/** Labels say how much more than the first tick; that one is told whole. */
function differences(axis: ChartAxis, places: readonly number[], step: number): AxisTicks {
  const base = places[0] ?? axis.from;
  const span = (places.at(-1) ?? base) - base;
  const form = numberForm(span, axis);
  const ticks = places.map((at) => ({ at, label: `+${formatNumber(at - base, step, form)}` }));
  return { ticks, context: `from ${wholeOf(axis.origin, base)}` };
}

function wholeOf(origin: number | bigint, more: number): string {
  if (origin === 0) return String(more);
  if (Number.isInteger(more)) return String(BigInt(origin) + BigInt(more));
  return String(Number(origin) + more);
}

function alone(value: number, { origin, ...axis }: ChartAxis): string {
  return origin === 0 ? formatAlone(value, axis as { unit: string }) : wholeOf(origin, value);
}

function logTicks(axis: ChartAxis, count: number): Tick[] {
  const [low, high] = [Math.log10(axis.from), Math.log10(axis.to)];
  const decades = high - low;
  if (decades < 1) {
    const places = multiples(axis.from, axis.to, niceStep(axis.to - axis.from, count));
    return labelled(
      places.filter((at) => at > 0),
      axis,
    );
  }
  const every = Math.max(1, niceStep(decades, count));
  const within = decades * 3 <= count ? [1, 2, 5] : [1];
  const places: number[] = [];
  for (let power = Math.floor(low); power <= high + 1e-9; power++) {
    if (power % every !== 0) continue;
    for (const digit of within) places.push(Number(`${digit}e${power}`));
  }
  return labelled(
    places.filter((at) => at >= axis.from * (1 - 1e-9) && at <= axis.to * (1 + 1e-9)),
    axis,
  );
}

function labelled(places: readonly number[], axis: ChartAxis): Tick[] {
  return places.map((at) => ({ at, label: formatAlone(at, axis as { unit: string }) }));
}

function percentileTicks({ from, to }: ChartAxis, count: number): Tick[] {
  const nines = Array.from({ length: 12 }, (_, i) => 1 - 10 ** -(i + 1));
  const shares = [0, 0.5, ...nines].filter((share) => share >= from && share <= to + 1e-12);
  // What there is no room for is left out from the crowded end.
  const without50 = shares.length > count ? shares.filter((share) => share !== 0.5) : shares;
  const every = Math.ceil(without50.length / Math.max(1, count));
  return without50
    .filter((_, i) => i % every === 0)
    .map((at) => ({ at, label: `${percentOf(at)}%` }));
}

function percentOf(share: number): string {
  const nines = Math.max(0, Math.round(-Math.log10(1 - share)) - 2);
  return (share * 100).toFixed(nines);
}
