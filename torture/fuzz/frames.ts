/** Frames: their headers, a segment's worth of them, and the open frame that a dead appender has left. */
import type { Library } from './library.js';
import { expectSame, u32, type Target } from './target.js';

const HEADER_BYTES = 64;
const FIRST_FRAME_AT = 4096;
const CAPACITY = 64;
const SEED = 0x1234_5678;
const MAGIC = 0x4d415246;
const WORDS: readonly Uint8Array[] = [
  ...u32(MAGIC, 0x8000_0000, 0x8000_0008, 0xffff_ffff, 0x7fff_fff8, 64, 72, 80, 512),
  ...u32(1 << 8, 1 << 9, 1 << 10, 1 << 11),
];

export function frameTargets(library: Library): Target[] {
  return [frameHeader(library), frames(library), openFrame(library)];
}

// --- One header ---

/** Position and limit, then the header. */
function frameHeader({ frame }: Library): Target {
  const words = new Int32Array(32);
  const bytes = new Uint8Array(words.buffer);
  const view = new DataView(words.buffer);
  return {
    name: 'frame-header',
    files: ['format/frame.'],
    maxBytes: 80,
    executions: 400_000,
    seeds: [new Uint8Array([0, 16, 0, 0, 0, 32, 0, 0, ...sealed(frame, [8, 16], 4096, 0, 0)])],
    words: WORDS,
    run(input) {
      bytes.fill(0);
      bytes.set(input.subarray(0, 80));
      const position = (view.getUint32(0, true) & 0x7fff_ffff & ~7) >>> 0;
      const limit = view.getUint32(4, true) & 0x7fff_ffff;
      const fault = frame.checkFrameHeader(words, 8, position, limit);
      const length = view.getUint32(8, true);
      const isSound =
        length >= 72 &&
        length <= limit - position &&
        length % 8 === 0 &&
        view.getUint32(8 + 56, true) === length &&
        view.getUint32(8 + 60, true) === MAGIC &&
        view.getUint32(8 + 20, true) * 8 === position;
      expectSame('A sound header', fault === frame.FRAME_OK, isSound);
      const fields = frame.checkFrameFields(words, 8);
      if (fault !== frame.FRAME_OK || fields !== frame.FRAME_OK) return `${fault} ${fields}`;
      expectSame('Base', BigInt(frame.frameBase(words, 8)), view.getBigUint64(16, true));
      expectSame('Flushed', BigInt(frame.frameFlushed(words, 8)), view.getBigUint64(48, true));
      const ms = Number(view.getBigUint64(32, true) / 1000n) / 1000;
      if (Math.abs(frame.frameTimeMs(words, 8) - ms) > ms * 1e-12 + 0.002) {
        throw new Error(`Time ${frame.frameTimeMs(words, 8)}, expected ${ms}`);
      }
      return `${frame.frameEpoch(words, 8)} ${frame.frameCount(words, 8)} ${frame.isGap(words, 8)}`;
    },
  };
}

// --- A segment ---

/** What the second decoder makes of a frame: its end, or why there is none. */
type Judgement =
  { readonly end: number; readonly count: number; readonly records: number[] } | string;

