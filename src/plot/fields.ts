/** Which fields a plot is about. */
import type { EventSchema } from '../events/schema.js';
import { fieldAt, OFFSET_FIELD, type Field } from '../query/fields.js';
import { isTimeField } from '../query/time-units.js';

/**
 * A field whose values can be drawn.
 * @throws {TypeError} there is none of this name, or it is no number
 */
export function numberField(schema: EventSchema, path: string): Field {
  const field = fieldAt(schema, path);
  const what = field.kind === 'string' ? 'a string' : field.enum === undefined ? '' : 'an enum';
  if (what === '') return field;
  throw new TypeError(
    `Cannot plot ${path}: it is ${what}, not a number; numbers are ${numberNames(schema).join(', ') || 'none'}`,
  );
}

/** Fields of the root table that are numbers. */
export function numberNames({ root }: EventSchema): string[] {
  return root.fields
    .filter(({ type, isDeprecated }) => {
      const isNumber = type.kind === 'scalar' && type.enum === undefined && type.scalar !== 'bool';
      return isNumber && !isDeprecated;
    })
    .map(({ name }) => name);
}

/** The first time; without one, the offset. */
export function defaultX(schema: EventSchema): string {
  return numberNames(schema).find((name) => isTimeField(name)) ?? OFFSET_FIELD;
}

/**
 * The one number besides x.
 * @throws {TypeError} there are several, or none
 */
export function onlyNumber(schema: EventSchema, except: readonly string[]): string {
  const names = numberNames(schema).filter((name) => !except.includes(name));
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  const there = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
  throw new TypeError(`Cannot choose which number of ${schema.name} to plot: ${there}`);
}

/** A cell as a number: 64-bit integers less an origin, exactly before they are rounded. */
export function cellNumber(cell: unknown, origin: number | bigint = 0): number | null {
  if (typeof cell === 'boolean') return Number(cell);
  if (typeof cell === 'bigint') return Number(cell - BigInt(origin));
  if (typeof cell !== 'number' || Number.isNaN(cell)) return null;
  if (typeof origin === 'number') return cell - origin;
  // Numbers of a 64-bit column are integers; only infinite ones of others are left.
  return Number.isSafeInteger(cell) ? Number(BigInt(cell) - origin) : cell - Number(origin);
}
