import { crc32c } from '@node-rs/crc32';
import { describe, expect, it } from 'vitest';
import { crc32cBytes, crc32cWords } from '../../src/format/checksum.js';
import {
  checkControlPage,
  encodeControlPage,
  readCheckpoint,
  writeCheckpoint,
  type Checkpoint,
} from '../../src/format/control-page.js';
import {
  FRAME_BAD_CRC,
  FRAME_NEWER,
  FRAME_OK,
  checkFrameBody,
  checkFrameHeader,
  publishFrame,
  sealFrame,
} from '../../src/format/frame.js';
import { checkIndexHeader, encodeIndexHeader } from '../../src/format/index-header.js';
import { UNREPRESENTABLE, readU64, writeU64 } from '../../src/format/integers.js';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  segmentSeed,
} from '../../src/format/segment-header.js';
import { checkReadersPage, encodeReadersPage } from '../../src/format/readers-page.js';
import { CorruptionError, LogError, UnsupportedVersionError } from '../../src/index.js';
import { thrownBy } from '../support/logs.js';

const LOG_ID = '000102030405060708090a0b0c0d0e0f';
const SEGMENT = {
  logId: LOG_ID,
  base: 0x1_0000_0002,
  previousBase: 7,
  sizeBytes: 65_536,
  indexCapacity: 1024,
  createdNs: 1_700_000_000_123_456_789n,
  application: new Uint8Array([1, 2, 3]),
};
const INDEX = { logId: LOG_ID, base: SEGMENT.base, indexCapacity: 1024 };
const CHECKPOINT: Checkpoint = {
  sequence: 3,
  clean: true,
  startOffset: 5,
  durableOffset: 2 ** 40,
  segmentBase: 9,
  tailPosition: 8192,
  chainCrc: -2,
  timeNs: 1_700_000_000_123_000_000n,
};

describe('CRC-32C', () => {
  it('has the check value of its definition', () => {
    expect(crc32cBytes(Buffer.from('123456789')) >>> 0).toBe(0xe3069283);
  });

  it('is the same by slicing and by native code, for every length and seed', () => {
    const bytes = new Uint8Array(1024).map((_, i) => (i * 197 + 13) & 0xff);
    const words = new Int32Array(bytes.buffer);
    for (let length = 0; length <= 640; length += 8) {
      for (const seed of [0, 1, -1, 0x7fff_ffff, -0x8000_0000]) {
        const expected = crc32c(bytes.subarray(16, 16 + length), seed >>> 0) | 0;
        expect(crc32cWords(words, 16, length, seed)).toBe(expected);
      }
    }
  });
});

it.each([0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52 + 1, Number.MAX_SAFE_INTEGER])(
  'u64 %d survives the way to two words and back',
  (value) => {
    const words = new Int32Array(4);
    writeU64(words, 1, value);
    expect(readU64(words, 1)).toBe(value);
    expect([words[0], words[3]]).toEqual([0, 0]);
  },
);

it('u64 past 2^53 - 1 reads as unrepresentable', () => {
  expect(readU64(Int32Array.of(0, 2 ** 21), 0)).toBe(UNREPRESENTABLE);
  expect(readU64(Int32Array.of(-1, -1), 0)).toBe(UNREPRESENTABLE);
});

