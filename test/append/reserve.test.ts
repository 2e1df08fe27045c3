import { describe, expect, it } from 'vitest';
import { openAppender, openReader, type Appender } from '../../src/index.js';
import {
  contentOf,
  filesOf,
  numberedOffsets,
  range,
  rejectionOf,
  SMALL_MAX_RECORD_BYTES,
  thrownBy,
} from '../support/logs.js';
import { collectGarbage } from '../support/garbage.js';
import { bytes, temporaryLogPath, text } from '../support/temporary-log.js';
import { readFileSync } from 'node:fs';

function open(path: string, commit: 'each' | 'manual' = 'each'): Appender {
  return openAppender(path, { segmentSizeBytes: 16_384, maintenance: false, commit });
}

describe('reserve', () => {
  it('publishes what was built in place, and returns its offset', async () => {
    const path = temporaryLogPath();
    const appender = open(path);
    const reservation = appender.reserve(32);
    reservation.setUint8(0, 255);
    reservation.setInt32(4, -5);
    reservation.setUint32(8, 0xffff_fffe);
    reservation.setFloat64(16, 0.5);
    reservation.setBigInt64(24, -7n);
    expect(appender.nextOffset).toBe(0);
    expect(reservation.publish()).toBe(0);
    const reader = openReader(path);
    const record = reader.get(0);
    expect([record.getUint8(0), record.getInt32(4), record.getUint32(8)]).toEqual([
      255, -5, 0xffff_fffe,
    ]);
    expect([record.getFloat64(16), record.getBigInt64(24)]).toEqual([0.5, -7n]);
    await appender.close();
    reader.close();
  });

  it('hands out the bytes of the segment itself: what is stored there is in the file at once', async () => {
    const path = temporaryLogPath();
    const appender = open(path);
    const reservation = appender.reserve(16);
    const marker = Buffer.from('built in place!!');
    const content = (): Buffer => readFileSync(filesOf(path, '.log')[0] as string);
    expect(content().includes(marker)).toBe(false);
    reservation.payload.set(marker);
    const at = content().indexOf(marker);
    expect(at).toBeGreaterThan(4096);
    expect(at % 8).toBe(0);
    reservation.publish();
    expect(content().indexOf(marker)).toBe(at);
    expect(content().lastIndexOf(marker)).toBe(at);
    await appender.close();
  });

  it('publishes a shorter record, and cleans the rest that was written', async () => {
    const path = temporaryLogPath();
    const appender = open(path);
    for (const [offset, used] of [0, 1, 7, 8, 9, 4990].entries()) {
      const reservation = appender.reserve(5000);
      reservation.payload.fill(0xee);
      reservation.setBytes(0, contentOf(offset, used));
      expect(reservation.publish(used)).toBe(offset);
    }
    const reader = openReader(path);
    expect(numberedOffsets(reader)).toEqual(range(0, 6));
    expect(range(0, 6).map((offset) => reader.get(offset).length)).toEqual([0, 1, 7, 8, 9, 4990]);
    await appender.close();
    for (const file of filesOf(path, '.log')) {
      expect(readFileSync(file).includes(Buffer.alloc(8, 0xee))).toBe(false);
    }
    reader.close();
  });

  it('abandons without a trace: no offset, no bytes, and the next record is intact', async () => {
    const path = temporaryLogPath();
    const appender = open(path);
    const reader = openReader(path);
    for (let i = 0; i < 5; i++) {
      const reservation = appender.reserve(3000);
      reservation.payload.fill(0xee);
      reservation.abandon();
      expect(reservation.isOpen).toBe(false);
      expect(reader.committedOffset).toBe(i);
      expect(appender.append(contentOf(i, 100))).toBe(i);
    }
    appender.reserve(64).payload.fill(0xee);
    await appender.close();
    expect(numberedOffsets(reader)).toEqual(range(0, 5));
    const content = readFileSync(filesOf(path, '.log')[0] as string);
    expect(content.includes(Buffer.alloc(8, 0xee))).toBe(false);
    reader.close();
  });

  it('fits a reservation that exactly fills a segment and refuses one byte more', async () => {
    const path = temporaryLogPath();
    const appender = open(path);
    expect(thrownBy(() => appender.reserve(SMALL_MAX_RECORD_BYTES + 1))).toMatchObject({
      code: 'RECORD_TOO_LARGE',
    });
    for (let offset = 0; offset < 2; offset++) {
      const reservation = appender.reserve(SMALL_MAX_RECORD_BYTES);
      reservation.setBytes(0, contentOf(offset, SMALL_MAX_RECORD_BYTES));
      expect(reservation.publish()).toBe(offset);
    }
    await appender.close();
    const reader = openReader(path);
    expect(numberedOffsets(reader)).toEqual([0, 1]);
    reader.close();
  });

  it('lets nothing else happen to the log while it is open', async () => {
    const path = temporaryLogPath();
    const appender = open(path, 'manual');
    appender.append(bytes('first'));
    const reservation = appender.reserve(8);
    const reserved = { code: 'RESERVED' };
    expect(thrownBy(() => appender.append(bytes('x')))).toMatchObject(reserved);
    expect(thrownBy(() => appender.appendBatch([bytes('x')]))).toMatchObject(reserved);
    expect(thrownBy(() => appender.appendBatch([]))).toMatchObject(reserved);
    expect(thrownBy(() => appender.reserve(8))).toMatchObject(reserved);
    expect(thrownBy(() => appender.commit())).toMatchObject(reserved);
    expect(await rejectionOf(appender.flush())).toMatchObject(reserved);
    expect(await rejectionOf(appender.dropBefore(0))).toMatchObject(reserved);
    reservation.setBytes(0, bytes('reserved'));
    expect(reservation.publish()).toBe(1);
    expect(appender.append(bytes('third'))).toBe(2);
    expect(appender.commit()).toBe(3);
    await appender.close();
    const reader = openReader(path);
    expect(range(0, 3).map((offset) => text(reader.get(offset).payload))).toEqual([
      'first',
      'reserved',
      'third',
    ]);
    reader.close();
  });

  it('refuses lengths and places outside the reservation, and stays open', async () => {
    const path = temporaryLogPath();
    const appender = open(path);
    const reservation = appender.reserve(8);
    for (const length of [-1, -8, 9, 1.5, Number.NaN, Infinity]) {
      expect(() => reservation.publish(length)).toThrow(RangeError);
    }
    expect(() => reservation.setUint8(8, 1)).toThrow(RangeError);
    expect(() => reservation.setUint8(-1, 1)).toThrow(RangeError);
    expect(() => reservation.setFloat64(1, 1)).toThrow(RangeError);
    expect(() => reservation.setBytes(4, bytes('12345'))).toThrow(RangeError);
    expect(() => reservation.setInt32(Number.NaN, 1)).toThrow(RangeError);
    reservation.setBytes(0, bytes('12345678'));
    expect(reservation.publish()).toBe(0);
    const reader = openReader(path);
    expect(text(reader.get(0).payload)).toBe('12345678');
    await appender.close();
    reader.close();
  });

  it('cannot be used after publish, abandon or close', async () => {
    const appender = open(temporaryLogPath());
    const reservation = appender.reserve(8);
    reservation.publish();
    expect(() => reservation.publish()).toThrow(TypeError);
    expect(() => reservation.setUint8(0, 1)).toThrow(TypeError);
    expect(() => reservation.payload).toThrow(TypeError);
    reservation.abandon();
    expect(appender.nextOffset).toBe(1);
    appender.reserve(8);
    await appender.close();
    expect(() => reservation.publish()).toThrow(TypeError);
    expect(reservation.isOpen).toBe(false);
  });

  it('keeps no segment in memory that the appender has left, not even the first', async () => {
    const path = temporaryLogPath();
    const appender = open(path);
    const writable = (): string[] => {
      const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
      return lines.filter((line) => line.includes(`${path}/`) && / rw-s .*\.log/.test(line));
    };
    const bases = new Set<number>();
    while (bases.size < 4) {
      const reservation = appender.reserve(1000);
      reservation.payload.fill(1);
      reservation.publish();
      bases.add(appender.activeSegment.base);
    }
    await appender.dropBefore(appender.nextOffset);
    for (let i = 0; writable().length > 1 && i < 200; i++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(writable()).toHaveLength(1);
    await appender.close();
  });
});
