/**
 * The order of an appender's stores. What a kill leaves behind is a prefix of them, and what a reader
 * may see is each of them at once, so the order is tried out here store by store.
 */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { OpenFrame } from '../../src/append/open-frame.js';
import { ControlFile } from '../../src/control/control-file.js';
import { DOORBELL } from '../../src/format/control-page.js';
import {
  FRAME_HEADER_BYTES,
  FRAME_OK,
  checkFrameBody,
  measureOpenFrame,
} from '../../src/format/frame.js';
import { COMMITTED_COUNT, COMMITTED_POSITION, SEALED } from '../../src/format/index-header.js';
import { segmentSeed } from '../../src/format/segment-header.js';
import { openAppender } from '../../src/index.js';
import type { WritableSegment } from '../../src/segment/writable-segment.js';
import { contentOf } from '../support/logs.js';
import { QUIET } from '../support/quiet-logs.js';
import { temporaryLogPath } from '../support/temporary-log.js';

const SEGMENT_BYTES = 1024;
const WORDS = SEGMENT_BYTES / 4;

/** Memory that writes its own history: stores of words one by one, of bytes as they are asked for. */
class TracedMemory {
  readonly buffer: ArrayBuffer;
  readonly #stores: { at: number; bytes: Uint8Array }[] = [];

  constructor(fill: (words: Uint32Array) => void) {
    this.buffer = new ArrayBuffer(SEGMENT_BYTES);
    fill(new Uint32Array(this.buffer));
  }

  /** Stores so far. */
  get count(): number {
    return this.#stores.length;
  }

  /** The memory as it was before the first store, and after each. */
  *history(before: ArrayBuffer): Iterable<Int32Array> {
    const bytes = new Uint8Array(before.slice(0));
    yield new Int32Array(bytes.buffer);
    for (const store of this.#stores) {
      bytes.set(store.bytes, store.at);
      yield new Int32Array(bytes.buffer);
    }
  }

  segment(): WritableSegment {
    const words = new Proxy(new Int32Array(this.buffer), {
      get: (target, key) => target[Number(key)],
      set: (target, key, value: number) => {
        target[Number(key)] = value;
        return this.#note(Number(key) * 4, 4);
      },
    });
    const memory = new Uint8Array(this.buffer);
    const bytes = {
      set: (source: Uint8Array, at: number) => {
        memory.set(source, at);
        this.#note(at, source.length);
      },
      fill: (value: number, from: number, to: number) => {
        memory.fill(value, from, to);
        this.#note(from, to - from);
      },
    };
    const header = { sizeBytes: SEGMENT_BYTES, indexCapacity: WORDS };
    const index = new Int32Array(4096);
    return { words, bytes, index, seed: 0, header } as unknown as WritableSegment;
  }

  #note(at: number, length: number): true {
    this.#stores.push({ at, bytes: new Uint8Array(this.buffer.slice(at, at + length)) });
    return true;
  }
}

type Act = (frame: OpenFrame, payloads: readonly Uint8Array[]) => void;

const one: Act = (frame, [payload]) => frame.append(payload as Uint8Array, payload?.length ?? 0);
const batch: Act = (frame, payloads) => frame.appendBatch(payloads);
const reserved: Act = (frame, [payload]) => {
  const length = payload?.length ?? 0;
  frame.bytes.set(payload as Uint8Array, frame.position + 8);
  frame.publishReserved(length);
};
const encoded: Act = (frame, [payload]) => {
  const length = payload?.length ?? 0;
  frame.bytes.set(payload as Uint8Array, frame.startRecord(length));
  frame.publish(length);
};

/** What is done to a frame, by the lengths of the records that it adds; it fills the segment. */
const ACTS: readonly (readonly [Act, ...number[]])[] = [
  [one, 13],
  [one, 0],
  [batch, 40, 0, 5],
  [reserved, 24],
  [encoded, 11],
  [batch, 8],
  [batch, 100, 100],
  [one, SEGMENT_BYTES - 64 - 24 - 8 - (48 + 8 + 16) - 32 - 24 - 16 - 2 * 112 - 8],
];

const LEFT_BEHIND: readonly (readonly [string, (words: Uint32Array) => void])[] = [
  ['zeros', () => {}],
  ['ones', (words): unknown => words.fill(0xffff_ffff)],
  [
    'empty records that point to the frame',
    (words): void => {
      for (let at = 0; at < WORDS; at += 2) words.set([0x8000_0000, at * 4], at);
    },
  ],
];

describe.each(LEFT_BEHIND)('an open frame in memory that holds %s', (_, fill) => {
  it('is at every store a prefix of what is appended, each batch whole or not at all', () => {
    const memory = new TracedMemory(fill);
    const frame = new OpenFrame(memory.segment(), 0, 0);
    const appended: Uint8Array[] = [];
    // Records that exist after so many stores at the earliest, and at the latest.
    const states: { from: number; to: number }[] = [{ from: 0, to: 0 }];
    const began = memory.count;
    const before = new TracedMemory(fill).buffer;
    for (const [act, ...lengths] of ACTS) {
      const from = appended.length;
      const payloads = lengths.map((length, i) => contentOf(from + i, length));
      act(frame, payloads);
      appended.push(...payloads);
      while (states.length < memory.count) states.push({ from, to: appended.length });
      states.push({ from: appended.length, to: appended.length });
    }
    expect(frame.position).toBe(SEGMENT_BYTES);
    let stores = -1;
    for (const words of memory.history(before)) {
      if (++stores < began) continue;
      const { count } = measureOpenFrame(words, 0, SEGMENT_BYTES);
      const { from, to } = states[stores] as { from: number; to: number };
      expect([from, to], `after ${stores} stores`).toContain(count);
      expect(recordsIn(words, count), `after ${stores} stores`).toEqual(appended.slice(0, count));
    }
    expect(stores).toBe(memory.count);
  });
});

