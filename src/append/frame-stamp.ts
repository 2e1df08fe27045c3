/**
 * Header fields of the frames of one appender: one object, filled again for every frame. Frame time is
 * commit time and never goes back; a frame that had to keep its predecessor's says so by a flag.
 */
import { FLAG_TIME_CLAMPED, type FrameFields } from '../format/frame.js';
import type { WallClock } from '../maintenance/clock.js';

const NS_PER_MS = 1_000_000;
const TWO_16 = 2 ** 16;
const TWO_32 = 2 ** 32;

export class FrameStamp {
  readonly fields: FrameFields;
  readonly #clock: WallClock;
  #lastMs: number;

  constructor(clock: WallClock, epoch: number, lastTimeNs: bigint) {
    this.#clock = clock;
    // Rounded up, so that time does not go back within the millisecond.
    this.#lastMs = Number((lastTimeNs + 999_999n) / 1_000_000n);
    this.fields = {
      base: 0,
      count: 0,
      timeLow: 0,
      timeHigh: 0,
      epoch,
      previousCrc: 0,
      flushed: 0,
      flags: 0,
    };
    this.#setTime(this.#lastMs);
  }

  /** The fields of a frame committed now. `count` is the frame's own business. */
  stamp(base: number, previousCrc: number, flushed: number): FrameFields {
    const { fields } = this;
    const now = this.#clock.nowMs();
    if (now > this.#lastMs) this.#setTime(now);
    fields.flags = now < this.#lastMs ? FLAG_TIME_CLAMPED : 0;
    fields.base = base;
    fields.previousCrc = previousCrc;
    fields.flushed = flushed;
    return fields;
  }

  get timeNs(): bigint {
    return BigInt(this.#lastMs) * 1_000_000n;
  }

  /** Milliseconds to nanoseconds in two words, in pieces that a double holds exactly. */
  #setTime(ms: number): void {
    this.#lastMs = ms;
    const high = Math.floor(ms / TWO_16) * NS_PER_MS;
    const low = (ms % TWO_16) * NS_PER_MS;
    const lower = (high % TWO_16) * TWO_16 + low;
    this.fields.timeLow = lower | 0;
    this.fields.timeHigh = (Math.floor(high / TWO_16) + Math.floor(lower / TWO_32)) | 0;
  }
}
