/**
 * What a reader of a log may see while another thread or process appends to it, rolls, flushes, drops,
 * closes and opens it again. What is seen is counted by these names; whatever else is seen fails.
 *
 * `start`, `flushed` and `committed` are the reader's own bounds. An offset *was there* if it was below
 * the bound before, and is not below the start afterwards.
 */
export const OUTCOMES = {
  // Opening
  'opened while it was appended to or closed':
    'openReader never fails, also in the middle of a roll, a drop, a close or an opening',
  // Bounds
  'bounds grew': 'start <= flushed <= committed (looked at in this order), and none ever goes back',
  // get
  'get: the record': 'what was there is returned, and proves itself',
  'get: dropped': 'OffsetOutOfRangeError for what is below the start afterwards',
  'get: not there yet': 'OffsetOutOfRangeError for what was not below the bound before',
  'get: below the start but held':
    'the segment that the flyweight stands in stays readable when it has been dropped',
  // Cursors
  'forwards: the next record': 'each offset once, in order, over rolls, closes and openings',
  'forwards: from memory that is held':
    'below the start: in a segment that was dropped under the cursor',
  'forwards: no more yet': 'a batch is never seen in part: it ends where the cursor does',
  'forwards: dropped':
    'OffsetOutOfRangeError that names a start behind the cursor, which goes on there',
  'backwards: the record before': 'each offset once, in order',
  'backwards: the start': 'previous() is false only where everything before is dropped',
  'backwards: dropped': 'OffsetOutOfRangeError for a record below the start',
  'snapshot: ended at its bound': 'a snapshot shows everything up to the bound that it was made at',
  'snapshot: dropped': 'OffsetOutOfRangeError for a record below the start',
  // The edge
  'edge: a record whose count comes later':
    'the position is stored before the count: a cursor may be ahead of the bound, for a moment',
  // Times
  'time: at or before the record':
    'the first record of a time does not lie behind one of that time',
  'time: the start since the rest is dropped': 'what is asked for is looked up among what is left',
  // Tailers
  'tailer: the next record': 'each offset once, in order, history and what comes',
  'tailer: nothing in time': 'next() is false when its time is over',
  'tailer: skipped what was dropped': 'with onDropped skip; `skipped` counts it',
  'tailer: told that it was dropped': 'OffsetOutOfRangeError with onDropped error',
  'async tailer: the next record': 'as a tailer that blocks',
  'async tailer: nothing in time': 'nextAsync() resolves with false when its time is over',
  'async tailer: skipped what was dropped': 'as a tailer that blocks',
  // Views
  'view: intact': 'a payload that is held keeps its content',
  'view: intact after its segment was dropped': 'the mapping stays as long as the view',
  // Scans
  'scan: everything from the start to the bound': 'each offset once',
  'scan: dropped': 'SCAN_FAILED, caused by an OffsetOutOfRangeError',
  // The end
  'end: everything that is left was read': 'after the close, from the start to the last record',
} as const;

export type Outcome = keyof typeof OUTCOMES;