/** Byte 0: what is repaired; byte 1: base; byte 2: how the image lies in the window. */
function frames(library: Library): Target {
  const { frame, frameScan, indexHeader } = library;
  const words = new Int32Array(1024);
  const bytes = new Uint8Array(words.buffer);
  const view = new DataView(words.buffer);
  return {
    name: 'frames',
    files: ['format/frame', 'format/integers'],
    maxBytes: 1024,
    executions: 40_000,
    seeds: frameSeeds(library),
    words: WORDS,
    run(input) {
      const [mode = 0, base = 0, place = 0] = input;
      const shift = (place & 7) * 8;
      const content = input.subarray(3);
      bytes.fill(0);
      bytes.set(content, shift);
      const sizeBytes = FIRST_FRAME_AT + Math.ceil(content.length / 8) * 8 + ((place >> 3) & 7) * 8;
      const length = sizeBytes - FIRST_FRAME_AT;
      mend(library, view, bytes, shift, length, mode, base);
      const window = {
        sizeBytes,
        words,
        bytes,
        load(position: number, wanted: number): number {
          if (position < FIRST_FRAME_AT || position % 8 !== 0 || position + wanted > sizeBytes) {
            throw new Error(`Wild load of ${wanted} bytes at ${position} of ${sizeBytes}`);
          }
          return position - FIRST_FRAME_AT + shift;
        },
      };
      const chain = (mode & 8) === 0 ? undefined : 0;
      const segment = { base, seed: SEED, indexCapacity: CAPACITY };
      const scan = new frameScan.FrameScan(window, segment, chain);
      let told = '';
      for (let steps = 0; steps < 64; steps++) {
        const at = scan.position - FIRST_FRAME_AT + shift;
        const judged = judge(view, at, scan.position, sizeBytes, scan.offset, scan.chainCrc, base);
        const fault = scan.next();
        told += `${scan.framePosition}:${fault} `;
        if (fault === frame.FRAME_OK) {
          if (typeof judged === 'string')
            throw new Error(`Taken, but ${judged}, at ${scan.framePosition}`);
          expectSame('End', scan.position, judged.end);
          expectSame('Offset', scan.offset - judged.count, frame.frameBase(words, at));
          checkIndex(scan.index, scan.count - judged.count, judged.records, at, scan.framePosition);
          continue;
        }
        if (typeof judged !== 'string')
          throw new Error(`Refused with ${fault} at ${scan.position}`);
        expectSame('Newer', fault === frame.FRAME_NEWER, judged === 'newer');
        const next = frameScan.findFrame(window, scan.position + 8, SEED);
        if (next === undefined) break;
        if (next <= scan.position) throw new Error(`Found ${next} behind ${scan.position}`);
        const found = frame.frameBase(words, next - FIRST_FRAME_AT + shift);
        // As repair does: what lies below has been seen.
        if (found < scan.offset) break;
        scan.resume(next, found);
      }
      return told;
    },
  };

  /** The index is what the records say, and is compared with them as it is built. */
  function checkIndex(
    index: Int32Array,
    first: number,
    records: readonly number[],
    at: number,
    position: number,
  ): void {
    const entry = indexHeader.FIRST_ENTRY + first;
    records.forEach((record, i) => {
      const isRecord = !frame.isGap(words, at);
      const expected = isRecord ? record >> 3 : (position >> 3) | indexHeader.ENTRY_NAMES_FRAME;
      expectSame(`Entry ${first + i}`, index[entry + i], expected);
    });
    expectSame(
      'Compared',
      frame.compareIndex(words, at, position, index, entry),
      frame.INDEX_AGREES,
    );
    const wrong = entry + (position % records.length);
    const right = index[wrong] as number;
    index[wrong] = right ^ 1;
    expectSame(
      'With a wrong entry',
      frame.compareIndex(words, at, position, index, entry),
      frame.INDEX_DIFFERS,
    );
    index[wrong] = right;
  }
}

/** A frame by FORMAT.md, §4 and §5, without any of the library's code. */
function judge(
  view: DataView,
  at: number,
  position: number,
  sizeBytes: number,
  offset: number,
  chain: number | undefined,
  base: number,
): Judgement {
  if (position + HEADER_BYTES > sizeBytes) return 'no room';
  const u = (from: number): number => view.getUint32(at + from, true);
  const length = u(0);
  if (length < 72 || length % 8 !== 0 || position + length > sizeBytes) return 'length';
  if (u(56) !== length || u(60) !== MAGIC || u(20) * 8 !== position) return 'header';
  if (crcOf(view, at + 8, length - 8) !== u(4)) return 'crc';
  const flags = u(52);
  if ((flags & ~0x700) !== 0) return 'newer';
  const count = view.getInt32(at + 16, true);
  const first = view.getBigUint64(at + 8, true);
  if (count <= 0 || first >= 2n ** 53n || view.getBigUint64(at + 40, true) >= 2n ** 53n)
    return 'fields';
  if (u(48) !== length - HEADER_BYTES) return 'newer';
  if (Number(first) !== offset) return 'offset';
  if (chain !== undefined && view.getInt32(at + 36, true) !== chain) return 'chain';
  if (offset - base + count > CAPACITY) return 'capacity';
  const end = position + length;
  if ((flags & 0x400) !== 0)
    return { end, count, records: Array.from({ length: count }, () => position) };
  const records: number[] = [];
  let record = at + HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    if (record + 8 > at + length) return 'records';
    const word = view.getUint32(record, true);
    const distance = view.getUint32(record + 4, true);
    if (word < 2 ** 31) return 'absent';
    if (distance !== record - at) return distance % 8 === 0 ? 'distance' : 'newer';
    records.push(record - at + position);
    record += 8 + Math.ceil((word - 2 ** 31) / 8) * 8;
  }
  return record === at + length ? { end, count, records } : 'fill';
}

/** Makes checksums fit (bit 0), and headers agree with themselves (1) and with each other (2). */
function mend(
  { checksum }: Library,
  view: DataView,
  bytes: Uint8Array,
  from: number,
  size: number,
  mode: number,
  base: number,
): void {
  if ((mode & 7) === 0) return;
  let previous = 0;
  let offset = base;
  for (let at = 0; at + 72 <= size;) {
    const length = view.getUint32(from + at, true);
    if (length < 72 || length % 8 !== 0 || length > size - at) {
      at += 8;
      continue;
    }
    const header = from + at;
    if ((mode & 2) !== 0) {
      view.setUint32(header + 56, length, true);
      view.setUint32(header + 60, MAGIC, true);
      view.setUint32(header + 20, (FIRST_FRAME_AT + at) / 8, true);
      view.setUint32(header + 48, length - HEADER_BYTES, true);
    }
    if ((mode & 4) !== 0) {
      view.setBigUint64(header + 8, BigInt(offset), true);
      view.setInt32(header + 36, previous, true);
    }
    const crc = checksum.crc32cBytes(bytes.subarray(header + 8, header + length), SEED);
    if ((mode & 1) !== 0) view.setInt32(header + 4, crc, true);
    previous =
      (view.getUint32(header + 52, true) & 0x400) === 0 ? crc : view.getInt32(header + 64, true);
    offset = (offset + view.getInt32(header + 16, true)) >>> 0;
    at += length;
  }
}

