/**
 * Where everything of a table lies, fixed once for a schema, so that writing one is stores at constant
 * places. A _block_ is a vtable and its table, one behind the other; the root's begins the event:
 *
 *      0        4            8        …          …
 *      +--------+------------+--------+----------+--------+-----------------+
 *      | root   | identifier | vtable | soffset  | fields | padding to 4    |
 *      +--------+------------+--------+----------+--------+-----------------+
 *       only the root's       u16 each ^ table
 *
 * Every field has a place, be it left out or not: what is left out has 0 in its slot and zeros at its
 * place. So the vtable of a table without anything left out is always the same: a template.
 */
import { SchemaError } from '../errors.js';
import { alignUp } from '../format/integers.js';
import { inlineAlign, inlineBytes } from './bfbs.js';
import { DISTANCE_BYTES, SLOT_BYTES, VTABLE_HEADER_BYTES } from './flat-bytes.js';
import { hasDiscriminator, usableFields, type TableField, type TableType } from './model.js';

/** Objects of any kind begin and end at multiples of it. */
export const WORD_BYTES = 4;
/** What a `u16` of the vtable holds. */
const MAX_TABLE_BYTES = 0xffff;

export interface Template {
  /** What the block's first byte is aligned to, counted from the event's start. */
  readonly align: number;
  /** Bytes of the block. */
  readonly bytes: number;
  /** Byte in the block at which the table begins. */
  readonly tableAt: number;
  readonly fields: readonly PlacedField[];
  /**
   * Content of the block by words, as it is before any field is stored; `undefined` where a field is
   * going to store all four bytes, left out or not.
   */
  readonly words: readonly (number | undefined)[];
}

/** Places are bytes of the block. */
export interface PlacedField {
  readonly field: TableField;
  readonly at: number;
  /** Of its slot in the vtable. */
  readonly slotAt: number;
  /** Of the field that tells a union's member; 0 for other fields. */
  readonly tagAt: number;
}

interface Place {
  readonly id: number;
  readonly bytes: number;
  readonly align: number;
  /** Whether its words are always stored whole. */
  readonly isWhole: boolean;
  at: number;
}

/** `header` is what the event begins with, if the block is the root's. */
export function layOut(table: TableType, header: readonly number[] = []): Template {
  const fields = usableFields(table);
  const places = fields.flatMap(placesOf);
  const slots = Math.max(-1, ...places.map(({ id }) => id)) + 1;
  const headerBytes = header.length * WORD_BYTES;
  const tableAt = alignUp(headerBytes + VTABLE_HEADER_BYTES + SLOT_BYTES * slots, WORD_BYTES);
  const bytes = alignUp(place(places, tableAt + WORD_BYTES), WORD_BYTES);
  if (bytes - tableAt > MAX_TABLE_BYTES || tableAt > MAX_TABLE_BYTES) {
    throw new SchemaError(`Cannot use ${table.name}: a table of ${bytes - tableAt} bytes`);
  }
  const atOf = new Map(places.map(({ id, at }) => [id, at]));
  return {
    align: Math.max(WORD_BYTES, ...places.map(({ align }) => align)),
    bytes,
    tableAt,
    fields: fields.map((field) => ({
      field,
      at: atOf.get(field.id) as number,
      slotAt: slotAt(headerBytes, field.id),
      tagAt: hasDiscriminator(field) ? (atOf.get(field.id - 1) as number) : 0,
    })),
    words: templateWords(places, { header, slots, tableAt, bytes }),
  };
}

/** First words of an event: room for the distance to the root table, and the file identifier. */
export function rootHeader(identifier: string | undefined): readonly number[] {
  if (identifier === undefined) return [0];
  return [0, Buffer.from(identifier, 'latin1').readInt32LE()];
}

function placesOf(field: TableField): Place[] {
  const { id, type } = field;
  const bytes = inlineBytes(type);
  const isWhole = type.kind !== 'struct' && bytes >= WORD_BYTES;
  const own = { id, bytes, align: inlineAlign(type), isWhole, at: 0 };
  if (!hasDiscriminator(field)) return [own];
  const tagBytes = type.kind === 'union' ? 1 : DISTANCE_BYTES;
  const isTagWhole = tagBytes === DISTANCE_BYTES;
  return [{ id: id - 1, bytes: tagBytes, align: tagBytes, isWhole: isTagWhole, at: 0 }, own];
}

/**
 * Puts fields one behind the other from `from` on, those with the largest alignment first that need no
 * gap. Returns the end.
 */
function place(places: readonly Place[], from: number): number {
  const left = [...places].sort((a, b) => b.align - a.align);
  let at = from;
  while (left.length > 0) {
    const fitting = left.findIndex(({ align }) => at % align === 0);
    // Without a fitting one all are larger than what the gap holds: up to the smallest of them.
    const [next] = left.splice(fitting < 0 ? left.length - 1 : fitting, 1) as [Place];
    next.at = alignUp(at, next.align);
    at = next.at + next.bytes;
  }
  return at;
}

interface BlockShape {
  readonly header: readonly number[];
  readonly slots: number;
  readonly tableAt: number;
  readonly bytes: number;
}

function templateWords(places: readonly Place[], shape: BlockShape): (number | undefined)[] {
  const { header, slots, tableAt, bytes } = shape;
  const block = new DataView(new ArrayBuffer(bytes));
  header.forEach((word, i) => block.setInt32(WORD_BYTES * i, word, true));
  if (header.length > 0) block.setInt32(0, tableAt, true);
  const vtableAt = header.length * WORD_BYTES;
  block.setUint16(vtableAt, VTABLE_HEADER_BYTES + SLOT_BYTES * slots, true);
  block.setUint16(vtableAt + 2, bytes - tableAt, true);
  for (const { id, at } of places) block.setUint16(slotAt(vtableAt, id), at - tableAt, true);
  block.setInt32(tableAt, tableAt - vtableAt, true);
  const whole = new Set(places.flatMap((each) => (each.isWhole ? wordsOf(each) : [])));
  return Array.from({ length: bytes / WORD_BYTES }, (_, i) =>
    whole.has(i) ? undefined : block.getInt32(WORD_BYTES * i, true),
  );
}

function wordsOf({ at, bytes }: Place): number[] {
  return Array.from({ length: bytes / WORD_BYTES }, (_, i) => at / WORD_BYTES + i);
}

function slotAt(vtableAt: number, id: number): number {
  return vtableAt + VTABLE_HEADER_BYTES + SLOT_BYTES * id;
}
