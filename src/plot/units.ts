/** Units that end the names of fields, and numbers in them. */
import { isTimeField, unitNsOf } from '../query/time-units.js';

/** What ends a name, and how it is written behind a number. */
const SUFFIXES: Readonly<Record<string, string>> = {
  bytes: 'B',
  bits: 'bit',
  hz: 'Hz',
  khz: 'kHz',
  mhz: 'MHz',
  percent: '%',
  pct: '%',
  celsius: '°C',
  kelvin: 'K',
  volts: 'V',
  amperes: 'A',
  watts: 'W',
  joules: 'J',
  meters: 'm',
  metres: 'm',
  kib: 'KiB',
  mib: 'MiB',
};

/** The unit of a field by its name; `undefined` if it says none. */
export interface FieldUnit {
  /** The same for fields that can be drawn along one axis. */
  readonly name: string;
  readonly unit?: string | undefined;
  readonly unitNs?: number | undefined;
}

export function unitOf(field: string): FieldUnit | undefined {
  const unitNs = unitNsOf(field);
  if (unitNs !== undefined) return { name: isTimeField(field) ? 'time' : 'duration', unitNs };
  const suffix = /(?:^|_)([a-z]+)$/i.exec(field)?.[1]?.toLowerCase() ?? '';
  const unit = Object.hasOwn(SUFFIXES, suffix) ? SUFFIXES[suffix] : undefined;
  return unit === undefined ? undefined : { name: unit, unit };
}

/** How numbers of an axis are written: times the factor, with the unit behind. */
export interface NumberForm {
  readonly factor: number;
  readonly unit: string;
  /** Numbers are written as so many powers of ten; 0: plainly. */
  readonly exponent: number;
}

const DURATIONS: readonly (readonly [ns: number, unit: string, from: number])[] = [
  [86_400e9, 'd', 3 * 86_400e9],
  [3600e9, 'h', 3 * 3600e9],
  [60e9, 'min', 10 * 60e9],
  [1e9, 's', 1e9],
  [1e6, 'ms', 1e6],
  [1e3, 'µs', 1e3],
  [1, 'ns', 0],
];
const LARGE = ['', 'k', 'M', 'G', 'T', 'P', 'E'];
const SMALL = ['', 'm', 'µ', 'n', 'p'];
/** Units that take prefixes. */
const SCALED = new Set(['B', 'bit', 'Hz', 'V', 'A', 'W', 'J', 'm', 's']);

/** The form in which a number of this size is short to write. */
export function numberForm(
  largest: number,
  {
    unit = '',
    unitNs,
  }: { readonly unit?: string | undefined; readonly unitNs?: number | undefined },
): NumberForm {
  const size = Math.abs(largest);
  if (unitNs !== undefined) return durationForm(size, unitNs);
  const base = unit.replace('/s', '');
  const thousands = size > 0 && size < Infinity ? Math.floor(Math.log10(size) / 3 + 1e-9) : 0;
  const isScaled = SCALED.has(base);
  if (thousands > 0 && (isScaled || size >= 1e4)) {
    const prefix = LARGE[thousands];
    if (prefix !== undefined && (isScaled || base === '')) {
      return { factor: 1000 ** -thousands, unit: `${prefix}${unit}`, exponent: 0 };
    }
  }
  if (thousands < 0 && isScaled && -thousands < SMALL.length) {
    const prefix = SMALL[-thousands] ?? '';
    return { factor: 1000 ** -thousands, unit: `${prefix}${unit}`, exponent: 0 };
  }
  const isPlain = size === 0 || (size >= 1e-3 && size < 1e7);
  return { factor: 1, unit, exponent: isPlain ? 0 : Math.floor(Math.log10(size)) };
}

function durationForm(size: number, unitNs: number): NumberForm {
  const ns = size * unitNs;
  const [width, unit] = DURATIONS.find(([, , from]) => ns >= from) ?? [1, 'ns'];
  return { factor: unitNs / width, unit, exponent: 0 };
}

/** A number with so many decimals, in a form; `step` is what tells it from its neighbours. */
export function formatNumber(value: number, step: number, form: NumberForm): string {
  if (value === 0) return '0';
  const { factor, unit, exponent } = form;
  const isWord = unit.length > 0 && !/^[kMGTPE]$|^%$/.test(unit);
  const behind = `${isWord ? ' ' : ''}${unit}`;
  const scaled = value * factor;
  if (exponent !== 0) {
    const digits = decimals(step / 10 ** exponent);
    // Of the smallest doubles the power itself is 0.
    const mantissa =
      exponent < -300 ? scaled * 1e300 * 10 ** -(exponent + 300) : scaled / 10 ** exponent;
    return `${signed(mantissa.toFixed(digits))}e${exponent}${behind}`;
  }
  return `${signed(scaled.toFixed(decimals(step * factor)))}${behind}`;
}

/** A minus sign is as wide as a plus. */
function signed(text: string): string {
  return text.startsWith('-') ? `\u2212${text.slice(1)}` : text;
}

function decimals(step: number): number {
  if (!(step > 0) || step === Infinity) return 0;
  const digits = Math.min(20, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)));
  // A quarter of something takes a digit more.
  const [scaled] = [step * 10 ** digits];
  return digits < 20 && Math.abs(scaled - Math.round(scaled)) > 1e-6 * scaled ? digits + 1 : digits;
}

/** A number by itself, as short as it can be told from others nearby. */
export function formatAlone(value: number, axis: Pick<NumberForm, 'unit'> | FieldUnit): string {
  const form = numberForm(value, axis);
  const step = Math.abs(value) / 1000;
  const text = formatNumber(value, step, form);
  return text.replace(/(\.\d*?)0+(?=\D*$|e)/, '$1').replace(/\.(?=\D*$|e)/, '');
}
