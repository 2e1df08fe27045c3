/** Lines of JSON, in a pool's thread. */
import { textBetween } from '../../events/view-parts.js';
import { ByteSink } from './byte-sink.js';
import { Cells, checkUtf8, type TextField, type TextStyle } from './cells.js';
import type { EventBatch } from '../event-batches.js';
import type { EncodedPiece, EncoderPlan, PieceEncoder } from '../format.js';

const LF = 0x0a;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** What stands in text where bytes were none. */
const REPLACEMENT = '\uFFFD';

const STYLE: TextStyle = {
  nothing: (sink) => sink.ascii('null'),
  special: (sink, word) => sink.ascii(`"${word}"`),
  word: (sink, text) => sink.ascii(JSON.stringify(text)),
  string: (sink, bytes, start, end) => {
    const text = textBetween(bytes, start, end);
    // It may have been in the text, too.
    if (text.includes(REPLACEMENT)) checkUtf8(bytes, start, end);
    sink.text(JSON.stringify(text));
  },
  json: (sink, text) => sink.text(text),
};

export function jsonLinesEncoder({
  schema,
  args,
}: EncoderPlan<readonly TextField[]>): PieceEncoder {
  const cells = new Cells(schema, args, STYLE);
  const keys = args.map(({ path }, i) => `${i === 0 ? '{' : ','}${JSON.stringify(path)}:`);
  const sink = new ByteSink();
  return {
    add(batch: EventBatch): void {
      const writers = cells.writersFor(batch);
      let i = 0;
      try {
        for (; i < batch.count; i++) {
          const row = batch.rows[i] as number;
          if (writers.length === 0) sink.byte(OPEN);
          for (let c = 0; c < writers.length; c++) {
            sink.ascii(keys[c] as string);
            (writers[c] as (typeof writers)[0])(sink, row);
          }
          sink.byte(CLOSE);
          sink.byte(LF);
        }
      } catch (error) {
        batch.failAt(batch.rows[i] as number, error);
      }
    },
    finish(): EncodedPiece {
      const value = sink.take();
      return { value, transfer: [value.buffer] };
    },
  };
}
