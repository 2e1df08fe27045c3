/** What a record batch is made of, and the bytes that it becomes. */
import { zstdCompress, type Compression } from '../zstd.js';
import { messageSize, writeMessage } from './messages.js';
import type { BodyCompression, FieldNode, Message, RecordBatch } from './metadata.js';

/** Nodes and buffers of a batch's columns, depth first, as Arrow wants to have them. */
export class BatchParts {
  readonly nodes: FieldNode[] = [];
  /** Only good until the columns are filled again. */
  readonly buffers: Uint8Array[] = [];

  node(length: number, nullCount: number): void {
    this.nodes.push({ length, null_count: nullCount });
  }

  buffer(bytes: Uint8Array): void {
    this.buffers.push(bytes);
  }
}

/** A message with its body, as it stands in a file. */
export interface EncodedMessage {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of the Message with its size before it; the rest is the body. */
  readonly metadataBytes: number;
}

const NO_BYTES = new Uint8Array(0);
const ZSTD: BodyCompression = { codec: 'Zstd', method: 'Buffer' };

/** Buffers start at multiples of 8, in the file as well, and no byte of them is left to chance. */
export function encodeBatch(
  rows: number,
  parts: BatchParts,
  compression: Compression,
  asHeader: (batch: RecordBatch) => Pick<Message, 'header' | 'header_type'>,
): EncodedMessage {
  const buffers = parts.buffers.map((bytes) => (compression === 'none' ? bytes : packed(bytes)));
  let bodyBytes = 0;
  const ranges = buffers.map(({ length }) => {
    const offset = bodyBytes;
    bodyBytes += padded(length);
    return { offset, length };
  });
  const batch: RecordBatch = { length: rows, nodes: parts.nodes, buffers: ranges };
  if (compression !== 'none') batch.compression = ZSTD;
  const message = { version: 'V5', ...asHeader(batch), body_length: bodyBytes } as Message;
  const { size, encoded } = messageSize(message);
  const bytes = new Uint8Array(size + bodyBytes);
  writeMessage(encoded, bytes);
  buffers.forEach((buffer, i) => bytes.set(buffer, size + (ranges[i]?.offset ?? 0)));
  return { bytes, metadataBytes: size };
}

/** Compressed, behind its size; nothing stays nothing. */
function packed(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return NO_BYTES;
  const compressed = zstdCompress(bytes);
  const result = new Uint8Array(8 + compressed.length);
  new DataView(result.buffer).setUint32(0, bytes.length, true);
  result.set(compressed, 8);
  return result;
}

function padded(bytes: number): number {
  return (bytes + 7) & ~7;
}
