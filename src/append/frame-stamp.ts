/**
 * Header fields of the frames of one appender: one object, filled again for every frame. Frame time is
 * commit time and never goes back; a frame that had to keep its predecessor's says so by a flag.
 */
import { FLAG_TIME_CLAMPED, type FrameFields } from '../format/frame.js';
import { tickOf, type WallClock } from '../maintenance/clock.js';

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
    const lastMs = Number((lastTimeNs + 999_999n) / 1_000_000n);
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
    this.#lastMs = lastMs;
    this.#setTime(lastMs);
  }

  /** The fields of a frame committed now. `count` is the frame's own business. */
  stamp(base: number, previousCrc: number, flushed: number): FrameFields {
    const { fields } = this;
    const moved = this.#movedMs();
    if (moved > 0) this.#setTime(this.#lastMs + moved);
    fields.flags = moved < 0 ? FLAG_TIME_CLAMPED : 0;
    fields.base = base;
    fields.previousCrc = previousCrc;
    fields.flushed = flushed;
    return fields;
  }

  /**
   * How far the wall clock is from the last frame's time. The shared clock tells only the low word of
   * the time, but it runs only while frames come every few milliseconds.
   */
  #movedMs(): number {
    const clock = this.#clock;
    if (clock.isShared()) return (clock.sharedTick() - tickOf(this.#lastMs)) | 0;
    return clock.askMs() - this.#lastMs;
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
