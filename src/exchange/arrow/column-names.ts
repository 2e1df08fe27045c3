/** Names of fields for the columns of a file. */
import { uniqueIdentifiers } from '../../capture/formats/names.js';
import { isTimeField, unitNsOf } from '../../query/time-units.js';
import type { ArrowColumn } from './column-types.js';

const UNITS: Readonly<Record<number, string>> = { 1: 'ns', 1e3: 'us', 1e6: 'ms', 1e9: 's' };
const DAY_NS = 86_400e9;

/**
 * Identifiers that differ. Those of times and durations end in their unit, so that plots, queries and the next
 * export know what they are.
 */
export function fieldNames(columns: readonly ArrowColumn[]): string[] {
  const identifiers = uniqueIdentifiers(columns.map(({ name }) => name)).map((name) =>
    name === '__proto__' ? 'proto' : name,
  );
  const named = identifiers.map((name, i) => timeName(name, columns[i] as ArrowColumn));
  return uniqueIdentifiers(named);
}

function timeName(name: string, { type }: ArrowColumn): string {
  if (type.kind !== 'time') return name;
  // Days are kept as seconds.
  const unitNs = type.unitNs === DAY_NS ? 1e9 : type.unitNs;
  const isSaid = unitNsOf(name) === unitNs && isTimeField(name) === type.isInstant;
  if (isSaid) return name;
  const withUnit = `${name}_${UNITS[unitNs]}`;
  if (isTimeField(withUnit) === type.isInstant) return withUnit;
  return type.isInstant ? `${name}_time_${UNITS[unitNs]}` : name;
}
