/** Tables of apache-arrow as plain rows. */
import { StructRow, Vector, type Table } from 'apache-arrow';
import type { Plain } from './exported-logs.js';

export function rowsOf(table: Table): Plain[] {
  const names = table.schema.fields.map(({ name }) => name);
  const columns = names.map((_, i) => table.getChildAt(i));
  return Array.from({ length: table.numRows }, (_, row) =>
    Object.fromEntries(names.map((name, i) => [name, plain(columns[i]?.get(row))])),
  );
}

/** Lists as arrays, structs as objects, 64-bit integers as numbers where they are exact. */
export function plain(value: unknown): unknown {
  if (value instanceof Vector) return Array.from(value, plain);
  if (value instanceof Uint8Array) return [...value];
  if (value instanceof StructRow) {
    const entries = Object.entries(value.toJSON());
    return Object.fromEntries(entries.map(([name, each]) => [name, plain(each)]));
  }
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}
