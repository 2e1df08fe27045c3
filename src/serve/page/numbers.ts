/** Numbers as the page says them, in the form of the plots that the command line draws. */
import { clock, dayOf } from '../../plot/time-ticks.js';
import { formatAlone, type FieldUnit } from '../../plot/units.js';

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `999`, `1.2 k`, `250 M`. */
export function short(value: number): string {
  if (value < 1000)
    return value < 10 && value > 0 ? value.toFixed(1).replace('.0', '') : count(value);
  const power = Math.min(5, Math.floor(Math.log10(value) / 3 + 1e-9));
  const scaled = value / 1000 ** power;
  return `${scaled < 99.95 ? scaled.toFixed(1) : Math.round(scaled)} ${' kMGTP'[power] ?? ''}`;
}

export function bytes(value: number): string {
  let unit = 0;
  let scaled = value;
  for (; scaled >= 1024 && unit < BYTE_UNITS.length - 1; unit++) scaled /= 1024;
  return `${unit === 0 ? Math.round(scaled) : scaled.toFixed(1)} ${BYTE_UNITS[unit] ?? ''}`;
}

/** A value of a field. */
export function valueText(value: number, unit: FieldUnit | undefined): string {
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '−∞';
  return formatAlone(value, unit === undefined || unit.name === 'time' ? { unit: '' } : unit);
}

/** How long a stretch is. */
export function lengthText(length: number, unitNs: number | undefined): string {
  if (unitNs === undefined) return count(length);
  return formatAlone(length, { name: 'duration', unitNs });
}

/** A time with as many digits as tell it from others `step` away. */
export function timeText(ns: bigint, stepNs: number): string {
  const digits = stepNs >= 1e9 ? 0 : stepNs >= 1e6 ? 3 : stepNs >= 1e3 ? 6 : 9;
  return isOfCalendar(ns) ? `${dayOf(ns)} ${clock(ns, digits)}` : `${ns} ns`;
}

function isOfCalendar(ns: bigint): boolean {
  const ms = ns / 1_000_000n;
  return ms > -62_000_000_000_000n && ms < 250_000_000_000_000n;
}
