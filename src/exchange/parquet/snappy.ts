/**
 * Snappy, as https://github.com/google/snappy/blob/main/format_description.txt has it. Half of an export's
 * time goes here, so it writes into memory that is large enough from the start; the package's function, which
 * writes byte by byte into memory that grows, takes several times as long.
 */

/** Copies reach back within a block: two bytes say how far. */
const BLOCK_BYTES = 65_536;
const HASH_BITS = 14;
const SHORTEST_COPY = 4;
/** Nearer to the end of a block there is nothing worth looking for. */
const MARGIN = 15;

/** Of the thread: where in the block four bytes of this hash were met last. */
const table = new Uint16Array(1 << HASH_BITS);

/** Compressed bytes, in memory of their own. */
export function snappyCompressed(input: Uint8Array): Uint8Array {
  // What cannot be compressed gets longer by a few bytes for each literal.
  const output = new Uint8Array(32 + input.length + Math.ceil(input.length / 6));
  let at = 0;
  let rest = input.length;
  for (; rest > 127; rest = Math.floor(rest / 128)) output[at++] = (rest & 127) | 128;
  output[at++] = rest;
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  for (let start = 0; start < input.length; start += BLOCK_BYTES) {
    const end = Math.min(input.length, start + BLOCK_BYTES);
    at = compressBlock(input, view, start, end, output, at);
  }
  return output.slice(0, at);
}

/** Returns where the output ends. */
function compressBlock(
  input: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  output: Uint8Array,
  at: number,
): number {
  table.fill(0);
  const limit = end - MARGIN;
  let literal = start;
  let position = start + 1;
  let misses = 32;
  while (position <= limit) {
    const bytes = view.getInt32(position, true);
    const hash = Math.imul(bytes, 0x1e35a7bd) >>> (32 - HASH_BITS);
    const candidate = start + (table[hash] as number);
    table[hash] = position - start;
    if (candidate >= position || view.getInt32(candidate, true) !== bytes) {
      // The longer nothing is found, the fewer places are looked at.
      position += misses++ >> 5;
      continue;
    }
    let length = SHORTEST_COPY;
    while (position + length < end && input[candidate + length] === input[position + length]) {
      length++;
    }
    if (literal < position) at = putLiteral(input, literal, position, output, at);
    at = putCopy(position - candidate, length, output, at);
    position += length;
    literal = position;
    misses = 32;
  }
  return literal < end ? putLiteral(input, literal, end, output, at) : at;
}

function putLiteral(
  input: Uint8Array,
  from: number,
  to: number,
  output: Uint8Array,
  at: number,
): number {
  const length = to - from;
  if (length <= 60) output[at++] = (length - 1) << 2;
  else if (length <= 256) {
    output[at++] = 60 << 2;
    output[at++] = length - 1;
  } else {
    output[at++] = 61 << 2;
    output[at++] = (length - 1) & 255;
    output[at++] = (length - 1) >> 8;
  }
  if (length > 48) output.set(input.subarray(from, to), at);
  else for (let i = 0; i < length; i++) output[at + i] = input[from + i] as number;
  return at + length;
}

function putCopy(distance: number, length: number, output: Uint8Array, at: number): number {
  while (length > 0) {
    // What is left over must not be shorter than a copy can be.
    const part = length > 64 ? (length < 68 ? 60 : 64) : length;
    if (part < 12 && part >= 4 && distance < 2048) {
      output[at++] = 1 | ((part - 4) << 2) | ((distance >> 8) << 5);
      output[at++] = distance & 255;
    } else {
      output[at++] = 2 | ((part - 1) << 2);
      output[at++] = distance & 255;
      output[at++] = distance >> 8;
    }
    length -= part;
  }
  return at;
}
