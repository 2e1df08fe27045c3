/** Durations as people type them: `100ms`, `1s`, `5m`. */

const UNITS_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
  d: 86_400e9,
};

export const DURATIONS = '100ms, 1s, 5m, 1h or 1d';

/** Nanoseconds; `undefined`: it is no duration. */
export function durationNs(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*(ns|us|ms|s|m|h|d)$/.exec(text) ?? [];
  return digits === undefined ? undefined : Number(digits) * (UNITS_NS[unit] as number);
}