describe('headers', () => {
  it('of a segment survive the way to bytes and back', () => {
    expect(decodeSegmentHeader(encodeSegmentHeader(SEGMENT), 'x')).toEqual(SEGMENT);
  });

  it('keep the newest intact checkpoint when the newest is torn', () => {
    const page = encodeControlPage(LOG_ID, 1n, { ...CHECKPOINT, sequence: 2 });
    writeCheckpoint(page, CHECKPOINT);
    expect(readCheckpoint(page, 'x')).toEqual(CHECKPOINT);
    page[1024 + 20] = (page[1024 + 20] as number) ^ 1;
    expect(readCheckpoint(page, 'x').sequence).toBe(2);
    page[512 + 20] = (page[512 + 20] as number) ^ 1;
    expect(() => readCheckpoint(page, 'x')).toThrow(CorruptionError);
  });

  it.each([520, 528, 536, 544])('take no checkpoint whose u64 at byte %d is past 2^53', (at) => {
    const page = encodeControlPage(LOG_ID, 1n, { ...CHECKPOINT, sequence: 2 });
    const view = new DataView(page.buffer);
    view.setBigUint64(at, 2n ** 53n, true);
    view.setInt32(512, crc32cBytes(page.subarray(516, 576)), true);
    expect(() => readCheckpoint(page, 'x')).toThrow(CorruptionError);
    writeCheckpoint(page, CHECKPOINT);
    expect(readCheckpoint(page, 'x')).toEqual(CHECKPOINT);
  });

  // The layout that files on disk have: never regenerate these.
  it('have the bytes that they have always had', () => {
    expect(compact(encodeSegmentHeader(SEGMENT))).toBe(
      '0:53545241544c4f4701000000a75600a3 16:000102030405060708090a0b0c0d0e0f 32:02000000010000000700000000000000 48:000001000004000015cd853dfe9c9717 128:03000000000000000000000000000000 2048:01020300000000000000000000000000',
    );
    expect(compact(encodeIndexHeader(INDEX))).toBe(
      '0:535452415449445801000000acb014a5 16:000102030405060708090a0b0c0d0e0f 32:02000000010000000004000000000000',
    );
    expect(compact(encodeControlPage(LOG_ID, 1n, CHECKPOINT))).toBe(
      '0:535452415443544c01000000761b2e9b 16:000102030405060708090a0b0c0d0e0f 32:01000000000000000000000000000000 1024:e408c30f010000000300000000000000 1040:05000000000000000000000000010000 1056:090000000000000000200000feffffff 1072:c0d47e3dfe9c97170000000000000000',
    );
    expect(compact(encodeReadersPage(LOG_ID))).toBe(
      '0:5354524154524452010000008decb131 16:000102030405060708090a0b0c0d0e0f',
    );
  });

  const kinds: [string, Uint8Array, number, (page: Uint8Array) => unknown][] = [
    ['segment', encodeSegmentHeader(SEGMENT), 4096, (p): unknown => decodeSegmentHeader(p, 'x')],
    ['index', encodeIndexHeader(INDEX), 512, (p): unknown => checkIndexHeader(p, INDEX, 'x')],
    [
      'control',
      encodeControlPage(LOG_ID, 1n, CHECKPOINT),
      512,
      (p): unknown => checkControlPage(p, 'x'),
    ],
    ['readers', encodeReadersPage(LOG_ID), 512, (p): unknown => checkReadersPage(p, 'x')],
  ];

  it.each(kinds)('%s: every flipped bit is refused', (_name, page, blockBytes, check) => {
    check(page);
    const wrong: number[] = [];
    for (let bit = 0; bit < blockBytes * 8; bit++) {
      page[bit >> 3] = (page[bit >> 3] as number) ^ (1 << (bit & 7));
      const error = thrownBy(() => check(page)) as LogError;
      if (error.code !== (bit < 64 ? 'NOT_A_LOG' : 'CORRUPTION')) wrong.push(bit);
      page[bit >> 3] = (page[bit >> 3] as number) ^ (1 << (bit & 7));
    }
    expect(wrong).toEqual([]);
  });

  it.each(kinds)('%s: a newer version is UnsupportedVersionError', (_name, page, block, check) => {
    const newer = Buffer.from(page);
    newer.writeUInt32LE(2, 8);
    newer.writeInt32LE(0, 12);
    newer.writeInt32LE(crc32cBytes(newer.subarray(0, block)), 12);
    expect(thrownBy(() => check(newer))).toBeInstanceOf(UnsupportedVersionError);
  });

  it.each(kinds)(
    '%s: zeros are damage, other files are NOT_A_LOG',
    (_name, page, _block, check) => {
      expect(thrownBy(() => check(new Uint8Array(page.length)))).toBeInstanceOf(CorruptionError);
      const foreign = new Uint8Array(page.length).fill(65);
      expect(thrownBy(() => check(foreign))).toMatchObject({ code: 'NOT_A_LOG' });
      expect(thrownBy(() => check(foreign))).toBeInstanceOf(LogError);
    },
  );
});

describe('a frame of two records', () => {
  const seed = segmentSeed(LOG_ID, 10);

  function frame(flags: number): Int32Array {
    const words = new Int32Array(4096 / 4 + 24);
    const bytes = new Uint8Array(words.buffer);
    words.set([5 | (1 << 31), 64], 1024 + 16);
    bytes.set(Buffer.from('hello'), 4096 + 72);
    words.set([1 << 31, 80], 1024 + 20);
    const fields = {
      base: 12,
      count: 2,
      timeLow: 0x11223344,
      timeHigh: 0x17979cfe,
      epoch: 0xcafe,
      previousCrc: -3,
      flushed: 11,
      flags,
    };
    sealFrame(words, 4096, 4096, 88, fields, seed);
    publishFrame(words, 4096, 88);
    return words;
  }

  // The layout that files on disk have: never regenerate this.
  it('has the bytes that it has always had', () => {
    expect(Buffer.from(frame(0).buffer, 4096, 88).toString('hex')).toBe(
      '58000000faf24dec0c00000000000000020000000002000044332211fe9c9717feca0000fdffffff0b000000000000001800000000000000580000004652414d050000804000000068656c6c6f0000000000008050000000',
    );
  });

  it('is accepted, and refused with any bit flipped', () => {
    const words = frame(0);
    const check = (): number =>
      checkFrameHeader(words, 4096, 4096, 4096 + 96) || checkFrameBody(words, 4096, seed);
    expect(check()).toBe(FRAME_OK);
    const accepted: number[] = [];
    for (let bit = 0; bit < 88 * 8; bit++) {
      const word = 1024 + (bit >> 5);
      words[word] = (words[word] as number) ^ (1 << (bit & 31));
      if (check() === FRAME_OK) accepted.push(bit);
      words[word] = words[word] ^ (1 << (bit & 31));
    }
    expect(accepted).toEqual([]);
  });

  it('is of a newer format when it has a codec or an unknown flag', () => {
    for (const flags of [1, 0x80, 1 << 11, 1 << 31]) {
      expect(checkFrameBody(frame(flags), 4096, seed)).toBe(FRAME_NEWER);
    }
  });

  it('fails its checksum in another log or another segment', () => {
    expect(checkFrameBody(frame(0), 4096, segmentSeed(LOG_ID, 11))).toBe(FRAME_BAD_CRC);
    const other = segmentSeed('ff0102030405060708090a0b0c0d0e0f', 10);
    expect(checkFrameBody(frame(0), 4096, other)).toBe(FRAME_BAD_CRC);
  });
});

/** Runs of bytes that are not all zero, as `position:hex`, 16 bytes at a time. */
function compact(bytes: Uint8Array): string {
  const runs: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const run = bytes.subarray(at, at + 16);
    if (run.some((byte) => byte !== 0)) runs.push(`${at}:${Buffer.from(run).toString('hex')}`);
  }
  return runs.join(' ');
}
