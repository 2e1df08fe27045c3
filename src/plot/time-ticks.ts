/** Ticks at round times of clock and calendar, in UTC. */
import type { ChartAxis } from './chart.js';
import type { AxisTicks, Tick } from './ticks.js';

const US = 1000n;
const MS = 1000n * US;
const SECOND = 1000n * MS;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;
const DAY = 24n * HOUR;
/** Weeks begin on Mondays; 1970 began on a Thursday. */
const FIRST_MONDAY = 4n * DAY;
/** What a `Date` can hold. */
const MAX_MS = 8.64e15;

const BELOW_A_SECOND = Array.from({ length: 9 }, (_, i) => 10n ** BigInt(i)).flatMap((power) => [
  power,
  2n * power,
  5n * power,
]);
const STEPS: readonly bigint[] = [
  ...BELOW_A_SECOND,
  ...[1n, 2n, 5n, 10n, 15n, 30n].map((n) => n * SECOND),
  ...[1n, 2n, 5n, 10n, 15n, 30n].map((n) => n * MINUTE),
  ...[1n, 2n, 3n, 6n, 12n].map((n) => n * HOUR),
  ...[1n, 2n, 7n, 14n].map((n) => n * DAY),
];
const MONTHS = [1, 2, 3, 6];
const MONTH_NS = 30.44 * Number(DAY);
const YEAR_NS = 365.25 * Number(DAY);
const NAMES = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

interface Span {
  readonly from: bigint;
  readonly to: bigint;
  /** Of a time, its place along the axis. */
  readonly placeOf: (ns: bigint) => number;
}

/** `undefined`: times that no calendar has. */
export function timeTicks(axis: ChartAxis, count: number): AxisTicks | undefined {
  const span = spanOf(axis);
  if (span === undefined) return undefined;
  const { from, to } = span;
  if (from === to) {
    return {
      ticks: [{ at: axis.from, label: clock(from, 9).replace(/\.?0+$/, '') }],
      context: context(from, to, true),
    };
  }
  const length = Number(to - from);
  const step = STEPS.find((each) => length / Number(each) <= count);
  if (step !== undefined) return step < MS ? fineTicks(span, step) : clockTicks(span, step);
  const months = MONTHS.find((each) => length / (each * MONTH_NS) <= count);
  return months === undefined ? yearTicks(span, length, count) : monthTicks(span, months);
}

/** Nanoseconds since 1970 of a place along the axis. */
export function nsAt({ origin, unitNs = 1 }: ChartAxis, at: number): bigint {
  const whole = Math.floor(at);
  const rest = BigInt(Math.round((at - whole) * unitNs));
  return (BigInt(origin) + BigInt(whole)) * BigInt(unitNs) + rest;
}

function spanOf(axis: ChartAxis): Span | undefined {
  const { origin, unitNs = 1 } = axis;
  if (!Number.isFinite(axis.from) || !Number.isFinite(axis.to)) return undefined;
  const [from, to] = [nsAt(axis, axis.from), nsAt(axis, axis.to)];
  if (Math.max(Math.abs(Number(from)), Math.abs(Number(to))) / 1e6 > MAX_MS) return undefined;
  const originNs = BigInt(origin) * BigInt(unitNs);
  return { from, to, placeOf: (ns) => Number(ns - originNs) / unitNs };
}

function dateOf(ns: bigint): Date {
  return new Date(Number(floorTo(ns, MS, 0n) / MS));
}

function floorTo(ns: bigint, step: bigint, origin: bigint): bigint {
  const over = (ns - origin) % step;
  return ns - over - (over < 0n ? step : 0n);
}

function multiplesOf(step: bigint, { from, to }: Span): bigint[] {
  const origin = step % (7n * DAY) === 0n ? FIRST_MONDAY : 0n;
  const found: bigint[] = [];
  const first = floorTo(from, step, origin);
  for (let at = first < from ? first + step : first; at <= to; at += step) found.push(at);
  return found;
}

