import { SchemaError } from '../errors.js';
import { decodeSchema } from './bfbs.js';
import type { SchemaModel, TableType } from './model.js';

/**
 * A schema and the table that is the root of each event. `Event` is the type of events as plain objects,
 * `View` that of the flyweight that reads them in place; generated modules name both.
 */
export class EventSchema<Event = unknown, View = unknown> {
  /** The `.bfbs` file. */
  readonly bytes: Uint8Array;
  /** Name of the root table, with its namespace. */
  readonly name: string;
  /** @internal */
  readonly model: SchemaModel;
  /** @internal */
  readonly root: TableType;
  /** Never there: it makes types of different events different. */
  declare readonly types?: { readonly event: Event; readonly view: View };

  /** @internal Use `eventSchema`. */
  constructor(bytes: Uint8Array, name: string | undefined) {
    this.bytes = bytes;
    this.model = decodeSchema(bytes);
    this.root = rootOf(this.model, name);
    this.name = this.root.name;
  }

  /** Four characters that every event carries, if the schema has them. */
  get fileIdentifier(): string | undefined {
    return this.root === this.model.root ? this.model.fileIdentifier : undefined;
  }
}

/**
 * Takes a schema from a `.bfbs` file (`flatc --binary --schema`). `root` names the table that events are;
 * by default it is the schema's `root_type`.
 * @throws {SchemaError}
 */
export function eventSchema<Event = unknown, View = unknown>(
  bfbs: Uint8Array,
  { root }: { readonly root?: string } = {},
): EventSchema<Event, View> {
  return new EventSchema(bfbs.slice(), root);
}

/**
 * For those who have no compiler to tell them.
 * @throws {TypeError}
 */
export function checkSchema(schema: unknown): void {
  if (schema === undefined || schema instanceof EventSchema) return;
  throw new TypeError('Invalid schema: expected what eventSchema() returns');
}

function rootOf({ root, tables }: SchemaModel, name: string | undefined): TableType {
  if (name === undefined) {
    if (root !== undefined) return root;
    throw new SchemaError('Cannot use the schema: it has no root_type, and no root was named');
  }
  const found = tables.find((table) => table.name === name);
  if (found !== undefined) return found;
  const names = tables.map((table) => table.name).join(', ') || 'none';
  throw new SchemaError(`Cannot find table ${name}: the schema has ${names}`);
}
