/** Rows of CSV, in a pool's thread. */
import { ByteSink } from './byte-sink.js';
import { Cells, checkUtf8, type TextField, type TextStyle } from './cells.js';
import type { EventBatch } from '../event-batches.js';
import type { EncodedPiece, EncoderPlan, PieceEncoder } from '../format.js';

const COMMA = 0x2c;
const QUOTE = 0x22;
const CR = 0x0d;
const LF = 0x0a;
/** What a byte order mark begins with. */
const MARK = 0xef;

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
      let i = 0;
      try {
        for (; i < count; i++) {
          const row = rows[i] as number;
          for (let c = 0; c < writers.length; c++) {
            if (c > 0) sink.byte(COMMA);
            (writers[c] as (typeof writers)[0])(sink, row);
          }
          sink.byte(CR);
          sink.byte(LF);
        }
      } catch (error) {
        batch.failAt(rows[i] as number, error);
      }
    },
    finish(): EncodedPiece {
      const value = sink.take();
      return { value, transfer: [value.buffer] };
    },
  };
}

/**
 * In quotes if it is empty, which is not the same as missing, or has what would end it; what could be taken
 * for the mark of a file's beginning; or a NUL, which tells binary files from text.
 */
function putString(sink: ByteSink, bytes: Uint8Array, start: number, end: number): void {
  const looks = looksOf(bytes, start, end);
  if ((looks & IS_NOT_ASCII) !== 0) checkUtf8(bytes, start, end);
  if ((looks & NEEDS_QUOTES) === 0) return sink.copy(bytes, start, end);
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

const NEEDS_QUOTES = 1;
const IS_NOT_ASCII = 2;

function looksOf(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return NEEDS_QUOTES;
  let looks = bytes[start] === MARK ? NEEDS_QUOTES : 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if (byte > 127) looks |= IS_NOT_ASCII;
    else if (byte === COMMA || byte === QUOTE || byte === LF || byte === CR || byte === 0) {
      looks |= NEEDS_QUOTES;
    }
  }
  return looks;
}