describe('the walk of salvage', () => {
  /** A frame of one record of 8 bytes, and behind it what is given. */
  function countWith(lengthWord: number, distance: number, limit = 200): number {
    const words = new Int32Array(64);
    words.set([0x8000_0008, FRAME_HEADER_BYTES], FRAME_HEADER_BYTES / 4);
    words.set([lengthWord, distance], FRAME_HEADER_BYTES / 4 + 4);
    return measureOpenFrame(words, 0, limit).count;
  }
  const SECOND_AT = FRAME_HEADER_BYTES + 16;

  it('takes nothing for a record that has no bit 31, points elsewhere, or does not fit', () => {
    expect(countWith(0x8000_0000 | 8, SECOND_AT)).toBe(2);
    expect(countWith(8, SECOND_AT)).toBe(1);
    expect(countWith(0, SECOND_AT)).toBe(1);
    for (const distance of [0, SECOND_AT - 8, SECOND_AT + 8, SECOND_AT | 1, -SECOND_AT]) {
      expect(countWith(0x8000_0000 | 8, distance)).toBe(1);
    }
    for (const length of [200, 0x7fff_fff8, 0x7fff_ffff, 200 - SECOND_AT - 7]) {
      expect(countWith(0x8000_0000 | length, SECOND_AT)).toBe(1);
    }
    expect(countWith(0x8000_0000 | (200 - SECOND_AT - 8), SECOND_AT)).toBe(2);
    expect(countWith(0x8000_0000, SECOND_AT, SECOND_AT + 4)).toBe(1);
  });
});

function recordsIn(words: Int32Array, count: number): Uint8Array[] {
  const records: Uint8Array[] = [];
  let at = FRAME_HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    const length = (words[at >> 2] as number) & 0x7fff_ffff;
    records.push(new Uint8Array(words.buffer.slice(at + 8, at + 8 + length)));
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return records;
}

describe('a commit', () => {
  /** Has `onStore` called after every store and addition of `Atomics`, with what its word is. */
  function watchStores(onStore: (what: string, words: Int32Array, at: number) => void): void {
    for (const name of ['store', 'add'] as const) {
      const original = Atomics[name].bind(Atomics) as (
        words: Int32Array,
        at: number,
        value: number,
      ) => number;
      const watched = (words: Int32Array, at: number, value: number): number => {
        const result = original(words, at, value);
        onStore(wordAt(words, at), words, at);
        return result;
      };
      vi.spyOn(Atomics, name).mockImplementation(watched as never);
    }
    onTestFinished(() => void vi.restoreAllMocks());
  }

  function wordAt({ length }: Int32Array, at: number): string {
    if (length * 4 === 16_384) return 'frame';
    if (length * 4 === 4096) return at === DOORBELL ? 'doorbell' : 'control';
    if (at === COMMITTED_POSITION) return 'position';
    if (at === COMMITTED_COUNT) return 'count';
    return at === SEALED ? 'sealed' : 'other';
  }

  it('publishes a frame, then the position, then the count, and then rings', async () => {
    const appender = openAppender(temporaryLogPath(), QUIET);
    const stored: string[] = [];
    watchStores((what) => stored.push(what));
    appender.append(contentOf(0, 100));
    expect(stored).toEqual(['frame', 'position', 'count', 'doorbell']);
    vi.restoreAllMocks();
    await appender.close();
  });

  it('that a roll follows has stored everything before the seal, which is rung for', async () => {
    const appender = openAppender(temporaryLogPath(), { ...QUIET, commit: 'manual' });
    appender.append(contentOf(0, 9000));
    const stored: string[] = [];
    watchStores((what) => stored.push(what));
    appender.append(contentOf(1, 9000));
    const ofCommit = ['frame', 'position', 'count', 'doorbell'];
    expect(stored.slice(0, 6)).toEqual([...ofCommit, 'sealed', 'doorbell']);
    vi.restoreAllMocks();
    await appender.close();
  });

  it('has a whole frame when it stores its length, and no record behind it', async () => {
    const log = temporaryLogPath();
    const appender = openAppender(log, { ...QUIET, commit: 'manual' });
    const control = ControlFile.open(log, 'read');
    const seed = segmentSeed(control.logId, 0);
    control.close();
    // Where the next frame's first record goes, there lies something that looks like one.
    const reservation = appender.reserve(8000);
    const { payload } = reservation;
    reservation.abandon();
    new Uint32Array(payload.buffer, payload.byteOffset, payload.length >> 2).fill(0x8000_0001);
    const found: unknown[] = [];
    watchStores((what, words, at) => {
      if (what !== 'frame') return;
      const end = at * 4 + (words[at] as number);
      found.push([checkFrameBody(words, at * 4, seed), words[(end + FRAME_HEADER_BYTES) >> 2]]);
    });
    for (const frame of [1, 2, 3]) {
      for (let i = 0; i < frame; i++) appender.append(contentOf(i, 100));
      appender.commit();
    }
    const whole = [FRAME_OK, 0];
    expect(found).toEqual([whole, whole, whole]);
    vi.restoreAllMocks();
    await appender.close();
  });
});
