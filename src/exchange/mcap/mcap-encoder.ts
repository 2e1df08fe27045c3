/** Chunks of messages, in a pool's thread. */
import type { EventBatch } from '../event-batches.js';
import type { EncodedPiece, EncoderPlan, PieceEncoder } from '../format.js';
import { ChunkWriter, type ChunkFacts, type ChunkOptions } from './chunk-writer.js';
import { MessageTime } from './message-time.js';

/** Plain data. */
export interface McapArguments extends ChunkOptions {
  readonly time: string | undefined;
}

export interface McapPiece {
  /** Chunks with their indexes, one behind the other. */
  readonly bytes: Uint8Array;
  readonly chunks: readonly ChunkFacts[];
  /** Offset of the first event in it. */
  readonly firstOffset: number | undefined;
}

export function mcapEncoder({ args }: EncoderPlan<McapArguments>): PieceEncoder {
  const chunks = new ChunkWriter(args);
  const time = new MessageTime(args.time);
  let firstOffset: number | undefined;
  return {
    add(batch: EventBatch): void {
      const { rows, offsets, columns } = batch;
      const times = columns[0];
      let chosen = 0;
      batch.eachRecord((record) => {
        const row = rows[chosen++] as number;
        const offset = offsets[row] as number;
        firstOffset ??= offset;
        time.read(record, times, row);
        chunks.add(offset, time, record.payload);
      });
    },
    finish(): EncodedPiece {
      const value: McapPiece = { ...chunks.take(), firstOffset };
      firstOffset = undefined;
      return { value, transfer: [value.bytes.buffer as ArrayBuffer] };
    },
  };
}
