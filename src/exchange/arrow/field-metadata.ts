/** Arrow's description of the columns of an export. */
import type { ScalarKind } from '../../events/model.js';
import type { EventSchema } from '../../events/schema.js';
import { keptSchema } from '../kept-schema.js';
import type { BatchParts } from './batch-parts.js';
import type { Field, Message, Schema, Type } from './metadata.js';
import type { Dictionary, PlannedColumns, Shape, ShapeField } from './shapes.js';

type TypeName = NonNullable<Field['type_type']>;

/** Type of a field, and the fields of what is in it. */
interface Described {
  readonly type: TypeName;
  readonly value: Type;
  readonly children?: readonly ShapeField[];
  readonly dictionary?: Dictionary;
}

/** The log's schema goes with its columns if they are all there: then events can be made of them again. */
export function arrowSchema({ columns, isWhole }: PlannedColumns, schema: EventSchema): Schema {
  const metadata = isWhole ? keptSchema(schema) : [];
  return { endianness: 'Little', fields: columns.map(arrowField), custom_metadata: metadata };
}

export function schemaMessage(schema: Schema): Message {
  return { version: 'V5', header_type: 'Schema', header: schema };
}

function arrowField({ name, isNullable, shape }: ShapeField): Field {
  const { type, value, children = [], dictionary } = described(shape);
  const field = {
    name,
    nullable: isNullable,
    type_type: type,
    type: value,
    children: children.map(arrowField),
  } as Field;
  if (dictionary === undefined) return field;
  const index_type = { bit_width: 8 * indexBytes(dictionary), is_signed: true };
  return { ...field, dictionary: { id: dictionary.id, index_type } };
}

function described(shape: Shape): Described {
  switch (shape.kind) {
    case 'scalar':
      return ofScalar(shape.scalar);
    case 'time':
      return { type: 'Timestamp', value: { unit: shape.unit, timezone: 'UTC' } };
    case 'names':
      return { type: 'Utf8', value: {}, dictionary: shape.dictionary };
    case 'text':
    case 'json':
      return { type: 'Utf8', value: {} };
    case 'bytes':
      return { type: 'Binary', value: {} };
    case 'list':
      return { type: 'List', value: {}, children: [shape.element] };
    case 'array':
      return {
        type: 'FixedSizeList',
        value: { list_size: shape.length },
        children: [shape.element],
      };
    default:
      return { type: 'Struct', value: {}, children: shape.fields };
  }
}

function ofScalar(scalar: ScalarKind): Described {
  if (scalar === 'bool') return { type: 'Bool', value: {} };
  if (scalar === 'float32') return { type: 'FloatingPoint', value: { precision: 'Single' } };
  if (scalar === 'float64') return { type: 'FloatingPoint', value: { precision: 'Double' } };
  const is_signed = scalar.startsWith('int');
  const bit_width = Number(/\d+$/.exec(scalar)?.[0]);
  return { type: 'Int', value: { bit_width, is_signed } };
}

/** Bytes of a place in a dictionary. */
export function indexBytes({ names }: Dictionary): 1 | 2 | 4 {
  if (names.length <= 0x80) return 1;
  return names.length <= 0x8000 ? 2 : 4;
}

/** The one column of a dictionary. */
export function dictionaryParts({ names }: Dictionary, parts: BatchParts): void {
  const texts = names.map((name) => Buffer.from(name));
  const places = new Int32Array(names.length + 1);
  texts.forEach(({ length }, i) => (places[i + 1] = (places[i] as number) + length));
  parts.node(names.length, 0);
  parts.buffer(new Uint8Array(0));
  parts.buffer(new Uint8Array(places.buffer));
  parts.buffer(Buffer.concat(texts));
}
