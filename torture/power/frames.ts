/** Frames of a segment, told by a walk that shares no code with the library's. */
import type { DiskMoment } from './disk.js';

export interface Frame {
  readonly at: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
  readonly isGap: boolean;
}

const FIRST_FRAME_AT = 4096;
const FLUSHED_POSITION_AT = 1152;
const GAP = 1 << 10;

export function isSegmentName(name: string): boolean {
  return /^\d{20}\.log$/.test(name);
}

/** From the first one on, up to the first that is not there. */
export function* framesOf(content: Buffer): Generator<Frame> {
  for (let at = FIRST_FRAME_AT; at + 64 <= content.length;) {
    const length = content.readUInt32LE(at);
    if (length < 64 || at + length > content.length) return;
    const from = Number(content.readBigUInt64LE(at + 8));
    const to = from + content.readUInt32LE(at + 16);
    const isGap = (content.readUInt32LE(at + 52) & GAP) !== 0;
    yield { at, end: at + length, from, to, isGap };
    at += length;
  }
}

/** The frame that has the byte at `position`. */
export function frameAt(content: Buffer, position: number): Frame | undefined {
  for (const frame of framesOf(content)) if (position < frame.end) return frame;
  return undefined;
}

/** The flushed offset that the words of a log tell its readers. */
export function flushedIn({ files }: DiskMoment): number {
  const contents = new Map([...files.values()].map(({ name, current }) => [name, current]));
  let flushed = 0;
  for (const [name, index] of contents) {
    if (!/^log\/\d{20}\.index$/.test(name)) continue;
    const segment = contents.get(name.replace(/index$/, 'log'));
    if (segment === undefined || index.length < FIRST_FRAME_AT) continue;
    const position = index.readUInt32LE(FLUSHED_POSITION_AT) * 8;
    for (const { end, to } of framesOf(segment))
      if (end <= position) flushed = Math.max(flushed, to);
  }
  return flushed;
}
