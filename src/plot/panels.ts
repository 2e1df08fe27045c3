/** Which lines share an axis: those that can be compared. */
import type { ChartAxis, ChartPanel, LineSeries } from './chart.js';
import { unitOf, type FieldUnit } from './units.js';

export interface PlottedLine extends LineSeries {
  readonly field: string;
  readonly origin: number | bigint;
}

interface Settings {
  /** Each field for itself: its lines are named by something else. */
  readonly isSplit: boolean;
  readonly isRate: boolean;
  readonly scale: 'linear' | 'log';
}

interface Range {
  readonly low: number;
  readonly high: number;
}

/** Values without a unit share an axis if the largest span is no more than so many times the least. */
const MAX_RATIO = 20;

/**
 * Fields of one unit are drawn along one axis, and those of different units in panels of their own. Names
 * without a unit say nothing: then fields share an axis if none of them would be a flat line there.
 */
export function panelsOf(lines: readonly PlottedLine[], settings: Settings): ChartPanel[] {
  const panels: PlottedLine[][] = [];
  for (const field of new Set(lines.map((line) => line.field))) {
    const own = lines.filter((line) => line.field === field);
    const panel = settings.isSplit ? undefined : panels.find((each) => canShare(each, own));
    if (panel === undefined) panels.push(own);
    else panel.push(...own);
  }
  return panels.map((panel) => ({ y: yAxis(panel, settings), series: panel.map(withoutField) }));
}

function withoutField({ field: _field, origin: _origin, ...line }: PlottedLine): LineSeries {
  return line;
}

function canShare(panel: readonly PlottedLine[], others: readonly PlottedLine[]): boolean {
  const [first, other] = [panel[0], others[0]];
  if (first === undefined || other === undefined) return true;
  if (first.origin !== other.origin) return false;
  const [unit, otherUnit] = [unitOf(first.field), unitOf(other.field)];
  if (unit !== undefined || otherUnit !== undefined) {
    return unit?.name === otherUnit?.name && unit?.unitNs === otherUnit?.unitNs;
  }
  const ranges = [...panel, ...others].map((line) => rangeOf([line], 'linear'));
  const [low, high] = [
    Math.min(...ranges.map((range) => range.low)),
    Math.max(...ranges.map((range) => range.high)),
  ];
  return ranges.every((range) => high - low <= MAX_RATIO * sizeOf(range) || high === low);
}

/** What a flat line takes of the axis is its distance from 0. */
function sizeOf({ low, high }: Range): number {
  return high > low ? high - low : Math.abs(high);
}

function yAxis(panel: readonly PlottedLine[], { isRate, isSplit, scale }: Settings): ChartAxis {
  const names = [...new Set(panel.map(({ field }) => field))];
  const unit = unitOf(names[0] ?? '');
  const isTime = unit?.name === 'time';
  const label = names.length === 1 || isSplit ? names.join(', ') : commonLabel(names, unit);
  const range = rangeOf(panel, scale);
  const isLog = scale === 'log' && range.low > 0;
  const axis = isLog ? logRange(range) : padded(range);
  return {
    label: isRate ? `${label} per second` : label,
    scale: isLog ? 'log' : 'linear',
    origin: panel[0]?.origin ?? 0,
    from: axis.low,
    to: axis.high,
    ...(isRate ? rateUnit(unit) : isTime ? {} : { unit: unit?.unit, unitNs: unit?.unitNs }),
  };
}

function commonLabel(names: readonly string[], unit: FieldUnit | undefined): string {
  if (names.length <= 3) return names.join(', ');
  return unit?.unit ?? unit?.name ?? 'value';
}

function rateUnit(unit: FieldUnit | undefined): Partial<ChartAxis> {
  return unit?.unit === undefined ? {} : { unit: `${unit.unit}/s` };
}

/** Of what is finite, and on a logarithmic axis more than 0. */
function rangeOf(lines: readonly LineSeries[], scale: 'linear' | 'log'): Range {
  let [low, high] = [Infinity, -Infinity];
  const take = (value: number | null): void => {
    if (value === null || !Number.isFinite(value) || (scale === 'log' && value <= 0)) return;
    low = Math.min(low, value);
    high = Math.max(high, value);
  };
  for (const { min, max } of lines) {
    min.forEach(take);
    max.forEach(take);
  }
  return low > high ? { low: 0, high: 0 } : { low, high };
}

/** With room at the ends; from 0 where that is near; and never without height. */
export function padded({ low, high }: Range): Range {
  if (low === high) {
    const room = low === 0 ? 1 : Math.abs(low) * 0.1;
    return { low: finite(low - room), high: finite(high + room) };
  }
  const room = (high / 2 - low / 2) * 0.1;
  const [isNearBelow, isNearAbove] = [
    low >= 0 && low <= 0.4 * high,
    high <= 0 && high >= 0.4 * low,
  ];
  return {
    low: isNearBelow ? 0 : finite(low - room),
    high: isNearAbove ? 0 : finite(high + room),
  };
}

function logRange({ low, high }: Range): Range {
  if (low === high) return { low: low / 10, high: finite(high * 10) };
  const room = (high / low) ** 0.03;
  const isRoom = Number.isFinite(room);
  return { low: isRoom ? low / room : low, high: isRoom ? finite(high * room) : high };
}

function finite(value: number): number {
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, value));
}