// --- The open frame ---

function openFrame({ frame }: Library): Target {
  const words = new Int32Array(256);
  const bytes = new Uint8Array(words.buffer);
  const view = new DataView(words.buffer);
  const record = (at: number, length: number): number[] => {
    const result = new Uint8Array(8 + Math.ceil(length / 8) * 8);
    new DataView(result.buffer).setUint32(0, 0x8000_0000 + length, true);
    new DataView(result.buffer).setUint32(4, at, true);
    return [...result];
  };
  return {
    name: 'open-frame',
    files: ['format/frame.', 'format/record'],
    maxBytes: 512,
    executions: 300_000,
    seeds: [
      Uint8Array.from([
        0,
        ...new Uint8Array(64),
        ...record(64, 0),
        ...record(72, 9),
        ...record(96, 8),
      ]),
      Uint8Array.from([3, ...new Uint8Array(64), ...record(64, 100)]),
    ],
    words: WORDS,
    run(input) {
      bytes.fill(0);
      bytes.set(input.subarray(1), 8);
      const at = 8;
      const limit = at + ((input.length - 1) & ~7) + ((input[0] ?? 0) & 56);
      let expected = at + HEADER_BYTES;
      let count = 0;
      while (expected + 8 <= limit) {
        const word = view.getUint32(expected, true);
        const next = expected + 8 + Math.ceil((word - 2 ** 31) / 8) * 8;
        if (word < 2 ** 31 || view.getUint32(expected + 4, true) !== expected - at || next > limit)
          break;
        expected = next;
        count++;
      }
      const measured = frame.measureOpenFrame(words, at, limit);
      expectSame('Records', measured.count, count);
      expectSame('Length', measured.length, count === 0 ? 0 : expected - at);
      return measured.length;
    },
  };
}

// --- Seeds ---

/** A frame with records of such lengths. */
function sealed(
  frame: Library['frame'],
  lengths: readonly number[],
  position: number,
  base: number,
  previousCrc: number,
  flags = 0,
): Uint8Array {
  const bodyBytes =
    flags === 0 ? lengths.reduce((sum, length) => sum + 8 + Math.ceil(length / 8) * 8, 0) : 8;
  const words = new Int32Array((HEADER_BYTES + bodyBytes) >> 2);
  const bytes = new Uint8Array(words.buffer);
  let at = HEADER_BYTES;
  if (flags === 0) {
    for (const length of lengths) {
      words[at >> 2] = length | (1 << 31);
      words[(at >> 2) + 1] = at;
      bytes.fill(length, at + 8, at + 8 + length);
      at += 8 + Math.ceil(length / 8) * 8;
    }
  } else frame.writeGapBody(words, 0, 77);
  const fields = {
    base,
    count: lengths.length,
    timeLow: 5,
    timeHigh: 400_000_000,
    epoch: 9,
    previousCrc,
    flushed: base,
    flags,
  };
  frame.sealFrame(words, 0, position, bytes.length, fields, SEED);
  frame.publishFrame(words, 0, bytes.length);
  return bytes;
}

function frameSeeds({ frame }: Library): Uint8Array[] {
  const one = sealed(frame, [8, 0, 3], 4096, 5, 0);
  const crc = new DataView(one.buffer).getInt32(4, true);
  const two = sealed(frame, [40], 4096 + one.length, 8, crc);
  const gap = sealed(frame, [1, 1, 1, 1], 4096 + one.length, 8, crc, frame.FLAG_GAP);
  const behind = sealed(frame, [1, 2], 4096 + one.length + gap.length, 12, 77);
  return [
    Uint8Array.from([0, 5, 0, ...one, ...two]),
    Uint8Array.from([8, 5, 8, ...one, ...two, ...new Uint8Array(64)]),
    Uint8Array.from([0, 5, 3, ...one, ...gap, ...behind]),
    Uint8Array.from([7, 5, 0, ...one, ...gap, ...two]),
    Uint8Array.from([1, 5, 0, ...one, ...new Uint8Array(24), ...behind]),
  ];
}

/** CRC-32C, a bit at a time. */
function crcOf(view: DataView, from: number, length: number): number {
  let crc = ~SEED;
  for (let at = from; at < from + length; at++) {
    crc = (CRC_TABLE[(crc ^ view.getUint8(at)) & 255] as number) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f63b78;
  return crc;
});
