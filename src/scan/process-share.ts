/** A processor's work in a pool's thread: what one partition has of a piece, or all of it. */
import { LogError, OffsetOutOfRangeError } from '../errors.js';
import { Cursor, type CursorSource } from '../read/cursor.js';
import type { Reader } from '../read/reader.js';
import type { RecordView } from '../read/record-view.js';
import type { FunctionName, Piece } from './messages.js';
import { isPartitionKey, partitionOf } from './process-partition.js';

/** Which part of a piece a task is about, and how to read it. */
export interface Share {
  /** `undefined`: all records are handled in one call. */
  readonly partition: SharePartition | undefined;
  /** Step over records that have been dropped from the log. */
  readonly skipsDropped: boolean;
}

export interface SharePartition {
  readonly by: FunctionName;
  readonly index: number;
  readonly count: number;
}

/** What a thread says of a share that it has handled. */
export interface HandledShare {
  /** Epoch of the record before the piece's end, from before the function was called. */
  readonly epoch: number | undefined;
  /** Offsets that had been dropped. */
  readonly skipped: number;
}

type Selects = (record: RecordView) => boolean;
type RunFunction = (cursor: Cursor, args: unknown, piece: Piece) => unknown;

/** A cursor that shows some of the records of a piece, and may step over what has been dropped. */
export class ShareCursor extends Cursor {
  readonly #end: number;
  readonly #skipsDropped: boolean;
  readonly #selects: Selects | undefined;
  #skipped = 0;

  constructor(source: CursorSource, end: number, skipsDropped: boolean, selects?: Selects) {
    super(source, end);
    this.#end = end;
    this.#skipsDropped = skipsDropped;
    this.#selects = selects;
  }

  get skipped(): number {
    return this.#skipped;
  }

  override next(): boolean {
    const before = this.#stoodOn();
    const skippedBefore = this.#skipped;
    while (this.#advance(false)) if (this.#selects?.(this) !== false) return true;
    this.#standAgain(this.#skipped === skippedBefore ? before : undefined);
    return false;
  }

  /** Neighbours may be others', so each selected record is a run of its own. */
  override nextRun(): boolean {
    if (this.#selects === undefined) return this.#advance(true);
    return this.next() && this.runOfOne();
  }

  override previous(): boolean {
    const before = this.#stoodOn();
    while (super.previous()) if (this.#selects?.(this) !== false) return true;
    this.#standAgain(before);
    return false;
  }

  #advance(byRun: boolean): boolean {
    for (;;) {
      try {
        return byRun ? super.nextRun() : super.next();
      } catch (error) {
        const from = this.nextOffset;
        const isDropped = error instanceof OffsetOutOfRangeError && error.startOffset > from;
        if (!isDropped || !this.#skipsDropped) throw error;
        const to = Math.min(error.startOffset, this.#end);
        this.#skipped += to - from;
        this.seek(to);
      }
    }
  }

  #stoodOn(): number | undefined {
    try {
      return this.offset;
    } catch {
      return undefined;
    }
  }

  /** Records of others have been walked over: back to where the cursor stood. */
  #standAgain(offset: number | undefined): void {
    if (this.#selects === undefined) return;
    if (offset === undefined) this.seek(this.nextOffset);
    else this.moveTo(offset);
  }
}

/** A cursor over a share. */
export function openShare(
  reader: Reader,
  { from, to }: Piece,
  { partition, skipsDropped }: Share,
  keyOf: ((record: RecordView, args: unknown) => unknown) | undefined,
  args: unknown,
): Cursor {
  const selects =
    partition === undefined || keyOf === undefined
      ? undefined
      : (record: RecordView): boolean => {
          const key = keyOf(record, args);
          if (!isPartitionKey(key)) throw new TypeError(wrongKey(key, partition.by, record.offset));
          return partitionOf(key, partition.count) === partition.index;
        };
  // Where every record is shown, the ordinary cursor is faster.
  if (selects === undefined && !skipsDropped) return reader.cursor({ from, to });
  const cursor = new ShareCursor(reader.cursorSource, to, skipsDropped, selects);
  cursor.seek(from);
  return cursor;
}

/** Calls the user's function, unless there is nothing for it in this share. */
export async function handleShare(
  reader: Reader,
  cursor: Cursor,
  run: RunFunction,
  args: unknown,
  piece: Piece,
): Promise<HandledShare> {
  // Before the call: should another appender replace records meanwhile, the caller must notice.
  const epoch = epochBefore(reader, piece.to);
  if (cursor instanceof ShareCursor) {
    if (!cursor.next()) return { epoch, skipped: cursor.skipped };
    cursor.seek(cursor.offset);
  }
  await run(cursor, args, piece);
  return { epoch, skipped: cursor instanceof ShareCursor ? cursor.skipped : 0 };
}

function epochBefore(reader: Reader, offset: number): number | undefined {
  const cursor = reader.cursor({ from: 'end' });
  try {
    return cursor.moveTo(offset - 1) ? cursor.epoch : undefined;
  } catch (error) {
    if (error instanceof LogError) return undefined;
    throw error;
  } finally {
    cursor.close();
  }
}

function wrongKey(key: unknown, { name, module }: FunctionName, offset: number): string {
  const found = typeof key === 'number' ? String(key) : `a value of type ${typeof key}`;
  return `Invalid key of record ${offset} from ${name} of ${module}: expected a string or a number, got ${found}`;
}