/** Below a millisecond labels say how much more than a whole one. */
function fineTicks(span: Span, step: bigint): AxisTicks {
  const isNs = step < US;
  const base = floorTo(span.from, isNs ? US : MS, 0n);
  const unit = isNs ? 1n : US;
  const ticks = multiplesOf(step, span).map((ns) => ({
    at: span.placeOf(ns),
    label: `+${(ns - base) / unit} ${isNs ? 'ns' : 'µs'}`,
  }));
  return { ticks, context: `from ${dayOf(base)} ${clock(base, isNs ? 6 : 3)} UTC` };
}

function clockTicks(span: Span, step: bigint): AxisTicks {
  const places = multiplesOf(step, span);
  const label = (ns: bigint): string => {
    if (step >= DAY || (step >= MINUTE && ns % DAY === 0n)) return dayAndMonth(ns);
    if (step >= MINUTE) return clock(ns, 0).slice(0, -3);
    return clock(ns, step >= SECOND ? 0 : 4 - String(step / MS).length);
  };
  const ticks: Tick[] = places.map((ns) => ({ at: span.placeOf(ns), label: label(ns) }));
  const namesDays = step >= DAY || places.some((ns) => step >= MINUTE && ns % DAY === 0n);
  return { ticks, context: context(span.from, span.to, !namesDays) };
}

function monthTicks(span: Span, every: number): AxisTicks {
  const ticks: Tick[] = [];
  const begin = dateOf(span.from);
  let [year, month] = [begin.getUTCFullYear(), begin.getUTCMonth()];
  month -= month % every;
  for (; ; month += every) {
    const ns = BigInt(dateIn(year, month).getTime()) * MS;
    if (ns > span.to) break;
    const of = dateOf(ns);
    const name = of.getUTCMonth() === 0 ? String(of.getUTCFullYear()) : NAMES[of.getUTCMonth()];
    if (ns >= span.from) ticks.push({ at: span.placeOf(ns), label: name ?? '' });
  }
  return { ticks, context: context(span.from, span.to, false) };
}

function yearTicks(span: Span, length: number, count: number): AxisTicks {
  const least = length / YEAR_NS / count;
  const power = 10 ** Math.max(0, Math.floor(Math.log10(least)));
  const every = ([1, 2, 5, 10].find((each) => each * power >= least) ?? 10) * power;
  const ticks: Tick[] = [];
  const [first, last] = [dateOf(span.from).getUTCFullYear(), dateOf(span.to).getUTCFullYear()];
  for (let year = Math.ceil(first / every) * every; year <= last; year += every) {
    const ns = BigInt(dateIn(year, 0).getTime()) * MS;
    if (ns >= span.from && ns <= span.to) ticks.push({ at: span.placeOf(ns), label: String(year) });
  }
  return { ticks, context: 'UTC' };
}

/** `Date.UTC` takes the years up to 99 for others. */
function dateIn(year: number, month: number): Date {
  const date = new Date(0);
  date.setUTCFullYear(year, month, 1);
  return date;
}

/** What labels leave out. */
function context(from: bigint, to: bigint, withDay: boolean): string {
  const [first, last] = withDay ? [dayOf(from), dayOf(to)] : [yearOf(from), yearOf(to)];
  return first === last ? `${first}, UTC` : `${first} to ${last}, UTC`;
}

function yearOf(ns: bigint): string {
  return String(dateOf(ns).getUTCFullYear());
}

export function dayOf(ns: bigint): string {
  return dateOf(ns).toISOString().replace(/T.*/, '');
}

function dayAndMonth(ns: bigint): string {
  const date = dateOf(ns);
  return `${NAMES[date.getUTCMonth()] ?? ''} ${date.getUTCDate()}`;
}

/** Time of day, with so many digits of the second's fraction. */
export function clock(ns: bigint, digits: number): string {
  const whole = /T([\d:]+)/.exec(dateOf(ns).toISOString())?.[1] ?? '';
  if (digits <= 0) return whole;
  const fraction = String(ns - floorTo(ns, SECOND, 0n)).padStart(9, '0');
  return `${whole}.${fraction.slice(0, digits)}`;
}
