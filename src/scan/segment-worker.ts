/** What runs in a pool's thread: the reading of one segment, for a verification. */
import { readSegment, type SegmentFrames, type SegmentToRead } from '../recovery/read-segment.js';
import { packError, type PackedError } from './packed-error.js';

export interface SegmentTask {
  readonly segment: SegmentToRead;
  /**
   * Words shared with the thread that verifies. The one at `STOP` asks to stop, unless it is 0; each
   * segment has one, which is 0 until a thread has begun, and then says how far it has come.
   */
  readonly shared: SharedArrayBuffer;
  /** Which word is this segment's. */
  readonly word: number;
}

export type SegmentReply =
  | { readonly kind: 'read'; readonly frames: SegmentFrames }
  | { readonly kind: 'failed'; readonly error: PackedError };

export const STOP = 0;
export const FIRST_SEGMENT = 1;
/** Positions are multiples of it, and counted in it. */
export const POSITION_UNIT = 8;

/** Never throws: an error would lose its class. */
export function readInThread({ segment, shared, word }: SegmentTask): SegmentReply {
  const words = new Int32Array(shared);
  const checkStop = (): void => {
    if (Atomics.load(words, STOP) !== 0) throw new Error('Nobody waits for this any more');
  };
  try {
    checkStop();
    const frames = readSegment(segment, (position) => {
      Atomics.store(words, word, position / POSITION_UNIT);
      checkStop();
    });
    return { kind: 'read', frames };
  } catch (error) {
    return { kind: 'failed', error: packError(error) };
  }
}
