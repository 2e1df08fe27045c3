/**
 * Records of one frame that lie one behind the other, as a cursor finds them for those who read many at
 * once (`Cursor.nextRun`). Numbers only: a reference to the memory could outlive it.
 */
export class RecordRun {
  /** Position of the frame. */
  frame = 0;
  /** Position of the first record, and behind the last. */
  position = 0;
  end = 0;
  /** Offset of the first record. */
  offset = 0;
  count = 0;

  set(frame: number, position: number, end: number, offset: number, count: number): void {
    this.frame = frame;
    this.position = position;
    this.end = end;
    this.offset = offset;
    this.count = count;
  }
}
