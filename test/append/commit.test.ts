import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { openAppender, openReader, type Appender, type AppenderOptions } from '../../src/index.js';
import { contentOf, numberedOffsets, range, appendNumbered } from '../support/logs.js';
import { bytes, temporaryLogPath } from '../support/temporary-log.js';

describe.each([{ maintenance: false }, { maintenance: true }])(
  'commit policy with maintenance thread: $maintenance',
  ({ maintenance }) => {
    const open = (path: string, options: AppenderOptions): Appender =>
      openAppender(path, { segmentSizeBytes: 65_536, maintenance, ...options });

    it('each: every append, batch and reservation is visible when it returns', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { commit: 'each' });
      const reader = openReader(path);
      appender.append(contentOf(0, 5));
      expect(reader.committedOffset).toBe(1);
      appender.appendBatch([contentOf(1, 5), contentOf(2, 5)]);
      expect(reader.committedOffset).toBe(3);
      const reservation = appender.reserve(4);
      expect(reader.committedOffset).toBe(3);
      reservation.setBytes(0, contentOf(3, 4));
      reservation.publish();
      expect(reader.committedOffset).toBe(4);
      expect(numberedOffsets(reader)).toEqual(range(0, 4));
      await appender.close();
      reader.close();
    });

    it('manual: nothing is visible before commit, and then everything is', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { commit: 'manual' });
      const reader = openReader(path);
      appendNumbered(appender, 100, 20);
      expect([appender.nextOffset, appender.committedOffset]).toEqual([100, 0]);
      expect(reader.committedOffset).toBe(0);
      expect(reader.cursor().next()).toBe(false);
      expect(appender.commit()).toBe(100);
      expect(appender.commit()).toBe(100);
      expect(numberedOffsets(reader)).toEqual(range(0, 100));
      await appender.close();
      reader.close();
    });

    it('manual: a full segment closes the frame', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { commit: 'manual' });
      const reader = openReader(path);
      appendNumbered(appender, 61, 1000);
      const committed = reader.committedOffset;
      expect(committed).toBe(60);
      expect(numberedOffsets(reader)).toEqual(range(0, committed));
      await appender.close();
      expect(reader.committedOffset).toBe(61);
      reader.close();
    });

    it('manual: a frame closes before it exceeds 1 MiB', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { commit: 'manual', segmentSizeBytes: 4 * 1024 * 1024 });
      const reader = openReader(path);
      const record = new Uint8Array(65_536 - 8);
      for (let i = 0; i < 15; i++) appender.append(record);
      expect(reader.committedOffset).toBe(0);
      // 64 bytes of header leave no room for a sixteenth.
      appender.append(record);
      expect(reader.committedOffset).toBe(15);
      appender.append(new Uint8Array(2 * 1024 * 1024));
      expect(reader.committedOffset).toBe(16);
      appender.append(bytes('small'));
      expect(reader.committedOffset).toBe(17);
      appender.commit();
      expect(reader.get(16).length).toBe(2 * 1024 * 1024);
      await appender.close();
      reader.close();
    });

    it('by bytes: the frame becomes visible with the append that fills it', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { commit: { bytes: 64 + 4 * 32, delayMs: 1_000_000 } });
      const reader = openReader(path);
      const seen = range(0, 9).map((offset) => {
        appender.append(contentOf(offset, 24));
        return reader.committedOffset;
      });
      expect(seen).toEqual([0, 0, 0, 4, 4, 4, 4, 8, 8]);
      await appender.close();
      expect(numberedOffsets(reader)).toEqual(range(0, 9));
      reader.close();
    });

    it('by delay: becomes visible without any further call', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { commit: { bytes: 1_000_000, delayMs: 2 } });
      const reader = openReader(path);
      appender.append(bytes('x'));
      while (reader.committedOffset === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      expect(appender.committedOffset).toBe(1);
      appender.append(bytes('y'));
      while (reader.committedOffset === 1) await new Promise((resolve) => setTimeout(resolve, 1));
      await appender.close();
      reader.close();
    });

    it('by delay: waits for an open reservation, then commits', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { commit: { bytes: 1_000_000, delayMs: 1 } });
      appender.append(bytes('x'));
      const reservation = appender.reserve(3);
      await new Promise((resolve) => setTimeout(resolve, 10));
      expect(appender.committedOffset).toBe(0);
      reservation.abandon();
      expect(appender.committedOffset).toBe(1);
      await appender.close();
    });

    it('by delay: a writer that never yields commits, too', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { commit: { bytes: 1_000_000, delayMs: 1 } });
      while (appender.committedOffset === 0) appender.append(new Uint8Array(0));
      await appender.close();
      expect(appender.committedOffset).toBe(appender.nextOffset);
    });
  },
);

