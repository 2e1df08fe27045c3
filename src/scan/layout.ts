/**
 * Where in the files a range of offsets lies. Read with ordinary system calls, because mapping a whole
 * segment for a few of its bytes costs milliseconds, and believed by nobody: good enough to count bytes
 * by and to advise the kernel with.
 */
import { openSync, statSync } from 'node:fs';
import { LogError, storage, type OffsetRange } from '../errors.js';
import { COMMITTED_POSITION, FIRST_ENTRY, entryPosition } from '../format/index-header.js';
import { FIRST_FRAME_AT } from '../format/segment-header.js';
import { closeQuietly, readFully } from '../mapping/files.js';
import { indexPath, segmentPath } from '../segment/directory.js';

/** Bytes of a segment, `end` exclusive. */
export interface Extent {
  /** Base offset of the segment. */
  readonly base: number;
  readonly start: number;
  readonly end: number;
}

/** What one segment has of a range of offsets. */
export interface Stretch extends OffsetRange, Extent {
  readonly path: string;
}

/** The stretches of a range, oldest first; the log has segments of these bases. */
export function* stretchesOf(
  directory: string,
  bases: readonly number[],
  { from, to }: OffsetRange,
): Generator<Stretch, void> {
  for (const [i, base] of bases.entries()) {
    const next = bases[i + 1] ?? Infinity;
    if (next > from && base < to) {
      const range = { from: Math.max(from, base), to: Math.min(to, next) };
      yield stretchIn(directory, base, range, range.to === next);
    }
  }
}

/** A segment that cannot be looked into has no bytes; whoever reads there is told why. */
function stretchIn(
  directory: string,
  base: number,
  range: OffsetRange,
  toItsEnd: boolean,
): Stretch {
  const path = segmentPath(directory, base);
  try {
    const size = storage('look at', path, () => statSync(path).size);
    const words = new IndexWords(indexPath(directory, base));
    try {
      const within = (position: number, otherwise: number): number =>
        position >= FIRST_FRAME_AT && position <= size ? position : otherwise;
      const positionOf = (offset: number): number =>
        entryPosition(words.at(FIRST_ENTRY + offset - base));
      const used = within(words.at(COMMITTED_POSITION) * 8, size);
      const start = within(range.from === base ? FIRST_FRAME_AT : positionOf(range.from), used);
      const end = toItsEnd ? used : within(positionOf(range.to), used);
      return { ...range, base, path, start, end: Math.max(start, end) };
    } finally {
      words.close();
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return { ...range, base, path, start: 0, end: 0 };
  }
}

/** Single words of an index file; 0 where there is none. */
class IndexWords {
  readonly #path: string;
  readonly #fd: number;
  readonly #bytes = Buffer.alloc(4);

  constructor(path: string) {
    this.#path = path;
    this.#fd = storage('open', path, () => openSync(path, 'r'));
  }

  at(word: number): number {
    const got = readFully(this.#fd, this.#bytes, 0, 4, word * 4, this.#path);
    return got < 4 ? 0 : this.#bytes.readUInt32LE();
  }

  close(): void {
    closeQuietly(this.#fd);
  }
}
