/** Which offsets a scan is about. */
import { OffsetOutOfRangeError, type OffsetRange } from '../errors.js';
import { checkOffset } from '../format/integers.js';
import type { Reader } from '../read/reader.js';
import type { ScanPlace } from './options.js';

/**
 * The range between two places, fixed now: what is appended later does not belong to it.
 * @throws {RangeError} not an offset or a time; or `from` lies behind `to`
 * @throws {OffsetOutOfRangeError} outside of the log
 */
export function resolveRange(
  reader: Reader,
  from: ScanPlace | undefined,
  to: ScanPlace | undefined,
): OffsetRange {
  const start = reader.startOffset;
  const bound = reader.boundOffset;
  const resolve = (name: string, place: ScanPlace): number => {
    if (typeof place === 'object' && place !== null) return reader.offsetAtTime(place.timeMs);
    checkOffset(name, place);
    if (place < start || place > bound) throw new OffsetOutOfRangeError(place, start, bound);
    return place;
  };
  const range = {
    from: from === undefined ? start : resolve('from', from),
    to: to === undefined ? bound : resolve('to', to),
  };
  if (range.from > range.to) {
    throw new RangeError(`Invalid range: from ${range.from} lies behind to ${range.to}`);
  }
  return range;
}
