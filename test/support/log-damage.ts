/** A log's files as a crash or a bad disk leaves them: copied, taken apart, damaged. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  cpSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { openReader, type ReaderOptions } from '../../src/index.js';
import { temporaryLogPath, text } from './temporary-log.js';

export const PAGE_BYTES = 4096;
export const FIRST_FRAME_AT = 4096;

export function segmentFile(log: string, base: number): string {
  return join(log, `${String(base).padStart(20, '0')}.log`);
}

export function indexFile(log: string, base: number): string {
  return join(log, `${String(base).padStart(20, '0')}.index`);
}

/**
 * The log as it is now, in another place: other inodes, so nothing of its page cache is trusted, and
 * recovery behaves as after a power cut.
 */
export function copyOf(log: string): string {
  const copy = temporaryLogPath();
  cpSync(log, copy, { recursive: true });
  return copy;
}

/** Path of every file below a log, but for LOCK, with a digest of its content. */
export function contents(log: string): Record<string, string> {
  const names = readdirSync(log, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => name !== 'LOCK' && statSync(join(log, name)).isFile());
  return Object.fromEntries(files.map((name) => [name, digest(join(log, name))]));
}

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Overwrites bytes of a file in place. */
export function overwrite(path: string, position: number, bytes: Uint8Array): void {
  const fd = openSync(path, 'r+');
  try {
    writeSync(fd, bytes, 0, bytes.length, position);
  } finally {
    closeSync(fd);
  }
}

export function zero(path: string, from: number, to: number = statSync(path).size): void {
  overwrite(path, from, new Uint8Array(to - from));
}

export function flipBit(path: string, position: number, bit = 0): void {
  const byte = readFileSync(path)[position] as number;
  overwrite(path, position, Uint8Array.of(byte ^ (1 << bit)));
}

export interface FrameOnDisk {
  readonly segment: number;
  readonly position: number;
  readonly length: number;
  readonly base: number;
  readonly count: number;
  readonly flushed: number;
  readonly epoch: number;
  readonly previousCrc: number;
  readonly crc: number;
  readonly isSalvaged: boolean;
}

/** The frames of a segment, found by their lengths alone: FORMAT.md, read a second time. */
export function framesIn(log: string, segment: number): FrameOnDisk[] {
  const bytes = readFileSync(segmentFile(log, segment));
  const frames: FrameOnDisk[] = [];
  for (let at = FIRST_FRAME_AT; at + 64 <= bytes.length;) {
    const length = bytes.readUInt32LE(at);
    if (length === 0) break;
    frames.push({
      segment,
      position: at,
      length,
      base: Number(bytes.readBigUInt64LE(at + 8)),
      count: bytes.readUInt32LE(at + 16),
      flushed: Number(bytes.readBigUInt64LE(at + 40)),
      epoch: bytes.readUInt32LE(at + 32),
      previousCrc: bytes.readUInt32LE(at + 36),
      crc: bytes.readUInt32LE(at + 4),
      isSalvaged: (bytes.readUInt32LE(at + 52) & (1 << 9)) !== 0,
    });
    at += length;
  }
  return frames;
}

/** Segments of a log, by the names of its files. */
export function segmentsOf(log: string): number[] {
  return readdirSync(log)
    .filter((name) => /^\d{20}\.log$/.test(name))
    .map((name) => Number(name.slice(0, 20)))
    .sort((a, b) => a - b);
}

export function allFrames(log: string): FrameOnDisk[] {
  return segmentsOf(log).flatMap((segment) => framesIn(log, segment));
}

/** Every record that a reader sees, with the offsets checked. */
export function readAll(log: string, options: ReaderOptions = {}): string[] {
  const reader = openReader(log, options);
  try {
    const records: string[] = [];
    const cursor = reader.cursor();
    const start = reader.startOffset;
    while (cursor.next()) {
      if (cursor.offset !== start + records.length) throw new Error(`Offset ${cursor.offset}`);
      records.push(text(cursor.payload));
    }
    cursor.close();
    return records;
  } finally {
    reader.close();
  }
}
