/**
 * Flyweights that read events in place. The classes are compiled from the schema at run time
 * (`view-source.ts`): a getter for each field knows its slot, its size and its default.
 */
import { RecordPlace } from '../read/record-place.js';
import type { RecordView } from '../read/record-view.js';
import { runCode } from './run-time-code.js';
import type { EventSchema } from './schema.js';
import {
  Elements,
  checkWithin,
  exactInt64,
  exactUint64,
  exactly,
  follow,
  malformed,
  named,
  numbered,
  numbers,
  numbersAt,
  refuseBigint,
  stale,
  text,
  unsafe,
} from './view-parts.js';
import { viewSource } from './view-source.js';

export type { EventVector } from './view-parts.js';

/**
 * A view of a table or struct: a getter for each of its fields. It shows one at a time, and so does
 * whatever it hands out: a nested table, a struct or a vector is one object for each field, which the next
 * access of that field moves. What belongs to an event that is not shown any more throws a `RangeError`.
 *
 * Getters check what they read against the bytes of the event, and throw `MalformedEventError`; they
 * never read outside of it.
 */
export interface FieldsView {
  /**
   * A 64-bit integer that may be past 2^53, where its getter would throw; `null` for an optional one that
   * is left out.
   * @throws {TypeError} there is no such field
   */
  $bigint(name: string): bigint | null;
}

/** The view of an event. Besides these, it has a getter for each field of the schema's root table. */
export interface EventView extends FieldsView {
  /**
   * Shows the record that a cursor, a reader or a tailer stands on, where it lies. It shows it until it is
   * moved, also when the cursor goes on, but not when the cursor is closed. Allocates nothing.
   * @throws {MalformedEventError} there is no root table where one should be
   */
  $show(record: RecordView): this;
  /** Shows an event that lies in memory of the caller's, at any position. */
  $read(bytes: Uint8Array, position?: number, length?: number): this;
}

/** What a schema's view has: typed by a generated module, or by name. */
export type ViewOf<View> = EventView &
  (unknown extends View ? { readonly [field: string]: unknown } : View);

export type ViewClass<View = unknown> = new () => ViewOf<View>;

const SUPPORT = {
  RecordPlace,
  Elements,
  checkWithin,
  exactInt64,
  exactUint64,
  exactly,
  follow,
  malformed,
  named,
  numbered,
  numbers,
  numbersAt,
  refuseBigint,
  stale,
  text,
  unsafe,
};

const compiled = new WeakMap<EventSchema, ViewClass>();

/**
 * Compiles the class of flyweights for events of a schema; once for each schema. Fields are read by
 * getters of their names:
 *
 * - numbers and booleans as they are; 64-bit integers as numbers, with a `RangeError` past 2^53
 *   (`$bigint` has them all); an optional scalar that is left out is `null`
 * - enums by name; a value without a name, of a newer schema, is the number
 * - strings, decoded each time
 * - tables and structs as views; `undefined` if they are left out, as strings and vectors are
 * - a union `x` as the view (or string) of its member, whose name is `x_type`; `undefined` if this schema
 *   does not have the member
 * - vectors of scalars (and of enums and booleans, by number) as typed arrays over the memory itself:
 *   borrowed, and valid as long as they are held; copies if the event is not aligned
 * - other vectors as `EventVector`
 *
 * @throws {LogError} `UNSUPPORTED_PLATFORM`: this process may not make code of strings
 */
export function compileView<View>(schema: EventSchema<unknown, View>): ViewClass<View> {
  const known = compiled.get(schema);
  if (known !== undefined) return known as ViewClass<View>;
  const { body, names } = viewSource(schema.root);
  const made = runCode(body, { ...SUPPORT, ...names }) as ViewClass;
  compiled.set(schema, made);
  return made as ViewClass<View>;
}

/**
 * A view of no event yet: `$show(cursor)`, `$show(reader.get(offset))` or `$read(bytes)` place it. For
 * functions of `scan` and `processLog`, which get a cursor over records.
 * @throws As `compileView`
 */
export function eventView<View>(schema: EventSchema<unknown, View>): ViewOf<View> {
  return new (compileView(schema))();
}
