/** The fields that events of a schema have, by the paths that queries call them. */
import { WORDS } from '../events/write-schema.js';
import { usableFields, type TableField, type Type, type UnionType } from '../events/model.js';
import type { EventSchema } from '../events/schema.js';

/** A field of events, by its path. */
export interface EventField {
  /** As queries name it: `value`, `at.x`, `body.Tick.price`, `body_type`. */
  readonly path: string;
  /** As the schema language calls it: `double`, `string`, `[float]`, an enum's name. */
  readonly type: string;
  /**
   * What its values are in a query: numbers (of up to 32 bits, and floats), 64-bit integers, booleans,
   * names of an enum, or strings. `'none'`: it has no single value, so no query can ask for it; these are
   * vectors, and tables within themselves.
   */
  readonly kind: 'number' | 'integer' | 'boolean' | 'enum' | 'string' | 'none';
}

/**
 * The fields of a schema's events, in its order: those of structs, nested tables and members of unions by
 * their paths, without deprecated ones. Not among them are `$offset` and `$timeMs`, which events of all
 * schemas have.
 */
export function eventFields({ root }: EventSchema): EventField[] {
  return usableFields(root).flatMap((field) => ofField(field, '', new Set([root])));
}

/** `within`: the tables that lead to it; one of them again would lead to itself for ever. */
function ofField({ name, type }: Named, prefix: string, within: ReadonlySet<Type>): EventField[] {
  const path = prefix + name;
  if (type.kind === 'union') return ofUnion(type, path, within);
  if (type.kind === 'struct') {
    return type.fields.flatMap((field) => ofField(field, `${path}.`, within));
  }
  if (type.kind !== 'table' || within.has(type)) return [{ path, ...single(type) }];
  const inside = new Set([...within, type]);
  return usableFields(type).flatMap((field) => ofField(field, `${path}.`, inside));
}

type Named = Pick<TableField, 'name'> & { readonly type: Type };

function ofUnion(union: UnionType, path: string, within: ReadonlySet<Type>): EventField[] {
  const members = union.members.flatMap((member) => ofField(member, `${path}.`, within));
  return [{ path: `${path}_type`, type: shortName(union.name), kind: 'enum' }, ...members];
}

function single(type: Type): Pick<EventField, 'type' | 'kind'> {
  const word = wordFor(type);
  if (type.kind === 'string') return { type: word, kind: 'string' };
  if (type.kind !== 'scalar') return { type: word, kind: 'none' };
  if (type.enum !== undefined) return { type: word, kind: 'enum' };
  if (type.scalar === 'bool') return { type: word, kind: 'boolean' };
  const isWide = type.scalar === 'int64' || type.scalar === 'uint64';
  return { type: word, kind: isWide ? 'integer' : 'number' };
}

function wordFor(type: Type): string {
  if (type.kind === 'string') return 'string';
  if (type.kind === 'scalar') {
    return type.enum === undefined ? WORDS[type.scalar] : shortName(type.enum.name);
  }
  if (type.kind === 'vector') return `[${wordFor(type.element)}]`;
  if (type.kind === 'array') return `[${wordFor(type.element)}:${type.length}]`;
  return shortName(type.name);
}

/** Without the namespace. */
function shortName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
