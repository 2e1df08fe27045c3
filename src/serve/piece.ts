/** What the threads of the pool do for the page, over one piece of a log. */
import type { Key } from '../query/groups.js';
import type { Cursor } from '../read/cursor.js';
import type { Piece } from '../scan/messages.js';
import { moved } from '../scan/sendable.js';
import { LastUsed } from '../query/last-used.js';
import { BATCH_ROWS } from '../query/batch-reader.js';
import { EventRows, type RowsPlan } from './event-rows.js';
import {
  addRows,
  buffersOf,
  noExtremes,
  placeRows,
  type Extremes,
  type PixelGrid,
} from './extremes.js';

/** Plain data. */
export interface PieceWork {
  /** Of what is read, so that a thread prepares itself once. */
  readonly id: string;
  readonly rows: RowsPlan;
  /** Lines of each value. */
  readonly lines: number;
}

export interface PixelWork extends PieceWork {
  readonly grid: PixelGrid;
}

export interface BlockWork extends PieceWork {
  /** Events of a block. */
  readonly blockEvents: number;
}

export interface PieceExtremes {
  readonly extremes: Extremes;
  /** Number of the first block; 0 where buckets are pixels. */
  readonly firstBlock: number;
  readonly blockEvents: number;
  /** Records that were no events. */
  readonly malformed: number;
  /** Values of the field to split by that have no line. */
  readonly unknown: readonly Key[];
}

const readers = new LastUsed<EventRows>(8);

function readerFor({ id, rows }: PieceWork): EventRows {
  const reader = readers.get(id, () => new EventRows(rows));
  reader.malformed = 0;
  return reader;
}

/** Extremes by the pixel in which events lie. */
export function pixelsOfPiece(cursor: Cursor, work: PixelWork): unknown {
  const { grid, rows, lines } = work;
  const reader = readerFor(work);
  const extremes = noExtremes(grid.pixels, rows.ys.length * lines);
  const pixelOf = new Int32Array(BATCH_ROWS);
  while (reader.next(cursor)) {
    placeRows(grid, reader, pixelOf);
    addRows(extremes, reader, pixelOf, lines);
  }
  return sent({ extremes, firstBlock: 0, blockEvents: 0, ...whatIsMissing(reader) });
}

/** Extremes of each block of events; of those at the ends, as far as the piece goes. */
export function blocksOfPiece(cursor: Cursor, work: BlockWork, piece: Piece): unknown {
  const { rows, lines, blockEvents } = work;
  const reader = readerFor(work);
  const firstBlock = Math.floor(piece.from / blockEvents);
  const blocks = Math.floor((piece.to - 1) / blockEvents) - firstBlock + 1;
  const extremes = noExtremes(blocks, rows.ys.length * lines);
  const blockOf = new Int32Array(BATCH_ROWS);
  while (reader.next(cursor)) {
    placeInBlocks(reader, blockEvents, firstBlock, blockOf);
    addRows(extremes, reader, blockOf, lines);
  }
  return sent({ extremes, firstBlock, blockEvents, ...whatIsMissing(reader) });
}

/** Fills `blockOf` with the block of each row, from the first one on. */
export function placeInBlocks(
  { offsets, length }: EventRows,
  blockEvents: number,
  firstBlock: number,
  blockOf: Int32Array,
): void {
  for (let row = 0; row < length;) {
    const offset = offsets[row] as number;
    const block = Math.floor(offset / blockEvents);
    // Where records were lost, fewer rows are of this block, and those behind are looked at again.
    let end = Math.min(length, row + (block + 1) * blockEvents - offset);
    while ((offsets[end - 1] as number) >= (block + 1) * blockEvents) end--;
    blockOf.fill(block - firstBlock, row, end);
    row = end;
  }
}

function whatIsMissing({
  malformed,
  unknown,
}: EventRows): Pick<PieceExtremes, 'malformed' | 'unknown'> {
  return { malformed, unknown };
}

function sent(result: PieceExtremes): unknown {
  return moved(result, buffersOf(result.extremes));
}
