/**
 * Readers, cursors and tailers as plain data: to be sent to another thread or process, by `workerData`,
 * `postMessage` or a pool's task, and opened there: `openReader(it)`, then `cursor(it)` or `tailer(it)`.
 */
import type { LogId } from '../format/identity.js';
import type { Verify } from './readable-segment.js';
import type { Access } from './segment-set.js';

export interface ReaderDescription {
  readonly path: string;
  readonly logId: LogId;
  readonly bound: 'committed' | 'flushed';
  readonly verify: Verify;
  readonly access: Access;
}

/** What a cursor has still before it. */
export interface CursorDescription extends ReaderDescription {
  readonly from: number;
  readonly to?: number;
}

/**
 * A place in a log that can be kept for later. It names the opening that wrote the record before it, so
 * that it is not mistaken for a place in another history: a crash may have taken unflushed records, and
 * others may have been given their offsets.
 */
export interface Position {
  /** Offset of the next record to be read. */
  readonly offset: number;
  /** Epoch of the record before that; `undefined` if there is none, or it cannot be read any more. */
  readonly epoch: number | undefined;
}

export interface TailerDescription extends ReaderDescription {
  readonly from: Position;
  readonly onDropped: 'error' | 'skip';
  readonly endAtClose: boolean;
}
