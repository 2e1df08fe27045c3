/** Which part of a log a verb is about. */
import type { Command } from 'commander';
import {
  OffsetOutOfRangeError,
  type CorruptionError,
  type OffsetRange,
  type Reader,
} from '../index.js';
import { parsePlace, parseTime, type Place } from './arguments.js';

export interface RangeOptions {
  readonly from?: Place;
  readonly to?: Place;
  readonly since?: number;
  readonly until?: number;
}

export function addRangeOptions(command: Command): Command {
  return command
    .option(
      '--from <place>',
      "first record: OFFSET, 'start', 'end' or -N (default: start)",
      parsePlace,
    )
    .option('--to <place>', "end before this: OFFSET, 'end' or -N (default: end)", parsePlace)
    .option('--since <time>', 'only records committed at or after this time', parseTime)
    .option('--until <time>', 'only records committed before this time', parseTime);
}

/**
 * The offsets that the options stand for, now. Where they leave nothing, `to` may lie below `from`.
 * @throws {OffsetOutOfRangeError} an offset below the start, or above the end
 */
export function resolveRange(reader: Reader, options: RangeOptions): OffsetRange {
  const { boundOffset, startOffset } = reader;
  const from = Math.max(
    resolve(options.from ?? 'start', startOffset, boundOffset),
    options.since === undefined ? startOffset : reader.offsetAtTime(options.since),
  );
  const to = Math.min(
    resolve(options.to ?? 'end', startOffset, boundOffset),
    options.until === undefined ? boundOffset : reader.offsetAtTime(options.until),
  );
  return { from, to };
}

/**
 * The damage that ends the log, if whoever reads up to `to` comes to it without having named that offset:
 * it must not look like the end.
 */
export function damageAtEnd(
  reader: Reader,
  options: RangeOptions,
  to: number,
): CorruptionError | undefined {
  if (typeof options.to === 'object' || to < reader.boundOffset) return undefined;
  return damageBehind(reader);
}

/** The damage that ends the log of an appender that has died, if that is what ends it. */
export function damageBehind(reader: Reader): CorruptionError | undefined {
  const { boundOffset } = reader;
  return reader.damage().find(({ lost }) => lost !== undefined && lost.from >= boundOffset);
}

function resolve(place: Place, startOffset: number, bound: number): number {
  if (place === 'start') return startOffset;
  if (place === 'end') return bound;
  if ('fromEnd' in place) return Math.max(startOffset, bound - place.fromEnd);
  const { offset } = place;
  if (offset < startOffset || offset > bound) {
    throw new OffsetOutOfRangeError(offset, startOffset, bound);
  }
  return offset;
}
