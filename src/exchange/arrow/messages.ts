/**
 * Messages of Arrow's streams and files, by the schema in `metadata.fbs`: a word of ones, the size of what
 * follows in a word, the FlatBuffer with zeros up to a multiple of 8; then the body.
 */
import { encodeEvent } from '../../events/encoder.js';
import { eventSchema, type EventSchema } from '../../events/schema.js';
import { Message, type MetadataVersion, type Schema } from './metadata.js';

export const MAGIC = Buffer.from('ARROW1');
export const PREFIX_BYTES = 8;
export const CONTINUES = -1;

/** Where a message stands in a file. */
export interface Block {
  readonly offset: number | bigint;
  readonly metadata_length: number;
  readonly body_length: number | bigint;
}

export interface Footer {
  readonly version: MetadataVersion | number;
  readonly schema?: Schema | undefined;
  readonly dictionaries?: readonly Block[] | undefined;
  readonly record_batches?: readonly Block[] | undefined;
}

let footers: EventSchema<Footer> | undefined;

/** The module of a schema has the types that its root leads to; a footer is another root. */
export function footerSchema(): EventSchema<Footer> {
  return (footers ??= eventSchema(Message.bytes, { root: 'stratalog.arrow.Footer' }));
}

/** Bytes that a message takes without its body, and what they are made of. */
export function messageSize(message: Message): { size: number; encoded: Uint8Array } {
  const encoded = encodeEvent(Message.decoded, message);
  return { size: PREFIX_BYTES + ((encoded.length + 7) & ~7), encoded };
}

/** Puts it at the start of zeros. */
export function writeMessage(encoded: Uint8Array, into: Uint8Array<ArrayBuffer>): void {
  const view = new DataView(into.buffer, into.byteOffset);
  view.setInt32(0, CONTINUES, true);
  view.setInt32(4, (encoded.length + 7) & ~7, true);
  into.set(encoded, PREFIX_BYTES);
}

/** A message without a body. */
export function bareMessage(message: Message): Uint8Array {
  const { size, encoded } = messageSize(message);
  const bytes = new Uint8Array(size);
  writeMessage(encoded, bytes);
  return bytes;
}

/** What a stream ends with. */
export function endOfStream(): Uint8Array {
  return Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0);
}

/** What a file ends with, behind its stream. */
export function footerBytes(footer: Footer): Uint8Array {
  const encoded = encodeEvent(footerSchema(), footer);
  const size = Buffer.alloc(4);
  size.writeInt32LE(encoded.length);
  return Buffer.concat([encoded, size, MAGIC]);
}
