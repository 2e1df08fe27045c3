/**
 * What a schema says about itself: the `///` comments of its `.fbs`, as `flatc --bfbs-comments` keeps them.
 * Nothing but generated code and schemas made of others needs them, so they are no part of the model. Slots are those of reflection.fbs.
 */
import { MalformedEventError, SchemaError } from '../errors.js';
import { DISTANCE_BYTES, FlatBytes } from './flat-bytes.js';
import { MAX_EXCESS } from './limits.js';

const SCHEMA = { objects: 0, enums: 1 } as const;
const OBJECT = { name: 0, members: 1, documentation: 6 } as const;
const FIELD = { name: 0, documentation: 10 } as const;
const ENUM = { name: 0, members: 1, documentation: 5 } as const;
const ENUM_VALUE = { name: 0, documentation: 4 } as const;

/** Lines by what they are about: `space.Table`, `space.Table.field`, `space.Enum`, `space.Enum.Value`. */
export type Documentation = ReadonlyMap<string, readonly string[]>;

/**
 * Of a `.bfbs` file that `decodeSchema` has accepted; its comments nobody has looked at before.
 * @throws {SchemaError} they are damaged, or many lines are the same bytes and add up to too much
 */
export function readDocumentation(bfbs: Uint8Array): Documentation {
  try {
    return new Reading(bfbs).documentation();
  } catch (error) {
    if (!(error instanceof MalformedEventError)) throw error;
    const why = `${error.reason}, at byte ${error.position}`;
    throw new SchemaError(`Cannot read the comments of the schema: ${why}`, { cause: error });
  }
}

interface Slots {
  readonly name: number;
  readonly documentation: number;
}

class Reading {
  readonly #flat: FlatBytes;
  readonly #found = new Map<string, readonly string[]>();
  /** Bytes of lines that may still be read, each as often as it is met. */
  #left: number;

  constructor(bfbs: Uint8Array) {
    this.#flat = new FlatBytes(bfbs);
    this.#left = bfbs.length + MAX_EXCESS;
  }

  documentation(): Documentation {
    const root = this.#flat.root();
    for (const at of this.#distances(root, SCHEMA.objects)) this.#collect(at, OBJECT, FIELD);
    for (const at of this.#distances(root, SCHEMA.enums)) this.#collect(at, ENUM, ENUM_VALUE);
    return this.#found;
  }

  #collect(at: number, of: Slots & { readonly members: number }, ofMember: Slots): void {
    const name = this.#text(at, of.name);
    this.#found.set(name, this.#lines(at, of.documentation));
    for (const member of this.#distances(at, of.members)) {
      const lineage = `${name}.${this.#text(member, ofMember.name)}`;
      this.#found.set(lineage, this.#lines(member, ofMember.documentation));
    }
  }

  #lines(at: number, slot: number): string[] {
    return this.#distances(at, slot).map((line) => {
      this.#left -= DISTANCE_BYTES + this.#flat.count(line, 1);
      if (this.#left < 0)
        throw new MalformedEventError('lines add up to more than the limit', line);
      return this.#flat.string(line).trim();
    });
  }

  #text(at: number, slot: number): string {
    return this.#flat.string(this.#flat.follow(this.#flat.field(at, slot, DISTANCE_BYTES)));
  }

  /** Where the elements of a vector of tables or strings are; none if it is left out. */
  #distances(at: number, slot: number): number[] {
    const field = this.#flat.field(at, slot, DISTANCE_BYTES);
    if (field === 0) return [];
    const vector = this.#flat.follow(field);
    const count = this.#flat.count(vector, DISTANCE_BYTES);
    return Array.from({ length: count }, (_, i) =>
      this.#flat.follow(vector + 4 + DISTANCE_BYTES * i),
    );
  }
}
