/** What the server tells the page of the log: plain data, which both sides are compiled with. */

export interface LogStatus {
  readonly timeMs: number;
  readonly writer: string;
  readonly startOffset: number;
  readonly committedOffset: number;
  readonly flushedOffset: number;
  readonly recordsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly commitsPerSecond: number;
  readonly flushesPerSecond: number;
  readonly tailers: readonly { name: string; pid: number; follows: string; lag: number }[];
  /** Why there are no news, if there are none. */
  readonly problem?: string | undefined;
}

/** A segment, or several that lie one behind the other. */
export interface SegmentStatus {
  readonly from: number;
  readonly records: number;
  readonly usedBytes: number;
  readonly sizeBytes: number;
  readonly isSealed: boolean;
  readonly files: number;
}
