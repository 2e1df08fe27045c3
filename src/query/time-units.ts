/** Times and durations by the unit that ends a field's name: `time_ns`, `late_us`. */

/** Nanoseconds of each unit. */
export const UNIT_NS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

/** Nanoseconds of one of the field: by its name, or, of `$timeMs`, known. `undefined`: no time. */
export function unitNsOf(field: string): number | undefined {
  if (field === '$timeMs') return UNIT_NS['ms'];
  const unit = /(?:^|[a-z0-9])_(ns|us|ms|s)$/i.exec(field)?.[1];
  return unit === undefined ? undefined : UNIT_NS[unit.toLowerCase()];
}

/** Whether a field is, by its name, a time since 1970, and not a duration: `time_ns`, `date_ms`. */
export function isTimeField(field: string): boolean {
  if (unitNsOf(field) === undefined) return false;
  return /(?:^|[_.$])(?:time|timestamp|datetime|date)(?:_|Ms)/i.test(field);
}
