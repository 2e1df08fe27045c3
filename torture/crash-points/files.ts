/** The files of a log that nobody has open, read and damaged by what FORMAT.md says alone. */
import { closeSync, openSync, readFileSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const FIRST_FRAME_AT = 4096;

export interface FrameOnDisk {
  readonly position: number;
  readonly length: number;
  /** Offset of its first record, and how many it has. */
  readonly base: number;
  readonly count: number;
}

export function segmentBases(log: string): number[] {
  const names = readdirSync(log).filter((name) => /^\d{20}\.log$/.test(name));
  return names.map((name) => Number(name.slice(0, 20))).sort((a, b) => a - b);
}

export function segmentFile(log: string, base: number): string {
  return join(log, `${String(base).padStart(20, '0')}.log`);
}

export function indexFile(log: string, base: number): string {
  return join(log, `${String(base).padStart(20, '0')}.index`);
}

/** The frames of a segment, found by their lengths. */
export function framesIn(log: string, segment: number): FrameOnDisk[] {
  const bytes = readFileSync(segmentFile(log, segment));
  const frames: FrameOnDisk[] = [];
  for (let position = FIRST_FRAME_AT; position + 64 <= bytes.length;) {
    const length = bytes.readUInt32LE(position);
    if (length === 0) break;
    const base = Number(bytes.readBigUInt64LE(position + 8));
    frames.push({ position, length, base, count: bytes.readUInt32LE(position + 16) });
    position += length;
  }
  return frames;
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

export function flipBit(path: string, position: number): void {
  overwrite(path, position, Uint8Array.of((readFileSync(path)[position] as number) ^ 1));
}
