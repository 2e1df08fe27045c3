/**
 * What a schema says about itself: the `///` comments of its `.fbs`, as `flatc --bfbs-comments` keeps them.
 * Nothing but generated code and schemas made of others needs them, so they are no part of the model. Slots are those of reflection.fbs.
 */
import { DISTANCE_BYTES, FlatBytes } from './flat-bytes.js';

const SCHEMA = { objects: 0, enums: 1 } as const;
const OBJECT = { name: 0, members: 1, documentation: 6 } as const;
const FIELD = { name: 0, documentation: 10 } as const;
const ENUM = { name: 0, members: 1, documentation: 5 } as const;
const ENUM_VALUE = { name: 0, documentation: 4 } as const;

/** Lines by what they are about: `space.Table`, `space.Table.field`, `space.Enum`, `space.Enum.Value`. */
export type Documentation = ReadonlyMap<string, readonly string[]>;

/** Of a `.bfbs` file that `decodeSchema` has accepted. */
export function readDocumentation(bfbs: Uint8Array): Documentation {
  const flat = new FlatBytes(bfbs);
  const found = new Map<string, readonly string[]>();
  const root = flat.root();
  for (const at of distances(flat, root, SCHEMA.objects)) collect(flat, at, OBJECT, FIELD, found);
  for (const at of distances(flat, root, SCHEMA.enums)) collect(flat, at, ENUM, ENUM_VALUE, found);
  return found;
}

interface Slots {
  readonly name: number;
  readonly documentation: number;
}

function collect(
  flat: FlatBytes,
  at: number,
  of: Slots & { readonly members: number },
  ofMember: Slots,
  into: Map<string, readonly string[]>,
): void {
  const name = text(flat, at, of.name);
  into.set(name, lines(flat, at, of.documentation));
  for (const member of distances(flat, at, of.members)) {
    const lineage = `${name}.${text(flat, member, ofMember.name)}`;
    into.set(lineage, lines(flat, member, ofMember.documentation));
  }
}

function lines(flat: FlatBytes, at: number, slot: number): string[] {
  return distances(flat, at, slot).map((line) => flat.string(line).trim());
}

function text(flat: FlatBytes, at: number, slot: number): string {
  return flat.string(flat.follow(flat.field(at, slot, DISTANCE_BYTES)));
}

/** Where the elements of a vector of tables or strings are; none if it is left out. */
function distances(flat: FlatBytes, at: number, slot: number): number[] {
  const field = flat.field(at, slot, DISTANCE_BYTES);
  if (field === 0) return [];
  const vector = flat.follow(field);
  const count = flat.count(vector, DISTANCE_BYTES);
  return Array.from({ length: count }, (_, i) => flat.follow(vector + 4 + DISTANCE_BYTES * i));
}
