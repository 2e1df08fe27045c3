/** An event of scalars in memory of its own, whose fields are stored one by one and in place. */
import { layOut, rootHeader } from '../../events/template.js';
import type { EventSchema } from '../../events/schema.js';

/** Where a field is stored. */
export interface FieldPlace {
  /** Index of the value's first word. */
  readonly word: number;
  /** Index of the slot in the vtable, and what it holds when the field is there. */
  readonly slot: number;
  readonly slotValue: number;
}

const WORD = 2 ** 32;

/**
 * The layout is that of encoders, with a place for every field; a field that is not there has 0 in its
 * slot. To store a number is two or three stores: no object per event, no boxed double, and 64 bits
 * without a `bigint`.
 */
export class EventImage {
  /** The FlatBuffer, as it is at the moment. */
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly #slots: Uint16Array;
  readonly #doubles: Float64Array;
  readonly #empty: Uint8Array;
  readonly #places = new Map<string, FieldPlace>();

  constructor(schema: EventSchema) {
    const { bytes, fields, words, tableAt } = layOut(
      schema.root,
      rootHeader(schema.fileIdentifier),
    );
    const memory = new ArrayBuffer((bytes + 7) & ~7);
    this.words = new Uint32Array(memory);
    this.#slots = new Uint16Array(memory);
    this.#doubles = new Float64Array(memory);
    this.bytes = new Uint8Array(memory, 0, bytes);
    this.words.set(words.map((word) => word ?? 0));
    for (const { field, at, slotAt } of fields) {
      this.#places.set(field.name, { word: at / 4, slot: slotAt / 2, slotValue: at - tableAt });
      this.#slots[slotAt / 2] = 0;
    }
    this.#empty = this.bytes.slice();
  }

  /** @throws {RangeError} the schema has no such field */
  placeOf(name: string): FieldPlace {
    const place = this.#places.get(name);
    if (place === undefined) throw new RangeError(`Cannot store ${name}: no such field`);
    return place;
  }

  /** Leaves all fields out. */
  clear(): void {
    this.bytes.set(this.#empty);
  }

  /** A whole number as 64 bits, from -2^63 to below 2^64: exact, because a double of it is. */
  setInteger({ word, slot, slotValue }: FieldPlace, value: number): void {
    const upper = Math.floor(value / WORD);
    this.words[word] = value - upper * WORD;
    this.words[word + 1] = upper;
    this.#slots[slot] = slotValue;
  }

  /** 64 bits as two words. */
  setWords({ word, slot, slotValue }: FieldPlace, lower: number, upper: number): void {
    this.words[word] = lower;
    this.words[word + 1] = upper;
    this.#slots[slot] = slotValue;
  }

  setDouble({ word, slot, slotValue }: FieldPlace, value: number): void {
    this.#doubles[word >> 1] = value;
    this.#slots[slot] = slotValue;
  }

  /** Marks a field as there whose words somebody else stores; returns the first one's index. */
  occupy({ word, slot, slotValue }: FieldPlace): number {
    this.#slots[slot] = slotValue;
    return word;
  }
}
