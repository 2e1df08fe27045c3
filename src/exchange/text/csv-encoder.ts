/** Rows of CSV, in a pool's thread. */
import { ByteSink } from './byte-sink.js';
import { Cells, type TextField, type TextStyle } from './cells.js';
import type { EventBatch } from '../event-batches.js';
import type { EncodedPiece, EncoderPlan, PieceEncoder } from '../format.js';

const COMMA = 0x2c;
const QUOTE = 0x22;
const CR = 0x0d;
const LF = 0x0a;

const STYLE: TextStyle = {
  nothing: () => {},
  special: (sink, word) => sink.ascii(word),
  word: (sink, text) => sink.text(text),
  string: putString,
  json: (sink, text) => {
    const bytes = Buffer.from(text);
    putString(sink, bytes, 0, bytes.length);
  },
};

export function csvEncoder({ schema, args }: EncoderPlan<readonly TextField[]>): PieceEncoder {
  const cells = new Cells(schema, args, STYLE);
  const sink = new ByteSink();
  return {
    add(batch: EventBatch): void {
      const writers = cells.writersFor(batch);
      const { rows, count } = batch;
      for (let i = 0; i < count; i++) {
        const row = rows[i] as number;
        for (let c = 0; c < writers.length; c++) {
          if (c > 0) sink.byte(COMMA);
          (writers[c] as (typeof writers)[0])(sink, row);
        }
        sink.byte(CR);
        sink.byte(LF);
      }
    },
    finish(): EncodedPiece {
      const value = sink.take();
      return { value, transfer: [value.buffer] };
    },
  };
}

/** In quotes if it is empty, which is not the same as missing, or has what would end it. */
function putString(sink: ByteSink, bytes: Uint8Array, start: number, end: number): void {
  if (!needsQuotes(bytes, start, end)) return sink.copy(bytes, start, end);
  sink.reserve(2 * (end - start) + 2);
  const into = sink.bytes;
  let at = sink.length;
  into[at++] = QUOTE;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte === QUOTE) into[at++] = QUOTE;
    into[at++] = byte;
  }
  into[at++] = QUOTE;
  sink.length = at;
}

function needsQuotes(bytes: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte === COMMA || byte === QUOTE || byte === LF || byte === CR) return true;
  }
  return false;
}