describe.each([{ maintenance: false }, { maintenance: true }])(
  'flush with maintenance thread: $maintenance',
  ({ maintenance }) => {
    const open = (path: string, options: AppenderOptions): Appender =>
      openAppender(path, { segmentSizeBytes: 16_384, maintenance, ...options });

    it('commits, and resolves with everything appended so far', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { flush: 'none', commit: 'manual' });
      const reader = openReader(path, { bound: 'flushed' });
      appendNumbered(appender, 40, 1000);
      expect(await appender.flush()).toEqual({ flushedOffset: 40, durable: appender.durable });
      expect(appender.flushedOffset).toBe(40);
      expect(numberedOffsets(reader)).toEqual(range(0, 40));
      expect(await appender.flush()).toMatchObject({ flushedOffset: 40 });
      await appender.close();
      reader.close();
    });

    it('serves calls made together with one sync', async () => {
      const appender = open(temporaryLogPath(), { flush: 'none' });
      const waiting = [];
      for (let i = 0; i < 5; i++) {
        appender.append(contentOf(i, 10));
        waiting.push(appender.flush());
      }
      const results = await Promise.all(waiting);
      expect(results.map(({ flushedOffset }) => flushedOffset)).toEqual([5, 5, 5, 5, 5]);
      await appender.close();
    });

    it('resolves when it is overtaken by close', async () => {
      const appender = open(temporaryLogPath(), { flush: 'none' });
      appendNumbered(appender, 30, 1000);
      const flushed = appender.flush();
      await appender.close();
      expect(await flushed).toMatchObject({ flushedOffset: 30 });
    });

    it('none: a reader of the flushed bound sees the active segment only after flush', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { flush: 'none' });
      const reader = openReader(path, { bound: 'flushed' });
      appendNumbered(appender, 5, 10);
      expect([reader.boundOffset, reader.committedOffset]).toEqual([0, 5]);
      expect(() => reader.get(0)).toThrow('out of range');
      const cursor = reader.cursor();
      expect(cursor.next()).toBe(false);
      await appender.flush();
      expect(cursor.next()).toBe(true);
      appendNumbered(appender, 1, 10);
      while (cursor.next());
      expect(cursor.offset).toBe(4);
      await appender.close();
      expect(cursor.next()).toBe(true);
      reader.close();
    });

    it('each: what append returns is flushed', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { flush: 'each' });
      const reader = openReader(path, { bound: 'flushed' });
      for (let i = 0; i < 20; i++) {
        appender.append(contentOf(i, 1500));
        expect([appender.flushedOffset, reader.boundOffset]).toEqual([i + 1, i + 1]);
      }
      await appender.close();
      reader.close();
    });

    it('every so often: becomes flushed without a call', async () => {
      const path = temporaryLogPath();
      const appender = open(path, { flush: { everyMs: 2 } });
      const reader = openReader(path, { bound: 'flushed' });
      appendNumbered(appender, 30, 1000);
      while (reader.boundOffset < 30) await new Promise((resolve) => setTimeout(resolve, 1));
      while (appender.flushedOffset < 30) await new Promise((resolve) => setTimeout(resolve, 1));
      expect(numberedOffsets(reader)).toEqual(range(0, 30));
      await appender.close();
      reader.close();
    });

    it('finds an event loop that other promises keep busy', async () => {
      const appender = open(temporaryLogPath(), { flush: 'none' });
      const timer = setInterval(() => {}, 1);
      appendNumbered(appender, 3, 10);
      await Promise.all([appender.flush(), once(AbortSignal.timeout(5), 'abort')]);
      clearInterval(timer);
      expect(appender.flushedOffset).toBe(3);
      await appender.close();
    });
  },
);
