/** Parquet's hybrid of runs and packed bits: levels, indexes of dictionaries, booleans. */

/** Indexes of more bits would be those of a dictionary that nobody has. */
const MAX_WIDTH = 24;

/**
 * Fills `into` from the bytes of `from` to `to`.
 * @throws {RangeError} there are fewer values, or they are too wide
 */
export function readRuns(
  bytes: Uint8Array,
  from: number,
  to: number,
  width: number,
  into: Uint8Array | Int32Array,
): void {
  if (width > MAX_WIDTH) throw new RangeError(`it has values of ${width} bits`);
  let at = from;
  let filled = 0;
  const count = into.length;
  while (filled < count) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      if (at >= to || shift > 28) throw short();
      const byte = bytes[at++] as number;
      header += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    const run = Math.floor(header / 2);
    if (header % 2 === 0) {
      let value = 0;
      for (let i = 0; i < (width + 7) >> 3; i++) {
        if (at >= to) throw short();
        value |= (bytes[at++] as number) << (8 * i);
      }
      if (run === 0) throw new RangeError('it has an empty run');
      const end = Math.min(count, filled + run);
      into.fill(value, filled, end);
      filled = end;
    } else {
      const values = Math.min(8 * run, count - filled);
      // Some writers leave out what would only fill up the last group.
      if (values === 0 || at + Math.ceil((values * width) / 8) > to) throw short();
      unpack(bytes, at, width, into.subarray(filled, filled + values));
      at += run * width;
      filled += values;
    }
  }
}

function unpack(
  bytes: Uint8Array,
  from: number,
  width: number,
  into: Uint8Array | Int32Array,
): void {
  const mask = 2 ** width - 1;
  let at = from;
  let held = 0;
  let bits = 0;
  for (let i = 0; i < into.length; i++) {
    while (bits < width) {
      held |= (bytes[at++] as number) << bits;
      bits += 8;
    }
    into[i] = held & mask;
    held >>>= width;
    bits -= width;
  }
}

function short(): RangeError {
  return new RangeError('it has fewer values than it says');
}
